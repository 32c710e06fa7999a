//! [`Call`]: one call of the broker.

#[cfg(feature = "recording")]
mod coding;

use mqtt_codec::{ReasonCode, SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName};

use crate::boundary::{ConnectionHandle, LocalSubscription, Lsn, Peer, Shard, Ticket};
use crate::policy::Verdict;

/// One call, with its arguments but the time; or what goes between calls.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "recording"), allow(dead_code, reason = "nothing is written then"))]
pub(crate) enum Call<'a> {
    Begin {
        version: u64,
        seed: u64,
    },
    /// The time of the calls that follow, from that of those before.
    Time {
        distance: u64,
        backward: bool,
    },
    /// What the policy says in the call that follows.
    Verdict(Verdict),
    /// The hash of all outputs so far.
    Check {
        hash: u64,
    },
    Accept {
        peer: Peer,
    },
    /// Without what the connection had left unconsumed.
    Input {
        connection: ConnectionHandle,
        bytes: &'a [u8],
    },
    Eof {
        connection: ConnectionHandle,
    },
    /// The peer ends its side, with something unconsumed.
    InputEnds {
        connection: ConnectionHandle,
    },
    Timeout,
    Outputs(u64),
    Records(u64),
    Transmit {
        connection: ConnectionHandle,
        buffer: u64,
    },
    Durable(Lsn),
    /// An Application Message of the host, as a PUBLISH of MQTT 5.0.
    Publish {
        packet: &'a [u8],
    },
    Subscribe {
        filter: TopicFilter<'a>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
        /// 0 is none.
        window: u32,
    },
    Taken {
        subscription: LocalSubscription,
        messages: u32,
    },
    Unsubscribe(LocalSubscription),
    Kick {
        client: &'a str,
        reason_code: ReasonCode,
    },
    Redirect {
        client: &'a str,
        server_reference: &'a str,
        permanently: bool,
    },
    RemoveSession {
        client: &'a str,
    },
    RemoveWill {
        client: &'a str,
    },
    /// How many subscriptions match.
    Matching {
        topic: TopicName<'a>,
    },
    RemoveSubscription {
        client: &'a str,
        filter: TopicFilter<'a>,
    },
    Resolve(Ticket, Verdict),
    Shutdown,
    Snapshot,
    PeerUp(Shard),
    PeerDown(Shard),
    Forward {
        origin: Shard,
        frame: &'a [u8],
    },
    PollForward(Shard),
    /// A record of the journal that the broker is made from.
    Applied {
        record: &'a [u8],
    },
    /// The broker came back, made of the records before.
    CameBack,
}
