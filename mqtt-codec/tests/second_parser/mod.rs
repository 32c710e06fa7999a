//! A second decoder, written from the standard with nom and sharing nothing with the crate, for
//! differential tests and fuzzing. It is slow and plain: it allocates, and reads one rule at a time.

pub(crate) mod atoms;

use nom::bytes::complete::take;
use nom::combinator::{rest, verify};
use nom::error::{Error, ErrorKind};
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};

/// A field of a packet, in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Atom {
    Number(u64),
    Bytes(Vec<u8>),
}

/// One packet and nothing after it. `level` is 3, 4 or 5; a CONNECT has its own.
pub(crate) fn parse(input: &[u8], level: u8, from_client: Option<bool>) -> Option<Vec<Atom>> {
    let (input, first) = be_u8::<_, Error<&[u8]>>(input).ok()?;
    let (body, (length, length_bytes)) = remaining_length(input).ok()?;
    let level = if first >> 4 == 1 { connect_level(body)? } else { level };
    if body.len() != length as usize || (level == 5 && length_bytes != shortest(length)) {
        return None;
    }
    let mut parser = Packet { level, from_client, atoms: vec![Atom::Number(first.into())] };
    let (left, ()) = parser.packet(first >> 4, first & 0x0F, body).ok()?;
    // In 3.1, the flags that are not those of a PUBLISH mean nothing, whatever they are.
    if level == 3 && first >> 4 != 3 {
        let used = if matches!(first >> 4, 6 | 8 | 10) { 0xF6 } else { 0xF0 };
        parser.atoms[0] = Atom::Number((first & used).into());
    }
    left.is_empty().then_some(parser.atoms)
}

type Result<'a, T> = IResult<&'a [u8], T>;

fn refuse<T>(input: &[u8]) -> Result<'_, T> {
    Err(nom::Err::Error(Error::new(input, ErrorKind::Verify)))
}

fn require(input: &[u8], condition: bool) -> Result<'_, ()> {
    if condition { Ok((input, ())) } else { refuse(input) }
}

/// Section 2.1.4 and 1.5.5: the number and how many bytes it took.
fn remaining_length(mut input: &[u8]) -> Result<'_, (u32, usize)> {
    let (mut value, mut multiplier) = (0, 1);
    for length in 1..=4 {
        let (next, byte) = be_u8(input)?;
        input = next;
        value += u32::from(byte & 127) * multiplier;
        multiplier *= 128;
        if byte & 128 == 0 {
            return Ok((input, (value, length)));
        }
    }
    refuse(input)
}

fn shortest(value: u32) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

fn variable(input: &[u8]) -> Result<'_, u32> {
    let (input, (value, _)) =
        verify(remaining_length, |(value, len)| *len == shortest(*value)).parse(input)?;
    Ok((input, value))
}

fn binary(input: &[u8]) -> Result<'_, &[u8]> {
    length_data(be_u16).parse(input)
}

fn is_text(bytes: &&[u8]) -> bool {
    core::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| c != '\0'))
}

fn text(input: &[u8]) -> Result<'_, &[u8]> {
    verify(binary, is_text).parse(input)
}

fn topic_name(input: &[u8]) -> Result<'_, &[u8]> {
    let no_wildcard = |name: &&[u8]| !name.iter().any(|byte| b"+#".contains(byte));
    verify(text, |name: &&[u8]| !name.is_empty() && no_wildcard(name)).parse(input)
}

/// Section 4.7.1 and, in 5.0, 4.8.2.
fn is_filter(filter: &[u8], level: u8) -> bool {
    let levels: Vec<&[u8]> = filter.split(|byte| *byte == b'/').collect();
    let wild = |level: &[u8]| level.iter().any(|byte| b"+#".contains(byte));
    let placed = levels.iter().enumerate().all(|(at, level)| match *level {
        b"#" => at + 1 == levels.len(),
        b"+" => true,
        level => !wild(level),
    });
    let shared = level == 5 && levels[0] == b"$share" && levels.len() > 1;
    let whole = !shared
        || (levels.len() > 2
            && !levels[1].is_empty()
            && !wild(levels[1])
            && (levels.len() > 3 || !levels[2].is_empty()));
    !filter.is_empty() && placed && whole
}

fn connect_level(body: &[u8]) -> Option<u8> {
    let (input, name) = binary(body).ok()?;
    let (_, level) = be_u8::<_, Error<&[u8]>>(input).ok()?;
    matches!((name, level), (b"MQIsdp", 3) | (b"MQTT", 4 | 5)).then_some(level)
}

struct Packet {
    level: u8,
    from_client: Option<bool>,
    atoms: Vec<Atom>,
}

impl Packet {
    fn number(&mut self, number: impl Into<u64>) {
        self.atoms.push(Atom::Number(number.into()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.atoms.push(Atom::Bytes(bytes.to_vec()));
    }

    fn packet<'a>(&mut self, packet_type: u8, flags: u8, input: &'a [u8]) -> Result<'a, ()> {
        let client_only = [1, 8, 10, 12].contains(&packet_type);
        let server_only = [2, 9, 11, 13].contains(&packet_type);
        let direction = match self.from_client {
            Some(true) => !server_only,
            Some(false) => !client_only && (packet_type != 14 || self.level == 5),
            None => true,
        };
        let flags_right = match packet_type {
            3 => flags & 6 != 6 && flags & 0b1110 != 0b1000,
            6 | 8 | 10 => flags == 2 || (self.level == 3 && flags & 6 == 2),
            _ => flags == 0 || (self.level == 3 && packet_type != 15),
        };
        require(input, direction && flags_right)?;
        match packet_type {
            1 => self.connect(input),
            2 => self.connack(input),
            3 => self.publish(flags, input),
            4..=7 => self.acknowledgement(packet_type, input),
            8 | 10 => self.request(packet_type == 8, input),
            9 | 11 => self.answer(packet_type == 9, input),
            12 | 13 => Ok((input, ())),
            14 => self.disconnect(input),
            15 if self.level == 5 => self.auth(input),
            _ => refuse(input),
        }
    }

    fn packet_identifier<'a>(&mut self, input: &'a [u8]) -> Result<'a, ()> {
        let (input, identifier) = verify(be_u16, |identifier| *identifier != 0).parse(input)?;
        self.number(identifier);
        Ok((input, ()))
    }

    fn connect<'a>(&mut self, input: &'a [u8]) -> Result<'a, ()> {
        let (input, _) = binary(input)?;
        let (input, level) = be_u8(input)?;
        self.number(level);
        let (input, flags) = be_u8(input)?;
        let will = flags & 4 != 0;
        // 3.1: bit 0 is not used; without a Will, its QoS and RETAIN are disregarded.
        let flags = match (level, will) {
            (3, true) => flags & 0b1111_1110,
            (3, false) => flags & 0b1100_0110,
            _ => flags,
        };
        let will_rest = flags & 0b0011_1000;
        require(input, flags & 1 == 0 && (will || will_rest == 0) && will_rest & 0x18 != 0x18)?;
        require(input, level == 5 || flags & 0xC0 != 0x40)?;
        self.number(flags & 0b0011_1110);
        let (input, keep_alive) = be_u16(input)?;
        self.number(keep_alive);
        let allowed = [0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27];
        let (input, present) = self.properties(&allowed, false, input)?;
        require(input, present.contains(&0x15) || !present.contains(&0x16))?;
        let (mut input, client_identifier) = text(input)?;
        self.bytes(client_identifier);
        if will {
            let allowed = [0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26];
            (input, _) = self.properties(&allowed, false, input)?;
            let (next, topic) = topic_name(input)?;
            self.bytes(topic);
            let (next, payload) = binary(next)?;
            self.bytes(payload);
            input = next;
        }
        for (flag, is_text) in [(0x80, true), (0x40, false)] {
            let present = flags & flag != 0 && !(level == 3 && input.is_empty());
            self.number(present);
            if present {
                let (next, field) = if is_text { text(input) } else { binary(input) }?;
                self.bytes(field);
                input = next;
            }
        }
        Ok((input, ()))
    }

    fn connack<'a>(&mut self, input: &'a [u8]) -> Result<'a, ()> {
        let (input, flags) = be_u8(input)?;
        let flags = if self.level == 3 { 0 } else { flags };
        let (input, code) = be_u8(input)?;
        let known = match self.level {
            5 => {
                [0, 0x8C, 0x90, 0x95, 0x97, 0x9F].contains(&code)
                    || (0x80..=0x8A).contains(&code)
                    || (0x99..=0x9D).contains(&code)
            }
            _ => code <= 5,
        };
        require(input, known && (flags == 0 || (flags == 1 && code == 0)))?;
        self.number(flags);
        self.number(code);
        let allowed = [
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27,
            0x28, 0x29, 0x2A,
        ];
        self.properties(&allowed, false, input).map(|(input, _)| (input, ()))
    }

    fn publish<'a>(&mut self, flags: u8, input: &'a [u8]) -> Result<'a, ()> {
        let (mut input, topic) = text(input)?;
        self.bytes(topic);
        if flags & 6 != 0 {
            (input, ()) = self.packet_identifier(input)?;
        }
        let allowed = [0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26];
        let (input, present) = self.properties(&allowed, true, input)?;
        let wild = topic.iter().any(|byte| b"+#".contains(byte));
        let alias = self.level == 5 && present.contains(&0x23);
        require(input, !wild && (!topic.is_empty() || alias))?;
        require(input, self.from_client != Some(true) || !present.contains(&0x0B))?;
        let (input, payload) = rest(input)?;
        self.bytes(payload);
        Ok((input, ()))
    }

    fn acknowledgement<'a>(&mut self, packet_type: u8, input: &'a [u8]) -> Result<'a, ()> {
        let (input, ()) = self.packet_identifier(input)?;
        if input.is_empty() || self.level < 5 {
            self.number(0_u8);
            return Ok((input, ()));
        }
        let codes: &[u8] = match packet_type {
            4 | 5 => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
            _ => &[0x00, 0x92],
        };
        self.reason_and_properties(codes, &[0x1F, 0x26], input).map(|(input, _)| (input, ()))
    }

    fn disconnect<'a>(&mut self, input: &'a [u8]) -> Result<'a, ()> {
        if input.is_empty() || self.level < 5 {
            self.number(0_u8);
            return Ok((input, ()));
        }
        let mut codes = vec![0x00, 0x80, 0x81, 0x82, 0x83, 0x8C, 0x90];
        codes.extend(0x93..=0x99);
        if self.from_client != Some(true) {
            codes.extend([0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F]);
            codes.extend(0x9A..=0xA2);
        }
        if self.from_client != Some(false) {
            codes.push(0x04);
        }
        let allowed = [0x11, 0x1C, 0x1F, 0x26];
        let (input, present) = self.reason_and_properties(&codes, &allowed, input)?;
        require(input, self.from_client != Some(false) || !present.contains(&0x11))
    }

    fn auth<'a>(&mut self, input: &'a [u8]) -> Result<'a, ()> {
        let codes: &[u8] = match self.from_client {
            Some(true) => &[0x18, 0x19],
            Some(false) => &[0x00, 0x18],
            None => &[0x00, 0x18, 0x19],
        };
        if input.is_empty() {
            self.number(0_u8);
            return require(input, codes.contains(&0));
        }
        let allowed = [0x15, 0x16, 0x1F, 0x26];
        let (input, present) = self.reason_and_properties(codes, &allowed, input)?;
        require(input, present.contains(&0x15))
    }

    fn reason_and_properties<'a>(
        &mut self,
        codes: &[u8],
        allowed: &[u8],
        input: &'a [u8],
    ) -> Result<'a, Vec<u8>> {
        let (input, code) = verify(be_u8, |code| codes.contains(code)).parse(input)?;
        self.number(code);
        if input.is_empty() {
            return Ok((input, Vec::new()));
        }
        self.properties(allowed, false, input)
    }

    /// SUBSCRIBE and UNSUBSCRIBE.
    fn request<'a>(&mut self, subscribe: bool, input: &'a [u8]) -> Result<'a, ()> {
        let (input, ()) = self.packet_identifier(input)?;
        let allowed: &[u8] = if subscribe { &[0x0B, 0x26] } else { &[0x26] };
        let (mut input, _) = self.properties(allowed, false, input)?;
        require(input, !input.is_empty())?;
        while !input.is_empty() {
            let level = self.level;
            let (next, filter) = verify(text, |f: &&[u8]| is_filter(f, level)).parse(input)?;
            self.bytes(filter);
            input = next;
            if subscribe {
                let (next, options) = be_u8(input)?;
                // The upper six bits are not used in 3.1.
                let options = if level == 3 { options & 3 } else { options };
                let shared = filter.starts_with(b"$share/");
                require(input, options & 3 != 3)?;
                let right = match level {
                    5 => options & 0xC0 == 0 && options & 0x30 != 0x30,
                    _ => options < 3,
                };
                require(input, right && !(shared && level == 5 && options & 4 != 0))?;
                self.number(options);
                input = next;
            }
        }
        Ok((input, ()))
    }

    /// SUBACK and UNSUBACK.
    fn answer<'a>(&mut self, subscribe: bool, input: &'a [u8]) -> Result<'a, ()> {
        let (input, ()) = self.packet_identifier(input)?;
        let (input, _) = self.properties(&[0x1F, 0x26], false, input)?;
        // 3.1 uses two bits of a granted QoS; 0x80 is what brokers send all the same.
        let used = if self.level == 3 { 3 } else { 0xFF };
        let code_of = |byte: u8| if byte == 0x80 { byte } else { byte & used };
        let codes: &[u8] = match (subscribe, self.level) {
            (true, 5) => &[0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
            (true, _) => &[0, 1, 2, 0x80],
            (false, 5) => &[0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91],
            (false, _) => return Ok((input, ())),
        };
        let all_known =
            |answers: &&[u8]| answers.iter().all(|byte| codes.contains(&code_of(*byte)));
        let (input, answers) =
            verify(rest, |answers: &&[u8]| !answers.is_empty() && all_known(answers))
                .parse(input)?;
        answers.iter().for_each(|byte| self.number(code_of(*byte)));
        Ok((input, ()))
    }

    /// The identifiers that are present; each property is an atom for it and its value.
    fn properties<'a>(
        &mut self,
        allowed: &[u8],
        several_identifiers: bool,
        input: &'a [u8],
    ) -> Result<'a, Vec<u8>> {
        let mut present = Vec::new();
        if self.level < 5 {
            return Ok((input, present));
        }
        let (input, length) = variable(input)?;
        let (input, mut properties) = take(length)(input)?;
        while !properties.is_empty() {
            let (next, identifier) = verify(be_u8, |id| allowed.contains(id)).parse(properties)?;
            let repeats = identifier == 0x26 || (identifier == 0x0B && several_identifiers);
            require(next, repeats || !present.contains(&identifier))?;
            present.push(identifier);
            self.number(identifier);
            (properties, ()) = self.property(identifier, next)?;
        }
        Ok((input, present))
    }

    fn property<'a>(&mut self, identifier: u8, input: &'a [u8]) -> Result<'a, ()> {
        let (input, number) = match identifier {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => {
                verify(be_u8, |value| *value < 2).map(u32::from).parse(input)?
            }
            0x02 | 0x11 | 0x18 => be_u32(input)?,
            0x27 => verify(be_u32, |value| *value > 0).parse(input)?,
            0x13 | 0x22 => be_u16.map(u32::from).parse(input)?,
            0x21 | 0x23 => verify(be_u16, |value| *value > 0).map(u32::from).parse(input)?,
            0x0B => verify(variable, |value| *value > 0).parse(input)?,
            0x26 => {
                let (input, (name, value)) = (text, text).parse(input)?;
                self.bytes(name);
                self.bytes(value);
                return Ok((input, ()));
            }
            _ => {
                let (input, value) = match identifier {
                    0x08 => topic_name(input),
                    0x09 | 0x16 => binary(input),
                    _ => text(input),
                }?;
                self.bytes(value);
                return Ok((input, ()));
            }
        };
        self.number(number);
        Ok((input, ()))
    }
}
