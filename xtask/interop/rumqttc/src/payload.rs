//! PAYLOAD words and the bytes they stand for.

use std::error::Error;

/// The bytes that a PAYLOAD word stands for.
pub fn bytes(word: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    match word.split_once(':') {
        None if word == "empty" => Ok(Vec::new()),
        Some(("text", text)) => Ok(text.as_bytes().to_vec()),
        Some(("fill", length)) => Ok(fill(length.parse()?)),
        _ => Err(format!("no such payload: {word}").into()),
    }
}

/// The PAYLOAD word that stands for these bytes.
pub fn word(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok("") => "empty".to_string(),
        Ok(text) if text.len() <= 64 && text.bytes().all(|byte| byte > 32 && byte < 128) => {
            format!("text:{text}")
        }
        _ if payload == fill(payload.len()) => format!("fill:{}", payload.len()),
        _ => format!("bytes:{}", payload.len()),
    }
}

/// `length` bytes of which byte i is i mod 251.
fn fill(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
