//! What the model makes of steps that a world seldom takes in this order.

use mqtt_broker_core::Instant;
use mqtt_codec::{QoS, SubscriptionOptions, Version};
use simulator::link::LinkId;
use simulator::model::{
    ConnectNote, Model, Moment, PublishNote, Settings, Step, Subscription, Timed,
};

const FILTER: &str = "$share/g/a";

struct Told {
    model: Model,
    steps: u64,
}

impl Told {
    fn new() -> Self {
        let settings = Settings {
            session_expiry_maximum: u32::MAX,
            message_expiry_maximum: u32::MAX,
            host_listens: false,
            is_tight: false,
            are_calls_short: false,
        };
        Self { model: Model::new(settings), steps: 0 }
    }

    fn step(&mut self, step: Step) {
        self.steps += 1;
        let moment = Moment { at: Instant(self.steps), lsn: None, number: self.steps };
        self.model.apply(&Timed { moment, step });
    }

    fn member(&mut self, link: LinkId, qos: QoS) {
        let name = format!("client-{link}");
        self.step(Step::Opened { link, client: 0 });
        let connect = ConnectNote {
            version: Version::V5,
            name: name.clone(),
            clean: true,
            expiry: 60,
            asked_expiry: 60,
            keep_alive: 0,
            receive_maximum: None,
            maximum_packet_size: None,
            alias_maximum: 0,
            wants_words: true,
            will: None,
        };
        self.step(Step::Connect { link, connect });
        self.step(Step::Connected { link, name: name.clone() });
        let options = SubscriptionOptions::new(qos);
        let wanted = vec![(FILTER.into(), Subscription { options, identifier: None })];
        self.step(Step::Subscribe { link, wanted });
        self.step(Step::Subscribed { name, filter: FILTER.into(), qos });
    }

    fn publish(&mut self) {
        let publish = PublishNote {
            message: Some(0),
            topic: Some("a".into()),
            alias: None,
            identifier: None,
            qos: QoS::AtLeastOnce,
            retain: false,
            expiry: None,
        };
        self.step(Step::HostPublished { publish });
    }

    fn leaves(&mut self, link: LinkId) {
        self.step(Step::Disconnected { link });
        self.step(Step::Ended { name: format!("client-{link}") });
    }

    fn is_due(&self) -> bool {
        self.model.shared.get(&0).is_some_and(|shared| shared.is_due)
    }
}

#[test]
fn a_successor_is_bound_to_get_what_it_asked_for_with_qos_1() {
    for (qos, is_due) in [(QoS::AtLeastOnce, true), (QoS::AtMostOnce, false)] {
        let mut told = Told::new();
        told.member(0, QoS::AtLeastOnce);
        told.publish();
        told.member(1, qos);
        assert!(told.is_due(), "it is with the first member");
        told.leaves(0);
        assert_eq!(told.is_due(), is_due, "{qos:?}");
    }
}

#[test]
fn one_member_for_qos_0_among_those_who_are_left_may_be_the_successor() {
    let mut told = Told::new();
    told.member(0, QoS::AtLeastOnce);
    told.publish();
    told.member(1, QoS::ExactlyOnce);
    told.member(2, QoS::AtMostOnce);
    told.leaves(0);
    assert!(!told.is_due());
}

#[test]
fn nobody_is_a_successor_where_nobody_is_left() {
    let mut told = Told::new();
    told.member(0, QoS::AtLeastOnce);
    told.publish();
    told.leaves(0);
    assert!(!told.is_due());
}
