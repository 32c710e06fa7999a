//! Where the broker listens: the addresses of `--listen` and `listen = […]`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
            (Self::Localhost(_), _) => self == other || self.halves().contains(&other),
            // Alone it takes IPv4 as well, and `0.0.0.0` beside it takes that half.
            (Self::Only(this), Self::Localhost(_)) => this.ip() == Ipv6Addr::UNSPECIFIED,
            (Self::Only(_), Self::Everywhere(_)) => false,
        }
    }

    /// What `localhost` stands for.
    fn halves(self) -> [Self; 2] {
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        loopback.map(|ip| Self::Only(SocketAddr::new(ip, self.port())))
    }

    /// What is left of `localhost` beside `0.0.0.0`, which takes one half of it.
    fn beside(self, others: &[Self]) -> Self {
        let Self::Localhost(port) = self else { return self };
        let [_, v6] = self.halves();
        let is_halved = others.contains(&Self::Only((Ipv4Addr::UNSPECIFIED, port).into()));
        let is_whole = others.iter().any(|&other| other != self && other.covers(self));
        if is_halved && !is_whole && port != 0 { v6 } else { self }
    }

    fn port(self) -> u16 {
        match self {
            Self::Everywhere(port) | Self::Localhost(port) => port,
            Self::Only(address) => address.port(),
        }
    }

    /// What to bind: `[::]` is for IPv4 too.
    fn preferred(self) -> String {
        match self {
            Self::Everywhere(port) => format!("[::]:{port}"),
            Self::Localhost(port) => format!("localhost:{port}"),
            Self::Only(address) => address.to_string(),
        }
    }

    /// The same on a machine without IPv6.
    fn without_ipv6(self) -> Self {
        match self {
            Self::Everywhere(port) => Self::Only((Ipv4Addr::UNSPECIFIED, port).into()),
            Self::Localhost(port) => Self::Only((Ipv4Addr::LOCALHOST, port).into()),
            Self::Only(_) => self,
        }
    }
}

/// What to bind for these addresses.
pub(crate) fn preferred(addresses: &[ListenAddress]) -> Vec<String> {
    without_covered(addresses).into_iter().map(ListenAddress::preferred).collect()
}

/// What to bind for them on a machine without IPv6.
pub(crate) fn without_ipv6(addresses: &[ListenAddress]) -> Vec<String> {
    let addresses: Vec<_> = addresses.iter().map(|address| address.without_ipv6()).collect();
    preferred(&addresses)
}

/// The addresses without those that another one covers.
fn without_covered(addresses: &[ListenAddress]) -> Vec<ListenAddress> {
    let mut kept: Vec<ListenAddress> = Vec::new();
    for address in addresses.iter().map(|address| address.beside(addresses)) {
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
