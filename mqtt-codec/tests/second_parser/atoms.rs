//! The fields of a packet of the crate, in the order of the wire.

use mqtt_codec::{Connect, Packet, Properties, Property, Version};

use super::Atom;

/// What the second parser finds in the bytes of this packet.
pub(crate) fn atoms(packet: &Packet<'_>, version: Version) -> Vec<Atom> {
    let mut atoms = vec![number(first_byte(packet))];
    match packet {
        Packet::Connect(p) => connect(p, &mut atoms),
        Packet::Connack(p) => {
            let code = match version {
                Version::V5 => p.reason_code.value(),
                _ => p.reason_code.connect_return_code().unwrap(),
            };
            atoms.extend([number(u8::from(p.session_present)), number(code)]);
            properties(&p.properties, &mut atoms);
        }
        Packet::Publish(p) => {
            atoms.push(bytes(p.topic.map_or(&[], |topic| topic.as_bytes())));
            atoms.extend(p.delivery.packet_identifier().map(|id| number(id.get())));
            properties(&p.properties, &mut atoms);
            atoms.push(bytes(p.payload));
        }
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => {
            atoms.extend([number(p.packet_identifier.get()), number(p.reason_code.value())]);
            properties(&p.properties, &mut atoms);
        }
        Packet::Subscribe(p) => {
            atoms.push(number(p.packet_identifier.get()));
            properties(&p.properties, &mut atoms);
            for (filter, options) in p.subscriptions.iter() {
                atoms.extend([bytes(filter.as_bytes()), number(options.as_u8())]);
            }
        }
        Packet::Unsubscribe(p) => {
            atoms.push(number(p.packet_identifier.get()));
            properties(&p.properties, &mut atoms);
            atoms.extend(p.filters.iter().map(|filter| bytes(filter.as_bytes())));
        }
        Packet::Suback(p) => {
            atoms.push(number(p.packet_identifier.get()));
            properties(&p.properties, &mut atoms);
            atoms.extend(p.reason_codes.iter().map(|code| number(code.value())));
        }
        Packet::Unsuback(p) => {
            atoms.push(number(p.packet_identifier.get()));
            properties(&p.properties, &mut atoms);
            atoms.extend(p.reason_codes.iter().map(|code| number(code.value())));
        }
        Packet::Pingreq | Packet::Pingresp => {}
        Packet::Disconnect(p) => {
            atoms.push(number(p.reason_code.value()));
            properties(&p.properties, &mut atoms);
        }
        Packet::Auth(p) => {
            atoms.push(number(p.reason_code.value()));
            properties(&p.properties, &mut atoms);
        }
    }
    atoms
}

fn connect(p: &Connect<'_>, atoms: &mut Vec<Atom>) {
    let will = p.will.map_or(0, |will| 4 | (will.qos as u8) << 3 | u8::from(will.retain) << 5);
    atoms.extend([
        number(p.version.level()),
        number(u8::from(p.clean_start) << 1 | will),
        number(p.keep_alive),
    ]);
    properties(&p.properties, atoms);
    atoms.push(bytes(p.client_identifier.as_bytes()));
    if let Some(will) = p.will {
        properties(&will.properties, atoms);
        atoms.extend([bytes(will.topic.as_bytes()), bytes(will.payload)]);
    }
    for field in [p.user_name.map(|name| name.as_bytes()), p.password] {
        atoms.push(number(u8::from(field.is_some())));
        atoms.extend(field.map(bytes));
    }
}

fn first_byte(packet: &Packet<'_>) -> u8 {
    let flags = match packet {
        Packet::Publish(p) => {
            let qos = p.delivery.qos() as u8;
            u8::from(p.delivery.dup()) << 3 | qos << 1 | u8::from(p.retain)
        }
        Packet::Pubrel(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => 2,
        _ => 0,
    };
    (packet.packet_type() as u8) << 4 | flags
}

fn number(value: impl Into<u64>) -> Atom {
    Atom::Number(value.into())
}

fn bytes(bytes: &[u8]) -> Atom {
    Atom::Bytes(bytes.to_vec())
}

fn properties(properties: &Properties<'_>, atoms: &mut Vec<Atom>) {
    use Property::*;
    for property in properties.iter() {
        atoms.push(number(property.identifier()));
        let value = match property {
            PayloadFormatIndicator(v)
            | RequestProblemInformation(v)
            | RequestResponseInformation(v)
            | RetainAvailable(v)
            | WildcardSubscriptionAvailable(v)
            | SubscriptionIdentifierAvailable(v)
            | SharedSubscriptionAvailable(v) => number(u8::from(v)),
            MessageExpiryInterval(v) | SessionExpiryInterval(v) | WillDelayInterval(v) => number(v),
            MaximumPacketSize(v) => number(v.get()),
            ServerKeepAlive(v) | TopicAliasMaximum(v) => number(v),
            ReceiveMaximum(v) | TopicAlias(v) => number(v.get()),
            MaximumQoS(v) => number(v as u8),
            SubscriptionIdentifier(v) => number(v.get()),
            CorrelationData(v) | AuthenticationData(v) => bytes(v),
            ResponseTopic(v) => bytes(v.as_bytes()),
            ContentType(v)
            | AssignedClientIdentifier(v)
            | AuthenticationMethod(v)
            | ResponseInformation(v)
            | ServerReference(v)
            | ReasonString(v) => bytes(v.as_bytes()),
            UserProperty(name, value) => {
                atoms.push(bytes(name.as_bytes()));
                bytes(value.as_bytes())
            }
        };
        atoms.push(value);
    }
}
