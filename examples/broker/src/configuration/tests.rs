use super::*;

fn parse(text: &str) -> Result<Configuration, String> {
    Configuration::parse(Path::new("broker.toml"), text).map_err(|problems| problems.to_string())
}

#[test]
fn every_key_is_optional() {
    assert_eq!(parse("").unwrap(), Configuration::default());
    assert_eq!(parse("[mqtt]\n[limits]\n").unwrap(), Configuration::default());
}

#[test]
fn a_file_changes_what_it_names() {
    let text = r#"
        listen = ["127.0.0.1:1884", 1885]
        open = true
        log = "debug"

        [mqtt]
        queue_messages = 5_000
        queue_bytes = "2 MiB"
        maximum_qos = 1
        session_expiry_maximum = "1h"
        connections = 100

        [limits]
        retained = 0x10
    "#;
    let configuration = parse(text).unwrap();
    let listen: Vec<String> = configuration.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:1884", "1885"]);
    assert!(configuration.open);
    assert_eq!(configuration.log, LogLevel::Debug);
    let broker = &configuration.broker;
    assert_eq!(broker.queue_messages, 5000);
    assert_eq!(broker.queue_bytes, 2 << 20);
    assert_eq!(broker.maximum_qos, mqtt_codec::QoS::AtLeastOnce);
    assert_eq!(broker.session_expiry_maximum, 3600);
    assert_eq!(broker.limits.connections, 100);
    assert_eq!(broker.limits.retained, 16);
}

#[test]
fn one_address_needs_no_list() {
    let one = vec![ListenAddress::Everywhere(1884)];
    assert_eq!(parse("listen = 1884").unwrap().listen, one);
    assert_eq!(parse("listen = \"1884\"").unwrap().listen, one);
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest() {
    assert_eq!(
        parse("open = true\n\n[mqtt]\nqueue_mesages = 5\n").unwrap_err(),
        "broker.toml:4:1: unknown key `queue_mesages` in [mqtt]; did you mean `queue_messages`?\n\
         \x20  |\n \
         4 | queue_mesages = 5\n\
         \x20  | ^^^^^^^^^^^^^"
    );
    let answer = parse("[mqqt]\nqueue_messages = 5\n").unwrap_err();
    assert!(answer.starts_with("broker.toml:1:2: unknown key `mqqt`; did you mean `mqtt`?"));
}

#[test]
fn a_wrong_value_is_refused_with_its_place_and_the_range() {
    let answer = parse("[mqtt]\nreceive_maximum = 70_000\n").unwrap_err();
    assert_eq!(
        answer.lines().next().unwrap(),
        "broker.toml:2:19: `mqtt.receive_maximum` takes 1 to 65,535, not 70,000"
    );
    for (text, start) in [
        ("log = 3", "broker.toml:1:7: `log` takes \"error\", \"warn\""),
        ("log = \"loud\"", "broker.toml:1:7: `log` takes \"error\", \"warn\""),
        ("open = 1", "broker.toml:1:8: `open` takes true or false, not 1"),
        ("listen = []", "broker.toml:1:10: `listen` is empty"),
        ("listen = [true]", "broker.toml:1:10: `listen` takes addresses, not true"),
        ("listen = \"here\"", "broker.toml:1:10: \"here\" is not an address"),
        ("mqtt = 3", "broker.toml:1:8: `mqtt` is a table: write [mqtt]"),
        ("[mqtt]\nqueue_bytes = 1.5", "broker.toml:2:15: `mqtt.queue_bytes` takes 0 to"),
        ("[limits]\nretained = 1979-05-27", "broker.toml:2:12: `limits.retained` takes 0 to"),
        ("[mqtt]\nqueue_qos0 = {}", "broker.toml:2:14: `mqtt.queue_qos0` takes true or false"),
    ] {
        let answer = parse(text).unwrap_err();
        assert!(answer.starts_with(start), "{text}: {answer}");
    }
}

#[test]
fn everything_wrong_is_told_from_the_top() {
    let answer = parse("zzz = 1\n[mqtt]\nqueue_qos0 = 1\nconections = 2\n").unwrap_err();
    let places: Vec<&str> =
        answer.lines().filter_map(|line| line.strip_prefix("broker.toml:")).collect();
    assert_eq!(places.len(), 3, "{answer}");
    assert!(places[0].starts_with("1:1:"), "{answer}");
    assert!(places[1].starts_with("3:14:"), "{answer}");
    assert!(places[2].starts_with("4:1:"), "{answer}");
}

#[test]
fn what_is_not_toml_is_refused_with_its_place() {
    let answer = parse("open = true\n[mqtt\n").unwrap_err();
    assert!(answer.starts_with("broker.toml:2:6: not TOML: "), "{answer}");
    let answer = parse("open = true\nopen = false\n").unwrap_err();
    assert!(answer.starts_with("broker.toml:2:1: not TOML: "), "{answer}");
}

#[test]
fn arguments_change_the_same_keys_with_the_same_errors() {
    let mut configuration = Configuration::default();
    for argument in [
        "mqtt.queue_overflow=drop-oldest",
        "limits.publication_bytes=2 GiB",
        "mqtt.queue_qos0=true",
        "listen=[1884,1885]",
        "log=warn",
        "open=true",
    ] {
        configuration.set(argument).unwrap_or_else(|problem| panic!("{problem}"));
    }
    assert_eq!(configuration.broker.queue_overflow, mqtt_broker_core::QueueOverflow::DropOldest);
    assert_eq!(configuration.broker.limits.publication_bytes, 2 << 30);
    assert!(configuration.broker.queue_qos0);
    assert_eq!(configuration.listen.len(), 2);
    assert_eq!(configuration.log, LogLevel::Warn);
    assert!(configuration.open);

    for (argument, answer) in [
        (
            "mqtt.queue_mesages=1",
            "--set mqtt.queue_mesages=1: unknown key `queue_mesages` in [mqtt]; did you mean \
             `queue_messages`?",
        ),
        ("journal=x", "--set journal=x: `journal` is a table: write journal.KEY=VALUE"),
        ("limit.retained=1", "--set limit.retained=1: unknown key `limit`; did you mean `limits`?"),
        (
            "mqtt.receive_maximum=0",
            "--set mqtt.receive_maximum=0: `mqtt.receive_maximum` takes 1 to 65,535, not 0",
        ),
        ("open", "--set open: write KEY=VALUE, such as mqtt.queue_messages=5000"),
    ] {
        assert_eq!(configuration.set(argument).unwrap_err().to_string(), answer);
    }
}

#[test]
fn what_is_printed_is_read_back() {
    let default = Configuration::default();
    let text = default.annotated();
    assert_eq!(parse(&text).unwrap(), default);
    assert!(
        !text.lines().any(|line| line.contains(" = ") && !line.starts_with('#')),
        "defaults are commented out: {text}"
    );

    // The same again with every line in force.
    let uncommented = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(parse(&uncommented).unwrap(), default);

    let mut changed = default;
    changed.set("mqtt.queue_messages=7").unwrap();
    changed.set("listen=localhost:1884").unwrap();
    let text = changed.annotated();
    assert!(text.contains("\nqueue_messages = 7\n"), "{text}");
    assert_eq!(parse(&text).unwrap(), changed);
}
