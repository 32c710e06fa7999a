use super::*;

fn id(value: u16) -> PacketIdentifier {
    PacketIdentifier::new(value).unwrap()
}

#[test]
fn identifiers_count_from_one_and_wrap_past_the_last() {
    let mut window = InFlight::<u32>::default();
    for n in 0..70_000u32 {
        let identifier = window.push(n).unwrap();
        assert_eq!(u32::from(identifier.get()), n % 65_535 + 1);
        assert_eq!(window.remove(identifier), Some(n));
    }
    assert_eq!(window.len(), 0);
}

#[test]
//= [MQTT-2.2.1-4] type=test
fn an_identifier_in_use_is_not_given_out() {
    let mut window = InFlight::<u32>::default();
    for n in 0..65_535u32 {
        assert!(window.push(n).is_some());
    }
    assert_eq!(window.push(65_535), None);
    // A hole does not help while the oldest is still under way: identifiers keep their order.
    assert_eq!(window.remove(id(2)), Some(1));
    assert_eq!(window.push(65_535), None);
    assert_eq!(window.remove(id(1)), Some(0));
    assert_eq!(window.push(65_535), Some(id(1)));
}

#[test]
fn acknowledgements_out_of_order_leave_the_others_in_place() {
    let mut window = InFlight::<u32>::default();
    for n in 10..15 {
        window.push(n);
    }
    assert_eq!(window.remove(id(3)), Some(12));
    assert_eq!(window.remove(id(3)), None);
    assert_eq!(window.remove(id(9)), None);
    assert_eq!(window.remove(id(1)), Some(10));
    assert_eq!(window.iter().copied().collect::<alloc::vec::Vec<_>>(), [11, 13, 14]);
    assert_eq!(window.get(id(4)), Some(&13));
    assert_eq!(window.push(15), Some(id(6)));
}

#[test]
fn what_is_under_way_is_sent_again_once_in_order() {
    let mut window = InFlight::<u32>::default();
    for n in 0..5 {
        window.push(n);
    }
    window.remove(id(2));
    window.rewind();
    assert_eq!(window.next_resend(), Some(id(1)));
    window.remove(id(1));
    window.remove(id(5));
    assert_eq!(window.next_resend(), Some(id(3)));
    assert_eq!(window.next_resend(), Some(id(4)));
    assert_eq!(window.next_resend(), None);
    assert!(window.resent());
}
