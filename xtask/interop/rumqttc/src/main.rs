//! Drives rumqttc; see `../README.md` for the line protocol.

mod connection;
mod payload;

use connection::{Connection, Open};
use std::collections::HashMap;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().next_back().ok_or("no port")?.parse()?;
    let mut connections = HashMap::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let [verb, name, rest @ ..] = words.as_slice() else {
            return Err(format!("not a command: {line}").into());
        };
        if let Err(error) = carry_out(&mut connections, port, verb, name, rest) {
            println!("failed {name} {error}");
        }
    }
    Ok(())
}

fn carry_out(
    connections: &mut HashMap<String, Connection>,
    port: u16,
    verb: &str,
    name: &str,
    words: &[&str],
) -> Result<(), Box<dyn Error>> {
    if verb == "open" {
        let connection = Connection::open(name, port, &Open::parse(words)?)?;
        connections.insert(name.to_string(), connection);
        return Ok(());
    }
    let connection = connections.get(name).ok_or("no such connection")?;
    match (verb, words) {
        ("subscribe", filters) => connection.subscribe(filters),
        ("unsubscribe", [filter]) => connection.unsubscribe(filter),
        ("publish", [topic, qos, retain, payload]) => {
            connection.publish(topic, qos, *retain == "1", vec![payload::bytes(payload)?])
        }
        ("sequence", [topic, qos, count]) => {
            let payloads = (0..count.parse::<u32>()?).map(|i| i.to_string().into_bytes());
            connection.publish(topic, qos, false, payloads.collect())
        }
        ("close", []) => connection.close(),
        _ => Err("no such command".into()),
    }
}
