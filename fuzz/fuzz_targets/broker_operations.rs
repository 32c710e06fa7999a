//! Any operations of several clients, the host, the clock and the disk: no rule of the boundary is
//! broken, what is recorded can be done again, and nothing is left when all is over.
#![no_main]
use arbitrary::Arbitrary;
use fuzz::World;
use mqtt_broker_core::ApplicationMessage;
use mqtt_codec::{
    ArbitraryPacket, Connect, Packet, Properties, Property, QoS, ReasonCode, TopicFilter,
    TopicName, Utf8String, Version, Will,
};

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    Connect {
        link: usize,
        client: u8,
        version: Version,
        clean: bool,
        expiry: u8,
        will: bool,
    },
    Packet {
        link: usize,
        packet: ArbitraryPacket<'a>,
    },
    /// Packets that fit the world: topics and identifiers that others use too.
    Common {
        link: usize,
        packet: u8,
        flags: u8,
    },
    Read {
        link: usize,
        buffer: u8,
    },
    Cut {
        link: usize,
    },
    Wait {
        seconds: u8,
    },
    HostPublish {
        topic: TopicName<'a>,
        qos: QoS,
        retain: bool,
        payload: &'a [u8],
    },
    HostSubscribe {
        filter: TopicFilter<'a>,
    },
    Kick {
        client: u8,
    },
    Remove {
        client: u8,
    },
    Sync,
}

const CLIENTS: [&str; 4] = ["a", "b", "c", "d"];

libfuzzer_sys::fuzz_target!(|operations: Vec<Operation<'_>>| {
    let mut world = World::new(operations.len() % 2 == 0);
    for operation in operations {
        play(&mut world, operation);
    }
    world.end();
});

fn play(world: &mut World, operation: Operation<'_>) {
    use Operation as O;
    let now = world.now;
    match operation {
        O::Connect { link, client, version, clean, expiry, will } => {
            world.open(link);
            connect(world, link, client, version, clean, expiry, will);
        }
        O::Packet { link, packet } => world.packet(link, &packet.packet()),
        O::Common { link, packet, flags } => {
            let bytes = common(packet, flags, world.version(link));
            world.input(link, &bytes);
        }
        O::Read { link, buffer } => world.read(link, usize::from(buffer) * 4),
        O::Cut { link } => world.cut(link),
        O::Wait { seconds } => world.wait(u64::from(seconds) * 1000),
        O::HostPublish { topic, qos, retain, payload } => {
            let message =
                ApplicationMessage { qos, retain, ..ApplicationMessage::new(topic, payload) };
            let _ = world.broker.publish(now, &message);
        }
        O::HostSubscribe { filter } => {
            if let Ok(local) = world.broker.subscribe(now, filter, Default::default(), None) {
                world.outputs();
                world.broker.unsubscribe(now, local);
            }
        }
        O::Kick { client } => {
            world.broker.kick(now, CLIENTS[usize::from(client) % 4], ReasonCode::BANNED);
        }
        O::Remove { client } => {
            world.broker.remove_session(now, CLIENTS[usize::from(client) % 4]);
        }
        O::Sync => drop(world.sync()),
    }
}

fn connect(
    world: &mut World,
    link: usize,
    client: u8,
    version: Version,
    clean: bool,
    expiry: u8,
    will: bool,
) {
    let properties = [Property::SessionExpiryInterval(u32::from(expiry))];
    let delay = [Property::WillDelayInterval(u32::from(expiry % 4))];
    let of_5 =
        |list| if version == Version::V5 { Properties::new(list) } else { Properties::EMPTY };
    let will = will.then(|| Will {
        qos: QoS::ExactlyOnce,
        retain: clean,
        topic: TopicName::new("t/will").unwrap(),
        payload: b"gone",
        properties: of_5(&delay),
    });
    let connect = Connect {
        version,
        clean_start: clean,
        keep_alive: u16::from(expiry),
        client_identifier: Utf8String::new(CLIENTS[usize::from(client) % 4]).unwrap(),
        properties: of_5(&properties),
        will,
        user_name: None,
        password: None,
    };
    world.packet(link, &Packet::Connect(connect));
}

/// A PUBLISH, a SUBSCRIBE, an UNSUBSCRIBE or an acknowledgement, of few topics and identifiers.
fn common(packet: u8, flags: u8, version: Version) -> Vec<u8> {
    let properties: &[u8] = if version == Version::V5 { b"\0" } else { b"" };
    let filters: [&[u8]; 6] = [b"t/#", b"t/+", b"t/a", b"#", b"$share/g/t/#", b"$share/g/t/a"];
    let topics: [&[u8]; 3] = [b"t/a", b"t/b", b"t/will"];
    let filter = filters[usize::from(flags >> 2) % filters.len()];
    let topic = topics[usize::from(flags >> 4) % topics.len()];
    let (id, qos) = ([0, 1 + (flags >> 6)], flags % 3);
    let text = |text: &[u8]| [&[0, text.len() as u8], text].concat();
    let (first, body) = match packet % 8 {
        0 => (0x82, [&id, properties, &text(filter), &[qos]].concat()),
        1 => (0xA2, [&id, properties, &text(filter)].concat()),
        2..4 => {
            let id: &[u8] = if qos > 0 { &id } else { b"" };
            let first = 0x30 | qos << 1 | (packet >> 7);
            (first, [&text(topic), id, properties, b"x"].concat())
        }
        4 => (0x40, id.to_vec()),
        5 => (0x50, id.to_vec()),
        6 => (0x62, id.to_vec()),
        _ => (0x70, id.to_vec()),
    };
    [&[first, body.len() as u8], &body[..]].concat()
}
