//! One run of the broker, from binding to the last log line.

use core::error::Error;
use core::fmt;
use core::hash::BuildHasher as _;
use core::time::Duration;
use std::hash::RandomState;
use std::process;
use std::thread;

use mqtt_broker_tokio::{Server, ShutdownHandle};
use tracing::{debug, info, warn};

use crate::card::Card;
use crate::configuration::Configuration;
use crate::cure::Cures;
use crate::event_log::{EventLog, EventSender};
use crate::file_descriptors;
use crate::policy::LoopbackUnlessOpen;
use crate::signals::Signals;

/// How long clients have to take what is still to be sent to them.
const GRACE: Duration = Duration::from_secs(2);
/// After this the process ends even if the broker has not.
const PATIENCE: Duration = Duration::from_secs(4);

/// Serves until a signal ends it.
///
/// # Errors
///
/// A port that cannot be listened on, with what to do; or what the system refused.
pub(crate) fn run(mut configuration: Configuration) -> Result<(), Box<dyn Error>> {
    file_descriptors::raise_limit();
    configuration.broker.seed = entropy();
    let cures = Cures::new(std::env::args(), configuration.broker.clone());
    let open_command = cures.open();
    // Before anybody can be told that the broker is there, it can be ended properly.
    let signals = Signals::install()?;
    let (sender, log) = EventLog::start(configuration.log, cures)?;
    let server = bind(&configuration, &sender)?;
    drop(sender);

    let addresses = server.local_addrs();
    let card = Card::new(&addresses, configuration.open, open_command);
    let shutdown = server.shutdown_handle();
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || end_on_signal(signals, &shutdown))?;
    crate::say(&card.to_string());
    info!(?addresses, open = configuration.open, "listening");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(server.serve());
    log.finish();
    info!("ended");
    Ok(served?)
}

/// Binds every address; where IPv6 is absent, IPv4 has to do.
fn bind(configuration: &Configuration, events: &EventSender) -> Result<Server, BindError> {
    let attempt = |addresses: Vec<String>| {
        let mut builder = Server::builder()
            .config(configuration.broker.clone())
            .policy(LoopbackUnlessOpen { open: configuration.open })
            .shutdown_grace(GRACE);
        for address in addresses {
            builder = builder.listen(address);
        }
        let events = events.clone();
        builder.events(move |event| events.send(event)).bind()
    };
    let preferred: Vec<String> =
        configuration.listen.iter().map(|address| address.preferred()).collect();
    let without_ipv6: Vec<String> =
        configuration.listen.iter().map(|address| address.without_ipv6()).collect();
    let error = match attempt(preferred.clone()) {
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
    attempt(without_ipv6).map_err(BindError)
}

/// Waits for a signal and ends the broker; the second signal, or a broker that does not end, ends
/// the process.
fn end_on_signal(mut signals: Signals, shutdown: &ShutdownHandle) {
    let signal = signals.next();
    info!(%signal, "ending; a second signal ends at once");
    shutdown.shutdown();
    match signals.next_within(PATIENCE) {
        Some(signal) => process::exit(signal.exit_code()),
        None => {
            warn!("ended before every client had taken its last bytes");
            process::exit(0)
        }
    }
}

/// A number that nobody outside can guess, from the keys that the system gives to hash maps.
fn entropy() -> u64 {
    RandomState::new().hash_one(process::id())
}

/// An address that cannot be listened on, with what to do about it.
#[derive(Debug)]
struct BindError(mqtt_broker_tokio::Error);

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
        } else {
            write!(f, "{error}")
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The two cases with advice say everything already.
        let told = self.0.is_address_in_use() || self.0.is_permission_denied();
        if told { None } else { self.0.source() }
    }
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
