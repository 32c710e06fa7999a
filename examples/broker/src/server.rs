//! One run of the broker, from binding to the last log line.

use core::error::Error;
use core::fmt::{self, Write as _};
use core::time::Duration;
use std::io;
use std::process;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

use mqtt_broker_tokio::{Server, ShutdownHandle};
use tracing::{debug, info, warn};

use crate::address;
use crate::card::Card;
use crate::configuration::{Configuration, grouped};
use crate::cure::Cures;
use crate::event_log::{EventLog, EventSender};
use crate::log;
use crate::policy::LoopbackUnlessOpen;
use crate::recording::Recording;
use crate::signals::{Signal, Signals};

/// How long clients have to take what is still to be sent to them.
const GRACE: Duration = Duration::from_secs(2);
/// After this the process ends even if the broker has not.
const PATIENCE: Duration = Duration::from_secs(4);
/// A signal so soon after the first is the same wish: a shell and a supervisor may both pass it on.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Serves until a signal ends it.
///
/// # Errors
///
/// A port that cannot be listened on, with what to do; or what the system refused.
pub(crate) fn run(
    configuration: &Configuration,
    cures: &Cures,
    recording: Option<&Recording>,
) -> Result<(), Box<dyn Error>> {
    let open_command = cures.open();
    // Before anybody can be told that the broker is there, it can be ended properly.
    let signals = Signals::install()?;
    let (sender, events) = EventLog::start(configuration.log, cures.clone())?;
    let sender = Arc::new(sender);
    let server = match bind(configuration, &sender, recording) {
        Err(BindError(error)) if !error.limits_needed().is_empty() => {
            return Err(too_small(&error, cures).into());
        }
        bound => bound?,
    };
    if let Some(recording) = recording {
        // A broker that cannot listen leaves no file behind.
        recording.begin(configuration)?;
    }
    let journal = &configuration.journal;
    // The log ends with the broker, whoever ends that.
    let weak_sender = Arc::downgrade(&sender);
    drop(sender);

    let addresses = server.local_addrs();
    let card = Card::new(&addresses, configuration.open, open_command);
    let shutdown = server.shutdown_handle();
    let mut awaited = format!("clients have {} s to take what is to be sent", GRACE.as_secs());
    if journal.is_on() {
        awaited.push_str(", and the journal is written to its end");
    }
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || end_on_signal(signals, &shutdown, &weak_sender, awaited))?;
    crate::say(&card.to_string());
    info!(?addresses, open = configuration.open, "listening");
    if journal.is_on() {
        let (path, sync) = (&journal.path, journal.sync_name());
        info!(path, sync, "Sessions and retained messages are kept in the journal");
    }

    let served = server.serve().wait();
    events.finish();
    info!("ended");
    Ok(served?)
}

/// Binds every address; where IPv6 is absent, IPv4 has to do.
fn bind(
    configuration: &Configuration,
    events: &Arc<EventSender>,
    recording: Option<&Recording>,
) -> Result<Server, BindError> {
    let attempt = |addresses: &[String]| {
        let (events, strangers) = (Arc::clone(events), Arc::clone(events));
        let mut builder = Server::builder()
            .config(configuration.broker.clone())
            .policy(LoopbackUnlessOpen { open: configuration.open })
            .events(move |event| events.send(event))
            .strangers(move |event, protocol| strangers.send_stranger(event, protocol))
            .shutdown_grace(GRACE);
        if let Some(recording) = recording {
            builder = builder.record(recording.limit, recording.clone());
        }
        if let Some(store) = configuration.journal.store() {
            builder = builder.store(store);
        }
        addresses.iter().fold(builder, mqtt_broker_tokio::Builder::listen).bind()
    };
    let preferred = address::preferred(&configuration.listen);
    let without_ipv6 = address::without_ipv6(&configuration.listen);
    let error = match attempt(&preferred) {
        Ok(server) => return Ok(server),
        Err(error) => error,
    };
    let another_way = error.is_bind()
        && !error.is_address_in_use()
        && !error.is_permission_denied()
        && without_ipv6 != preferred;
    if !another_way {
        return Err(BindError(error));
    }
    debug!(%error, "trying again without IPv6");
    attempt(&without_ipv6).map_err(BindError)
}

/// Waits for a signal and ends the broker, telling what is `awaited`; a later signal, or a broker that
/// does not end, ends the process.
fn end_on_signal(
    mut signals: Signals,
    shutdown: &ShutdownHandle,
    log: &Weak<EventSender>,
    awaited: String,
) {
    let signal = loop {
        match signals.next() {
            Signal::Hangup => {
                warn!(
                    "SIGHUP is ignored: nothing is read again; a restart takes a new configuration"
                );
            }
            signal => break signal,
        }
    };
    if let Some(log) = log.upgrade() {
        log.send_ending(signal, awaited);
    }
    shutdown.shutdown();
    let begun = Instant::now();
    while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
        match signals.next_within(left) {
            Some(Signal::Hangup) => {}
            Some(signal) if begun.elapsed() >= SAME_WISH => {
                let code = signal.exit_code();
                log::print(format!(
                    "mqtt-broker: a second signal ({signal}): ended at once, with exit status {code}; \
                     clients may lack what was to be sent\n"
                ));
                process::exit(code);
            }
            _ => {}
        }
    }
    let seconds = PATIENCE.as_secs();
    log::print(format!(
        "mqtt-broker: the broker has not ended within {seconds} s; it is stopped\n"
    ));
    process::exit(1)
}

/// An address that cannot be listened on, with what to do about it.
#[derive(Debug)]
struct BindError(mqtt_broker_tokio::Error);

impl BindError {
    fn is_no_address_of_this_machine(&self) -> bool {
        let cause = self.0.source().and_then(|source| source.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::AddrNotAvailable)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.0;
        let address = error.address().unwrap_or_default();
        let port = address.rsplit_once(':').map_or(address, |(_, port)| port);
        if error.is_address_in_use() {
            write!(
                f,
                "port {port} is in use: another program listens on {address} already.\n  \
                 See which one:        {}\n  \
                 Or use another port:  mqtt-broker --listen {}",
                who_listens(port),
                port.parse().unwrap_or(1883_u16).checked_add(1).unwrap_or(1884)
            )
        } else if error.is_permission_denied() {
            write!(
                f,
                "port {port} is not for this user: the system keeps it for others ({address}).\n  \
                 Use a port above 1023:  mqtt-broker --listen 1883"
            )
        } else if self.is_no_address_of_this_machine() {
            write!(
                f,
                "{address} is no address of this machine.\n  \
                 Listen on all it has:  mqtt-broker --listen {port}"
            )
        } else {
            write!(f, "{error}")
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cases with advice say everything already.
        let told = self.0.is_address_in_use()
            || self.0.is_permission_denied()
            || self.is_no_address_of_this_machine();
        if told { None } else { self.0.source() }
    }
}

/// A journal that holds more than the limits allow, with what to do about it.
fn too_small(error: &mqtt_broker_tokio::Error, cures: &Cures) -> String {
    let needed = error.limits_needed();
    let mut text =
        String::from("the journal holds more than the limits allow; nothing of it is lost.");
    for limit in needed {
        let (name, configured) = (limit.name, grouped(limit.configured.into()));
        let needed = grouped(limit.needed.into());
        // Writing to a String does not fail.
        let _ = write!(text, "\n  limits.{name} is {configured}: it takes {needed} or more");
    }
    let enough = cures.enough(needed.iter().map(|limit| (limit.name, limit.needed)));
    let _ = write!(text, "\n  Start with what it takes:  {enough}");
    text
}

fn who_listens(port: &str) -> String {
    if cfg!(windows) {
        format!("netstat -ano | findstr :{port}")
    } else if cfg!(target_os = "linux") {
        format!("ss -ltnp 'sport = :{port}'")
    } else {
        format!("lsof -nP -iTCP:{port} -sTCP:LISTEN")
    }
}
