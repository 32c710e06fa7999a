//! [`Mac`]: the Ethernet controller, as its data sheet has it.
//!
//! Two FIFOs, of whole frames, read and written word by word. In both, a frame begins with a length
//! of two bytes, so the words are not those of the frame, which begins in the middle of the first.
//! The hardware makes and checks the checksum at its end.

use crate::board::{Register, unmask_ethernet};

/// Bytes of the header of a frame: two addresses and a type.
pub(crate) const HEADER: usize = 14;
/// The length before a received frame counts itself and the checksum after the frame.
const LENGTH_AND_CHECKSUM: usize = 2 + 4;

const FRAME_RECEIVED: u32 = 1;

/// The controller. There is one.
pub(crate) struct Mac(());

impl Mac {
    /// Switches it on.
    pub(crate) fn start() -> Self {
        const CLOCK: u32 = 1 << 28;
        const CLOCK_OF_PHY: u32 = 1 << 30;
        const RECEIVE: u32 = 1 << 0;
        const REJECT_BAD_CHECKSUM: u32 = 1 << 3;
        const TRANSMIT: u32 = 1 << 0;
        const PAD: u32 = 1 << 1;
        const ADD_CHECKSUM: u32 = 1 << 2;
        const FULL_DUPLEX: u32 = 1 << 4;
        const ALL_INTERRUPTS: u32 = 0x7F;
        Register::CLOCK_GATES_2.write(CLOCK | CLOCK_OF_PHY);
        Register::MAC_INTERRUPTS.write(ALL_INTERRUPTS);
        Register::MAC_INTERRUPT_MASK.write(FRAME_RECEIVED);
        Register::MAC_RECEIVE_CONTROL.write(RECEIVE | REJECT_BAD_CHECKSUM);
        Register::MAC_TRANSMIT_CONTROL.write(TRANSMIT | PAD | ADD_CHECKSUM | FULL_DUPLEX);
        let mac = Self(());
        mac.listen();
        mac
    }

    /// Lets the next frame interrupt. Frames that came before are to be looked for after this.
    pub(crate) fn listen(&self) {
        Register::MAC_INTERRUPTS.write(FRAME_RECEIVED);
        unmask_ethernet();
    }

    /// The hardware's address.
    pub(crate) fn address(&self) -> [u8; 6] {
        let [a, b, c, d] = Register::MAC_ADDRESS_LOW.read().to_le_bytes();
        let [e, f, ..] = Register::MAC_ADDRESS_HIGH.read().to_le_bytes();
        [a, b, c, d, e, f]
    }

    /// Whether a whole frame is in the receive FIFO.
    pub(crate) fn has_frame(&self) -> bool {
        Register::MAC_FRAMES.read() & 0x3F != 0
    }

    /// Whether the transmit FIFO still holds a frame.
    pub(crate) fn is_sending(&self) -> bool {
        Register::MAC_TRANSMIT.read() & 1 != 0
    }

    /// Takes the oldest frame out of the receive FIFO; its length, 0 for one that is too long.
    pub(crate) fn read(&mut self, frame: &mut [u8]) -> usize {
        let [low, high, first, second] = Register::MAC_DATA.read().to_le_bytes();
        let counted = usize::from(u16::from_le_bytes([low, high]));
        let len = counted.saturating_sub(LENGTH_AND_CHECKSUM);
        frame.iter_mut().zip([first, second]).for_each(|(to, from)| *to = from);
        // All of it has to be read, whatever there is room for.
        for place in (2..counted.saturating_sub(2)).step_by(4) {
            let word = Register::MAC_DATA.read().to_le_bytes();
            let room = frame.get_mut(place..).unwrap_or_default();
            room.iter_mut().zip(word).for_each(|(to, from)| *to = from);
        }
        if len <= frame.len() { len } else { 0 }
    }

    /// Sends a frame, which has a whole header.
    pub(crate) fn write(&mut self, frame: &[u8]) {
        // What is counted is the payload: the hardware adds the header's length.
        let payload = u16::try_from(frame.len().saturating_sub(HEADER)).unwrap_or(0);
        let [low, high] = payload.to_le_bytes();
        let (first, rest) = frame.split_at(2.min(frame.len()));
        let mut word = [low, high, 0, 0];
        word.iter_mut().skip(2).zip(first).for_each(|(to, from)| *to = *from);
        Register::MAC_DATA.write(u32::from_le_bytes(word));
        for bytes in rest.chunks(4) {
            let mut word = [0; 4];
            word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            Register::MAC_DATA.write(u32::from_le_bytes(word));
        }
        Register::MAC_TRANSMIT.write(1);
    }
}
