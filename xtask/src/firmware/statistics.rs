//! [`Statistics`]: what the broker tells about itself under `$SYS/`.

use crate::process::{Outcome, output};
use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

/// Numbers by the last words of their topics.
#[derive(Debug)]
pub(super) struct Statistics(BTreeMap<String, u64>);

impl Statistics {
    const PREFIX: &str = "$SYS/broker/";
    const COUNT: &str = "17";

    /// Subscribes, and takes what comes.
    pub(super) fn ask(port: u16) -> Outcome<Self> {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "5", "-W", "10"]);
        command.args(["-t", &format!("{}#", Self::PREFIX), "-v", "-C", Self::COUNT]);
        let lines = output(&mut command)?;
        let parse = |line: &str| {
            let (topic, number) = line.strip_prefix(Self::PREFIX)?.split_once(' ')?;
            Some((topic.to_string(), number.parse().ok()?))
        };
        let numbers: Option<_> = lines.lines().map(parse).collect();
        numbers.map(Self).ok_or_else(|| format!("not statistics: {lines}"))
    }

    /// The number under this topic; 0 if there is none.
    pub(super) fn get(&self, topic: &str) -> u64 {
        self.0.get(topic).copied().unwrap_or_default()
    }

    /// An error if the heap was ever full, or had no piece that was large enough.
    pub(super) fn check(&self) -> Outcome {
        let (peak, size, failed) =
            (self.get("heap/peak"), self.get("heap/size"), self.get("heap/failed"));
        if size > 0 && peak < size && failed == 0 {
            return Ok(());
        }
        Err(format!("heap peak {peak} of {size} bytes, {failed} times no room"))
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (topic, number)) in self.0.iter().enumerate() {
            write!(f, "{}{topic} {number}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
