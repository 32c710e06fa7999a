//! The broker crashes after a line of a script, whichever it is.
//!
//! The law: *a crash is no more than the loss of every connection at once.* Each script is played up to
//! each of its lines twice. In one world every client then loses its connection; in the other the
//! broker is gone, and comes back from its journal. Both hold the same from then on, and everybody who
//! comes back is told the same and sent the same.
//!
//! Two things are not the same, and are told in `docs/design/0002-journal.md`: QoS 0 messages that
//! wait for an absent client are gone; so is what a share group had given to somebody whose Session
//! does not last, and would give to another who is absent.

use core::cell::Cell;

use super::host::Wish;
use super::mode::Mode;
use super::play::Play;
use super::script::{Action, Line, Script};
use super::world::World;

/// Crashes after each line in turn; `current` is that line.
pub(crate) fn after_every_line(script: &Script, current: &Cell<usize>) -> Result<(), String> {
    for end in 1..=script.lines.len() {
        let lines = &script.lines[..end];
        let mut unharmed = played(script, lines, current)?;
        let mut crashed = played(script, lines, current)?;
        crashed.compare_with_journal()?;
        let before = crashed.durable_state();
        unharmed.lose_connections()?;
        crashed.crash_and_rest()?;
        let (there, here) = (unharmed.durable_state(), crashed.durable_state());
        if there != here {
            if without_orphans(&there, &before, &here) == here {
                continue;
            }
            return Err(format!("without the crash there would be\n{there}there is\n{here}"));
        }
        if lines.iter().any(|line| matches!(line.action, Action::Host(Wish::ShutDown))) {
            // Nobody returns to a broker that shuts down.
            continue;
        }
        let (there, here) = (unharmed.everybody_returns()?, crashed.everybody_returns()?);
        if there != here {
            let (there, here) = (there.concat(), here.concat());
            return Err(format!("without the crash they would see\n{there}they see\n{here}"));
        }
    }
    Ok(())
}

/// A world in which these lines have been played, and all of it is durable.
fn played(script: &Script, lines: &[Line], current: &Cell<usize>) -> Result<World, String> {
    let mut play = Play::new(World::new(script.config.clone(), Mode::JOURNALLED));
    play.run_lines(lines, current)?;
    Ok(play.world)
}

/// The state `there` without copies that a share group gave away when it lost a member: they were
/// not there `before`, and are not `here`.
fn without_orphans(there: &str, before: &str, here: &str) -> String {
    let is_orphan = |line: &str| {
        let copy = line.contains(" Queued {") && !line.contains(" group: 0,");
        let message = line.starts_with("Published(");
        (copy || message) && !before.contains(line) && !here.contains(line)
    };
    there.split_inclusive('\n').filter(|line| !is_orphan(line)).collect()
}
