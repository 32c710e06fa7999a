//! What transcripts cannot tell: how connections end, and what a slow one does to the others.

use alloc::rc::Rc;
use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};
use core::time::Duration;

use mqtt_broker_core::{Broker, Config, Driver, Event, Host, Instant, Peer, Policy};
use mqtt_codec::Version;

use super::notes::Notes;
use crate::asynchronous::clock::Clock;
use crate::asynchronous::executor::{Executor, TaskId};
use crate::asynchronous::pipe::{Duplex, duplex};
use crate::transcript::packet::{encoded, packet};

type Test = (&'static str, fn());

/// Each with its name.
pub(crate) fn own_tests() -> Vec<Test> {
    vec![
        ("a dropped connection is an ended one", dropped_is_ended),
        ("a connection may be dropped by a hook", dropped_by_a_hook),
        ("who does not read holds up nobody else", slow_reader),
        ("who does not read has its time when it is closed", lingering_ends),
        ("who does not close has its time too", half_closed_ends),
        ("what came before a broken write is heard", heard_although_broken),
        ("a shutdown ends everything", shutdown_ends_all),
        ("a full broker refuses", full_refuses),
        ("an idle connection is small", idle_is_small),
    ]
}

struct Fixture {
    driver: Rc<Driver<Notes>>,
    executor: Executor,
    clock: Clock,
    time: TaskId,
}

impl Fixture {
    fn new(config: Config) -> Self {
        let clock = Clock::new();
        let driver = Driver::new(Broker::new(config), Notes::new(clock.clone()));
        let driver = Rc::new(driver.buffer_size(64));
        let mut executor = Executor::default();
        let (timed, times) = (Rc::clone(&driver), clock.clone());
        let time = executor.spawn(async move { timed.run(|span| times.sleep(span)).await });
        Self { driver, executor, clock, time }
    }

    fn open(&mut self, capacity: usize) -> (TaskId, Duplex) {
        let (near, far) = duplex(capacity);
        let driver = Rc::clone(&self.driver);
        let task = self.executor.spawn(async move {
            let _ = driver.serve_futures(Peer::default(), near).await;
        });
        (task, far)
    }

    /// A client that has sent these packets.
    fn client(&mut self, capacity: usize, packets: &[&str]) -> (TaskId, Duplex) {
        let (task, pipe) = self.open(capacity);
        packets.iter().for_each(|text| pipe.write.put(&bytes(text)));
        self.run();
        (task, pipe)
    }

    fn run(&mut self) {
        self.executor.run().unwrap();
    }

    fn pass(&mut self, span: Duration) {
        let end = self.clock.now() + span;
        self.run();
        while self.clock.turn(end) {
            self.run();
        }
        self.run();
    }

    fn connections(&self) -> u32 {
        self.driver.with(|broker, _| broker.stats().connections)
    }
}

fn bytes(text: &str) -> Vec<u8> {
    encoded(&packet(text).unwrap(), Version::V5).unwrap()
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

fn dropped_is_ended() {
    let mut fixture = Fixture::new(Config::default());
    let (_, watcher) = fixture
        .client(usize::MAX, &[r#"CONNECT v5 clean client="w""#, r#"SUBSCRIBE id=1 "gone" q0"#]);
    let (task, _pipe) =
        fixture.client(usize::MAX, &[r#"CONNECT v5 clean client="c" will=(q0 "gone" "alas")"#]);
    assert_eq!(fixture.connections(), 2);
    fixture.executor.cancel(task);
    assert_eq!(fixture.connections(), 1);
    fixture.run();
    assert!(contains(&watcher.read.take(), "alas"));
}

type Serving = Pin<Box<dyn Future<Output = ()>>>;

/// A host that drops a connection's future as soon as anything happens.
struct Dropping {
    clock: Clock,
    victim: Rc<RefCell<Option<Serving>>>,
}

impl Policy for Dropping {}

impl Host for Dropping {
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    fn event(&mut self, _: Event) {
        self.victim.take();
    }
}

fn dropped_by_a_hook() {
    let victim = Rc::new(RefCell::new(None));
    let host = Dropping { clock: Clock::new(), victim: Rc::clone(&victim) };
    let driver = Rc::new(Driver::new(Broker::new(Config::default()), host));
    let serve = |pipe| {
        let driver = Rc::clone(&driver);
        Box::pin(async move {
            let _ = driver.serve_futures(Peer::default(), pipe).await;
        })
    };
    let mut cx = Context::from_waker(Waker::noop());
    let ((first, _other_side), (second, client)) = (duplex(usize::MAX), duplex(usize::MAX));
    let (mut first, mut second): (Serving, Serving) = (serve(first), serve(second));
    assert!(first.as_mut().poll(&mut cx).is_pending());
    *victim.borrow_mut() = Some(first);
    assert_eq!(driver.with(|broker, _| broker.stats().connections), 1);
    client.write.put(&bytes(r#"CONNECT v5 clean client="c""#));
    assert!(second.as_mut().poll(&mut cx).is_pending());
    assert!(victim.borrow().is_none());
    assert_eq!(driver.with(|broker, _| broker.stats().connections), 1);
    drop(second);
    assert_eq!(driver.with(|broker, _| broker.stats().connections), 0);
}

fn slow_reader() {
    let mut fixture = Fixture::new(Config::default());
    let subscribe = r#"SUBSCRIBE id=1 "t" q0"#;
    let (_, _slow) = fixture.client(1, &[r#"CONNECT v5 clean client="slow""#, subscribe]);
    let (_, fast) = fixture.client(usize::MAX, &[r#"CONNECT v5 clean client="fast""#, subscribe]);
    let (_, publisher) = fixture.client(usize::MAX, &[r#"CONNECT v5 clean client="p""#]);
    fast.read.take();
    for _ in 0..100 {
        publisher.write.put(&bytes(r#"PUBLISH q0 "t" 5000B"#));
        fixture.run();
        assert!(fast.read.take().len() > 5000);
    }
}

fn lingering_ends() {
    let mut fixture = Fixture::new(Config::default());
    let connect = r#"CONNECT v5 clean client="c""#;
    let (task, _pipe) = fixture.client(1, &[connect, connect]);
    fixture.pass(Duration::from_millis(1900));
    assert!(!fixture.executor.is_done(task));
    fixture.pass(Duration::from_millis(200));
    assert!(fixture.executor.is_done(task));
    assert_eq!(fixture.connections(), 0);
}

fn half_closed_ends() {
    let mut fixture = Fixture::new(Config::default());
    let packets = [r#"CONNECT v5 clean client="c""#, "DISCONNECT 0x00"];
    let (task, pipe) = fixture.client(usize::MAX, &packets);
    pipe.read.take();
    assert!(pipe.read.has_ended());
    assert!(!fixture.executor.is_done(task));
    fixture.pass(Duration::from_secs(2));
    assert!(fixture.executor.is_done(task));

    let (task, pipe) = fixture.client(usize::MAX, &packets);
    drop(pipe);
    fixture.run();
    assert!(fixture.executor.is_done(task));
}

/// A client that says good-bye and is gone before its answers reach it has said good-bye: its Will
/// Message is not published.
//= [MQTT-3.14.4-3] type=test
fn heard_although_broken() {
    let mut fixture = Fixture::new(Config::default());
    let (_, watcher) = fixture
        .client(usize::MAX, &[r#"CONNECT v5 clean client="w""#, r#"SUBSCRIBE id=1 "gone" q0"#]);
    let (task, pipe) =
        fixture.client(usize::MAX, &[r#"CONNECT v5 clean client="c" will=(q0 "gone" "alas")"#]);
    drop(pipe.read);
    // More than is read before the first answer is written, which fails.
    pipe.write.put(&[bytes("PINGREQ").repeat(50), bytes("DISCONNECT 0x00")].concat());
    fixture.run();
    assert!(fixture.executor.is_done(task));
    assert!(!contains(&watcher.read.take(), "alas"));
}

fn shutdown_ends_all() {
    let mut fixture = Fixture::new(Config::default());
    let (task, pipe) = fixture.client(usize::MAX, &[r#"CONNECT v5 clean client="c""#]);
    let (waiting, _waiting_pipe) = fixture.open(usize::MAX);
    fixture.run();
    fixture.driver.shutdown();
    fixture.run();
    drop(pipe);
    fixture.run();
    assert!(fixture.executor.is_done(task));
    assert!(!fixture.executor.is_done(fixture.time));
    fixture.pass(Duration::from_secs(2));
    assert!(fixture.executor.is_done(waiting));
    assert!(fixture.executor.is_done(fixture.time));
    let (late, _pipe) = fixture.open(usize::MAX);
    fixture.run();
    assert!(fixture.executor.is_done(late));
}

fn full_refuses() {
    let mut config = Config::default();
    config.limits.connections = 1;
    let mut fixture = Fixture::new(config);
    let (first, _pipe) = fixture.open(usize::MAX);
    let (second, far) = fixture.open(usize::MAX);
    fixture.run();
    assert!(!fixture.executor.is_done(first));
    assert!(fixture.executor.is_done(second) && far.read.has_ended());
}

/// What a connection costs besides its stream and its place in the broker: no buffer is among it.
fn idle_is_small() {
    let fixture = Fixture::new(Config::default());
    let (near, _far) = duplex(usize::MAX);
    let serving = fixture.driver.serve_futures(Peer::default(), near);
    let size = size_of_val(&serving);
    assert!(size <= 1024, "{size}");
}
