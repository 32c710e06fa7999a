//! The words of a line: what a packet's `Display` writes, taken apart.

use core::iter::Peekable;
use core::str::Chars;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A bare word: `q1`, `dup`, `0x87`, `5B`.
    Word(String),
    /// A string in quotes, its escapes resolved.
    Text(String),
    /// `name=value`.
    Field(String, Value),
    /// The comma between two Topic Filters.
    Comma,
}

/// What stands after a `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A bare word.
    Word(String),
    /// A string in quotes.
    Text(String),
    /// A User Property: `"name":"value"`.
    Pair(String, String),
    /// A Will Message: `(q1 "topic" "payload")`.
    Group(Vec<Token>),
}

/// Takes a line apart.
pub(crate) fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut rest = line.chars().peekable();
    let found = sequence(&mut rest)?;
    match rest.next() {
        None => Ok(found),
        Some(stray) => Err(format!("`{stray}` does not belong here")),
    }
}

/// Tokens up to the end of the line or an unmatched `)`.
fn sequence(rest: &mut Peekable<Chars<'_>>) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    while let Some(&next) = rest.peek() {
        match next {
            ' ' | '\t' => {
                rest.next();
            }
            ',' => {
                rest.next();
                found.push(Token::Comma);
            }
            ')' => break,
            '"' => found.push(Token::Text(quoted(rest)?)),
            _ => {
                let name = word(rest);
                found.push(if rest.next_if_eq(&'=').is_some() {
                    Token::Field(name, value(rest)?)
                } else {
                    Token::Word(name)
                });
            }
        }
    }
    Ok(found)
}

fn value(rest: &mut Peekable<Chars<'_>>) -> Result<Value, String> {
    match rest.peek() {
        Some('"') => {
            let text = quoted(rest)?;
            if rest.next_if_eq(&':').is_some() {
                return Ok(Value::Pair(text, quoted(rest)?));
            }
            Ok(Value::Text(text))
        }
        Some('(') => {
            rest.next();
            let group = sequence(rest)?;
            rest.next_if_eq(&')').ok_or("a `(` without its `)`")?;
            Ok(Value::Group(group))
        }
        _ => Ok(Value::Word(word(rest))),
    }
}

fn word(rest: &mut Peekable<Chars<'_>>) -> String {
    let ends = |c: &char| !matches!(c, ' ' | '\t' | ',' | '=' | '(' | ')' | '"');
    let mut found = String::new();
    while let Some(next) = rest.next_if(ends) {
        found.push(next);
    }
    if found.is_empty() {
        // A stray `=` or `(`: take it, so that the reader of the word can name it.
        found.extend(rest.next_if(|c| matches!(c, '=' | '(')));
    }
    found
}

/// A string as Rust's `{:?}` writes it.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    rest.next_if_eq(&'"').ok_or("a string in quotes is missing")?;
    let mut found = String::new();
    loop {
        match rest.next().ok_or("a string without its closing quote")? {
            '"' => return Ok(found),
            '\\' => found.push(escape(rest)?),
            other => found.push(other),
        }
    }
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    match rest.next() {
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('0') => Ok('\0'),
        Some('u') => {
            let digits: String = rest.by_ref().take_while(|c| *c != '}').skip(1).collect();
            let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
            code.ok_or_else(|| format!("`\\u{{{digits}}}` is no character"))
        }
        Some(same @ ('"' | '\\' | '\'')) => Ok(same),
        other => Err(format!("`\\{}` is no escape", other.map_or(String::new(), String::from))),
    }
}
