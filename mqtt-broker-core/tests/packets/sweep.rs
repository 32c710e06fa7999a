//! All values of one field crossed with another, with the standard's tables as the judge. They do
//! not count as rows.

use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};
use mqtt_codec::{DecodeError, ReasonCode};

use crate::packets_with::{connect, packet, properties, publish, string};
use crate::row::{at_client, bytes_of, columns_of};
use crate::state::Scene;

/// Packets from the server are read as a client reads them.
const FROM_SERVER: [&str; 3] = ["CONNACK", "SUBACK", "UNSUBACK"];
const ACKNOWLEDGEMENTS: [(&str, u8); 4] =
    [("PUBACK", 0x40), ("PUBREC", 0x50), ("PUBREL", 0x62), ("PUBCOMP", 0x70)];

/// What comes of bytes in a state: the last word about the connection, and the packet before it.
#[derive(Debug, PartialEq, Eq)]
struct Judged {
    /// The name of the error, or why else it was closed; `None` if it goes on.
    closed: Option<String>,
    answer: Option<String>,
}

impl Judged {
    /// The error, if it is one of the codec's.
    fn error(&self) -> Option<DecodeError> {
        let name = self.closed.as_deref()?;
        DecodeError::ALL.iter().copied().find(|error| error.name() == name)
    }
}

fn judge(version: Version, state: &str, bytes: &[u8]) -> Judged {
    let mut seen = Scene::new(version, state).unwrap().send(bytes, usize::MAX);
    let closed = seen.pop_if(|item| item.starts_with("closed "));
    let closed = closed.map(|item| item.trim_start_matches("closed ").to_owned());
    let closed = closed.map(|item| item.trim_start_matches("refused ").to_owned());
    let judged = Judged { closed, answer: seen.into_iter().next() };
    // A 5.0 client is told the error's reason code.
    if let (Some(error), true) = (judged.error(), version == V5 && state != "new") {
        let kind = if state == "authenticating" { "CONNACK" } else { "DISCONNECT" };
        let told = format!("{kind} {}", error.reason_code());
        // Whoever says goodbye in the wrong words is gone, and told nothing.
        let told = (error != DecodeError::InvalidDisconnectReasonCode).then_some(told);
        assert_eq!(judged.answer, told, "{bytes:02x?}");
    }
    judged
}

/// The error that a client finds in bytes from a server.
fn judge_at_client(bytes: &[u8]) -> Option<DecodeError> {
    let outcome = at_client(bytes, V5);
    let name = outcome.strip_prefix("refused ")?;
    DecodeError::ALL.iter().copied().find(|error| error.name() == name)
}

//= [MQTT-2.1.3-1] type=test
#[test]
fn every_first_byte_in_every_state() {
    let mut count = 0;
    for version in [V3_1, V3_1_1, V5] {
        for first in 0..=255u8 {
            for state in ["new", "connected"] {
                let judged = judge(version, state, &packet(first, &[]));
                let (kind, flags) = (first >> 4, first & 0x0F);
                // 3.1 uses the QoS of PUBREL, SUBSCRIBE and UNSUBSCRIBE, and no other flag but those of
                // PUBLISH.
                let flags_fit = match kind {
                    3 => flags & 0x06 != 0x06 && flags & 0x0E != 0x08,
                    6 | 8 | 10 if version == V3_1 => flags & 0x06 == 2,
                    6 | 8 | 10 => flags == 2,
                    15 => flags == 0,
                    _ => version == V3_1 || flags == 0,
                };
                let server_only = matches!(kind, 2 | 9 | 11 | 13);
                let reserved = kind == 0 || kind == 15 && version != V5;
                let goes_on = state == "connected" && kind == 12 && flags_fit;
                let goodbye = state == "connected" && kind == 14 && flags_fit;
                let place = format!("{version} {state} {first:#04x}: {judged:?}");
                assert_eq!(judged.closed.is_none(), goes_on, "{place}");
                assert_eq!(judged.closed.as_deref() == Some("left 0x00"), goodbye, "{place}");
                if state == "connected" && !goes_on && !goodbye {
                    let error = judged.error().unwrap_or_else(|| panic!("{place}"));
                    match () {
                        () if server_only => assert_eq!(error, DecodeError::UnexpectedPacketType),
                        () if reserved && flags == 0 => {
                            assert_eq!(error, DecodeError::ReservedPacketType);
                        }
                        // A CONNECT has to say its version first.
                        () if !flags_fit => assert!(
                            matches!(
                                error,
                                DecodeError::InvalidFixedHeaderFlags
                                    | DecodeError::InvalidQoS
                                    | DecodeError::DupWithQoS0
                                    | DecodeError::ReservedPacketType
                            ) || kind == 1 && error == DecodeError::FieldOverrun,
                            "{place}"
                        ),
                        () => {}
                    }
                }
                count += 1;
            }
        }
    }
    println!("{count} first bytes");
}

/// A packet of 5.0 with a list of properties in a place, and the state to send it in.
fn with_properties(place: &str, list: &[u8]) -> (Vec<u8>, &'static str) {
    let framed = properties(V5, list);
    let acknowledgement = ACKNOWLEDGEMENTS.iter().find(|(name, _)| *name == place);
    if let Some((_, first)) = acknowledgement {
        return (packet(*first, &[&[0, 1, 0], &framed[..]].concat()), "connected");
    }
    match place {
        "CONNECT" => (connect(V5, 0x02, list, &[string("c")]), "new"),
        "WILL" => {
            let payload = [string("c"), framed, string("w"), string("p")];
            (connect(V5, 0x06, &[], &payload), "new")
        }
        "CONNACK" => (packet(0x20, &[&[0, 0], &framed[..]].concat()), ""),
        "PUBLISH" => (publish(V5, 0x30, "a", 0, list), "connected"),
        "SUBSCRIBE" => (packet(0x82, &[&[0, 1], &framed[..], b"\0\x01a\0"].concat()), "connected"),
        "SUBACK" => (packet(0x90, &[&[0, 1], &framed[..], &[0]].concat()), ""),
        "UNSUBSCRIBE" => (packet(0xA2, &[&[0, 1], &framed[..], b"\0\x01a"].concat()), "connected"),
        "UNSUBACK" => (packet(0xB0, &[&[0, 1], &framed[..], &[0]].concat()), ""),
        // Not clean, so that a Session Expiry Interval may be set again.
        "DISCONNECT" => (packet(0xE0, &[&[0], &framed[..]].concat()), "persistent"),
        "AUTH" => (packet(0xF0, &[&[0x18], &framed[..]].concat()), "authenticating"),
        _ => panic!("{place}"),
    }
}

const PLACES: [&str; 14] = [
    "CONNECT",
    "WILL",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "DISCONNECT",
    "AUTH",
];

/// What the codec finds wrong with a packet that has these properties.
fn error_of(place: &str, list: &[u8]) -> Option<DecodeError> {
    let (bytes, state) = with_properties(place, list);
    match FROM_SERVER.contains(&place) {
        true => judge_at_client(&bytes),
        false => judge(V5, state, &bytes).error(),
    }
}

#[test]
fn every_property_in_every_packet() {
    let table = columns_of("property_places.txt");
    let mut count = 0;
    for identifier in 0..=127u8 {
        let name = format!("{identifier:02x}");
        let known = table.iter().find(|columns| columns[0] == name);
        let value = known.map_or_else(|| vec![0; 4], |columns| bytes_of(&columns[1]).unwrap());
        for place in PLACES {
            let allowed =
                known.is_some_and(|columns| columns[2].split(' ').any(|other| other == place));
            // Authentication Data needs a Method, and AUTH always does.
            let needs_method = identifier != 0x15
                && (place == "AUTH"
                    || identifier == 0x16 && matches!(place, "CONNECT" | "CONNACK"));
            let start = if needs_method { b"\x15\0\x01m".to_vec() } else { Vec::new() };
            let once = [&start[..], &[identifier], &value].concat();
            let from_client = place == "PUBLISH" && identifier == 0x0B;
            let expected = match (known.is_some(), allowed) {
                (false, _) => Some(DecodeError::UnknownProperty),
                (true, false) => Some(DecodeError::PropertyNotAllowed),
                (true, true) if from_client => Some(DecodeError::SubscriptionIdentifierFromClient),
                (true, true) => None,
            };
            assert_eq!(error_of(place, &once), expected, "{name} in {place}");
            count += 1;
            if !allowed {
                continue;
            }
            let twice = [&once[..], &[identifier], &value].concat();
            let expected = match identifier {
                0x26 => None,
                0x0B if from_client => expected,
                _ => Some(DecodeError::DuplicateProperty),
            };
            assert_eq!(error_of(place, &twice), expected, "{name} twice in {place}");
            for length in start.len() + 1..once.len() {
                // The list ends within the value.
                let error = error_of(place, &once[..length]);
                assert_eq!(error, Some(DecodeError::FieldOverrun), "{name} cut in {place}");
                count += 1;
            }
            count += 1;
        }
    }
    println!("{count} properties in places");
}

//= [MQTT-3.4.2-1] type=test
//= [MQTT-3.14.2-1] type=test
#[test]
fn every_reason_code_in_every_packet() {
    let table = columns_of("reason_code_places.txt");
    let mut count = 0;
    for code in 0..=255u8 {
        let known = table.iter().find(|columns| columns[0] == format!("{code:02x}"));
        let places = known.map(|columns| columns[1].as_str()).unwrap_or_default();
        assert_eq!(known.is_some(), ReasonCode::from_u8(code).is_some(), "{code:#04x}");
        let packets = ACKNOWLEDGEMENTS
            .iter()
            .map(|(name, first)| (*name, packet(*first, &[0, 1, code]), "connected"));
        let others = [
            ("DISCONNECT", packet(0xE0, &[code]), "connected"),
            ("AUTH", packet(0xF0, &[code, 4, 0x15, 0, 1, b'm']), "authenticated"),
            ("CONNACK", packet(0x20, &[0, code, 0]), ""),
            ("SUBACK", packet(0x90, &[0, 1, 0, code]), ""),
            ("UNSUBACK", packet(0xB0, &[0, 1, 0, code]), ""),
        ];
        for (name, bytes, state) in packets.chain(others) {
            let allowed = places.split(' ').any(|place| place == name);
            let error = match state {
                "" => judge_at_client(&bytes),
                state => judge(V5, state, &bytes).error(),
            };
            assert_eq!(error.is_none(), allowed, "{code:#04x} in {name}: {error:?}");
            if let Some(error) = error {
                let of_this = format!("{error:?}").to_uppercase();
                assert!(of_this.contains(name) && of_this.contains("REASONCODE"), "{error:?}");
            }
            count += 1;
        }
    }
    println!("{count} reason codes in packets");
}

//= [MQTT-3.1.2-3] type=test
//= [MQTT-3.1.2-11] type=test
//= [MQTT-3.1.2-12] type=test
//= [MQTT-3.1.2-13] type=test
#[test]
fn every_connect_flag() {
    for version in [V3_1, V3_1_1, V5] {
        for flags in 0..=255u8 {
            let bit = |number: u8| flags >> number & 1 == 1;
            let (will, will_qos) = (bit(2), flags >> 3 & 3);
            let mut payload = vec![string("c")];
            if will {
                payload.extend([properties(version, &[]), string("w"), string("p")]);
            }
            payload.extend(bit(7).then(|| string("u")));
            payload.extend(bit(6).then(|| string("p")));
            let judged = judge(version, "new", &connect(version, flags, &[], &payload));
            let expected = match () {
                // 3.1 does not use bit 0, and disregards QoS and RETAIN of a Will that is not there.
                () if version != V3_1 && bit(0) => Some(DecodeError::ConnectReservedFlag),
                () if version != V3_1 && !will && will_qos != 0 => {
                    Some(DecodeError::WillQoSWithoutWill)
                }
                () if version != V3_1 && !will && bit(5) => {
                    Some(DecodeError::WillRetainWithoutWill)
                }
                () if bit(6) && !bit(7) && version != V5 => {
                    Some(DecodeError::PasswordWithoutUserName)
                }
                () if will && will_qos == 3 => Some(DecodeError::InvalidWillQoS),
                () => None,
            };
            assert_eq!(judged.error(), expected, "{version} {flags:#010b}");
            let answer = judged.answer.unwrap_or_default();
            match (expected, version) {
                (None, _) => assert!(answer.starts_with("CONNACK 0x00"), "{answer}"),
                (Some(error), V5) => {
                    assert_eq!(answer, format!("CONNACK {}", error.reason_code()));
                }
                (Some(_), _) => assert_eq!(answer, "", "{version} {flags:#010b}"),
            }
        }
    }
    println!("768 connect flags");
}

//= [MQTT-3.8.3-4] type=test
//= [MQTT-3.8.3-5] type=test
#[test]
fn every_subscription_options_byte() {
    let filters = [(V3_1, "a"), (V3_1_1, "a"), (V5, "a"), (V5, "$share/g/a")];
    for (version, filter) in filters {
        for options in 0..=255u8 {
            let list = properties(version, &[]);
            let body = [&[0, 1], &list[..], &string(filter)[..], &[options]].concat();
            let judged = judge(version, "connected", &packet(0x82, &body));
            let qos = options & 3;
            let right = match version {
                V5 => {
                    let no_local = options & 0x04 != 0 && filter != "a";
                    options & 0xC0 == 0 && options & 0x30 != 0x30 && qos != 3 && !no_local
                }
                // 3.1 uses the two bits of the QoS only.
                V3_1 => qos != 3,
                V3_1_1 => options <= 2,
            };
            let place = format!("{version} {filter} {options:#010b}: {judged:?}");
            if right {
                let granted = format!("SUBACK id=1 0x0{qos}");
                assert_eq!(judged, Judged { closed: None, answer: Some(granted) }, "{place}");
            } else {
                assert!(judged.error().is_some(), "{place}");
            }
        }
    }
    println!("1024 subscription options");
}
