//! The broker's side of a recording: calls are written down as they are made.

#[cfg(feature = "recording")]
use alloc::vec::Vec;

use mqtt_codec::{Delivery, Packet, PacketIdentifier, Publish, QoS, Version};

use super::Broker;
use crate::boundary::{ApplicationMessage, ConnectionHandle, Received};
use crate::connection::outbound::Lent;
use crate::policy::Policy;
#[cfg(feature = "recording")]
use crate::recording::Recorder;
use crate::recording::{Call, Overheard};
use crate::time::Instant;

impl Broker {
    /// What has been recorded since the last call; `None` if nothing has, or if
    /// [`Config::recording`](crate::Config::recording) is off or used up. All of it, one after the
    /// other, is what [`play`](crate::play) plays.
    #[cfg(feature = "recording")]
    pub fn poll_recording(&mut self) -> Option<Vec<u8>> {
        self.recorder.take()
    }

    /// Ends the recording: nothing more is written down, and what was not polled is gone.
    #[cfg(feature = "recording")]
    pub fn end_recording(&mut self) {
        self.recorder = Recorder::off();
    }

    /// A hash of all outputs so far, while a recording is made: that of its playback is the same.
    #[cfg(feature = "recording")]
    #[must_use]
    pub fn output_hash(&self) -> Option<u64> {
        self.recorder.output_hash()
    }

    /// Records a call, if calls are recorded.
    #[inline]
    pub(crate) fn record(&mut self, now: Instant, call: &Call<'_>) {
        self.recorder.call_at(now, call);
    }

    /// Records what the host publishes. What is no PUBLISH is refused, and changes nothing.
    pub(super) fn record_publish(&mut self, now: Instant, message: &ApplicationMessage<'_>) {
        if !self.recorder.is_on() {
            return;
        }
        let identifier = (message.qos > QoS::AtMostOnce).then_some(PacketIdentifier::MIN);
        let Some(delivery) = Delivery::new(message.qos, false, identifier) else { return };
        let publish = Packet::Publish(Publish {
            delivery,
            retain: message.retain,
            topic: Some(message.topic),
            properties: message.properties,
            payload: message.payload,
        });
        let mut packet = alloc::vec![0; publish.encoded_len(Version::V5)];
        if publish.encode(Version::V5, &mut packet).is_ok() {
            self.recorder.call_at(now, &Call::Publish { packet: &packet });
        }
    }

    pub(super) fn receive_recorded(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        bytes: &[u8],
        policy: &mut dyn Policy,
    ) -> Received {
        let mut policy = Overheard::new(policy);
        let received = self.input(now, connection, bytes, &mut policy);
        self.recorder.input(now, connection, bytes, received.consumed, &policy.verdicts);
        received
    }

    pub(super) fn transmit_recorded(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        buffer: &mut [u8],
        policy: &mut dyn Policy,
    ) -> Option<(usize, Option<Lent>)> {
        let mut policy = Overheard::new(policy);
        let index = self.connections.resolve(connection);
        let sent = index.and_then(|index| self.transmit(now, index, buffer, &mut policy));
        self.recorder.transmit(now, connection, buffer.len(), &policy.verdicts);
        let len = sent.as_ref().map_or(0, |(len, _)| *len);
        self.recorder.sent(buffer.get(..len).unwrap_or_default());
        sent
    }
}
