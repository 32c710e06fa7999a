//! [`Subject`]: what a transcript is played against.

use core::time::Duration;

use mqtt_broker_core::Stats;

use super::host::Wish;
use super::rules::Rule;
use super::scene::Scene;

/// A broker with what is around it: the core itself, a driver of it, or a binding.
pub(crate) trait Subject {
    /// What was seen.
    fn scene(&mut self) -> &mut Scene;

    /// A Network Connection for a client.
    fn accept(&mut self, client: usize) -> Result<(), String>;

    /// One write of a client.
    fn write(&mut self, client: usize, bytes: &[u8]) -> Result<(), String>;

    /// The transport of a client ends; what was on its way to it arrives first.
    fn end(&mut self, client: usize) -> Result<(), String>;

    /// Everything that can happen now has happened afterwards.
    fn settle(&mut self) -> Result<(), String>;

    /// The end of a line.
    fn after_line(&mut self) -> Result<(), String>;

    /// Lets time pass.
    fn wait(&mut self, span: Duration) -> Result<(), String>;

    /// One more rule of the policy; `None` takes all back.
    fn rule(&mut self, rule: Option<Rule>) -> Result<(), String>;

    /// Nothing is durable from here on, or everything is.
    fn disk_stalls(&mut self, stalls: bool) -> Result<(), String>;

    /// The broker is gone, with all connections and all that was not durable, and comes back. It was
    /// away for so long, and the clock has been set back by so much.
    fn crash(&mut self, _away: Duration, _back: Duration) -> Result<(), String> {
        Err("only the core itself crashes".into())
    }

    /// The host's wish.
    fn wish(&mut self, wish: &Wish) -> Result<(), String>;

    /// What the broker has counted.
    fn stats(&mut self) -> Result<Stats, String>;

    /// Whether lines in which the same client goes on sending are one write.
    fn joins_writes(&self) -> bool;

    /// What the subject itself has to say once all is played.
    fn last_check(&mut self) -> Result<(), String> {
        Ok(())
    }
}
