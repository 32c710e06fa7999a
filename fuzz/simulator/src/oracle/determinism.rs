//! The same plan gives the same world, to the last byte.

use crate::plan::Plan;
use crate::world::World;

/// Lives the world of a plan once more.
///
/// # Errors
///
/// Its hash is another than before.
pub fn again(plan: &Plan, hash: u64) -> Result<(), String> {
    let again = World::new(plan, false).run().hash;
    if again == hash {
        return Ok(());
    }
    Err(format!("two worlds of {plan} differ: {hash:016x} and {again:016x}"))
}
