//! A browser's requests, as bytes.

use core::net::SocketAddr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use mqtt_broker_tokio::Server;

/// The web service on a port of its own, until the test program ends.
fn start() -> SocketAddr {
    let server = Server::builder().bind().unwrap();
    let app = super::app(server.handle());
    drop(server.serve());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

fn ask(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn answer(address: SocketAddr, request: &str) -> String {
    let mut answer = String::new();
    ask(address, request).read_to_string(&mut answer).unwrap();
    answer
}

fn post(address: SocketAddr, query: &str, body: &str) -> String {
    let len = body.len();
    let head = format!("POST /publish?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    answer(address, &format!("{head}Content-Length: {len}\r\n\r\n{body}"))
}

#[test]
fn what_is_posted_is_streamed() {
    let address = start();
    assert!(post(address, "topic=a/old&retain=true", "kept").starts_with("HTTP/1.1 204"));

    let stream = ask(address, "GET /messages?filter=a/%23 HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut lines =
        BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.starts_with("data"));
    let kept = r#"data: {"topic":"a/old","text":"kept","retain":true}"#;
    assert_eq!(lines.next().unwrap(), kept);

    assert!(post(address, "topic=a/new", "two\nlines").starts_with("HTTP/1.1 204"));
    let new = r#"data: {"topic":"a/new","text":"two\nlines","retain":false}"#;
    assert_eq!(lines.next().unwrap(), new);
}

#[test]
fn a_bad_topic_is_a_bad_request() {
    let address = start();
    assert!(post(address, "topic=a/%23", "").starts_with("HTTP/1.1 400"));
    let answer = answer(
        address,
        "GET /messages?filter=%23/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[test]
fn there_is_a_page() {
    let address = start();
    let answer = answer(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("<!doctype html>"), "{answer}");
}
