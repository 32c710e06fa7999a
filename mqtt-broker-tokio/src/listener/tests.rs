//! What is accepted is ready to be served.

use super::*;

#[test]
fn a_connection_sends_at_once_whether_or_not_the_system_hands_that_on() {
    for hands_on in [None, Some(false)] {
        let mut bound = bind(&["127.0.0.1:0".to_owned()]).unwrap();
        let mut listener = Listener::new(bound.pop().unwrap());
        listener.hands_on = hands_on;
        let address = listener.socket().local_addr().unwrap();
        for _ in 0..2 {
            let client = std::net::TcpStream::connect(address).unwrap();
            let (stream, peer) = loop {
                match listener.accept() {
                    Accepted::Stream(stream, peer) => break (stream, peer),
                    Accepted::Nobody => {}
                    other => panic!("no connection but {other:?}"),
                }
            };
            assert_eq!(peer, client.local_addr().unwrap());
            assert!(stream.nodelay().unwrap());
        }
    }
}
