//! A broker in a driver, and the clients around it.

mod mode;
mod notes;
mod own_tests;

use alloc::rc::Rc;
use core::cell::Cell;
use core::time::Duration;

use mqtt_broker_core::{Broker, Config, ConnectionHandle, Driver, Error, Lsn, Peer, Stats};

pub(crate) use self::mode::Mode;
use self::mode::{Cut, Io};
use self::notes::{Noted, Notes};
pub(crate) use self::own_tests::own_tests;
use crate::asynchronous::clock::Clock;
use crate::asynchronous::executor::Executor;
use crate::asynchronous::pipe::{Duplex, duplex};
use crate::transcript::host::Wish;
use crate::transcript::rules::Rule;
use crate::transcript::scene::{Scene, question};
use crate::transcript::subject::Subject;
use crate::transcript::wishes::Wishes;

/// More turns than any transcript needs.
const TURNS: usize = 10_000;

/// Broker, driver, clients, executor and clock.
pub(crate) struct World {
    driver: Rc<Driver<Notes>>,
    executor: Executor,
    clock: Clock,
    mode: Mode,
    scene: Scene,
    /// The Network Connections of the clients, in the same places.
    links: Vec<Link>,
    wishes: Wishes,
    disk_stalls: bool,
    durable: Lsn,
}

/// A client's side of a Network Connection.
#[derive(Default)]
struct Link {
    pipe: Option<Duplex>,
    handle: Option<ConnectionHandle>,
    /// Why the broker closes it.
    reason: Option<String>,
    /// The broker did not take it.
    refused: Rc<Cell<Option<Error>>>,
}

impl World {
    pub(crate) fn new(config: Config, mode: Mode) -> Self {
        let clock = Clock::new();
        let driver = Driver::new(Broker::new(config), Notes::new(clock.clone()));
        let driver = Rc::new(driver.buffer_size(mode.buffer));
        let mut executor = Executor::default();
        let (timed, times) = (Rc::clone(&driver), clock.clone());
        executor.spawn(async move { timed.run(|span| times.sleep(span)).await });
        Self {
            driver,
            executor,
            clock,
            mode,
            scene: Scene::default(),
            links: Vec::new(),
            wishes: Wishes::default(),
            disk_stalls: false,
            durable: Lsn::default(),
        }
    }

    /// What the driver told the host. Whether there was anything.
    fn hear(&mut self) -> bool {
        let noted = self.driver.with_host(|notes| core::mem::take(&mut notes.noted));
        let is_news = !noted.is_empty();
        for noted in noted {
            match noted {
                Noted::Accepted(handle, place) => self.links[place].handle = Some(handle),
                Noted::Closing(handle, reason) => {
                    if let Some(place) = self.place(handle) {
                        self.links[place].reason = Some(reason.to_string());
                    }
                }
                Noted::Decide(ticket, handle, request) => {
                    if let Some(place) = self.place(handle) {
                        let name = self.scene.clients[place].name.clone();
                        self.scene.inbox.push_back(question(&name, &request));
                        self.wishes.questions.push((name, ticket));
                    }
                }
                Noted::Message(seen) => self.scene.inbox.push_back(seen),
                Noted::Event(event) => self.scene.hear(event),
            }
        }
        is_news
    }

    fn place(&self, handle: ConnectionHandle) -> Option<usize> {
        self.links.iter().position(|link| link.handle == Some(handle))
    }

    /// What came to the clients. Whether there was anything.
    fn arrive(&mut self) -> Result<bool, String> {
        let mut is_news = false;
        for (link, client) in self.links.iter_mut().zip(&mut self.scene.clients) {
            let Some(pipe) = &link.pipe else { continue };
            let bytes = pipe.read.take();
            is_news |= !bytes.is_empty();
            client.receives(&bytes)?;
            if pipe.read.has_ended() {
                is_news = true;
                let refused = link.refused.take().map(|error| error.to_string());
                let reason = link.reason.take().or(refused).unwrap_or_default();
                *link = Link::default();
                client.closed(reason)?;
            }
        }
        Ok(is_news)
    }

    /// What is on the disk is durable.
    fn sync(&mut self) -> bool {
        let written = self.driver.with_host(|notes| notes.written);
        let is_news = !self.disk_stalls && self.durable < written;
        if is_news {
            self.durable = written;
            self.driver.with(|broker, _| broker.durable(written));
        }
        is_news
    }
}

impl Subject for World {
    fn scene(&mut self) -> &mut Scene {
        &mut self.scene
    }

    fn accept(&mut self, client: usize) -> Result<(), String> {
        let (near, far) = duplex(self.mode.capacity);
        let link = Link { pipe: Some(far), ..Link::default() };
        let (refused, driver) = (Rc::clone(&link.refused), Rc::clone(&self.driver));
        self.links.resize_with(self.scene.clients.len(), Link::default);
        self.links[client] = link;
        self.scene.clients[client].opened();
        // The place of the client travels as the port.
        let port = u16::try_from(client).map_err(|e| e.to_string())?;
        let peer = Peer::new(([127, 0, 0, 1], port).into());
        let (io, buffer) = (self.mode.io, self.mode.buffer);
        self.executor.spawn(async move {
            let outcome = match io {
                Io::Futures => driver.serve_futures(peer, near).await,
                Io::Embedded => {
                    let (mut read, mut write) = (vec![0; buffer], vec![0; buffer]);
                    let Duplex { read: reader, write: writer } = near;
                    driver.serve_embedded(peer, reader, writer, &mut read, &mut write).await
                }
            };
            refused.set(outcome.err());
        });
        self.settle()
    }

    fn write(&mut self, client: usize, bytes: &[u8]) -> Result<(), String> {
        let size = if self.mode.cut == Cut::Bytes { 1 } else { bytes.len() };
        for piece in bytes.chunks(size.max(1)) {
            let Some(pipe) = &self.links[client].pipe else { break };
            pipe.write.put(piece);
            self.executor.run()?;
        }
        Ok(())
    }

    fn end(&mut self, client: usize) -> Result<(), String> {
        self.settle()?;
        self.scene.clients[client].is_open = false;
        if let Some(link) = self.links.get_mut(client) {
            *link = Link::default();
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TURNS {
            self.executor.run()?;
            let is_news = self.hear() | self.arrive()? | self.sync();
            if !is_news {
                return Ok(());
            }
        }
        Err("the driver does not come to rest".into())
    }

    fn after_line(&mut self) -> Result<(), String> {
        self.executor.run()
    }

    fn wait(&mut self, span: Duration) -> Result<(), String> {
        self.settle()?;
        let end = self.clock.now() + span;
        for _ in 0..TURNS {
            let is_early = self.clock.turn(end);
            self.settle()?;
            if !is_early {
                return Ok(());
            }
        }
        Err("the driver asks to be woken without end".into())
    }

    fn rule(&mut self, rule: Option<Rule>) -> Result<(), String> {
        self.driver.with_host(|notes| notes.rules.add(rule));
        Ok(())
    }

    fn disk_stalls(&mut self, stalls: bool) -> Result<(), String> {
        self.disk_stalls = stalls;
        Ok(())
    }

    fn wish(&mut self, wish: &Wish) -> Result<(), String> {
        if matches!(wish, Wish::ShutDown) {
            self.driver.shutdown();
            return Ok(());
        }
        let (wishes, scene) = (&mut self.wishes, &mut self.scene);
        self.driver.with(|broker, now| wishes.tell(broker, now, wish, scene))
    }

    fn stats(&mut self) -> Result<Stats, String> {
        Ok(self.driver.with(|broker, _| broker.stats()))
    }

    fn joins_writes(&self) -> bool {
        self.mode.cut == Cut::Together
    }
}
