//! Retained messages are the same everywhere, whenever a link was cut or a broker crashed.

use mqtt_codec::QoS;

use super::world::World;

/// Two shards with journals that are not joined, of which the first retains so many messages.
fn apart(count: u32) -> World {
    let mut world = World::new(2, |config| {
        config.journal = true;
        config.limits.forwards = 8;
    });
    world.cut(0, 1);
    world.connect("ann", true, 1000);
    for number in 0..count {
        world.publish_with("ann", &format!("r/{number}"), QoS::AtLeastOnce, "x", true, None);
    }
    world.dropped_forwards(0);
    world
}

fn retained(world: &World) -> [u32; 2] {
    [0, 1].map(|node| world.stats(node).retained)
}

#[test]
fn a_link_that_is_cut_while_they_are_told_tells_them_again() {
    for carried in 0..60 {
        let mut world = apart(20);
        world.slow = true;
        world.join(0, 1);
        for _ in 0..carried {
            world.settle();
            world.carry_one();
        }
        world.cut(0, 1);
        world.slow = false;
        world.join(0, 1);
        world.settle();
        assert_eq!(retained(&world), [20, 20], "after {carried} frames");
        world.end();
    }
}

#[test]
fn a_crash_of_either_while_they_are_told_is_no_loss() {
    for (node, carried) in (0..120).map(|case| (case % 2, case / 2)) {
        let mut world = apart(20);
        world.slow = true;
        world.join(0, 1);
        for _ in 0..carried {
            world.settle();
            world.carry_one();
        }
        world.slow = false;
        world.crash(node);
        world.settle();
        assert_eq!(retained(&world), [20, 20], "{node} crashed after {carried} frames");
        world.end();
    }
}

#[test]
fn what_was_told_and_is_not_on_disk_when_its_receiver_crashes_is_told_again() {
    let mut world = apart(20);
    world.nodes[1].stalled = true;
    world.join(0, 1);
    world.settle();
    world.crash(1);
    assert_eq!(retained(&world), [20, 20]);
    world.end();
}

#[test]
fn who_crashes_before_it_could_tell_tells_after_that() {
    let mut world = apart(20);
    world.crash(0);
    assert_eq!(retained(&world), [20, 20]);
    world.end();
}

#[test]
fn what_did_not_fit_is_told_when_there_is_room() {
    let mut world = World::new(2, |config| {
        config.journal = true;
        config.limits.forwards = 8;
    });
    world.connect("ann", true, 1000);
    world.slow = true;
    for number in 0..20 {
        world.publish_with("ann", &format!("r/{number}"), QoS::AtLeastOnce, "x", true, None);
    }
    assert_eq!(world.stats(0).dropped_forwards, 12);
    world.slow = false;
    world.settle();
    assert_eq!(retained(&world), [20, 20]);
    world.end();
}
