//! Brokers that are joined to be one: what their clients see, over links that are slow or cut and
//! brokers that crash.
//!
//! Of two shards, ann and eve live on the first, ben and sue on the second; of three, cid lives on
//! the first, ann on the second, dan on the third.

extern crate alloc;

mod client;
mod converging;
mod crossing;
mod hostile;
mod interrupted;
mod keeping;
mod law;
mod world;

use mqtt_broker_core::Shard;

#[test]
fn clients_are_spread_over_all_shards() {
    let mut counts = [0; 5];
    for number in 0..5000 {
        counts[usize::from(Shard::of(&format!("client-{number}"), 5).0)] += 1;
    }
    assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    assert_eq!(Shard::of("anybody", 1), Shard(0));
    let homes = ["ann", "eve", "ben", "sue"].map(|name| Shard::of(name, 2).0);
    assert_eq!(homes, [0, 0, 1, 1]);
    assert_eq!(["cid", "ann", "dan"].map(|name| Shard::of(name, 3).0), [0, 1, 2]);
}
