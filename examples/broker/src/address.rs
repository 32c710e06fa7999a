//! Where the broker listens: the addresses of `--listen` and `listen = […]`.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

/// The port that IANA assigned to MQTT over TCP.
pub(crate) const DEFAULT_PORT: u16 = 1883;

/// One address as an operator writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// `1883` or `:1883`: every interface, IPv4 and IPv6.
    Everywhere(u16),
    /// `localhost:1883`: the loopback addresses, IPv4 and IPv6.
    Localhost(u16),
    /// `127.0.0.1:1883`, `[::1]:1883`, `0.0.0.0`: this address alone.
    Only(SocketAddr),
}

impl ListenAddress {
    /// Whether a socket for this address takes every connection that one for `other` would; the
    /// system may not even give the second.
    fn covers(self, other: Self) -> bool {
        if self.port() != other.port() || self.port() == 0 {
            return false;
        }
        match (self, other) {
            (Self::Everywhere(_), _) => true,
            (Self::Only(this), Self::Only(other)) => {
                let all_of_a_kind = this.ip().is_unspecified() && this.is_ipv4() == other.is_ipv4();
                all_of_a_kind || this == other
            }
            _ => self == other,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Everywhere(port) | Self::Localhost(port) => port,
            Self::Only(address) => address.port(),
        }
    }

    /// What to bind: `[::]` is for IPv4 too.
    pub(crate) fn preferred(self) -> String {
        match self {
            Self::Everywhere(port) => format!("[::]:{port}"),
            Self::Localhost(port) => format!("localhost:{port}"),
            Self::Only(address) => address.to_string(),
        }
    }

    /// What to bind on a machine without IPv6.
    pub(crate) fn without_ipv6(self) -> String {
        match self {
            Self::Everywhere(port) => format!("0.0.0.0:{port}"),
            Self::Localhost(port) => format!("127.0.0.1:{port}"),
            Self::Only(address) => address.to_string(),
        }
    }
}

/// The addresses without those that another one covers.
pub(crate) fn without_covered(addresses: &[ListenAddress]) -> Vec<ListenAddress> {
    let mut kept: Vec<ListenAddress> = Vec::new();
    for &address in addresses {
        if !kept.iter().any(|other| other.covers(address)) {
            kept.retain(|other| !address.covers(*other));
            kept.push(address);
        }
    }
    kept
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, "{port}"),
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Only(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let wrong = || NotAnAddress(text.to_owned());
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Only(address));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Only(SocketAddr::new(address, DEFAULT_PORT)));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, parse_port(port).ok_or_else(wrong)?),
            None => match parse_port(text) {
                Some(port) => ("", port),
                None => (text, DEFAULT_PORT),
            },
        };
        match host {
            "" if !text.is_empty() => Ok(Self::Everywhere(port)),
            "localhost" => Ok(Self::Localhost(port)),
            _ => Err(wrong()),
        }
    }
}

fn parse_port(text: &str) -> Option<u16> {
    // `u16::from_str` takes a sign too.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A text that is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAnAddress(String);

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an address to listen on: write a port (1883), an address (0.0.0.0, ::1), \
             or both (127.0.0.1:1883, [::1]:1883, localhost:1883)",
            self.0
        )
    }
}

impl core::error::Error for NotAnAddress {}

#[cfg(test)]
mod tests;
