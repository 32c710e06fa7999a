//! Shows MQTT packets given as hex, one line for each.
//!
//! ```text
//! $ echo 'v4: 30 05 00 03 61 2f 62' | cargo run -q -p mqtt-codec --example inspect
//! PUBLISH q0 "a/b" 0B
//! ```
//!
//! # Input
//!
//! Lines of hex on standard input. Spaces are ignored; empty lines and those that begin with `#` are
//! skipped. A line holds one packet, or several of one stream. It is read as MQTT 5.0, or as `v3:`,
//! `v4:` or `v5:` before it says: Protocol Version 3 (3.1), 4 (3.1.1) or 5 (5.0). After a CONNECT, lines
//! without such a prefix are read in the version of that CONNECT.
//!
//! # Output
//!
//! One line for each packet, in order, and one for what is no packet:
//!
//! - the packet, as [`Packet`](mqtt_codec::Packet)'s `Display` writes it: `PUBACK id=7`;
//! - `error NAME 0xCODE [STATEMENT]`: the name of the `DecodeError`, its Reason Code in two hex digits,
//!   and the statement of the standard that the packet breaks: `error InvalidQoS 0x81 [MQTT-3.3.1-4]`.
//!   What follows it in the line is not looked at;
//! - `incomplete N`: the line ends within a packet, and at least N more bytes are needed;
//! - `not hex`: the line is not pairs of hex digits.
//!
//! The exit status is 0 if all lines were packets, and 1 if any was not.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use mqtt_codec::{Framed, Packet, Sender, Version, frame};

fn main() -> io::Result<ExitCode> {
    let (mut version, mut all_well) = (Version::V5, true);
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        all_well &= inspect(line?.trim(), &mut version, &mut out)?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the lines for one line of input. Whether all of it was packets.
fn inspect(line: &str, version: &mut Version, out: &mut impl Write) -> io::Result<bool> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(true);
    }
    let (given, hex) = prefix(line);
    let Some(bytes) = parse(hex) else {
        writeln!(out, "not hex")?;
        return Ok(false);
    };
    let mut rest = &bytes[..];
    loop {
        let decoded = match frame(rest, Sender::Either, u32::MAX) {
            Ok(Framed::Incomplete { needed }) => {
                writeln!(out, "incomplete {needed}")?;
                return Ok(false);
            }
            Ok(Framed::Complete(frame)) => {
                rest = &rest[frame.encoded_len()..];
                frame.decode(given.unwrap_or(*version))
            }
            Err(error) => Err(error),
        };
        match decoded {
            Ok(packet) => {
                writeln!(out, "{packet}")?;
                if let Packet::Connect(connect) = packet {
                    *version = connect.version;
                }
            }
            Err(error) => {
                let code = error.reason_code().value();
                writeln!(out, "error {} 0x{code:02x} [{}]", error.name(), error.statement())?;
                return Ok(false);
            }
        }
        if rest.is_empty() {
            return Ok(true);
        }
    }
}

/// The version that the line names, and the rest of it.
fn prefix(line: &str) -> (Option<Version>, &str) {
    let versions = [("v3:", Version::V3_1), ("v4:", Version::V3_1_1), ("v5:", Version::V5)];
    for (prefix, version) in versions {
        if let Some(rest) = line.strip_prefix(prefix) {
            return (Some(version), rest);
        }
    }
    (None, line)
}

fn parse(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Version, inspect};

    fn lines(input: &[&str]) -> (String, bool) {
        let (mut version, mut out, mut all_well) = (Version::V5, Vec::new(), true);
        for line in input {
            all_well &= inspect(line, &mut version, &mut out).unwrap();
        }
        (String::from_utf8(out).unwrap(), all_well)
    }

    #[test]
    fn packets_are_shown_in_the_version_of_the_connect() {
        let input = [
            "# a comment",
            "v4:20020000",
            "100C0004 4D515454 04020000 0000",
            "4003000100",
            "v5: 4003000110",
        ];
        let output = "CONNACK 0x00 Success\n\
                      CONNECT v4 clean keep-alive=0 client=\"\"\n\
                      error TrailingBytes 0x81 [MQTT-4.13.1-1]\n\
                      PUBACK id=1 0x10 No matching subscribers\n";
        assert_eq!(lines(&input), (output.into(), false));
    }

    #[test]
    fn a_line_may_hold_several_packets() {
        assert_eq!(lines(&["c000 d000"]), ("PINGREQ\nPINGRESP\n".into(), true));
        assert_eq!(lines(&["c000 30"]), ("PINGREQ\nincomplete 1\n".into(), false));
    }

    #[test]
    fn what_is_no_packet_is_said() {
        assert_eq!(lines(&["36"]), ("error InvalidQoS 0x81 [MQTT-3.3.1-4]\n".into(), false));
        assert_eq!(lines(&["300a0001"]), ("incomplete 8\n".into(), false));
        assert_eq!(lines(&["3x"]), ("not hex\n".into(), false));
        assert_eq!(lines(&["300"]), ("not hex\n".into(), false));
    }
}
