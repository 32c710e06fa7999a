//! A host of `mqtt-broker-core` as on a microcontroller: `embedded-io-async` transports, buffers of
//! fixed sizes, a fixed number of connections, and all futures joined in one task.
//! Try it with `cargo run -p embedded-io-host -- 127.0.0.1:1884`.
//!
//! Here on a PC the sockets and timers are those of `async-io`; on a board they are those of the
//! network stack and the timer's driver, and the rest stays. The program's own part is a client like
//! any other, which speaks MQTT over a pipe in memory: a thermometer that publishes `temperature`
//! and listens to `unit`.

use core::fmt;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use async_io::{Async, Timer};
use embassy_futures::join::{join_array, join4};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pipe::Pipe;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use mqtt_broker_core::{Broker, Config, Driver, Event, Host, Instant, Peer, Policy};
use mqtt_codec::{
    Connect, Delivery, Packet, PacketIdentifier, PacketReader, PacketWriter, Properties, Publish,
    QoS, Sender, Subscribe, SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String,
    Version,
};

/// Connections over TCP that are served at once; more wait to be accepted.
const SOCKETS: usize = 8;

/// A direction of the thermometer's connection.
type Line = Pipe<NoopRawMutex, 128>;

struct Board(std::time::Instant);

impl Policy for Board {}

impl Host for Board {
    /// Time since it was switched on: without a store the epoch need not survive.
    fn now(&mut self) -> Instant {
        Instant(0) + self.0.elapsed()
    }

    fn event(&mut self, event: Event) {
        println!("{event:?}");
    }
}

/// What fits into some tens of kilobytes.
fn config() -> Config {
    let mut config = Config::default();
    config.maximum_packet_size = 4096;
    config.receive_maximum = 8;
    config.queue_messages = 32;
    config.queue_bytes = 4096;
    let limits = &mut config.limits;
    // The sockets and the thermometer.
    limits.connections = 9;
    limits.sessions = 16;
    limits.subscriptions = 64;
    limits.retained = 32;
    limits.publications = 128;
    limits.publication_bytes = 32 << 10;
    limits.entries = 256;
    limits.connect_packet_size = 512;
    limits.outputs = 32;
    config
}

/// One of the sockets: it accepts and serves, one connection after the other.
async fn socket(driver: &Driver<Board>, listener: &Async<TcpListener>) {
    let (mut read, mut write) = ([0; 512], [0; 1024]);
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            Timer::after(Duration::from_millis(100)).await;
            continue;
        };
        let peer = Peer::new(address);
        let served = driver.serve_embedded(peer, Tcp(&stream), Tcp(&stream), &mut read, &mut write);
        if let Err(error) = served.await {
            println!("cannot serve {address}: {error}");
        }
        // The peer has a second to read the last of it and to end its side.
        let _ = stream.get_ref().shutdown(Shutdown::Write);
        let rest = async { while matches!(Tcp(&stream).read(&mut read).await, Ok(1..)) {} };
        select(rest, Timer::after(Duration::from_secs(1))).await;
    }
}

/// A socket in the words of `embedded-io-async`.
struct Tcp<'a>(&'a Async<TcpStream>);

impl ErrorType for Tcp<'_> {
    type Error = ErrorKind;
}

impl Read for Tcp<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read_with(|mut socket| socket.read(buffer)).await.map_err(|_| ErrorKind::Other)
    }
}

impl Write for Tcp<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write_with(|mut socket| socket.write(bytes)).await.map_err(|_| ErrorKind::Other)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// The thermometer: publishes once a second, in the unit that it was told last.
async fn thermometer(from_broker: &Line, to_broker: &Line) -> Result<(), String> {
    let (mut read, mut write) = ([0; 128], [0; 128]);
    let mut reader = PacketReader::new(from_broker, &mut read, Sender::Server);
    let mut writer = PacketWriter::new(to_broker, &mut write);
    let connect = Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new("thermometer").map_err(text)?,
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    });
    writer.write(&connect, Version::V5).await.map_err(text)?;
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    let filters = [(TopicFilter::new("unit").map_err(text)?, options)];
    let subscribe = Packet::Subscribe(Subscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::new(&filters),
    });
    writer.write(&subscribe, Version::V5).await.map_err(text)?;
    let topic = TopicName::new("temperature").map_err(text)?;
    let mut is_fahrenheit = false;
    for tenths in (200_u32..250).cycle() {
        let shown = if is_fahrenheit { tenths * 9 / 5 + 320 } else { tenths };
        let payload = format!("{}.{}", shown / 10, shown % 10);
        let publish = Packet::Publish(Publish {
            delivery: Delivery::AtMostOnce,
            retain: true,
            topic: Some(topic),
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        });
        writer.write(&publish, Version::V5).await.map_err(text)?;
        let mut second = Timer::after(Duration::from_secs(1));
        while let Either::First(packet) = select(reader.read(Version::V5), &mut second).await {
            match packet.map_err(text)? {
                Some(Packet::Publish(publish)) => is_fahrenheit = publish.payload == b"F",
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }
    Ok(())
}

fn text(error: impl fmt::Debug) -> String {
    format!("{error:?}")
}

async fn run(listener: &Async<TcpListener>) {
    let driver = Driver::new(Broker::new(config()), Board(std::time::Instant::now()));
    let (upward, downward) = (Line::new(), Line::new());
    let (mut read, mut write) = ([0; 128], [0; 128]);
    let own = driver.serve_embedded(Peer::default(), &upward, &downward, &mut read, &mut write);
    join4(
        driver.run(Timer::after),
        join_array([(); SOCKETS].map(|()| socket(&driver, listener))),
        async {
            if let Err(error) = own.await {
                println!("cannot serve the thermometer: {error}");
            }
        },
        async {
            if let Err(error) = thermometer(&downward, &upward).await {
                println!("the thermometer: {error}");
            }
        },
    )
    .await;
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1884".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    async_io::block_on(run(&Async::new(listener)?));
    Ok(())
}

#[cfg(test)]
mod tests;
