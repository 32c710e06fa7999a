//! [`Ethernet`]: the controller as a device of smoltcp.
//!
//! In both FIFOs a frame begins with a length of two bytes; the words of the FIFO are not those of
//! the frame, which begins in the middle of the first one. The hardware makes and checks the
//! checksum at its end.

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{ETHERNET_HEADER_LEN, EthernetAddress, HardwareAddress};

use crate::board::Mac;

/// The largest IP packet: what everybody must be able to take, since every byte is held twice.
const MTU: usize = 576;
/// Its frame, without the checksum at the end.
pub(crate) const FRAME: usize = ETHERNET_HEADER_LEN + MTU;
/// Room for a frame.
pub(crate) type Frame = [u8; FRAME];
/// The length before a received frame counts itself and the checksum after the frame.
const LENGTH_AND_CHECKSUM: usize = 2 + 4;

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
        let len = read_frame(&mut self.mac, self.received);
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
        write_frame(self.mac, frame);
        result
    }
}

/// Empties the FIFO of one frame; its length, 0 for one that is too long.
fn read_frame(mac: &mut Mac, frame: &mut Frame) -> usize {
    let [low, high, first, second] = mac.read();
    let counted = usize::from(u16::from_le_bytes([low, high]));
    let len = counted.saturating_sub(LENGTH_AND_CHECKSUM);
    [frame[0], frame[1]] = [first, second];
    for place in (2..counted.saturating_sub(2)).step_by(4) {
        let word = mac.read();
        let room = frame.get_mut(place..).unwrap_or_default();
        room.iter_mut().zip(word).for_each(|(to, from)| *to = from);
    }
    if len <= FRAME { len } else { 0 }
}

/// Fills the FIFO with one frame, and sends it.
fn write_frame(mac: &mut Mac, frame: &[u8]) {
    // What is counted is the payload: the hardware adds the header's length.
    let payload = u16::try_from(frame.len().saturating_sub(ETHERNET_HEADER_LEN)).unwrap_or(0);
    let [low, high] = payload.to_le_bytes();
    let (first, rest) = frame.split_at(2.min(frame.len()));
    let mut word = [low, high, 0, 0];
    word.iter_mut().skip(2).zip(first).for_each(|(to, from)| *to = *from);
    mac.write(word);
    for bytes in rest.chunks(4) {
        let mut word = [0; 4];
        word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        mac.write(word);
    }
    mac.send();
}
