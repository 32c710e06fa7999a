//! The connect card: what to type to reach this broker, printed once it listens.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeSet;
use std::net::UdpSocket;

/// What the card says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    /// Where a client of this machine connects and counts as one.
    loopback: Vec<SocketAddr>,
    /// Where others connect.
    network: Vec<SocketAddr>,
    open: bool,
    /// The command that opens the broker.
    open_command: String,
}

impl Card {
    /// The card of a broker bound to `bound`.
    pub(crate) fn new(bound: &[SocketAddr], open: bool, open_command: String) -> Self {
        Self::with_interfaces(bound, &interfaces(), open, open_command)
    }

    fn with_interfaces(
        bound: &[SocketAddr],
        interfaces: &[IpAddr],
        open: bool,
        open_command: String,
    ) -> Self {
        let reachable: BTreeSet<SocketAddr> =
            bound.iter().flat_map(|address| reached_through(*address, bound, interfaces)).collect();
        let (loopback, network) =
            reachable.into_iter().partition(|address| address.ip().is_loopback());
        Self { loopback, network, open, open_command }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        writeln!(f, "mqtt-broker {version} is ready for MQTT 5.0, 3.1.1 and 3.1.\n")?;
        write_addresses(f, "on this machine", &self.loopback, "")?;
        let note = if self.open { "" } else { "  (refused until --open)" };
        write_addresses(f, "on the network ", &self.network, note)?;

        let usable = if self.open { self.network.first() } else { None };
        if let Some(address) = self.loopback.first().or(usable) {
            let (host, port) = (address.ip(), address.port());
            writeln!(f, "\n  Try it, in two other terminals:")?;
            writeln!(f, "    mosquitto_sub -h {host} -p {port} -t 'hello/#' -v")?;
            writeln!(f, "    mosquitto_pub -h {host} -p {port} -t hello/world -m 'it works'")?;
        }

        let command = &self.open_command;
        match (self.open, self.loopback.is_empty()) {
            (true, _) => {
                writeln!(f, "\n  Open: clients of every machine may connect, without a password.")
            }
            (false, false) => writeln!(
                f,
                "\n  Only clients of this machine may connect. To let in all, without a password:\
                 \n    {command}"
            ),
            (false, true) => writeln!(
                f,
                "\n  Nobody may connect: it is not open, and listens on no address of this machine\
                 \n  alone (127.0.0.1). To let in all, without a password:\n    {command}"
            ),
        }
    }
}

fn write_addresses(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    addresses: &[SocketAddr],
    note: &str,
) -> fmt::Result {
    if addresses.is_empty() {
        return Ok(());
    }
    write!(f, "  {title} ")?;
    for address in addresses {
        write!(f, "  {address}")?;
    }
    writeln!(f, "{note}")
}

/// The addresses that a client can name to reach a socket bound to `bound`.
fn reached_through(
    bound: SocketAddr,
    all: &[SocketAddr],
    interfaces: &[IpAddr],
) -> Vec<SocketAddr> {
    let at = |ip: IpAddr| SocketAddr::new(ip, bound.port());
    let everywhere = |family: fn(&IpAddr) -> bool| {
        interfaces.iter().copied().filter(family).map(at).collect::<Vec<_>>()
    };
    match bound.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
            [vec![at(Ipv4Addr::LOCALHOST.into())], everywhere(IpAddr::is_ipv4)].concat()
        }
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            let six = [vec![at(Ipv6Addr::LOCALHOST.into())], everywhere(IpAddr::is_ipv6)].concat();
            // `[::]` takes IPv4 too, unless another socket has the port there.
            if all.iter().any(|other| other.is_ipv4() && other.port() == bound.port()) {
                return six;
            }
            let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), bound.port());
            [reached_through(any, all, interfaces), six].concat()
        }
        _ => vec![bound],
    }
}

/// The addresses by which this machine reaches others, at most one of each family. Connecting a
/// UDP socket sends nothing: the system only chooses the interface.
fn interfaces() -> Vec<IpAddr> {
    // Addresses reserved for documentation: nobody is there.
    let far = [
        (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::new(192, 0, 2, 1))),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    far.into_iter()
        .filter_map(|(any, far)| {
            let socket = UdpSocket::bind((any, 0)).ok()?;
            socket.connect((far, 9)).ok()?;
            socket.local_addr().ok().map(|address| address.ip())
        })
        .filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
        .collect()
}

#[cfg(test)]
mod tests;
