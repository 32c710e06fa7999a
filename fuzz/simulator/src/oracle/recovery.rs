//! A journal is read to its last whole record, and where it is damaged, that is said.

use mqtt_broker_core::{Records, Stored};

/// A journal with a record that was durable and is damaged, at `offset`.
///
/// # Errors
///
/// The place is not found, or another is.
pub fn damaged(bytes: &[u8], offset: usize) -> Result<(), String> {
    let found = Records::new(bytes).last();
    if found == Some(Stored::Damage { offset }) {
        return Ok(());
    }
    Err(format!("a record that was durable is damaged at {offset}; it finds {found:?}"))
}
