//! Plays a script against the core, in all its modes.

use core::cell::Cell;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use mqtt_codec::Packet;

use super::crash;
use super::matching::Names;
use super::mode::Mode;
use super::play::Play;
use super::script::{Action, Script, Sent};
use super::world::World;

/// Plays a script in all its modes; the error names file, line and mode.
pub(crate) fn play_all(file: &str, script: &Script) -> Result<(), String> {
    // One with a journal says itself when the disk is behind.
    for mode in Mode::all(script.longest_write()?, script.config.journal) {
        let line = Cell::new(0);
        let play = || Play::new(World::new(script.config.clone(), mode)).run(script, &line);
        let outcome = catch_unwind(AssertUnwindSafe(play));
        outcome
            .unwrap_or_else(|panic| Err(format!("panic: {}", message(&*panic))))
            .map_err(|error| format!("{file}:{}: {error}\n    played with {mode}", line.get()))?;
    }
    let line = Cell::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| crash::after_every_line(script, &line)));
    outcome
        .unwrap_or_else(|panic| Err(format!("panic: {}", message(&*panic))))
        .map_err(|error| format!("{file}:{}: {error}\n    crashed after this line", line.get()))
}

/// What a panic said.
fn message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap_or_default()
}

impl Script {
    /// Bytes of the longest write of any client.
    fn longest_write(&self) -> Result<usize, String> {
        let mut version = alloc::collections::BTreeMap::new();
        let mut longest = 0;
        let mut write = 0;
        for line in &self.lines {
            if let Action::Send { name, what, joined } = &line.action {
                if let Sent::Packet(Packet::Connect(connect)) = what {
                    version.insert(name, connect.version);
                }
                let version = version.get(name).copied().unwrap_or(mqtt_codec::Version::V5);
                let bytes = what.bytes(version, &Names::new());
                let bytes = bytes.map_err(|e| format!("{}: {e}", line.number))?;
                write = bytes.len() + if *joined { write } else { 0 };
                longest = longest.max(write);
            }
        }
        Ok(longest)
    }
}
