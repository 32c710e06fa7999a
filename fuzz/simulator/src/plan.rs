//! [`Plan`]: everything that makes a world. The same plan makes the same world.

use std::fmt;

use mqtt_broker_core::Defect;

use crate::faults::{Fault, FaultSet};

/// What a world is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The workload's name; any one, by the seed, if there is none.
    pub workload: Option<String>,
    /// How many turns clients and host have, all together, before the world heals.
    pub turns: u32,
    /// How many clients there are, at most.
    pub clients: usize,
    /// What may go wrong.
    pub faults: FaultSet,
    /// What is wrong with the broker, to see whether it is found.
    pub defect: Option<Defect>,
}

/// How many turns a world has, unless somebody says otherwise.
pub const TURNS: u32 = 300;

impl Plan {
    /// The world of this seed, with all that may go wrong.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let (turns, clients) = (TURNS, usize::MAX);
        Self { seed, workload: None, turns, clients, faults: FaultSet::ALL, defect: None }
    }
}

/// As arguments of the command line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--seed {}", self.seed)?;
        if let Some(workload) = &self.workload {
            write!(f, " --workload {workload}")?;
        }
        if self.turns != TURNS {
            write!(f, " --turns {}", self.turns)?;
        }
        if self.clients != usize::MAX {
            write!(f, " --clients {}", self.clients)?;
        }
        if let Some(defect) = self.defect {
            write!(f, " --defect {defect:?}")?;
        }
        let missing: Vec<&str> = Fault::ALL
            .iter()
            .filter(|fault| !self.faults.has(**fault))
            .map(|fault| fault.name())
            .collect();
        if !missing.is_empty() {
            write!(f, " --without {}", missing.join(","))?;
        }
        Ok(())
    }
}
