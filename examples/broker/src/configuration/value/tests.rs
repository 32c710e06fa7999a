use super::*;

#[test]
fn sizes_have_units() {
    assert_eq!(parse_size("16 MiB"), Some(16 << 20));
    assert_eq!(parse_size("16MiB"), Some(16 << 20));
    assert_eq!(parse_size("1_500"), Some(1500));
    assert_eq!(parse_size("2 kb"), Some(2000));
    assert_eq!(parse_size(" 7 B "), Some(7));
    assert_eq!(parse_size("7 parsecs"), None);
    assert_eq!(parse_size("MiB"), None);
    assert_eq!(parse_size("-1 MiB"), None);
    assert_eq!(parse_size(""), None);
    assert_eq!(parse_size("18446744073709551615 GiB"), None, "no overflow");
}

#[test]
fn durations_have_units() {
    assert_eq!(parse_duration("30s"), Some(30));
    assert_eq!(parse_duration("1h"), Some(3600));
    assert_eq!(parse_duration("5 min"), Some(300));
    assert_eq!(parse_duration("5m"), Some(300));
    assert_eq!(parse_duration("7d"), Some(604_800));
    assert_eq!(parse_duration("90"), Some(90));
    assert_eq!(parse_duration("1 MiB"), None);
}

#[test]
fn what_is_shown_is_read_back() {
    for bytes in [0, 1, 128, 1024, 1500, 1 << 20, (1 << 20) + (128 << 10), 1 << 30] {
        assert_eq!(parse_size(&size_text(bytes)), Some(bytes), "{}", size_text(bytes));
    }
    assert_eq!(size_text(16 << 20), "16 MiB");
    assert_eq!(size_text(0), "0 B");
    for seconds in [0, 1, 59, 60, 90, 3600, 86_400] {
        let text = duration_text(seconds);
        assert_eq!(parse_duration(&text), Some(seconds), "{text}");
    }
    assert_eq!(duration_text(3600), "1h");
    assert_eq!(duration_text(0), "0s");
}

#[test]
fn arguments_need_no_quotation_marks() {
    assert_eq!(Value::of_argument("1_000"), Value::Number(1000));
    assert_eq!(Value::of_argument("-1"), Value::Number(-1));
    assert_eq!(Value::of_argument("0x1_0"), Value::Number(16));
    assert_eq!(Value::of_argument("0b11"), Value::Number(3));
    assert_eq!(Value::of_argument("0x-1"), Value::Text("0x-1".to_owned()));
    assert_eq!(Value::of_argument("true"), Value::Flag(true));
    assert_eq!(Value::of_argument("16 MiB"), Value::Text("16 MiB".to_owned()));
    assert_eq!(Value::of_argument("\"true\""), Value::Text("true".to_owned()));
    assert_eq!(
        Value::of_argument("[1883, ::1]"),
        Value::List(vec![Value::Number(1883), Value::Text("::1".to_owned())])
    );
    assert_eq!(Value::of_argument(""), Value::Text(String::new()));
}

#[test]
fn thousands_are_set_apart() {
    assert_eq!(grouped(0), "0");
    assert_eq!(grouped(999), "999");
    assert_eq!(grouped(65_535), "65,535");
    assert_eq!(grouped(-1_234_567), "-1,234,567");
}
