//! A value as it is written in a configuration file or after `--set KEY=`, and the units in which
//! sizes and durations may be given.

use std::borrow::Cow;

use toml::de::DeValue;

/// A written value, before its key says what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `1000`, `1_000`, `0x10`.
    Number(i128),
    /// `true`, `false`.
    Flag(bool),
    /// `"16 MiB"`, `"never"`, `"drop-oldest"`.
    Text(String),
    /// `[…]`.
    List(Vec<Value>),
    /// A form that no key takes, by its name.
    Other(&'static str),
}

impl Value {
    /// A value of a TOML document.
    pub(crate) fn of_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                match i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
                    Ok(number) => Self::Number(number),
                    Err(_) => Self::Other("a number beyond all bounds"),
                }
            }
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Array(items) => {
                Self::List(items.iter().map(|item| Self::of_toml(item.get_ref())).collect())
            }
            DeValue::Float(_) => Self::Other("a number with a fraction"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// The text after the `=` of `--set KEY=VALUE`: written as in a file, but quotation marks may
    /// be left out, since the shell eats them.
    pub(crate) fn of_argument(text: &str) -> Self {
        let text = text.trim();
        if let Some(items) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
            return Self::List(items.map(Self::of_argument).collect());
        }
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match text {
            "true" => Self::Flag(true),
            "false" => Self::Flag(false),
            _ => match (unquoted, number(text)) {
                (Some(text), _) => Self::Text(text.to_owned()),
                (None, Some(number)) => Self::Number(number),
                (None, None) => Self::Text(text.to_owned()),
            },
        }
    }

    /// How the value is called in a message about it.
    pub(crate) fn described(&self) -> Cow<'static, str> {
        match self {
            Self::Number(number) => grouped(*number).into(),
            Self::Flag(flag) => flag.to_string().into(),
            Self::Text(text) => format!("{text:?}").into(),
            Self::List(_) => "a list".into(),
            Self::Other(what) => (*what).into(),
        }
    }
}

/// A number as a file has it: `1_000`, `-1`, `0x10`, `0o17`, `0b11`.
fn number(text: &str) -> Option<i128> {
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    let based = bases.iter().find_map(|(prefix, base)| Some((text.strip_prefix(prefix)?, *base)));
    let (digits, base) = based.unwrap_or((text, 10));
    // A sign belongs before the prefix, and there is none there.
    if base != 10 && digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(&digits.replace('_', ""), base).ok()
}

/// What sizes may look like, in words. The letters mean what they mean to GNU's tools.
pub(crate) const SIZE_FORMS: &str = "a number, or a text with a unit such as \"16 MiB\": K, M, G, T or \
     KiB, MiB, GiB, TiB for powers of 1,024, kB, MB, GB, TB for those of 1,000";

/// What durations may look like, in words.
pub(crate) const DURATION_FORMS: &str =
    "a number, or a text with units such as \"30s\", \"5 min\" or \"1h30m\": s, m or min, h, d, w";

/// The units of sizes, with what each is in bytes; capital and small letters are the same. The largest
/// that divides a size comes first among those that [`size_text`] shows.
const SIZE_UNITS: [(&str, u64); 19] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TiB", 1 << 40),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("byte", 1),
    ("bytes", 1),
];

/// The units of durations, with what each is in seconds, the largest first among those that
/// [`duration_text`] shows.
const DURATION_UNITS: [(&str, u64); 18] = [
    ("d", DAY),
    ("h", 3_600),
    ("min", 60),
    ("s", 1),
    ("m", 60),
    ("w", 7 * DAY),
    ("week", 7 * DAY),
    ("weeks", 7 * DAY),
    ("day", DAY),
    ("days", DAY),
    ("hour", 3_600),
    ("hours", 3_600),
    ("minute", 60),
    ("minutes", 60),
    ("mins", 60),
    ("sec", 1),
    ("second", 1),
    ("seconds", 1),
];

const DAY: u64 = 86_400;

/// Bytes, from a text such as `16 MiB` or `2G`; `None` if it is none.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    match with_unit(text, &SIZE_UNITS)? {
        (bytes, "") => Some(bytes),
        _ => None,
    }
}

/// Seconds, from a text such as `30s` or `1h 30m`; `None` if it is none.
pub(crate) fn parse_duration(text: &str) -> Option<u64> {
    let (mut seconds, mut rest) = with_unit(text, &DURATION_UNITS)?;
    while !rest.is_empty() {
        // What has another part before it has a unit.
        let has_unit = !rest.ends_with(|c: char| c.is_ascii_digit() || c == '_');
        let (more, after) = with_unit(rest, &DURATION_UNITS).filter(|_| has_unit)?;
        seconds = seconds.checked_add(more)?;
        rest = after;
    }
    Some(seconds)
}

/// Bytes as a person reads them: `16 MiB`, `1500 B`.
pub(crate) fn size_text(bytes: u64) -> String {
    let (unit, factor) = SIZE_UNITS
        .into_iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .unwrap_or(("B", 1));
    format!("{} {unit}", bytes / factor)
}

/// Seconds as a person reads them: `10s`, `1h`.
pub(crate) fn duration_text(seconds: u64) -> String {
    let (unit, factor) = DURATION_UNITS
        .into_iter()
        .find(|(_, factor)| seconds >= *factor && seconds.is_multiple_of(*factor))
        .unwrap_or(("s", 1));
    format!("{}{unit}", seconds / factor)
}

/// A number with its thousands set apart: `65,535`.
pub(crate) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The number at the beginning of a text, times its unit if it has one; and what comes after that.
fn with_unit<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(u64, &'a str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let number: u64 = number.replace('_', "").parse().ok()?;
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Some((number, rest));
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    Some((number.checked_mul(*factor)?, rest.trim_start()))
}

#[cfg(test)]
mod tests;
