//! [`Messages`]: every Application Message that anyone in a world publishes, known by its payload.

use mqtt_codec::QoS;

/// Names one message of a world.
pub type MessageId = u32;

/// What its publisher sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// The Topic Name.
    pub topic: String,
    /// The Quality of Service it was published with.
    pub qos: QoS,
    /// The RETAIN flag it was published with.
    pub retain: bool,
    /// Its Message Expiry Interval, in seconds.
    pub expiry: Option<u32>,
    /// How many bytes its payload has, at least [`HEAD`].
    pub len: usize,
}

/// All messages, in the order they were made.
#[derive(Debug, Default)]
pub struct Messages(Vec<Message>);

/// Bytes at the front of each payload: a mark and the message's number.
pub const HEAD: usize = 5;
const MARK: u8 = b'#';

impl Messages {
    /// Makes a message.
    pub fn add(&mut self, message: Message) -> MessageId {
        let id = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(Message { len: message.len.max(HEAD), ..message });
        id
    }

    /// The message of this number.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&Message> {
        self.0.get(id as usize)
    }

    /// The payload of a message.
    #[must_use]
    pub fn payload(&self, id: MessageId) -> Vec<u8> {
        let len = self.get(id).map_or(HEAD, |message| message.len);
        let mut payload = Vec::with_capacity(len);
        payload.push(MARK);
        payload.extend_from_slice(&id.to_le_bytes());
        payload.extend((HEAD..len).map(|place| filler(id, place)));
        payload
    }

    /// Which message this payload is: `None` if it is that of no message, whole and unchanged.
    #[must_use]
    pub fn identify(&self, payload: &[u8]) -> Option<MessageId> {
        let (head, rest) = payload.split_at_checked(HEAD)?;
        let id = u32::from_le_bytes(head.get(1..)?.try_into().ok()?);
        let whole = head[0] == MARK && self.get(id)?.len == payload.len();
        let same = rest.iter().zip(HEAD..).all(|(byte, place)| *byte == filler(id, place));
        (whole && same).then_some(id)
    }
}

fn filler(id: MessageId, place: usize) -> u8 {
    (id as usize).wrapping_mul(31).wrapping_add(place).to_le_bytes()[0]
}
