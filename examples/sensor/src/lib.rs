//! A client of MQTT 5.0 for a microcontroller: `mqtt-codec` over `embedded-io-async`, without a heap,
//! without atomics, in memory of fixed sizes. `microbit/` puts it on a Cortex-M0, `tcp` on a PC.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

mod client;
#[cfg(feature = "std")]
mod tcp;

use embedded_io_async::{Read, Write};
use mqtt_codec::Publish;

pub use crate::client::{Buffers, Client, Error, INBOX, Message, PACKET};
#[cfg(feature = "std")]
pub use crate::tcp::report_over_tcp;

/// The topic that [`report`] publishes to.
pub const TOPIC: &str = "sensors/1/celsius";

/// A whole day of a sensor: it connects, subscribes to its own topic, publishes a reading there as a
/// retained message of QoS 1, waits until the reading has come back, and says goodbye.
///
/// # Errors
/// [`Error`]: what came between.
pub async fn report<R: Read, W: Write>(
    read: R,
    write: W,
    buffers: &mut Buffers,
    celsius: &[u8],
) -> Result<(), Error> {
    let mut client = Client::connect(read, write, buffers, "sensor-1").await?;
    client.subscribe("sensors/1/#").await?;
    client.publish(TOPIC, celsius, true).await?;
    loop {
        // The reading of the last time comes first, if there was one.
        let message = client.message().await?;
        let is_new = |publish: Publish<'_>| publish.payload == celsius && !publish.retain;
        if message.publish().is_some_and(is_new) {
            return client.disconnect().await;
        }
    }
}
