//! Listening: sockets that exist before the thread that serves them, and what accepting gives.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::ToSocketAddrs;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// How long a listener rests when the system has no file descriptor, or no memory, to give.
pub(crate) const REST: Duration = Duration::from_millis(500);

/// Binds every address; a name stands for all its addresses.
pub(crate) fn bind(addresses: &[String]) -> Result<Vec<std::net::TcpListener>, Error> {
    let resolved = addresses
        .iter()
        .map(|address| match address.to_socket_addrs() {
            Ok(resolved) => Ok((address.as_str(), resolved.collect())),
            Err(error) => Err(Error::bind(address, error)),
        })
        .collect::<Result<Vec<(&str, Vec<SocketAddr>)>, Error>>()?;
    let all: Vec<SocketAddr> = resolved.iter().flat_map(|(_, list)| list).copied().collect();
    let mut listeners = Vec::with_capacity(all.len());
    for (address, list) in &resolved {
        bind_each(list, &all, &mut listeners).map_err(|error| Error::bind(address, error))?;
    }
    Ok(listeners)
}

/// Binds all addresses of one name. One that this machine does not have (a name such as `localhost`
/// may stand for two kinds) is passed over as long as another can be bound.
fn bind_each(
    addresses: &[SocketAddr],
    all: &[SocketAddr],
    listeners: &mut Vec<std::net::TcpListener>,
) -> io::Result<()> {
    let mut missing = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let before = listeners.len();
    for &address in addresses {
        match bind_one(address, all) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => missing = error,
            Err(error) => return Err(error),
        }
    }
    if listeners.len() == before { Err(missing) } else { Ok(()) }
}

fn bind_one(address: SocketAddr, all: &[SocketAddr]) -> io::Result<std::net::TcpListener> {
    //= [MQTT-4.2-1]
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .map_err(|error| match address.is_ipv6() {
            // A machine without IPv6 says so here.
            true => io::Error::new(io::ErrorKind::AddrNotAvailable, error),
            false => error,
        })?;
    // On Windows the option means that two programs may listen on one port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` is for IPv4 too, everywhere alike, unless `0.0.0.0` is asked for beside it.
        // Port 0 is another port for each.
        let beside = |other: &SocketAddr| {
            other.is_ipv4() && other.port() == address.port() && address.port() != 0
        };
        socket.set_only_v6(!address.ip().is_unspecified() || all.iter().any(beside))?;
    }
    // For what will be accepted. A system that does not take it is told of each connection.
    let _ = socket.set_tcp_nodelay(true);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What accepting gave.
#[derive(Debug)]
pub(crate) enum Accepted {
    Stream(TcpStream, SocketAddr),
    /// Nobody waits; the system tells when somebody does.
    Nobody,
    /// One that gave up before it was accepted; there may be others.
    Gone,
    /// The system is out of something; try again after [`REST`].
    Exhausted(io::Error),
}

/// A bound address that is served.
pub(crate) struct Listener {
    socket: TcpListener,
    /// Whether what is accepted has the options of the listener, as it does on most systems; `None`
    /// before the first was looked at. It saves a call for each connection.
    hands_on: Option<bool>,
}

impl Listener {
    pub(crate) fn new(socket: std::net::TcpListener) -> Self {
        Self { socket: TcpListener::from_std(socket), hands_on: None }
    }

    /// The socket, for the system to watch.
    pub(crate) fn socket(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    /// Takes one connection that waits.
    pub(crate) fn accept(&mut self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, peer)) => {
                self.send_at_once(&stream);
                Accepted::Stream(stream, canonical(peer))
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Accepted::Nobody,
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::Interrupted
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::TimedOut => Accepted::Gone,
                _ => Accepted::Exhausted(error),
            },
        }
    }

    /// Every write is already as large as it can be; waiting to fill a segment only delays it.
    fn send_at_once(&mut self, stream: &TcpStream) {
        if self.hands_on.is_none() {
            self.hands_on = stream.nodelay().ok();
        }
        if self.hands_on != Some(true) {
            // A connection that is gone already shows it when it is read.
            let _ = stream.set_nodelay(true);
        }
    }
}

/// A client that comes over IPv4 has an IPv4 address, also where `[::]` is listened on.
fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        IpAddr::V6(_) => peer,
    }
}

#[cfg(test)]
mod tests;
