use super::*;

fn parse(text: &str) -> String {
    match text.parse::<ListenAddress>() {
        Ok(address) => format!("{address:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_documented_form_is_read() {
    assert_eq!(parse("1884"), "Everywhere(1884)");
    assert_eq!(parse(":1884"), "Everywhere(1884)");
    assert_eq!(parse("0"), "Everywhere(0)");
    assert_eq!(parse("127.0.0.1:1884"), "Only(127.0.0.1:1884)");
    assert_eq!(parse("0.0.0.0"), "Only(0.0.0.0:1883)");
    assert_eq!(parse("[::1]:1884"), "Only([::1]:1884)");
    assert_eq!(parse("[::1]"), "Only([::1]:1883)");
    assert_eq!(parse("::1"), "Only([::1]:1883)");
    assert_eq!(parse("localhost"), "Localhost(1883)");
    assert_eq!(parse("localhost:1884"), "Localhost(1884)");
}

#[test]
fn anything_else_is_refused_with_the_forms() {
    for text in ["", "70000", "+1", ":", ":x", "example.org:1883", "1.2.3.4:x", "a:b:c", "127.0.0"]
    {
        let answer = parse(text);
        assert!(answer.starts_with(&format!("{text:?} is not an address")), "{text:?}: {answer}");
    }
}

#[test]
fn what_is_shown_is_read_back() {
    for text in ["1883", "localhost:1883", "127.0.0.1:1883", "[::1]:1883"] {
        let address: ListenAddress = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
    }
}

#[test]
fn a_machine_without_ipv6_gets_the_same_where_no_address_is_given() {
    let pair = |text: &str| {
        let addresses = [text.parse().unwrap()];
        (preferred(&addresses).join(" "), without_ipv6(&addresses).join(" "))
    };
    let strings = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(pair("1"), strings("[::]:1", "0.0.0.0:1"));
    assert_eq!(pair("localhost:1"), strings("localhost:1", "127.0.0.1:1"));
    assert_eq!(pair("[::1]:1"), strings("[::1]:1", "[::1]:1"));
}

#[test]
fn what_localhost_stands_for_is_bound_once() {
    let kept = |texts: &[&str]| {
        let all: Vec<ListenAddress> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let reversed: Vec<_> = all.iter().rev().copied().collect();
        assert_eq!(preferred(&all).len(), preferred(&reversed).len(), "{texts:?}");
        (preferred(&all).join(" "), without_ipv6(&all).join(" "))
    };
    let strings = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(kept(&["localhost:1", "127.0.0.1:1"]), strings("localhost:1", "127.0.0.1:1"));
    assert_eq!(kept(&["localhost:1", "[::1]:1"]).0, "localhost:1");
    assert_eq!(kept(&["0.0.0.0:1", "localhost:1"]), strings("0.0.0.0:1 [::1]:1", "0.0.0.0:1"));
    assert_eq!(kept(&["[::]:1", "localhost:1"]).0, "[::]:1");
    assert_eq!(kept(&["[::]:1", "localhost:1", "0.0.0.0:1"]).0, "[::]:1 0.0.0.0:1");
    assert_eq!(kept(&["1", "localhost:1", "0.0.0.0:1"]).0, "[::]:1");
    assert_eq!(kept(&["localhost:1", "127.0.0.1:2"]).0, "localhost:1 127.0.0.1:2");
}

#[test]
fn an_address_that_another_one_covers_is_left_out() {
    let kept = |texts: &[&str]| {
        let all: Vec<ListenAddress> = texts.iter().map(|text| text.parse().unwrap()).collect();
        without_covered(&all).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(kept(&["127.0.0.1:1", "[::]:1", "localhost:1", "1", "1"]), ["1"]);
    assert_eq!(kept(&["127.0.0.1:1", "0.0.0.0:1", "[::1]:1"]), ["0.0.0.0:1", "[::1]:1"]);
    assert_eq!(kept(&["0.0.0.0:1", "[::]:1"]), ["0.0.0.0:1", "[::]:1"]);
    assert_eq!(kept(&["1", "2", "127.0.0.1:3"]), ["1", "2", "127.0.0.1:3"], "other ports");
    assert_eq!(kept(&["0", "0"]), ["0", "0"], "port 0 is another port for each");
}
