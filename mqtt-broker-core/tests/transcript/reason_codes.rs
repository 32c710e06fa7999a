//! Which reason codes the transcripts see a server send, and which the standard gives it to send.

use alloc::collections::{BTreeMap, BTreeSet};

use mqtt_codec::{Packet, PacketType, ReasonCode, Version};

use super::client::Client;
use super::script::{Action, Script, Sent};

/// Every reason code that a server may send, packet by packet: tables 3-1, 3-4 to 3-10 of 5.0
/// without what only a client sends.
const OF_A_SERVER: &[(PacketType, &str, &[u8])] = &[
    (
        PacketType::Connack,
        "CONNACK",
        &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90,
            0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
        ],
    ),
    (PacketType::Puback, "PUBACK", &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    (PacketType::Pubrec, "PUBREC", &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    (PacketType::Pubrel, "PUBREL", &[0x00, 0x92]),
    (PacketType::Pubcomp, "PUBCOMP", &[0x00, 0x92]),
    (
        PacketType::Suback,
        "SUBACK",
        &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
    ),
    (PacketType::Unsuback, "UNSUBACK", &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
    (
        PacketType::Disconnect,
        "DISCONNECT",
        &[
            0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94,
            0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
        ],
    ),
    (PacketType::Auth, "AUTH", &[0x00, 0x18]),
];

/// What a packet that goes both ways carries only from a client.
const OF_A_CLIENT: &[(PacketType, u8)] =
    &[(PacketType::Disconnect, 0x00), (PacketType::Disconnect, 0x04), (PacketType::Auth, 0x19)];

/// The reason codes that clients of 5.0 receive, by the name of the packet.
#[derive(Default)]
pub(crate) struct ReasonCodes(BTreeSet<(String, u8)>);

impl ReasonCodes {
    /// Adds what a transcript says is received.
    pub(crate) fn add(&mut self, script: &Script) {
        let mut clients = BTreeMap::new();
        for line in &script.lines {
            match &line.action {
                Action::Send { name, what, .. } => {
                    let new = || Client::new(name.clone());
                    let client = clients.entry(name).or_insert_with(new);
                    match what {
                        Sent::Packet(Packet::Connect(connect))
                        | Sent::ConnectAs(Packet::Connect(connect), _) => client.says(connect),
                        Sent::Bytes(bytes) => client.says_bytes(bytes),
                        _ => {}
                    }
                }
                Action::Receive { name, expected } if speaks_5(clients.get(name)) => {
                    expected.iter().for_each(|line| self.add_packet(line));
                }
                Action::Connected { name, .. } if speaks_5(clients.get(name)) => {
                    self.add_packet("CONNACK 0x00");
                }
                _ => {}
            }
        }
    }

    /// What a server may send and no client is seen to receive.
    pub(crate) fn missing(&self) -> Vec<String> {
        let missing = OF_A_SERVER.iter().flat_map(|(_, name, codes)| {
            let unseen = |code: &&u8| !self.0.contains(&((*name).into(), **code));
            codes.iter().filter(unseen).map(move |code| format!("{name} 0x{code:02x}"))
        });
        missing.collect()
    }

    fn add_packet(&mut self, line: &str) {
        let mut words = line.split(' ').filter(|word| !word.starts_with("id="));
        let name = words.next().unwrap_or_default();
        let mut codes =
            words.map_while(|word| u8::from_str_radix(word.strip_prefix("0x")?, 16).ok());
        match name {
            "SUBACK" | "UNSUBACK" => self.0.extend(codes.map(|code| (name.to_owned(), code))),
            // A receipt without a code is one of success; one with a star may have any.
            "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" => {
                let none = (!line.ends_with('*')).then_some(0);
                self.0.extend(codes.next().or(none).map(|code| (name.to_owned(), code)));
            }
            _ => self.0.extend(codes.next().map(|code| (name.to_owned(), code))),
        }
    }
}

fn speaks_5(client: Option<&Client>) -> bool {
    client.is_some_and(|client| client.version == Version::V5)
}

/// The table above and the codec's agree.
pub(crate) fn table_is_whole() {
    for (packet_type, name, codes) in OF_A_SERVER {
        for value in 0..=u8::MAX {
            let valid = ReasonCode::from_u8(value).is_some_and(|c| c.is_valid_in(*packet_type));
            let of_client = OF_A_CLIENT.contains(&(*packet_type, value));
            let listed = codes.contains(&value) || of_client;
            assert_eq!(listed, valid, "{name} 0x{value:02x}");
        }
    }
}
