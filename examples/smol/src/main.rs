//! An asynchronous host of `mqtt-broker-core` on smol: one thread, one task a connection.
//! Try it with `cargo run -p smol-host -- 127.0.0.1:1884`.
//!
//! The driver of the core does the work; what is left for the host is its listener, its clock, its
//! rules and what it wishes: here, to tell every ten seconds how long it has been up, and to print
//! what clients publish to `console/#`.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::time::SystemTime;

use mqtt_broker_core::codec::{QoS, SubscriptionOptions, TopicFilter, TopicName};
use mqtt_broker_core::{
    ApplicationMessage, Broker, Config, Driver, Event, Host, Instant, LocalSubscription, Message,
    Peer, Policy, PublishRequest, Verdict,
};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer};

/// What clients cannot publish to: only the host says how long it has been up.
const UPTIME: &str = "host/uptime";

/// The host's clock: the system's as it was at the start, carried on by the monotonic one.
struct Home {
    started: std::time::Instant,
    epoch: Duration,
}

impl Home {
    fn new() -> Self {
        let epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { started: std::time::Instant::now(), epoch }
    }
}

impl Policy for Home {
    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        if request.topic.as_str() == UPTIME { Verdict::DENY } else { Verdict::Allow }
    }
}

impl Host for Home {
    fn now(&mut self) -> Instant {
        Instant(0) + (self.epoch + self.started.elapsed())
    }

    fn event(&mut self, event: Event) {
        println!("{event:?}");
    }

    fn message(&mut self, _: LocalSubscription, message: &Message<'_>) {
        println!("{}: {}", message.topic, String::from_utf8_lossy(message.payload));
    }
}

/// Publishes every ten seconds for how many it has been running.
async fn tell_uptime(driver: &Driver<Home>) {
    let started = driver.with(|_, now| now);
    loop {
        driver.with(|broker, now| {
            let seconds = now.since(started).as_secs().to_string();
            let Ok(topic) = TopicName::new(UPTIME) else { return };
            let message = ApplicationMessage::new(topic, seconds.as_bytes());
            if let Err(error) = broker.publish(now, &ApplicationMessage { retain: true, ..message })
            {
                eprintln!("cannot publish: {error}");
            }
        });
        Timer::after(Duration::from_secs(10)).await;
    }
}

fn subscribe(driver: &Driver<Home>) -> io::Result<()> {
    let filter = TopicFilter::new("console/#").map_err(io::Error::other)?;
    let options =
        SubscriptionOptions { maximum_qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
    driver
        .with(|broker, now| broker.subscribe(now, filter, options, None))
        .map_err(io::Error::other)?;
    Ok(())
}

async fn serve(driver: &Driver<Home>, stream: TcpStream, address: SocketAddr) {
    // A broker writes whole answers at once: waiting for more to send would only delay them.
    let outcome = stream.set_nodelay(true);
    if outcome.is_err() || driver.serve_futures(Peer::new(address), stream).await.is_err() {
        eprintln!("cannot serve {address}");
    }
}

/// Accepts for ever; each connection is a task of its own.
async fn accept<'a>(
    listener: &TcpListener,
    driver: &'a Driver<Home>,
    executor: &LocalExecutor<'a>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => executor.spawn(serve(driver, stream, address)).detach(),
            Err(error) => {
                eprintln!("cannot accept: {error}");
                Timer::after(Duration::from_millis(100)).await;
            }
        }
    }
}

fn run(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let driver = Driver::new(Broker::new(Config::default()), Home::new());
    subscribe(&driver)?;
    // Dropped before the driver, with all connections: their tasks borrow it.
    let executor = LocalExecutor::new();
    executor.spawn(driver.run(Timer::after)).detach();
    executor.spawn(tell_uptime(&driver)).detach();
    smol::block_on(executor.run(async {
        let listener = TcpListener::from(smol::Async::new(listener)?);
        accept(&listener, &driver, &executor).await;
        Ok(())
    }))
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1884".to_owned());
    let listener = std::net::TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    run(listener)
}

#[cfg(test)]
mod tests;
