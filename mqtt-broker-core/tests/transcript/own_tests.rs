//! Tests of the runner itself: a player that reads a line wrongly proves nothing.

use mqtt_codec::{Framed, Sender, Version, frame};

use super::against_core::play_all;
use super::client::Seen;
use super::matching::{Names, matches};
use super::mode::{Cut, Mode};
use super::packet::{encoded, packet};
use super::reason_codes::table_is_whole;
use super::script::Script;

type Test = (&'static str, fn());

/// Each with its name.
pub(crate) fn own_tests() -> Vec<Test> {
    vec![
        ("what is displayed is read back", displayed_is_read_back),
        ("what is encoded is displayed as it was written", encoded_is_displayed),
        ("what a packet has no field for is refused", unknown_words_are_refused),
        ("a star stands for a value or for words", stars),
        ("a star can name a value", named_star),
        ("a script is read with its lines", script_is_read),
        ("a script that says nothing is refused", empty_script_is_refused),
        ("the modes cut at every position", every_position),
        ("a reply that does not come fails and names the line", missing_reply_fails),
        ("a reply that is not mentioned fails", unmentioned_reply_fails),
        ("a close that is not mentioned fails", unmentioned_close_fails),
        ("every reason code is in the table of a server or of a client", table_is_whole),
        ("packets joined by & come in any order", any_order),
    ]
}

/// Packets of all types, as the codec displays them.
const DISPLAYED: &[&str] = &[
    r#"CONNECT v5 clean keep-alive=60 client="c1""#,
    r#"CONNECT v4 keep-alive=0 client="c \"1\"\n" user="u" password=1B"#,
    r#"CONNECT v3 clean keep-alive=10 client="c" will=(q2 "w/t" "gone")"#,
    r#"CONNECT v5 keep-alive=60 client="" will=(q1 retain "w/t" will-delay=5 0xff00) session-expiry=30"#,
    "CONNACK 0x00 Success",
    r#"CONNACK 0x00 Success session-present assigned-client="auto" server-keep-alive=10"#,
    "CONNACK 0x87 Not authorized",
    r#"PUBLISH q0 "a/b" "hello""#,
    r#"PUBLISH q0 retain "a/b" """#,
    r#"PUBLISH q1 dup retain id=7 "a/b" alias=3 expiry=10 "hello""#,
    r#"PUBLISH q0 alias=3 "no topic""#,
    "PUBLISH q1 id=7 alias=3 0xff",
    r#"PUBLISH q2 id=65535 "a/b" sub-id=1 sub-id=268435455 0x00ff"#,
    r#"PUBLISH q0 "t" user-property="k":"v" user-property="k":"w, (x)" "x""#,
    "PUBACK id=7",
    "PUBACK id=7 0x10 No matching subscribers",
    r#"PUBREC id=7 0x97 Quota exceeded reason="full""#,
    "PUBREL id=7",
    "PUBCOMP id=7 0x92 Packet Identifier not found",
    r##"SUBSCRIBE id=1 "a/+" q1 no-local rap rh=2, "#" q0"##,
    r#"SUBSCRIBE id=1 "a/+" q1 sub-id=5"#,
    "SUBACK id=1 0x00 0x01 0x87",
    r#"UNSUBSCRIBE id=2 "a/+", "b""#,
    "UNSUBACK id=2 0x00 0x11",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT 0x8b Server shutting down",
    "DISCONNECT 0x04 Disconnect with Will Message session-expiry=0",
    r#"AUTH 0x18 Continue authentication method="m" data=3B"#,
];

fn displayed_is_read_back() {
    for text in DISPLAYED {
        let packet = packet(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(format!("{packet:#}"), *text);
    }
}

fn encoded_is_displayed() {
    for text in DISPLAYED {
        let bytes = encoded(&packet(text).unwrap(), Version::V5).unwrap();
        let Ok(Framed::Complete(frame)) = frame(&bytes, Sender::Either, u32::MAX) else {
            panic!("{text}: not one whole packet");
        };
        let again = frame.decode(Version::V5).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(format!("{again:#}"), *text);
    }
}

fn unknown_words_are_refused() {
    for text in [
        "",
        "PINGREQ id=1",
        "PUBLISH q1 \"a\" \"no identifier\"",
        "PUBLISH q0 dup \"a\" \"x\"",
        "PUBACK id=1 0x87 Quota exceeded",
        "SUBSCRIBE id=1 \"a/#/b\" q0",
        "CONNECT clean",
        "PUBLISH q0 \"a\" \"unfinished",
        "PUBLISH q0 \"a\" colour=3 \"x\"",
        "CONNECT v5 will=(q0 \"a\" \"x\"",
    ] {
        assert!(packet(text).is_err(), "{text} was read");
    }
}

fn matched(expected: &str, seen: &str, names: &mut Names) -> bool {
    let seen = Seen::Packet(String::new(), seen.into());
    matches(expected, &seen, names)
}

fn stars() {
    let names = &mut Names::new();
    let seen = r#"CONNACK 0x00 Success assigned-client="a b" receive-maximum=9"#;
    assert!(matched("CONNACK 0x00 Success *", seen, names));
    assert!(matched("CONNACK 0x00 Success assigned-client=* receive-maximum=9", seen, names));
    assert!(matched("CONNACK 0x00 Success assigned-client=* *", seen, names));
    assert!(matched(&format!("{seen} *"), seen, names));
    assert!(!matched("CONNACK 0x00 Success", seen, names));
    assert!(!matched("CONNACK 0x00 Success session-present *", seen, names));
    assert!(!matched("CONNACK 0x00 Success assigned-client=*", seen, names));
    assert!(matched("CONNACK 0x00 Success * receive-maximum=9 *", seen, names));
    assert!(!matched("CONNACK 0x00 Success receive-maximum=* *", seen, names));
    assert!(!matched("CONNACK 0x00 Success * session-present *", seen, names));
    assert!(!matched(r#"PUBLISH q0 "*" "x""#, r#"PUBLISH q0 "a" "x""#, names));
}

fn named_star() {
    let mut names = Names::new();
    let seen = r#"CONNACK 0x00 Success assigned-client="auto-1""#;
    assert!(matched("CONNACK 0x00 Success assigned-client=*id", seen, &mut names));
    assert_eq!(names.get("id").map(String::as_str), Some("auto-1"));
}

fn script_is_read() {
    let text = "# Title\n//= [MQTT-3.1.0-1] type=test\n\nbroker has receive-maximum=10 journal\n\
                alice connects v5 # says so\nwait 90s\nalice > PINGREQ\n      > PINGREQ\n";
    let script = Script::read(text).unwrap();
    assert_eq!(script.title, "Title");
    assert_eq!(script.statements, ["[MQTT-3.1.0-1]"]);
    assert_eq!(script.config.receive_maximum, 10);
    assert!(script.config.journal);
    let numbers: Vec<_> = script.lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [5, 5, 6, 7, 8]);
}

fn empty_script_is_refused() {
    let cited = "# Title\n//= [MQTT-3.1.0-1] type=test\n";
    assert!(Script::read("alice connects v5\n").is_err());
    assert!(Script::read("# Title\n").is_err());
    assert!(Script::read(cited).is_ok());
    for line in ["alice dances", "wait long", "   > PINGREQ", "broker has colour=3", "disk spins"] {
        let error = Script::read(&format!("{cited}{line}\n")).map(|script| script.lines);
        assert!(error.is_err_and(|error| error.starts_with("3: ")), "{line}");
    }
}

fn every_position() {
    let modes = Mode::all(20, false);
    assert!((1..20).all(|k| modes.iter().any(|mode| mode.cut == Cut::At(k))));
}

fn played(lines: &str) -> Result<(), String> {
    let text = format!("# Title\n//= [MQTT-3.1.0-1] type=test\nalice connects v5 clean\n{lines}\n");
    play_all("file", &Script::read(&text).unwrap())
}

fn missing_reply_fails() {
    let error = played("alice < PINGRESP").unwrap_err();
    assert!(error.starts_with("file:4: alice:"), "{error}");
    assert!(error.contains("expected `PINGRESP`") && error.contains("got nothing"), "{error}");
}

fn unmentioned_reply_fails() {
    let error = played("alice > PINGREQ").unwrap_err();
    assert!(error.contains("alice: unexpected `PINGRESP`"), "{error}");
}

fn unmentioned_close_fails() {
    let error = played("alice > hex ff ff").unwrap_err();
    assert!(error.contains("alice: unexpected"), "{error}");
}

fn any_order() {
    let both = "alice > SUBSCRIBE id=1 \"a\" q0\n      > PINGREQ\n";
    assert_eq!(played(&format!("{both}alice < PINGRESP\n      & SUBACK id=1 0x00")), Ok(()));
    assert_eq!(played(&format!("{both}alice < SUBACK id=1 0x00\n      & PINGRESP")), Ok(()));
    assert!(played(&format!("{both}alice < PINGRESP\n      < SUBACK id=1 0x00")).is_err());
    assert!(played(&format!("{both}alice < PINGRESP\n      & PINGRESP")).is_err());
}
