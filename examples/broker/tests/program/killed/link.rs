//! A Network Connection that may end at any moment.

use core::net::SocketAddr;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use mqtt_codec::{
    Connect, Framed, Packet, Properties, Property, ReasonCode, Sender, Utf8String, Version, frame,
};

use crate::running::PATIENCE;

const LARGEST: u32 = 1 << 20;

pub(crate) struct Link {
    stream: TcpStream,
    version: Version,
    received: Vec<u8>,
}

impl Link {
    /// Connects to a broker that is there, which says whether it has the Session.
    pub(crate) fn connect(address: SocketAddr, connect: &Connect<'_>) -> (Self, bool) {
        Self::try_connect(address, connect).unwrap()
    }

    /// Connects to keep a Session. It fails if the broker is killed meanwhile.
    pub(crate) fn resume(
        address: SocketAddr,
        version: Version,
        name: &str,
    ) -> io::Result<(Self, bool)> {
        let for_ever = [Property::SessionExpiryInterval(u32::MAX)];
        let properties = match version {
            Version::V5 => Properties::new(&for_ever),
            _ => Properties::EMPTY,
        };
        let client_identifier = Utf8String::new(name).unwrap();
        let (keep_alive, will, user_name, password) = (0, None, None, None);
        let clean_start = false;
        Self::try_connect(
            address,
            &Connect {
                version,
                clean_start,
                keep_alive,
                client_identifier,
                properties,
                will,
                user_name,
                password,
            },
        )
    }

    fn try_connect(address: SocketAddr, connect: &Connect<'_>) -> io::Result<(Self, bool)> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut link = Self { stream, version: connect.version, received: Vec::new() };
        link.send(&Packet::Connect(*connect))?;
        let session_present = link.receive(|packet| match packet {
            Packet::Connack(connack) => {
                assert_eq!(connack.reason_code, ReasonCode::SUCCESS);
                connack.session_present
            }
            other => panic!("no CONNACK but {other}"),
        })?;
        Ok((link, session_present))
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let mut bytes = vec![0; packet.encoded_len(self.version)];
        let len = packet.encode(self.version, &mut bytes).unwrap();
        self.stream.write_all(&bytes[..len])
    }

    /// Gives the next packet to `take`. A broker that does not answer is no end of the connection.
    pub(crate) fn receive<R>(&mut self, take: impl FnOnce(Packet<'_>) -> R) -> io::Result<R> {
        loop {
            if let Framed::Complete(frame) = frame(&self.received, Sender::Server, LARGEST).unwrap()
            {
                let taken = take(frame.decode(self.version).unwrap());
                let len = frame.encoded_len();
                self.received.drain(..len);
                return Ok(taken);
            }
            let mut buffer = [0; 4096];
            let count = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("the broker is there and says nothing")
                }
                read => read?,
            };
            self.received.extend_from_slice(&buffer[..count]);
        }
    }
}
