//! [`Limit`]: which bound was reached, and how often ([`Reached`]).

use core::fmt;

/// One of the bounds of [`Limits`](crate::Limits) and [`Config`](crate::Config) that refuse somebody, or
/// make somebody wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::connections`](crate::Limits::connections).
    Connections,
    /// [`Limits::connections_per_address`](crate::Limits::connections_per_address).
    ConnectionsPerAddress,
    /// [`Limits::sessions`](crate::Limits::sessions), or
    /// [`lasting_sessions`](crate::Limits::lasting_sessions).
    Sessions,
    /// [`Limits::wills`](crate::Limits::wills).
    Wills,
    /// [`Limits::subscriptions`](crate::Limits::subscriptions).
    Subscriptions,
    /// [`Limits::subscriptions_per_client`](crate::Limits::subscriptions_per_client).
    SubscriptionsPerClient,
    /// [`Limits::retained`](crate::Limits::retained).
    Retained,
    /// [`Limits::retained_bytes`](crate::Limits::retained_bytes).
    RetainedBytes,
    /// [`Limits::retained_message_size`](crate::Limits::retained_message_size).
    RetainedMessageSize,
    /// [`Limits::publications`](crate::Limits::publications).
    Publications,
    /// [`Limits::publication_bytes`](crate::Limits::publication_bytes).
    PublicationBytes,
    /// [`Limits::topic_levels`](crate::Limits::topic_levels).
    TopicLevels,
    /// [`Limits::topic_bytes`](crate::Limits::topic_bytes).
    TopicBytes,
    /// [`Limits::user_property_bytes`](crate::Limits::user_property_bytes).
    UserPropertyBytes,
    /// [`Limits::deferred`](crate::Limits::deferred).
    Deferred,
    /// [`Limits::publish_rate`](crate::Limits::publish_rate).
    PublishRate,
    /// [`Config::connect_timeout`](crate::Config::connect_timeout).
    ConnectTimeout,
    /// [`Limits::connect_packet_size`](crate::Limits::connect_packet_size).
    ConnectPacketSize,
    /// [`Config::maximum_packet_size`](crate::Config::maximum_packet_size).
    MaximumPacketSize,
    /// [`Config::receive_maximum`](crate::Config::receive_maximum).
    ReceiveMaximum,
    /// [`Config::topic_alias_maximum`](crate::Config::topic_alias_maximum).
    TopicAliasMaximum,
    /// [`Config::decision_timeout`](crate::Config::decision_timeout).
    DecisionTimeout,
    /// [`Limits::local_subscriptions`](crate::Limits::local_subscriptions).
    LocalSubscriptions,
    /// [`Limits::outgoing`](crate::Limits::outgoing).
    Outgoing,
    /// [`Limits::journal_bytes`](crate::Limits::journal_bytes).
    JournalBytes,
    /// [`Limits::memory`](crate::Limits::memory).
    Memory,
}

impl Limit {
    /// Every one, in the order of their declaration.
    pub const ALL: [Self; 26] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Sessions,
        Self::Wills,
        Self::Subscriptions,
        Self::SubscriptionsPerClient,
        Self::Retained,
        Self::RetainedBytes,
        Self::RetainedMessageSize,
        Self::Publications,
        Self::PublicationBytes,
        Self::TopicLevels,
        Self::TopicBytes,
        Self::UserPropertyBytes,
        Self::Deferred,
        Self::PublishRate,
        Self::ConnectTimeout,
        Self::ConnectPacketSize,
        Self::MaximumPacketSize,
        Self::ReceiveMaximum,
        Self::TopicAliasMaximum,
        Self::DecisionTimeout,
        Self::LocalSubscriptions,
        Self::Outgoing,
        Self::JournalBytes,
        Self::Memory,
    ];

    /// The name of the field of [`Limits`](crate::Limits) or [`Config`](crate::Config).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Sessions => "sessions",
            Self::Wills => "wills",
            Self::Subscriptions => "subscriptions",
            Self::SubscriptionsPerClient => "subscriptions_per_client",
            Self::Retained => "retained",
            Self::RetainedBytes => "retained_bytes",
            Self::RetainedMessageSize => "retained_message_size",
            Self::Publications => "publications",
            Self::PublicationBytes => "publication_bytes",
            Self::TopicLevels => "topic_levels",
            Self::TopicBytes => "topic_bytes",
            Self::UserPropertyBytes => "user_property_bytes",
            Self::Deferred => "deferred",
            Self::PublishRate => "publish_rate",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectPacketSize => "connect_packet_size",
            Self::MaximumPacketSize => "maximum_packet_size",
            Self::ReceiveMaximum => "receive_maximum",
            Self::TopicAliasMaximum => "topic_alias_maximum",
            Self::DecisionTimeout => "decision_timeout",
            Self::LocalSubscriptions => "local_subscriptions",
            Self::Outgoing => "outgoing",
            Self::JournalBytes => "journal_bytes",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each [`Limit`] was reached, that is, how often somebody was refused or had to wait because
/// of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached([u64; Limit::ALL.len()]);

impl Reached {
    /// How often this one was.
    #[must_use]
    pub fn count(&self, limit: Limit) -> u64 {
        self.0.get(limit as usize).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, limit: Limit) {
        if let Some(count) = self.0.get_mut(limit as usize) {
            *count += 1;
        }
    }
}
