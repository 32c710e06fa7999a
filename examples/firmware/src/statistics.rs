//! [`Statistics`]: the broker's numbers, published under `$SYS/` from time to time and whenever
//! somebody subscribes to them. They are not retained: that would take memory.

use core::fmt::Write;
use core::time::Duration;

use heapless::String;
use mqtt_broker_core::codec::TopicName;
use mqtt_broker_core::{ApplicationMessage, Broker, Instant};

use crate::board;

const PERIOD: Duration = Duration::from_secs(10);

/// When the numbers are due.
#[derive(Default)]
pub(crate) struct Statistics {
    next: Instant,
}

impl Statistics {
    /// When they are published next.
    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// Publishes them.
    pub(crate) fn publish(&mut self, now: Instant, broker: &mut Broker) {
        self.next = now + PERIOD;
        let stats = broker.stats();
        let dropped = stats.dropped_expired
            + stats.dropped_queue_full
            + stats.dropped_offline_full
            + stats.dropped_too_large
            + stats.dropped_broker_full;
        let numbers = [
            ("$SYS/broker/uptime", now.0 / 1_000_000),
            ("$SYS/broker/heap/size", board::HEAP_SIZE as u64),
            ("$SYS/broker/heap/used", board::heap_used() as u64),
            ("$SYS/broker/heap/peak", board::heap_peak() as u64),
            ("$SYS/broker/heap/reach", board::heap_reach() as u64),
            ("$SYS/broker/heap/failed", board::heap_failed() as u64),
            ("$SYS/broker/memory", stats.memory as u64),
            ("$SYS/broker/stack/peak", board::stack_peak() as u64),
            ("$SYS/broker/connections", stats.connections.into()),
            ("$SYS/broker/sessions", stats.sessions.into()),
            ("$SYS/broker/subscriptions", stats.subscriptions.into()),
            ("$SYS/broker/retained", stats.retained.into()),
            ("$SYS/broker/entries", stats.entries.into()),
            ("$SYS/broker/accepted", stats.accepted),
            ("$SYS/broker/messages/received", stats.publish_received),
            ("$SYS/broker/messages/sent", stats.publish_sent),
            ("$SYS/broker/messages/dropped", dropped),
        ];
        for (topic, number) in numbers {
            let Ok(topic) = TopicName::new(topic) else { continue };
            let mut text = String::<20>::new();
            // The longest number has 20 digits.
            let _ = write!(text, "{number}");
            // Full: they come again.
            let _ = broker.publish(now, &ApplicationMessage::new(topic, text.as_bytes()));
        }
    }
}
