//! The client of `examples/sensor`, made for a microcontroller: here it runs on this machine.

use std::net::TcpStream;

use mqtt_codec::{QoS, Version};
use sensor::{TOPIC, report_over_tcp};

use crate::client::Client;
use crate::running::{PATIENCE, Running};

#[test]
fn a_client_without_a_heap_is_served() {
    let broker = Running::start(&["--listen", "127.0.0.1:0"]);
    for celsius in ["21.5", "21.6"] {
        let stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(report_over_tcp(&stream, celsius), Ok(()));
        // It left the reading as a retained message.
        let mut reader = Client::connected(broker.address(), Version::V3_1_1, "reader");
        reader.subscribe(TOPIC, QoS::AtMostOnce);
        let expected = format!("PUBLISH q0 retain \"{TOPIC}\" \"{celsius}\"");
        assert_eq!(reader.receive(), expected);
    }
}
