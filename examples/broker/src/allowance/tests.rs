use super::*;

const STRETCH: Duration = Duration::from_secs(10);

#[test]
fn a_flood_is_counted_and_told_once() {
    let start = Instant::now();
    let mut allowance = Allowance::new(2, STRETCH);
    assert!(allowance.take(start));
    assert!(allowance.take(start));
    assert_eq!(allowance.deadline(), None, "nothing to tell yet");
    for _ in 0..1000 {
        assert_eq!(allowance.settle(start), None);
        assert!(!allowance.take(start));
    }
    assert_eq!(allowance.deadline(), Some(start + STRETCH));
    assert_eq!(allowance.settle(start + STRETCH), Some(1000));
    assert_eq!(allowance.settle(start + STRETCH), None);
    assert_eq!(allowance.deadline(), None);
    assert!(allowance.take(start + STRETCH), "a new stretch");
}

#[test]
fn a_trickle_is_written_in_full() {
    let mut now = Instant::now();
    let mut allowance = Allowance::new(1, STRETCH);
    for _ in 0..100 {
        assert_eq!(allowance.settle(now), None);
        assert!(allowance.take(now));
        now += STRETCH;
    }
}
