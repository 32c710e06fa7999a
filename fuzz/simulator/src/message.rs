//! [`Messages`]: every Application Message that anyone in a world publishes, known by its payload.

use mqtt_codec::{Property, QoS, TopicName, Utf8String};

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
    /// It has properties: its publisher speaks 5.0.
    pub has_along: bool,
}

/// What goes along with a message from its publisher to whoever gets it.
#[derive(Clone, Debug, Default)]
pub struct Along {
    is_bytes: bool,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation: Option<[u8; 4]>,
    user: Vec<(&'static str, String)>,
}

impl Along {
    /// What goes along with the message of this number.
    #[must_use]
    pub fn of(id: MessageId) -> Self {
        Self {
            is_bytes: id % 7 == 1,
            content_type: (id % 2 == 1).then(|| format!("c/{id}")),
            response_topic: (id % 3 == 1).then(|| format!("r/{id}")),
            correlation: (id % 5 == 1).then(|| id.to_le_bytes()),
            // The same name more than once, and an order that is nobody's but the publisher's.
            user: (0..id % 4).map(|n| (["k", "j"][n as usize % 2], (id ^ n).to_string())).collect(),
        }
    }

    /// As properties.
    #[must_use]
    pub fn properties(&self) -> Vec<Property<'_>> {
        let mut list = Vec::new();
        list.extend(self.is_bytes.then_some(Property::PayloadFormatIndicator(false)));
        let content_type = self.content_type.as_deref().map(Utf8String::new);
        list.extend(content_type.and_then(Result::ok).map(Property::ContentType));
        let response_topic = self.response_topic.as_deref().map(TopicName::new);
        list.extend(response_topic.and_then(Result::ok).map(Property::ResponseTopic));
        list.extend(self.correlation.as_ref().map(|data| Property::CorrelationData(data)));
        for (name, value) in &self.user {
            let pair = Utf8String::new(name).ok().zip(Utf8String::new(value).ok());
            list.extend(pair.map(|(name, value)| Property::UserProperty(name, value)));
        }
        list
    }
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

    /// What goes along with a message.
    #[must_use]
    pub fn along(&self, id: MessageId) -> Along {
        let has_along = self.get(id).is_some_and(|message| message.has_along);
        if has_along { Along::of(id) } else { Along::default() }
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
