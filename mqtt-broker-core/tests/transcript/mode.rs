//! The ways in which one transcript is played. All must give what the file says.

/// One way of playing a transcript: how its bytes come, when its outputs go, what its disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) cut: Cut,
    pub(crate) drain: Drain,
    /// Bytes of the buffer that the host offers for one write.
    pub(crate) buffer: usize,
    pub(crate) disk: Disk,
    /// Tell the broker the time after every line, although none of its deadlines has come, and
    /// record it: played back, it does the same.
    pub(crate) restless: bool,
}

/// How the bytes of one write reach the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All at once.
    Whole,
    /// With the writes of the following lines, as far as the same client goes on speaking.
    Together,
    /// One byte at a time.
    Bytes,
    /// In two pieces, the first of this length (or all but the last byte).
    At(usize),
    /// Exactly as many bytes as the broker says it needs.
    AsNeeded,
}

/// When the host collects what the broker has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drain {
    /// After each piece of input.
    AtOnce,
    /// When the script expects something of anybody, or time passes.
    Late,
}

/// What a journal's disk does, where the script does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// There is no journal.
    None,
    /// Every record is durable at once.
    Fast,
    /// Records are durable when the script next expects something, or time passes.
    Slow,
}

const LARGE: usize = 16 * 1024;
const TINY: usize = 64;

/// Packets up to this length are cut at every position; longer ones at every position near their
/// ends and at some between.
const EVERY_POSITION: usize = 512;

impl Mode {
    /// With a journal that is durable at once.
    pub(crate) const JOURNALLED: Self = Self { disk: Disk::Fast, ..Self::PLAIN };

    const PLAIN: Self = Self {
        cut: Cut::Whole,
        drain: Drain::AtOnce,
        buffer: LARGE,
        disk: Disk::None,
        restless: false,
    };

    /// The modes for a script whose longest packet has `longest` bytes. One that plays with the
    /// disk itself has a journal in each of them, and no disk but its own.
    pub(crate) fn all(longest: usize, own_disk: bool) -> Vec<Self> {
        let plain = Self::PLAIN;
        let late = Self { drain: Drain::Late, ..plain };
        let mut modes = vec![
            plain,
            Self { restless: true, ..plain },
            Self { buffer: TINY, ..plain },
            late,
            Self { buffer: TINY, ..late },
            Self { cut: Cut::Together, ..late },
            Self { cut: Cut::Together, ..plain },
            Self { disk: Disk::Fast, ..plain },
            Self { disk: Disk::Fast, buffer: TINY, ..late },
            Self { disk: Disk::Slow, ..plain },
            Self { disk: Disk::Slow, ..late },
            Self { disk: Disk::Slow, cut: Cut::Bytes, restless: true, ..plain },
            Self { cut: Cut::AsNeeded, ..plain },
            Self { cut: Cut::Bytes, ..plain },
            Self { cut: Cut::Bytes, buffer: TINY, ..late },
        ];
        modes.extend(positions(longest).map(|k| Self { cut: Cut::At(k), ..plain }));
        if own_disk {
            modes.retain(|mode| mode.disk == Disk::None);
        }
        modes
    }
}

fn positions(longest: usize) -> impl Iterator<Item = usize> {
    let near = EVERY_POSITION / 2;
    (1..longest).filter(move |k| {
        longest <= EVERY_POSITION || *k < near || longest - *k < near || k.is_multiple_of(97)
    })
}

impl core::fmt::Display for Mode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.cut {
            Cut::Whole => f.write_str("whole packets")?,
            Cut::Together => f.write_str("writes joined")?,
            Cut::Bytes => f.write_str("one byte at a time")?,
            Cut::At(k) => write!(f, "packets cut at {k}")?,
            Cut::AsNeeded => f.write_str("as many bytes as needed")?,
        }
        if self.drain == Drain::Late {
            f.write_str(", drained late")?;
        }
        if self.buffer == TINY {
            f.write_str(", tiny buffer")?;
        }
        match self.disk {
            Disk::None => {}
            Disk::Fast => f.write_str(", durable at once")?,
            Disk::Slow => f.write_str(", durable late")?,
        }
        if self.restless {
            f.write_str(", restless")?;
        }
        Ok(())
    }
}
