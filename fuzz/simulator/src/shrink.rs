//! [`shrink`]: the smallest plan that still fails in the same way.

use crate::faults::Fault;
use crate::plan::Plan;
use crate::trial;

/// Halves the workload and takes faults and clients away, as long as the same oracle complains.
#[must_use]
pub fn shrink(plan: &Plan, oracle: &str) -> Plan {
    let fails =
        |plan: &Plan| trial::run(plan).failure.is_some_and(|failure| failure.oracle == oracle);
    let mut best = plan.clone();
    loop {
        let before = best.clone();
        for fault in Fault::ALL.iter().filter(|fault| before.faults.has(**fault)) {
            let smaller = Plan { faults: best.faults.without(*fault), ..best.clone() };
            if fails(&smaller) {
                best = smaller;
            }
        }
        for step in [best.turns / 2, best.turns / 4, best.turns / 8, 4, 1] {
            while step > 0 && best.turns > step {
                let smaller = Plan { turns: best.turns - step, ..best.clone() };
                if !fails(&smaller) {
                    break;
                }
                best = smaller;
            }
        }
        for clients in 1..best.clients.min(9) {
            let smaller = Plan { clients, ..best.clone() };
            if fails(&smaller) {
                best = smaller;
                break;
            }
        }
        if best == before {
            return best;
        }
    }
}
