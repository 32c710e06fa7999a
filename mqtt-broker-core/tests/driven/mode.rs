//! The ways in which a transcript is played through a driver. All must give what the file says.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) io: Io,
    pub(crate) cut: Cut,
    /// Bytes of the buffers for one read and one write.
    pub(crate) buffer: usize,
    /// Bytes on their way to a client before the transport takes no more.
    pub(crate) capacity: usize,
    /// There is one, durable when nothing else is left to do.
    pub(crate) journal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    Futures,
    Embedded,
}

/// How a client's bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    /// With those of the lines that follow, if they are the same client's.
    Together,
    /// One by one.
    Bytes,
}

impl Mode {
    const PLAIN: Self = Self {
        io: Io::Futures,
        cut: Cut::Whole,
        buffer: 16 << 10,
        capacity: usize::MAX,
        journal: false,
    };

    pub(crate) const ALL: [Self; 8] = [
        Self::PLAIN,
        Self { cut: Cut::Bytes, buffer: 64, ..Self::PLAIN },
        Self { cut: Cut::Together, capacity: 7, ..Self::PLAIN },
        Self { journal: true, buffer: 64, capacity: 64, ..Self::PLAIN },
        Self { io: Io::Embedded, ..Self::PLAIN },
        Self { io: Io::Embedded, cut: Cut::Bytes, buffer: 64, ..Self::PLAIN },
        Self { io: Io::Embedded, cut: Cut::Together, capacity: 7, ..Self::PLAIN },
        Self { io: Io::Embedded, journal: true, buffer: 64, capacity: 64, ..Self::PLAIN },
    ];
}
