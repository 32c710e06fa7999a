//! Any operations of several clients, the host, the clock and the disk: no rule of the boundary is
//! broken, what is recorded can be done again, and nothing is left when all is over.
#![no_main]
use arbitrary::Arbitrary;
use fuzz::{CLIENTS, World, common, connect};
use mqtt_broker_core::ApplicationMessage;
use mqtt_codec::{ArbitraryPacket, QoS, ReasonCode, TopicFilter, TopicName, Version};

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
    /// The program is killed; what was durable, and perhaps more, is found again.
    Crash {
        more: bool,
    },
}

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
        O::Sync => world.sync(),
        O::Crash { more } => world.crash(more),
    }
}
