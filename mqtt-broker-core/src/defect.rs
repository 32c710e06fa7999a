//! Defects, planted on purpose: only those who test the tests turn the feature on, and then only a
//! broker whose [`Config`](crate::Config) asks for one has it. Without the feature, nothing of this
//! is compiled.

use crate::broker::Broker;

/// One promise that the broker breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "planted-defects"),
    expect(unreachable_pub, reason = "only tests of tests ask for one")
)]
pub enum Defect {
    /// Every eighth message is not queued for those who subscribe.
    LostEnqueue,
    /// Every eighth message is queued twice.
    DoubleDelivery,
    /// What is acknowledged is not on disk yet.
    AckBeforeSync,
    /// PUBREC is not answered.
    ForgottenPubrel,
    /// Every fourth retained message does not replace the one before.
    RetainedOutOfOrder,
    /// CONNACK says that there is a Session.
    WrongSessionPresent,
    /// A Session goes on that should end with its connection.
    LeakedSession,
    /// A Will Message is not published.
    SkippedWill,
    /// What the policy says of a delivery is not heeded.
    UnauthorisedDelivery,
    /// A queue takes any number of messages.
    UnboundedQueue,
    /// The journal does not tell which QoS 2 messages came.
    ForgottenReceived,
    /// The journal does not tell that a retained message was cleared.
    RetainedResurrected,
    /// Deadlines do not move with a clock that was set back over a restart.
    StaleDeadlines,
    /// The journal does not tell that an exchange with a client is over.
    ForgottenCompletion,
    /// What waits for its turn is overtaken by what comes after it.
    Overtaken,
    /// A SUBACK does not wait until the peers know of the subscription.
    SubackBeforePeers,
    /// A peer is told that a message is here before that is on disk.
    ReceivedBeforeSync,
    /// What is kept for a peer is not sent again on a new link.
    ForgottenForward,
    /// A client is heard for twice as long as its Keep Alive allows.
    PatientKeepAlive,
    /// The Keep Alive that is imposed on a client is not told.
    UntoldKeepAlive,
    /// What goes along with a message is lost.
    LostProperties,
    /// RETAIN is not kept for those who ask for it.
    LostRetainFlag,
    /// A QoS 2 message that is released counts for the Receive Maximum as before.
    ForgottenQuota,
    /// Whoever loses its Session to a newer connection is not told.
    ForgottenGoodbye,
    /// Nobody succeeds the member of a group that goes before it was sent what it was chosen for.
    ForgottenSuccessor,
    /// A Session that is never to end does so after 136 years.
    EndlessEnds,
    /// PUBREC for a PUBLISH that is sent again does not wait for the record of the first.
    RepeatedTooEarly,
    /// Whoever is silent for too long is not disconnected, and its deadline stays where it was.
    EndlessKeepAlive,
    /// The journal does not tell that groups have yet to give on what a Session held that has ended.
    ForgottenLegacy,
}

#[cfg(feature = "planted-defects")]
impl Defect {
    /// Every defect there is.
    pub const ALL: &'static [Self] = &[
        Self::LostEnqueue,
        Self::DoubleDelivery,
        Self::AckBeforeSync,
        Self::ForgottenPubrel,
        Self::RetainedOutOfOrder,
        Self::WrongSessionPresent,
        Self::LeakedSession,
        Self::SkippedWill,
        Self::UnauthorisedDelivery,
        Self::UnboundedQueue,
        Self::ForgottenReceived,
        Self::RetainedResurrected,
        Self::StaleDeadlines,
        Self::ForgottenCompletion,
        Self::Overtaken,
        Self::SubackBeforePeers,
        Self::ReceivedBeforeSync,
        Self::ForgottenForward,
        Self::PatientKeepAlive,
        Self::UntoldKeepAlive,
        Self::LostProperties,
        Self::LostRetainFlag,
        Self::ForgottenQuota,
        Self::ForgottenGoodbye,
        Self::ForgottenSuccessor,
        Self::EndlessEnds,
        Self::RepeatedTooEarly,
        Self::EndlessKeepAlive,
        Self::ForgottenLegacy,
    ];
}

impl Broker {
    /// Whether this broker is to have this defect.
    #[cfg(feature = "planted-defects")]
    #[inline]
    pub(crate) fn is_planted(&self, defect: Defect) -> bool {
        self.config.defect == Some(defect)
    }

    /// Whether this broker is to have this defect: it is not.
    #[cfg(not(feature = "planted-defects"))]
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "it is asked where it may be")]
    pub(crate) const fn is_planted(&self, _: Defect) -> bool {
        false
    }
}
