//! The binding's error: opaque, asked by predicates, with its cause as `source()`.

use core::error::Error as StdError;
use core::fmt;
use std::io;

use crate::journal::LimitNeeded;

/// Something the binding could not do. What peers do wrong is never an error here: it is an
/// [`Event`](mqtt_broker_core::Event).
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
enum Kind {
    Bind { address: String },
    Start,
    Panicked,
    Closed,
    Busy,
    Invalid(&'static str),
    Refused,
    Recovery,
    Limits(Vec<LimitNeeded>),
    Store,
}

impl Error {
    /// An address could not be listened on; [`address`](Self::address) says which.
    #[must_use]
    pub fn is_bind(&self) -> bool {
        matches!(self.0.kind, Kind::Bind { .. })
    }

    /// An address could not be listened on because something else does already.
    #[must_use]
    pub fn is_address_in_use(&self) -> bool {
        self.is_bind() && self.io_kind() == Some(io::ErrorKind::AddrInUse)
    }

    /// An address could not be listened on because this process may not (ports below 1024).
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.is_bind() && self.io_kind() == Some(io::ErrorKind::PermissionDenied)
    }

    /// The address and port that a [bind error](Self::is_bind) is about, as it was asked for.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Bind { address } => Some(address),
            _ => None,
        }
    }

    /// The system did not give a thread or what a runtime needs.
    #[must_use]
    pub fn is_start(&self) -> bool {
        matches!(self.0.kind, Kind::Start)
    }

    /// The broker's thread panicked: a bug, in it or in a hook.
    #[must_use]
    pub fn is_panicked(&self) -> bool {
        matches!(self.0.kind, Kind::Panicked)
    }

    /// The server has shut down, or is doing so.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.0.kind, Kind::Closed)
    }

    /// The server has more commands waiting than its channel holds; try again, or wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.0.kind, Kind::Busy)
    }

    /// The Topic Name, the Topic Filter or a property is not well-formed.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.0.kind, Kind::Invalid(_))
    }

    /// The broker said no: a limit is reached, or the request is one it does not serve.
    /// [`source`](StdError::source) is the core's [`Error`](mqtt_broker_core::Error).
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.0.kind, Kind::Refused)
    }

    /// The [store](crate::Store) failed: what it keeps cannot be read, or it keeps nothing
    /// more. [`source`](StdError::source) says what and where.
    #[must_use]
    pub fn is_store(&self) -> bool {
        matches!(self.0.kind, Kind::Recovery | Kind::Limits(_) | Kind::Store)
    }

    /// The [limits](mqtt_broker_core::Limits) that are too low for what the [store](crate::Store)
    /// keeps, and what it needs: with that, the server would have started. Empty for every other
    /// error.
    #[must_use]
    pub fn limits_needed(&self) -> &[LimitNeeded] {
        match &self.0.kind {
            Kind::Limits(needed) => needed,
            _ => &[],
        }
    }

    pub(crate) fn bind(address: &str, source: io::Error) -> Self {
        Self::new(Kind::Bind { address: address.to_owned() }, Some(source.into()))
    }

    pub(crate) fn start(source: io::Error) -> Self {
        Self::new(Kind::Start, Some(source.into()))
    }

    pub(crate) fn panicked() -> Self {
        Self::new(Kind::Panicked, None)
    }

    pub(crate) fn closed() -> Self {
        Self::new(Kind::Closed, None)
    }

    pub(crate) fn busy() -> Self {
        Self::new(Kind::Busy, None)
    }

    pub(crate) fn invalid(
        what: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(Kind::Invalid(what), Some(source.into()))
    }

    pub(crate) fn refused(source: mqtt_broker_core::Error) -> Self {
        Self::new(Kind::Refused, Some(Box::new(source)))
    }

    pub(crate) fn recovery(source: io::Error) -> Self {
        Self::new(Kind::Recovery, Some(source.into()))
    }

    pub(crate) fn limits(needed: Vec<LimitNeeded>, source: io::Error) -> Self {
        Self::new(Kind::Limits(needed), Some(source.into()))
    }

    pub(crate) fn store(source: io::Error) -> Self {
        Self::new(Kind::Store, Some(source.into()))
    }

    fn new(kind: Kind, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Box::new(Inner { kind, source }))
    }

    fn io_kind(&self) -> Option<io::ErrorKind> {
        let source = self.0.source.as_ref()?;
        source.downcast_ref::<io::Error>().map(io::Error::kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Bind { address } if self.is_address_in_use() => {
                write!(f, "cannot listen on {address}: the port is in use")
            }
            Kind::Bind { address } => write!(f, "cannot listen on {address}"),
            Kind::Start => f.write_str("cannot start the broker's thread"),
            Kind::Panicked => f.write_str("the broker's thread panicked"),
            Kind::Closed => f.write_str("the server has shut down"),
            Kind::Busy => f.write_str("the server's command channel is full"),
            Kind::Invalid(what) => write!(f, "{what} is not well-formed"),
            Kind::Refused => f.write_str("refused by the broker"),
            Kind::Recovery => f.write_str("cannot start from the journal"),
            Kind::Limits(needed) => {
                f.write_str("cannot start from the journal, which needs")?;
                for (place, limit) in needed.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma} a limit `{}` of {}", limit.name, limit.needed)?;
                    write!(f, " where {} is configured", limit.configured)?;
                }
                Ok(())
            }
            Kind::Store => f.write_str("the journal cannot be kept"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
