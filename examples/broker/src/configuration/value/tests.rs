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
fn sizes_are_spelt_as_elsewhere() {
    for (spellings, bytes) in [
        (&["512k", "512K", "512 KiB", "512Ki", "524288", "524_288 bytes"][..], 512 << 10),
        (&["64m", "64M", "64 MiB", "64Mi", "64mib"], 64 << 20),
        (&["2g", "2G", "2 GiB", "2Gi", "2gib"], 2 << 30),
        (&["1t", "1T", "1 TiB", "1Ti"], 1 << 40),
        (&["512kB", "512 KB"], 512_000),
        (&["64MB", "64 mb"], 64_000_000),
        (&["2GB", "2 gb"], 2_000_000_000),
        (&["1TB"], 1_000_000_000_000),
    ] {
        for spelling in spellings {
            assert_eq!(parse_size(spelling), Some(bytes), "{spelling}");
        }
    }
    for wrong in ["2 G B", "1.5G", "2G 5M", "1 Pi", "G2", "2,000", "-2G", "2x"] {
        assert_eq!(parse_size(wrong), None, "{wrong}");
    }
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
    for (spellings, seconds) in [
        (&["90s", "90 sec", "90 seconds", "1m30s", "1 min 30 s"][..], 90),
        (&["1h30m", "1h 30min", "90 minutes", "1 hour 30 mins", "1H30M"], 5400),
        (&["2d", "2 days", "1 day 24 hours"], 172_800),
        (&["1w", "1 week", "7d"], 604_800),
    ] {
        for spelling in spellings {
            assert_eq!(parse_duration(spelling), Some(seconds), "{spelling}");
        }
    }
    for wrong in ["1min30", "30 1m", "1h,30m", "1.5h", "500ms", "h", "", "18446744073709551615s 1s"]
    {
        assert_eq!(parse_duration(wrong), None, "{wrong}");
    }
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
