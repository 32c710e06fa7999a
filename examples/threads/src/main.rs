//! A blocking host of `mqtt-broker-core`: `std::net`, threads and one lock, no async runtime.
//! Try it with `cargo run -p threads -- 127.0.0.1:1884`, and a file after the address to keep what lasts.
//!
//! Each connection has a thread that reads and one that writes, so that a client that reads slowly
//! holds up nobody but itself; one more thread keeps time. Whoever tells the broker something
//! passes on what the broker then wants, before letting go of the lock.

#![allow(clippy::std_instead_of_alloc, reason = "an example has std")]

mod journal;

use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{thread, time};

use journal::Unkept;
use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer};

/// Each takes two threads, of which a system has thousands and not millions.
const CONNECTIONS: u32 = 1_000;

struct Host {
    start: time::Instant,
    /// Since 1970, since what a journal holds outlives this process.
    epoch: Duration,
    shared: Mutex<Shared>,
    /// Wakes the timekeeper: the broker's next timeout is another one.
    changed: Condvar,
    /// Wakes the journal's thread: something is to be kept.
    recorded: Condvar,
}

struct Shared {
    broker: Broker,
    connections: HashMap<ConnectionHandle, Threads>,
    unkept: Unkept,
}

/// How the threads of an open connection are reached. Dropping it tells them that it is closed.
struct Threads {
    transmit: Sender<()>,
    resume: Sender<()>,
}

impl Host {
    fn now(&self) -> Instant {
        Instant(0) + self.epoch + self.start.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the broker something, then does what it wants. A thread that is gone is not told.
    fn tell<R>(&self, speak: impl FnOnce(&mut Broker, Instant) -> R) -> R {
        let Shared { broker, connections, unkept } = &mut *self.lock();
        let timeout = broker.poll_timeout();
        let answer = speak(broker, self.now());
        while let Some(output) = broker.poll_output() {
            match output {
                Output::Transmit(to) => {
                    let _ = connections.get(&to).map(|threads| threads.transmit.send(()));
                }
                Output::Resume(to) => {
                    let _ = connections.get(&to).map(|threads| threads.resume.send(()));
                }
                Output::Close(connection, _) => drop(connections.remove(&connection)),
                Output::Event(event) => println!("{event:?}"),
                _ => {} // this host subscribes to nothing, and its policy defers nothing
            }
        }
        while let Some(record) = broker.poll_journal() {
            unkept.add(&record);
            self.recorded.notify_one();
        }
        if broker.poll_timeout() != timeout {
            self.changed.notify_one();
        }
        answer
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) -> io::Result<()> {
        let (stream, address) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        let outward = stream.try_clone()?;
        let accepted = self.tell(|broker, now| broker.handle_accept(now, Peer::new(address)));
        let connection = accepted.map_err(io::Error::other)?; // full
        let ((transmit, transmits), (resume, resumes)) = (channel(), channel());
        self.lock().connections.insert(connection, Threads { transmit, resume });
        let (reader, writer) = (Arc::clone(self), Arc::clone(self));
        let spawned = thread::Builder::new()
            .spawn(move || writer.write(connection, outward, &transmits))
            .and_then(|_| {
                thread::Builder::new().spawn(move || reader.read(connection, stream, &resumes))
            });
        if spawned.is_err() {
            // The system has no thread left: whoever has one goes on.
            self.end(connection);
        }
        spawned.map(drop)
    }

    /// A thread that writes sees it, and closes.
    fn end(&self, connection: ConnectionHandle) {
        self.tell(|broker, now| broker.handle_eof(now, connection));
        self.lock().connections.remove(&connection);
    }

    /// The reading thread: gives the broker what comes, until nothing comes any more.
    fn read(&self, connection: ConnectionHandle, mut stream: TcpStream, resumes: &Receiver<()>) {
        let (mut kept, mut buffer) = (Vec::new(), [0; 16 << 10]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            kept.extend_from_slice(&buffer[..read]);
            loop {
                let received = self
                    .tell(|broker, now| broker.handle_input(now, connection, &kept, &mut AllowAll));
                kept.drain(..received.consumed);
                // Not reading is what slows the client down.
                if !received.waiting || resumes.recv().is_err() {
                    break;
                }
            }
        }
        self.end(connection);
    }

    /// The writing thread: sends what there is, also what is left at the end, then closes in order.
    fn write(&self, connection: ConnectionHandle, mut stream: TcpStream, transmits: &Receiver<()>) {
        while transmits.recv().is_ok() & self.send(connection, &mut stream).is_ok() {}
        // Time for the client to read the last of it and to close its own side.
        let _ = stream.shutdown(Shutdown::Write);
        thread::sleep(Duration::from_secs(1));
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// Sends until the broker has nothing more. The lock is not held while the socket is written.
    fn send(&self, connection: ConnectionHandle, stream: &mut TcpStream) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while let Some((len, payload)) = self.tell(|broker, now| {
            let transmit = broker.poll_transmit(now, connection, &mut buffer, &mut AllowAll)?;
            Some((transmit.len, transmit.payload.to_vec()))
        }) {
            stream.write_all(&buffer[..len])?;
            stream.write_all(&payload)?;
        }
        Ok(())
    }

    fn keep_time(&self) {
        loop {
            self.tell(|broker, now| broker.handle_timeout(now));
            let shared = self.lock();
            let wait =
                shared.broker.poll_timeout().map_or(Duration::MAX, |at| at.since(self.now()));
            drop(self.changed.wait_timeout(shared, wait));
        }
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1884".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    let epoch = time::SystemTime::now().duration_since(time::UNIX_EPOCH).unwrap_or_default();
    let mut config = Config::default();
    config.limits.connections = CONNECTIONS;
    let (broker, journal) = match std::env::args_os().nth(2) {
        None => (Broker::new(config), None),
        Some(path) => {
            let path = Path::new(&path);
            let (broker, file) = journal::recover(path, config, Instant(0) + epoch)?;
            (broker, Some(file))
        }
    };
    let shared = Shared { broker, connections: HashMap::new(), unkept: Unkept::default() };
    let (changed, recorded) = (Condvar::new(), Condvar::new());
    let (start, shared) = (time::Instant::now(), Mutex::new(shared));
    let host = Arc::new(Host { start, epoch, shared, changed, recorded });
    if let Some(file) = journal {
        let keeper = Arc::clone(&host);
        thread::spawn(move || journal::keep(&keeper, file));
    }
    let timekeeper = Arc::clone(&host);
    thread::spawn(move || timekeeper.keep_time());
    loop {
        if let Err(error) = host.accept(&listener) {
            eprintln!("cannot accept: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}
