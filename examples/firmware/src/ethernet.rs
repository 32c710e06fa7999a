//! [`Ethernet`]: the controller as a device of smoltcp.

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress};

use crate::mac::{HEADER, Mac};

/// The largest IP packet: what everybody must be able to take, since every byte is held twice.
const MTU: usize = 576;
/// Its frame, without the checksum at the end.
pub(crate) const FRAME: usize = HEADER + MTU;
/// Room for a frame.
pub(crate) type Frame = [u8; FRAME];

/// The controller, with a frame on its way in and one on its way out.
pub(crate) struct Ethernet {
    mac: Mac,
    received: &'static mut Frame,
    sent: &'static mut Frame,
}

impl Ethernet {
    pub(crate) const fn new(mac: Mac, [received, sent]: &'static mut [Frame; 2]) -> Self {
        Self { mac, received, sent }
    }

    pub(crate) fn address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(EthernetAddress(self.mac.address()))
    }

    pub(crate) const fn mac(&self) -> &Mac {
        &self.mac
    }
}

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Unsent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Unsent<'_>)> {
        // There must be room for an answer. Frames that wait too long are lost in the FIFO, and
        // come again.
        if !self.mac.has_frame() || self.mac.is_sending() {
            return None;
        }
        let len = self.mac.read(self.received);
        let received = Received(self.received.get(..len).unwrap_or_default());
        Some((received, Unsent { mac: &mut self.mac, buffer: self.sent }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Unsent<'_>> {
        let is_ready = !self.mac.is_sending();
        is_ready.then_some(Unsent { mac: &mut self.mac, buffer: self.sent })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

/// A frame that has come.
pub(crate) struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(self.0)
    }
}

/// A frame that is to be sent.
pub(crate) struct Unsent<'a> {
    mac: &'a mut Mac,
    buffer: &'a mut Frame,
}

impl phy::TxToken for Unsent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let frame = &mut self.buffer[..len];
        let result = fill(frame);
        self.mac.write(frame);
        result
    }
}
