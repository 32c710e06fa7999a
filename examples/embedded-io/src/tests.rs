//! Clients over TCP, as bytes; the thermometer is at the other end of a pipe.

use core::net::SocketAddr;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use async_io::Async;

/// The program on a port of its own, until the test program ends.
fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        async_io::block_on(super::run(&Async::new(listener).unwrap()));
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c").unwrap();
    expect(&mut stream, b"\x20\x02\x00\x00");
    stream
}

fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}

/// The next temperature, retained or not.
fn temperature(client: &mut TcpStream) -> [u8; 4] {
    let (mut first, mut celsius) = ([0], [0; 4]);
    client.read_exact(&mut first).unwrap();
    assert_eq!(first[0] & !1, 0x30);
    expect(client, b"\x11\x00\x0btemperature");
    client.read_exact(&mut celsius).unwrap();
    celsius
}

#[test]
fn the_thermometer_is_heard_and_told() {
    let mut client = connect(start());
    client.write_all(b"\x82\x10\x00\x01\x00\x0btemperature\x00").unwrap();
    expect(&mut client, b"\x90\x03\x00\x01\x00");
    assert_eq!(temperature(&mut client)[0], b'2');

    client.write_all(b"\x30\x07\x00\x04unitF").unwrap();
    // One in degrees Celsius may be under way.
    while temperature(&mut client)[0] != b'6' {}
}

#[test]
fn more_clients_than_sockets_wait() {
    let address = start();
    let mut clients: Vec<_> = (0..super::SOCKETS)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00").unwrap();
            expect(&mut stream, b"\x20\x02\x00\x00");
            stream
        })
        .collect();
    let waiting = std::thread::spawn(move || connect(address));
    drop(clients.pop());
    drop(waiting.join().unwrap());
    // A second CONNECT is against the rules.
    let mut closed = clients.pop().unwrap();
    closed.write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00").unwrap();
    assert_eq!(closed.read(&mut [0]).unwrap(), 0);
}
