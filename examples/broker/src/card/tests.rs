use super::*;

fn card(bound: &[&str], open: bool) -> String {
    let bound: Vec<SocketAddr> = bound.iter().map(|text| text.parse().unwrap()).collect();
    let interfaces = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().unwrap());
    Card::with_interfaces(&bound, &interfaces, open, "mqtt-broker --open".to_owned()).to_string()
}

#[test]
fn a_wildcard_names_what_can_be_reached() {
    let text = card(&["[::]:1884"], false);
    assert!(text.contains("\n  on this machine   127.0.0.1:1884  [::1]:1884\n"), "{text}");
    let network =
        "\n  on the network    192.0.2.7:1884  [2001:db8::7]:1884  (refused until --open)\n";
    assert!(text.contains(network), "{text}");
    assert!(text.contains("mosquitto_sub -h 127.0.0.1 -p 1884 -t 'hello/#' -v\n"), "{text}");
    assert!(text.contains("mosquitto_pub -h 127.0.0.1 -p 1884 -t hello/world"), "{text}");
    assert!(text.ends_with("To let in all, without a password:\n    mqtt-broker --open\n"));

    let text = card(&["0.0.0.0:1884"], false);
    assert!(!text.contains("::"), "no IPv6: {text}");
    assert!(text.contains("192.0.2.7:1884"), "{text}");
}

#[test]
fn an_open_broker_says_so() {
    let text = card(&["[::]:1884"], true);
    assert!(!text.contains("refused"), "{text}");
    assert!(text.contains("Open: clients of every machine may connect"), "{text}");
}

#[test]
fn a_broker_that_serves_nobody_says_so() {
    let text = card(&["192.0.2.7:1884"], false);
    assert!(text.contains("Nobody may connect"), "{text}");
    assert!(!text.contains("mosquitto_sub"), "a command that would be refused: {text}");
    let text = card(&["192.0.2.7:1884"], true);
    assert!(text.contains("mosquitto_sub -h 192.0.2.7 -p 1884"), "{text}");
}

#[test]
fn several_listeners_are_told_once_each() {
    let text = card(&["127.0.0.1:1", "0.0.0.0:1", "127.0.0.1:2"], false);
    assert!(text.contains("on this machine   127.0.0.1:1  127.0.0.1:2\n"), "{text}");
}

#[test]
fn ipv6_beside_ipv4_names_no_ipv4() {
    let text = card(&["192.0.2.7:1", "[::]:1"], true);
    assert!(text.contains("on this machine   [::1]:1\n"), "{text}");
    assert!(text.contains("on the network    192.0.2.7:1  [2001:db8::7]:1\n"), "{text}");
}
