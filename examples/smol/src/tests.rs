//! Two clients over TCP, as bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const CONNACK: &[u8] = b"\x20\x02\x00\x00";

#[test]
fn a_message_goes_from_client_to_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It serves until the test program ends.
    std::thread::spawn(move || super::run(listener));

    let mut subscriber = TcpStream::connect(address).unwrap();
    subscriber.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s").unwrap();
    expect(&mut subscriber, CONNACK);
    subscriber.write_all(b"\x82\x08\x00\x01\x00\x03a/b\x00").unwrap();
    expect(&mut subscriber, b"\x90\x03\x00\x01\x00");
    // Retained by the host itself.
    subscriber.write_all(b"\x82\x10\x00\x02\x00\x0bhost/uptime\x00").unwrap();
    expect(&mut subscriber, b"\x90\x03\x00\x02\x00\x31\x0e\x00\x0bhost/uptime");
    let mut seconds = [0];
    subscriber.read_exact(&mut seconds).unwrap();
    assert!(seconds[0].is_ascii_digit());

    let mut publisher = TcpStream::connect(address).unwrap();
    publisher.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01p").unwrap();
    expect(&mut publisher, CONNACK);
    // One that goes, and one that is not allowed.
    publisher.write_all(b"\x30\x0d\x00\x0bhost/uptime").unwrap();
    publisher.write_all(b"\x30\x0a\x00\x03a/bhello").unwrap();
    expect(&mut subscriber, b"\x30\x0a\x00\x03a/bhello");

    publisher.write_all(b"\xe0\x00").unwrap();
    assert_eq!(publisher.read(&mut [0]).unwrap(), 0);
}

fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}
