use super::*;

fn number(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).unwrap()
}

fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).unwrap()
}

#[test]
fn a_number_stands_for_a_name_after_it_was_sent_with_it() {
    let mut aliases = TopicAliases::new(0, 2);
    assert_eq!(aliases.outgoing(topic("long/one")), Outgoing::NameAndAlias(number(1)));
    assert_eq!(aliases.outgoing(topic("long/one")), Outgoing::Alias(number(1)));
    assert_eq!(aliases.outgoing(topic("long/two")), Outgoing::NameAndAlias(number(2)));
    assert_eq!(aliases.outgoing(topic("long/one")), Outgoing::Alias(number(1)));
}

#[test]
fn the_number_least_recently_used_is_given_anew() {
    let mut aliases = TopicAliases::new(0, 2);
    aliases.outgoing(topic("long/one"));
    aliases.outgoing(topic("long/two"));
    aliases.outgoing(topic("long/one"));
    assert_eq!(aliases.outgoing(topic("long/three")), Outgoing::NameAndAlias(number(2)));
    assert_eq!(aliases.outgoing(topic("long/one")), Outgoing::Alias(number(1)));
}

#[test]
fn short_names_and_clients_without_aliases_get_none() {
    let mut aliases = TopicAliases::new(0, 2);
    assert_eq!(aliases.outgoing(topic("a/b")), Outgoing::Name);
    let mut aliases = TopicAliases::new(0, 0);
    assert_eq!(aliases.outgoing(topic("long/one")), Outgoing::Name);
}

#[test]
//= [MQTT-3.3.2-9] type=test
fn a_client_uses_as_many_as_it_was_told() {
    let mut aliases = TopicAliases::new(2, 0);
    assert!(aliases.allows(number(2)));
    assert!(!aliases.allows(number(3)));
    aliases.define(number(2), topic("a"));
    aliases.define(number(2), topic("b"));
    aliases.define(number(3), topic("c"));
    assert_eq!(aliases.resolve(number(2)), Some(topic("b")));
    assert_eq!(aliases.resolve(number(1)), None);
    assert_eq!(aliases.resolve(number(3)), None);
}
