use super::*;

#[test]
fn the_first_bytes_show_what_is_spoken() {
    for (first, protocol) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00"[..], Some(Protocol::Tls)),
        (b"\x16\x03\x03", Some(Protocol::Tls)),
        (b"GET / HTTP/1.1\r\n", Some(Protocol::Http)),
        (b"POST /mqtt HTTP/1.1\r\n", Some(Protocol::Http)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Protocol::Http)),
        (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c", None),
        (b"SSH-2.0-OpenSSH\r\n", None),
        (b"GETTING", None),
        (b"G", None),
        (b"\x16", None),
        (b"", None),
    ] {
        assert_eq!(Protocol::of(first), protocol, "{first:?}");
    }
}
