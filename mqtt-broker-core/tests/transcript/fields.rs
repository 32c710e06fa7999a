//! The fields of a packet's line, taken out one by one; what is left at the end is a mistake.

use core::str::FromStr;

use mqtt_codec::{PacketIdentifier, QoS, ReasonCode};

use super::token::{Token, Value};

/// The words of one packet (or of one subscription within it).
#[derive(Debug)]
pub(crate) struct Fields(Vec<Token>);

impl Fields {
    pub(crate) fn new(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }

    /// One list of fields for each part between commas.
    pub(crate) fn split(self) -> Vec<Self> {
        self.0.split(|token| *token == Token::Comma).map(|part| Self(part.to_vec())).collect()
    }

    /// Takes the first token that `wanted` makes something of.
    fn take<T>(&mut self, wanted: impl Fn(&Token) -> Option<T>) -> Option<T> {
        let (place, found) =
            self.0.iter().enumerate().find_map(|(place, token)| Some((place, wanted(token)?)))?;
        self.0.remove(place);
        Some(found)
    }

    /// Whether this bare word is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.take(|token| (*token == Token::Word(name.into())).then_some(())).is_some()
    }

    /// The next string that stands alone.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.take(|token| match token {
            Token::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// Whether a topic stands before the payload, which may be a string as well.
    pub(crate) fn has_topic(&self) -> bool {
        let strings = self.0.iter().filter(|token| matches!(token, Token::Text(_))).count();
        let data = |token: &Token| matches!(token, Token::Word(word) if bytes(word).is_some());
        strings + usize::from(self.0.iter().any(data)) > 1
    }

    /// The value of a field.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.take(|token| match token {
            Token::Field(field, value) if field == name => Some(value.clone()),
            _ => None,
        })
    }

    /// The number in a field.
    pub(crate) fn number<N: FromStr>(&mut self, name: &str) -> Result<Option<N>, String> {
        self.value(name).map(|value| value.number().map_err(|e| format!("{name}: {e}"))).transpose()
    }

    pub(crate) fn packet_identifier(&mut self) -> Result<PacketIdentifier, String> {
        let id = self.number("id")?.ok_or("`id=` is missing")?;
        PacketIdentifier::new(id).ok_or_else(|| "`id=0` is not encodable: use `hex`".into())
    }

    /// `q0`, `q1` or `q2`.
    pub(crate) fn qos(&mut self) -> Option<QoS> {
        self.take(|token| match token {
            Token::Word(word) => QoS::from_u8(word.strip_prefix('q')?.parse().ok()?),
            _ => None,
        })
    }

    /// `0x87 Not authorized`; the name may be left out.
    pub(crate) fn reason_code(&mut self) -> Result<Option<ReasonCode>, String> {
        let code = self.listed_code()?;
        if let Some(code) = code {
            let normal = code == ReasonCode::SUCCESS && self.flag("Normal");
            let name = if normal { "disconnection" } else { code.name() };
            for word in name.split_whitespace() {
                self.flag(word);
            }
        }
        Ok(code)
    }

    /// `0x87`, one of several and therefore without its name.
    pub(crate) fn listed_code(&mut self) -> Result<Option<ReasonCode>, String> {
        let value = self.take(|token| match token {
            Token::Word(word) => u8::from_str_radix(word.strip_prefix("0x")?, 16).ok(),
            _ => None,
        });
        let code = |value| ReasonCode::from_u8(value).ok_or(format!("no code {value:#04x}"));
        value.map(code).transpose()
    }

    /// A payload: `"text"`, `0x0a0b`, or `300B` for that many bytes of no meaning.
    pub(crate) fn payload(&mut self) -> Option<Vec<u8>> {
        if let Some(text) = self.text() {
            return Some(text.into_bytes());
        }
        self.take(|token| match token {
            Token::Word(word) => bytes(word),
            _ => None,
        })
    }

    /// The first token, whatever it is.
    pub(crate) fn next(&mut self) -> Option<Token> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    pub(crate) fn number<N: FromStr>(&self) -> Result<N, String> {
        match self {
            Self::Word(word) => word.parse().map_err(|_| format!("`{word}` is no such number")),
            other => Err(format!("{other:?} is no number")),
        }
    }

    /// `0` or `1`.
    pub(crate) fn boolean(&self) -> Result<bool, String> {
        match self {
            Self::Word(word) if word == "0" => Ok(false),
            Self::Word(word) if word == "1" => Ok(true),
            other => Err(format!("{other:?} is neither 0 nor 1")),
        }
    }

    pub(crate) fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(format!("{other:?} is no string in quotes")),
        }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Word(word) => bytes(&word).ok_or_else(|| format!("`{word}` is no bytes")),
            other => Err(format!("{other:?} is no bytes")),
        }
    }
}

fn bytes(word: &str) -> Option<Vec<u8>> {
    if let Some(count) = word.strip_suffix('B') {
        return Some(vec![b'x'; count.parse().ok()?]);
    }
    hexadecimal(word.strip_prefix("0x")?)
}

/// Bytes from pairs of hexadecimal digits, with or without spaces.
pub(crate) fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok()).collect()
}
