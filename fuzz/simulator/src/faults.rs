//! [`Faults`]: what goes wrong, how often, and what has.

use crate::random::Random;

/// Declares the kinds of fault: variant, name on the command line, how often in a thousand
/// occasions, and what it is.
macro_rules! faults {
    ($($variant:ident $name:literal $rate:literal $doc:literal)*) => {
        /// One kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Fault {
            $(#[doc = $doc] $variant,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in reports and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How often it strikes, in a thousand occasions.
            const fn rate(self) -> u64 {
                match self { $(Self::$variant => $rate,)* }
            }
        }
    };
}

faults! {
    Split "split" 300 "A write arrives in pieces, cut at any byte."
    Delay "delay" 60 "Bytes take up to two seconds."
    Stall "stall" 8 "One direction of a link stands still for some seconds."
    Cut "cut" 12 "A link dies with what is under way; each end notices at its own time."
    SmallBuffer "small-buffer" 300 "The host offers 64 to 300 bytes for a transmission."
    LateTransmit "late-transmit" 150 "The host comes to write some time after it was told to."
    LateTimer "late-timer" 200 "The host tells the time up to half a second late."
    LateClose "late-close" 200 "The host closes some time after it was told to."
    SlowSync "slow-sync" 150 "The disk takes up to three seconds to sync."
    LateDurable "late-durable" 200 "The host says what is durable some time after it is."
    Crash "crash" 1 "A node's process dies after a call; what it wrote stays, but for the last write."
    PowerCut "power-cut" 1 "A node's machine stops after a call; what it did not sync is lost in any order."
    DiskFull "disk-full" 2 "A disk has no room for some seconds."
    SyncFails "sync-fails" 2 "A sync is answered EIO; the node stops and comes back."
    FlippedBit "flipped-bit" 300 "A copy of the journal has a wrong bit in what was durable."
    ClockBack "clock-back" 200 "A node comes back with a clock that has gone back by up to two hours."
    ClockAhead "clock-ahead" 100 "A node comes back with a clock that is up to two hours ahead."
    TornCall "torn-call" 0 "A dying node keeps a part of the records that one call made."
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultSet(u32);

impl FaultSet {
    /// No fault at all.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << Fault::ALL.len()) - 1);

    /// The same without one kind.
    #[must_use]
    pub const fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u32))
    }

    /// Whether a kind is in it.
    #[must_use]
    pub const fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }
}

/// The faults of one world.
#[derive(Debug)]
pub struct Faults {
    set: FaultSet,
    streams: Vec<Random>,
    counts: [u64; Fault::ALL.len()],
}

impl Faults {
    /// Faults of these kinds.
    #[must_use]
    pub fn new(random: &Random, set: FaultSet) -> Self {
        let streams = (0..).zip(Fault::ALL).map(|(number, _)| random.fork(number)).collect();
        Self { set, streams, counts: [0; Fault::ALL.len()] }
    }

    /// Whether this kind strikes on this occasion; with it, chance for how.
    ///
    /// A kind that is left out draws as it would have, so that the others strike where they did.
    pub fn strikes(&mut self, fault: Fault) -> Option<&mut Random> {
        let stream = &mut self.streams[fault as usize];
        let struck = stream.chance(fault.rate()) && self.set.has(fault);
        if !struck {
            return None;
        }
        self.counts[fault as usize] += 1;
        Some(stream)
    }

    /// From here on nothing goes wrong.
    pub const fn heal(&mut self) {
        self.set = FaultSet::NONE;
    }

    /// How often each kind struck.
    #[must_use]
    pub const fn counts(&self) -> &[u64; Fault::ALL.len()] {
        &self.counts
    }
}
