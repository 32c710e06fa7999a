//! [`Client`]: one connection to a server, one request at a time.

use core::num::{NonZeroU16, NonZeroU32};

use embedded_io_async::{Read, Write};
use heapless::{Deque, Vec};
use mqtt_codec::{
    Ack, Connack, Connect, DecodeError, Delivery, Disconnect, EncodeError, Framed,
    PacketIdentifier, PacketReader, PacketType, PacketWriter, Properties, Property, Publish, QoS,
    ReadError, ReasonCode, Sender, Suback, Subscribe, SubscriptionOptions, Subscriptions,
    TopicFilter, TopicName, Utf8String, Version, WriteError, frame,
};

/// The longest packet in both directions, in bytes. The server is told.
pub const PACKET: u16 = 128;

/// How many messages wait to be taken. The server is told not to send more at QoS 1; of QoS 0, what
/// comes when it is full is lost.
pub const INBOX: u16 = 4;

/// A message that was received: a PUBLISH with its own bytes.
///
/// `mqtt_codec::OwnedPacket` does the same for any packet, with the code of all of them.
#[derive(Debug)]
pub struct Message(Vec<u8, { PACKET as usize }>);

impl Message {
    fn keep(publish: &Publish<'_>) -> Result<Self, EncodeError> {
        let mut bytes = Vec::new();
        let needed = publish.encoded_len(VERSION);
        bytes.resize(needed, 0).map_err(|_| EncodeError::BufferTooSmall { needed })?;
        publish.encode(VERSION, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// The PUBLISH, decoded anew; `None` never.
    #[must_use]
    pub fn publish(&self) -> Option<Publish<'_>> {
        match frame(&self.0, Sender::Server, PACKET.into()) {
            Ok(Framed::Complete(frame)) => Publish::from_frame(frame, VERSION).ok(),
            _ => None,
        }
    }
}

const VERSION: Version = Version::V5;

/// The memory for packets on their way.
#[derive(Debug)]
pub struct Buffers {
    read: [u8; PACKET as usize],
    write: [u8; PACKET as usize],
}

impl Buffers {
    /// Empty buffers.
    #[must_use]
    pub const fn new() -> Self {
        Self { read: [0; PACKET as usize], write: [0; PACKET as usize] }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The connection failed or ended.
    Connection,
    /// The server refused, or ended the connection, for this reason.
    Refused(ReasonCode),
    /// The server sent what is no packet.
    Decode(DecodeError),
    /// The server sent a packet that has no place here.
    Unexpected,
    /// What was to be sent is too long, or is no Topic Name, Topic Filter or Client Identifier.
    Encode(EncodeError),
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Encode(EncodeError::Refused(error))
    }
}

impl<E> From<ReadError<E>> for Error {
    fn from(error: ReadError<E>) -> Self {
        match error {
            ReadError::Decode(error) => Self::Decode(error),
            ReadError::Connection(_) | ReadError::UnexpectedEnd => Self::Connection,
        }
    }
}

impl<E> From<WriteError<E>> for Error {
    fn from(error: WriteError<E>) -> Self {
        match error {
            WriteError::Encode(error) => Self::Encode(error),
            WriteError::Connection(_) | WriteError::UnexpectedEnd => Self::Connection,
        }
    }
}

/// A Network Connection on which the server has said welcome.
#[derive(Debug)]
pub struct Client<'b, R, W> {
    reader: PacketReader<'b, R>,
    writer: PacketWriter<'b, W>,
    inbox: Deque<Message, { INBOX as usize }>,
    packet_identifier: PacketIdentifier,
}

impl<'b, R: Read, W: Write> Client<'b, R, W> {
    /// Connects, and waits for the welcome. The Keep Alive is off, since there is no clock.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn connect(
        read: R,
        write: W,
        buffers: &'b mut Buffers,
        client_identifier: &str,
    ) -> Result<Self, Error> {
        let mut client = Self {
            reader: PacketReader::new(read, &mut buffers.read, Sender::Server),
            writer: PacketWriter::new(write, &mut buffers.write),
            inbox: Deque::new(),
            packet_identifier: PacketIdentifier::MIN,
        };
        const LIMITS: &[Property<'_>] = &[
            Property::ReceiveMaximum(NonZeroU16::new(INBOX).unwrap()),
            Property::MaximumPacketSize(NonZeroU32::new(PACKET as u32).unwrap()),
        ];
        let connect = Connect {
            version: VERSION,
            clean_start: true,
            keep_alive: 0,
            client_identifier: Utf8String::new(client_identifier)?,
            properties: Properties::new(LIMITS),
            will: None,
            user_name: None,
            password: None,
        };
        client.send(|out| connect.encode(out)).await?;
        let frame = client.reader.read_frame().await?.ok_or(Error::Connection)?;
        match Connack::from_frame(frame, VERSION).map_err(Error::Decode)?.reason_code {
            ReasonCode::SUCCESS => Ok(client),
            reason_code => Err(Error::Refused(reason_code)),
        }
    }

    /// Subscribes at QoS 1, and waits for the answer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn subscribe(&mut self, filter: &str) -> Result<(), Error> {
        let options = SubscriptionOptions::new(QoS::AtLeastOnce);
        let list = [(TopicFilter::new(filter)?, options)];
        let packet_identifier = self.next_identifier();
        let subscribe = Subscribe {
            packet_identifier,
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&list),
        };
        self.send(|out| subscribe.encode(VERSION, out)).await?;
        self.answer(packet_identifier).await
    }

    /// Publishes at QoS 1, and waits for the answer. After an error the message may have arrived or
    /// not: publish it again on the next connection.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        retain: bool,
    ) -> Result<(), Error> {
        let packet_identifier = self.next_identifier();
        let publish = Publish {
            delivery: Delivery::AtLeastOnce { packet_identifier, dup: false },
            retain,
            topic: Some(TopicName::new(topic)?),
            properties: Properties::EMPTY,
            payload,
        };
        self.send(|out| publish.encode(VERSION, out)).await?;
        self.answer(packet_identifier).await
    }

    /// The next message, in the order of arrival. It is acknowledged when it is taken.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn message(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.inbox.pop_front() {
                self.acknowledge(&message).await?;
                return Ok(message);
            }
            match self.receive().await? {
                None => {}
                // There is no request that this could answer.
                Some(_) => return Err(Error::Unexpected),
            }
        }
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn disconnect(mut self) -> Result<(), Error> {
        let disconnect = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
        self.send(|out| disconnect.encode(VERSION, out)).await
    }

    async fn acknowledge(&mut self, message: &Message) -> Result<(), Error> {
        match message.publish().and_then(|publish| publish.delivery.packet_identifier()) {
            Some(identifier) => {
                let ack = Ack::success(identifier);
                self.send(|out| ack.encode(PacketType::Puback, VERSION, out)).await
            }
            None => Ok(()),
        }
    }

    /// Waits for the answer to the request with this identifier.
    async fn answer(&mut self, to: PacketIdentifier) -> Result<(), Error> {
        loop {
            match self.receive().await? {
                None => {}
                Some((identifier, code)) if identifier == to && !code.is_error() => return Ok(()),
                Some((identifier, code)) if identifier == to => return Err(Error::Refused(code)),
                Some(_) => return Err(Error::Unexpected),
            }
        }
    }

    /// Receives one packet: a message, which is kept, or an answer.
    async fn receive(&mut self) -> Result<Option<(PacketIdentifier, ReasonCode)>, Error> {
        let frame = self.reader.read_frame().await?.ok_or(Error::Connection)?;
        match frame.packet_type() {
            PacketType::Publish => {
                let publish = Publish::from_frame(frame, VERSION).map_err(Error::Decode)?;
                let kept = Message::keep(&publish).map_err(Error::Encode)?;
                match (publish.delivery, self.inbox.push_back(kept)) {
                    (Delivery::AtMostOnce, _) | (Delivery::AtLeastOnce { .. }, Ok(())) => Ok(None),
                    // It has not been asked for, or has not been waited for.
                    _ => Err(Error::Unexpected),
                }
            }
            PacketType::Puback => {
                let ack = Ack::from_frame(frame, VERSION).map_err(Error::Decode)?;
                Ok(Some((ack.packet_identifier, ack.reason_code)))
            }
            PacketType::Suback => {
                let suback = Suback::from_frame(frame, VERSION).map_err(Error::Decode)?;
                let code = suback.reason_codes.iter().next().ok_or(Error::Unexpected)?;
                Ok(Some((suback.packet_identifier, code)))
            }
            PacketType::Disconnect => {
                let disconnect = Disconnect::from_frame(frame, VERSION).map_err(Error::Decode)?;
                Err(Error::Refused(disconnect.reason_code))
            }
            _ => Err(Error::Unexpected),
        }
    }

    async fn send(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
    ) -> Result<(), Error> {
        self.writer.put_with(encode).map_err(Error::Encode)?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(self.writer.flush().await?)
    }

    fn next_identifier(&mut self) -> PacketIdentifier {
        self.packet_identifier = self.packet_identifier.next();
        self.packet_identifier
    }
}
