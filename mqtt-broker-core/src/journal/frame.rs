//! The frame of a record: what makes it whole, and where it stands in the journal.
//!
//! ```text
//!  0         4         8    9    10        12            20            28            36
//!  ┌─────────┬─────────┬────┬────┬─────────┬─────────────┬─────────────┬─────────────┬──────┐
//!  │ crc32c  │ length  │ 1  │kind│    0    │     lsn     │   durable   │    time     │ body │
//!  └─────────┴─────────┴────┴────┴─────────┴─────────────┴─────────────┴─────────────┴──────┘
//! ```
//!
//! Numbers are little-endian. The checksum is of all that follows it; `length` is the body's.

use super::checksum::crc32c;
use crate::boundary::Lsn;
use crate::time::Instant;

/// The version of the format that is written, and the only one that is read.
pub(super) const VERSION: u8 = 1;

/// Bytes before the body.
pub(super) const HEADER: usize = 36;

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes of one step.
    Changes,
    /// A snapshot begins: a replay may start here.
    SnapshotBegins,
    /// State as it is, in the words that would make it from nothing.
    State,
    /// All state has been told since the snapshot began.
    SnapshotEnds,
}

impl Kind {
    const fn from_u8(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Changes,
            1 => Self::SnapshotBegins,
            2 => Self::State,
            3 => Self::SnapshotEnds,
            _ => return None,
        })
    }
}

/// A header without its checksum and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) lsn: Lsn,
    /// What was known to be durable when the record was made.
    pub(crate) durable: Lsn,
    /// When the record was made.
    pub(crate) time: Instant,
}

/// A whole frame at the front of some bytes.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    pub(crate) body: &'a [u8],
    /// Header and body.
    pub(crate) bytes: &'a [u8],
}

/// Why there is no frame at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoFrame {
    /// They end before it does.
    Incomplete,
    /// The checksum is wrong.
    Damaged,
    /// It is whole, and of a version that is not known here.
    Version(u8),
}

impl Header {
    /// Fills in the header at the front of `frame`, whose body is there already.
    pub(super) fn write(&self, frame: &mut [u8]) {
        let Some((header, body)) = frame.split_at_mut_checked(HEADER) else { return };
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let fields = [
            (4, &len.to_le_bytes()[..]),
            (8, &[VERSION, self.kind as u8, 0, 0]),
            (12, &self.lsn.0.to_le_bytes()),
            (20, &self.durable.0.to_le_bytes()),
            (28, &self.time.0.to_le_bytes()),
        ];
        for (place, bytes) in fields {
            if let Some(to) = header.get_mut(place..place + bytes.len()) {
                to.copy_from_slice(bytes);
            }
        }
        let crc = crc32c(frame.get(4..).unwrap_or_default());
        if let Some(to) = frame.first_chunk_mut() {
            *to = crc.to_le_bytes();
        }
    }
}

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes`, if it is whole.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, NoFrame> {
        let len = Self::len(bytes).ok_or(NoFrame::Incomplete)?;
        let summed = bytes.get(4..len).ok_or(NoFrame::Incomplete)?;
        if bytes.first_chunk().map(|crc| u32::from_le_bytes(*crc)) != Some(crc32c(summed)) {
            return Err(NoFrame::Damaged);
        }
        match bytes.get(8) {
            Some(&VERSION) => Self::split(bytes).ok_or(NoFrame::Damaged),
            version => Err(NoFrame::Version(version.copied().unwrap_or_default())),
        }
    }

    /// The frame at the front of `bytes` that are known to be whole.
    pub(super) fn split(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..Self::len(bytes)?)?;
        let (fields, body) = bytes.split_at_checked(HEADER)?;
        let number = |place: usize| fields.get(place..place + 8).map(number);
        let header = Header {
            kind: Kind::from_u8(*fields.get(9)?)?,
            lsn: Lsn(number(12)?),
            durable: Lsn(number(20)?),
            time: Instant(number(28)?),
        };
        Some(Self { header, body, bytes })
    }

    /// The length that the frame at the front of `bytes` says it has.
    fn len(bytes: &[u8]) -> Option<usize> {
        usize::try_from(number(bytes.get(4..8)?)).ok()?.checked_add(HEADER)
    }

    /// Whether some bytes could be the header of a record after `lsn`. The checksum tells for
    /// certain, and costs more.
    pub(super) fn may_begin(bytes: &[u8], lsn: Lsn) -> bool {
        let fields = bytes.get(8..HEADER).and_then(|fields| fields.first_chunk::<12>());
        match fields {
            Some([VERSION, 0..=3, 0, 0, number @ ..]) => u64::from_le_bytes(*number) > lsn.0,
            _ => false,
        }
    }

    /// How many bytes a frame here would have, of those that there are.
    pub(super) fn claimed_len(bytes: &[u8]) -> usize {
        Self::len(bytes).unwrap_or(usize::MAX).min(bytes.len())
    }
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
