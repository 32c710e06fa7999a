//! Clients that want to do harm, over real sockets. While each is at it, a neighbour publishes and
//! receives: every message arrives, and how long it took is printed (`--nocapture`), not asserted.
//!
//! What the broker answers to them in every detail is tested in the core, where nothing depends on
//! the clock.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::{PATIENCE, Running};

const HERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--set", "mqtt.connect_timeout=\"2s\""];
/// CONNECT of 3.1.1 and of 5.0, with Client Identifier `h`.
const CONNECT_3_1_1: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01h";
const CONNECT_5: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01h";
/// More than the broker may need for any of this.
const MEMORY: u64 = 256 << 20;

/// A connection without manners.
struct Rogue {
    stream: TcpStream,
}

impl Rogue {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    fn connected(address: SocketAddr, connect: &[u8]) -> Self {
        let mut rogue = Self::open(address);
        rogue.stream.write_all(connect).unwrap();
        assert_eq!(rogue.packet()[0], 0x20, "CONNACK");
        rogue
    }

    /// The next packet: its first byte, and what follows its length.
    fn packet(&mut self) -> Vec<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).unwrap();
        let mut packet = byte.to_vec();
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            self.stream.read_exact(&mut byte).unwrap();
            length |= usize::from(byte[0] & 0x7F) << shift;
            if byte[0] < 0x80 {
                break;
            }
        }
        packet.resize(1 + length, 0);
        self.stream.read_exact(&mut packet[1..]).unwrap();
        packet
    }

    /// Sends what the broker takes while nothing is read; how much that was.
    fn flood(&mut self, bytes: &[u8], at_most: usize) -> usize {
        self.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut sent = 0;
        while sent < at_most {
            match self.stream.write(bytes) {
                Ok(count) => sent += count,
                Err(error) => {
                    let full = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
                    assert!(full.contains(&error.kind()), "{error}");
                    break;
                }
            }
        }
        sent
    }

    /// Sends, and returns what comes until the broker ends the connection.
    fn last_words(mut self, bytes: &[u8]) -> Vec<u8> {
        // The broker may have ended it before all is written.
        let _ = self.stream.write_all(bytes);
        let mut answer = Vec::new();
        match self.stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
        answer
    }
}

/// Runs an attack while two neighbours exchange messages.
fn beside_neighbours<T>(broker: &Running, name: &str, attack: impl FnOnce() -> T) -> T {
    let mut subscriber = Client::connected(broker.address(), Version::V5, "subscriber");
    subscriber.subscribe("n/#", QoS::AtMostOnce);
    let mut publisher = Client::connected(broker.address(), Version::V5, "publisher");
    let over = AtomicBool::new(false);
    let (answer, mut waits) = thread::scope(|scope| {
        let served = scope.spawn(|| {
            let mut waits = Vec::new();
            // At least once after the attack, too.
            loop {
                let last = over.load(Ordering::Acquire);
                let start = Instant::now();
                publisher.publish("n/x", QoS::AtLeastOnce, b"hello");
                assert_eq!(publisher.receive(), "PUBACK id=9");
                assert_eq!(subscriber.receive(), r#"PUBLISH q0 "n/x" "hello""#);
                waits.push(start.elapsed());
                if last {
                    return waits;
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let answer = attack();
        over.store(true, Ordering::Release);
        (answer, served.join().unwrap())
    });
    waits.sort();
    let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)];
    let (count, median, p99, worst) = (waits.len(), at(50), at(99), at(100));
    let memory = broker.resident_memory();
    println!(
        "{name}: {count} messages, median {median:?}, p99 {p99:?}, worst {worst:?}, memory {} MiB",
        memory.map_or(0, |bytes| bytes >> 20)
    );
    assert!(memory.is_none_or(|bytes| bytes < MEMORY), "{name}: {memory:?}");
    answer
}

/// A packet: its first byte and its body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut length) = (vec![first], body.len());
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { digit | 0x80 } else { digit });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// SUBSCRIBE or UNSUBSCRIBE of 5.0 with 50,000 filters.
fn filters(first: u8) -> Vec<u8> {
    let mut body = vec![0, 1, 0];
    for number in 0..50_000 {
        let filter = format!("f/{number}");
        body.extend(u16::try_from(filter.len()).unwrap().to_be_bytes());
        body.extend(filter.bytes());
        if first == 0x82 {
            body.push(0);
        }
    }
    packet(first, &body)
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let broker = Running::start(&HERE);
    let address = broker.address();
    beside_neighbours(&broker, "breaches", || {
        let oversize: &[u8] = &[0x30, 0xFF, 0xFF, 0xFF, 0x7F];
        let connack: &[u8] = &[0x20, 2, 0, 0];
        let suback: &[u8] = &[0x90, 3, 0, 1, 0];
        let pingresp: &[u8] = &[0xD0, 0];
        for bytes in [oversize, connack, suback, pingresp, b"GET / HTTP/1.1\r\n\r\n", &[0xFF; 4096]]
        {
            assert!(Rogue::open(address).last_words(bytes).is_empty(), "{bytes:02x?}");
            let rogue = Rogue::connected(address, CONNECT_3_1_1);
            // "GET " is PUBACK with flags: also there it breaks the rules.
            assert!(rogue.last_words(bytes).is_empty(), "{bytes:02x?}");
            let words = Rogue::connected(address, CONNECT_5).last_words(bytes);
            assert_eq!(words[0], 0xE0, "DISCONNECT: {words:02x?}");
            assert!(words[2] >= 0x80, "{words:02x?}");
        }
        let twice = [CONNECT_5, CONNECT_5].concat();
        let words = Rogue::open(address).last_words(&twice);
        assert_eq!(words[0], 0x20, "{words:02x?}");
        assert_eq!(words[usize::from(words[1]) + 2], 0xE0, "{words:02x?}");
    });
}

#[test]
fn packets_as_large_as_they_may_be() {
    let broker = Running::start(&HERE);
    let address = broker.address();
    beside_neighbours(&broker, "50,000 filters", || {
        for _ in 0..5 {
            let mut rogue = Rogue::connected(address, CONNECT_5);
            rogue.stream.write_all(&filters(0x82)).unwrap();
            let suback = rogue.packet();
            assert_eq!((suback[0], suback.len()), (0x90, 1 + 3 + 50_000));
            assert!(suback[4..].iter().all(|code| *code == 0));
            rogue.stream.write_all(&filters(0xA2)).unwrap();
            let unsuback = rogue.packet();
            assert_eq!((unsuback[0], unsuback.len()), (0xB0, 1 + 3 + 50_000));
            assert!(unsuback[4..].iter().all(|code| *code == 0));
        }
    });
    beside_neighbours(&broker, "60,000 user properties", || {
        let list = packet(0, &b"\x26\0\x01k\0\x01v".repeat(60_000)).split_off(1);
        let mut rogue = Rogue::connected(address, CONNECT_5);
        for _ in 0..20 {
            let body = [b"\0\x01m\0\x07", &list[..], b"hi"].concat();
            rogue.stream.write_all(&packet(0x32, &body)).unwrap();
            assert_eq!(rogue.packet()[..3], [0x40, 0, 7]);
        }
        // In a first packet they are too much.
        let connect = [b"\0\x04MQTT\x05\x02\0\0", &list[..], b"\0\x01h"].concat();
        assert!(Rogue::open(address).last_words(&packet(0x10, &connect)).is_empty());
    });
    beside_neighbours(&broker, "a thousand levels", || {
        let topic = "a/".repeat(999) + "a";
        let length = u16::try_from(topic.len()).unwrap().to_be_bytes();
        let mut rogue = Rogue::connected(address, CONNECT_5);
        for _ in 0..100 {
            let body = [&length[..], topic.as_bytes(), b"\0\x07\0hi"].concat();
            rogue.stream.write_all(&packet(0x32, &body)).unwrap();
            assert_eq!(rogue.packet(), [0x40, 0, 7, 0x90]);
            let body = [b"\0\x01\0", &length[..], topic.as_bytes(), b"\0"].concat();
            rogue.stream.write_all(&packet(0x82, &body)).unwrap();
            let suback = rogue.packet();
            assert_eq!((suback[0], suback[suback.len() - 1]), (0x90, 0x8F));
        }
    });
}

#[test]
fn clients_that_never_read() {
    let broker = Running::start(&HERE);
    let address = broker.address();
    beside_neighbours(&broker, "PINGREQ", || {
        let mut rogue = Rogue::connected(address, CONNECT_3_1_1);
        let sent = rogue.flood(&[0xC0, 0].repeat(1 << 15), 256 << 20);
        println!("PINGREQ: the broker took {} KiB before it made the client wait", sent >> 10);
        assert!(sent < 256 << 20, "the client is not held back");
    });
    beside_neighbours(&broker, "everything", || {
        let mut deaf = Rogue::connected(address, CONNECT_5);
        deaf.stream.write_all(b"\x82\x07\0\x01\0\0\x01#\x02").unwrap();
        let mut loud = Rogue::connected(address, b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01l");
        let publish = packet(0x30, &[b"\0\x01m", &[b'x'; 10_000][..]].concat());
        // 200 MB, of which the deaf one may have its queue.
        loud.flood(&publish.repeat(8), 200_000_000);
    });
}

/// A publisher at full speed, and its subscriber never reads: what the neighbours wait is printed beside
/// what they wait with nobody else there, and memory does not grow once the queue is full.
#[test]
fn one_at_full_speed_to_one_that_never_reads() {
    let broker = Running::start(&HERE);
    let address = broker.address();
    beside_neighbours(&broker, "nobody else", || {
        let mut quiet = Client::connected(address, Version::V5, "quiet");
        for _ in 0..2000 {
            quiet.publish("q", QoS::AtLeastOnce, b"x");
            assert!(quiet.receive().starts_with("PUBACK id=9"));
        }
    });
    let mut deaf = Rogue::connected(address, CONNECT_5);
    deaf.stream.write_all(b"\x82\x07\0\x01\0\0\x01m\0").unwrap();
    let mut loud = Rogue::connected(address, b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01l");
    loud.stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let publish = packet(0x30, &[b"\0\x01m", &[b'x'; 1000][..]].concat()).repeat(64);
    let held: Vec<u64> = (1..=5)
        .map(|part| {
            beside_neighbours(&broker, &format!("full speed, part {part}"), || {
                for _ in 0..600 {
                    loud.stream.write_all(&publish).unwrap();
                }
            });
            broker.resident_memory().unwrap_or_default()
        })
        .collect();
    assert!(held[4] <= held[1] + (4 << 20), "{held:?}");
}

#[test]
fn connections_that_never_become_clients() {
    let broker = Running::start(&HERE);
    let address = broker.address();
    beside_neighbours(&broker, "no CONNECT", || {
        let start = Instant::now();
        let silent: Vec<Rogue> = (0..300).map(|_| Rogue::open(address)).collect();
        let halves = (1..CONNECT_5.len()).map(|length| {
            let mut rogue = Rogue::open(address);
            rogue.stream.write_all(&CONNECT_5[..length]).unwrap();
            rogue
        });
        for rogue in silent.into_iter().chain(halves.collect::<Vec<_>>()) {
            assert!(rogue.last_words(&[]).is_empty());
        }
        println!("all ended by the broker after {:?}", start.elapsed());
    });
}
