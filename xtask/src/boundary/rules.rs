//! What each crate must not name, and why.

/// A crate and what is absent from it.
pub(super) struct Crate {
    pub(super) package: &'static str,
    /// The directory of its sources, from the workspace.
    pub(super) directory: &'static str,
    /// Attributes that its `lib.rs` must have.
    pub(super) attributes: &'static [&'static str],
    /// The only dependencies that it may have without a feature; `None`: any.
    pub(super) dependencies: Option<&'static [&'static str]>,
    /// The only names of `mqtt_codec` that it may use; `None`: any.
    pub(super) codec: Option<&'static [&'static str]>,
    pub(super) words: &'static [&'static [Word]],
}

/// Something that code must not name.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// Found where it stands as whole identifiers.
    pub(super) pattern: &'static str,
    pub(super) reason: &'static str,
    /// Parts of paths in which it may be named all the same.
    pub(super) allowed_in: &'static [&'static str],
}

/// Every crate with a boundary.
pub(super) const CRATES: &[Crate] = &[
    Crate {
        package: "mqtt-codec",
        directory: "mqtt-codec/src",
        attributes: &["#![no_std]", "#![forbid(unsafe_code)]"],
        dependencies: Some(&[]),
        codec: None,
        words: &[NO_STD, NO_ALLOC, NO_PANIC],
    },
    Crate {
        package: "mqtt-broker-core",
        directory: "mqtt-broker-core/src",
        attributes: &["#![no_std]", "#![forbid(unsafe_code)]"],
        dependencies: Some(&["mqtt-codec", "hashbrown", "foldhash", "smallvec"]),
        codec: None,
        words: &[NO_STD, NO_RUNTIME, NO_PANIC],
    },
    Crate {
        package: "mqtt-broker-tokio",
        directory: "mqtt-broker-tokio/src",
        attributes: &[],
        dependencies: None,
        codec: Some(PASSED_THROUGH),
        words: &[NO_MQTT_RULE],
    },
    Crate {
        package: "mqtt-broker",
        directory: "examples/broker/src",
        attributes: &[],
        dependencies: None,
        codec: Some(PASSED_THROUGH),
        words: &[NO_MQTT_RULE],
    },
];

const fn word(pattern: &'static str, reason: &'static str) -> Word {
    Word { pattern, reason, allowed_in: &[] }
}

/// No operating system below.
const NO_STD: &[Word] = &[
    word("std::", "the crate is no_std"),
    word("unsafe", "no unsafe code"),
    word("SystemTime", "time is an argument"),
    word("Instant::now", "time is an argument"),
    word("thread", "threads are the host's business"),
    word("Mutex", "no lock: `&mut self`"),
    word("RwLock", "no lock: `&mut self`"),
    word("static mut", "no state but the value itself"),
    word("TcpStream", "sockets are the host's business"),
    word("println!", "the crate reports; the host prints"),
    word("eprintln!", "the crate reports; the host prints"),
];

/// No allocator below.
const NO_ALLOC: &[Word] = &[
    // The feature `arbitrary` is for tests; its trait has a size in a box.
    Word {
        pattern: "alloc::",
        reason: "the codec never allocates",
        allowed_in: &["mqtt-codec/src/arbitrary"],
    },
    word("Box", "the codec never allocates"),
    word("tokio", "no async runtime"),
];

/// Nothing that decides when code runs, and no chance.
const NO_RUNTIME: &[Word] = &[
    word("tokio", "no async runtime"),
    driver("async"),
    driver(".await"),
    driver("Future"),
    driver("Waker"),
    word("rand", "randomness comes from the seed in `Config`"),
    word("getrandom", "randomness comes from the seed in `Config`"),
    word("RandomState", "randomness comes from the seed in `Config`"),
];

/// A word of asynchronous code: the drivers, behind features, are written over other people's
/// traits; they have no runtime either.
const fn driver(pattern: &'static str) -> Word {
    Word { pattern, reason: "no async runtime", allowed_in: &["mqtt-broker-core/src/driver"] }
}

/// Beside the lints, which deny `unwrap`, `expect`, indexing and slicing.
const NO_PANIC: &[Word] = &[
    word("panic!", "no panic is reachable from the network"),
    word("unreachable!", "no panic is reachable from the network"),
    word("assert!", "no panic is reachable from the network"),
    word("assert_eq!", "no panic is reachable from the network"),
    word("assert_ne!", "no panic is reachable from the network"),
];

/// What MQTT means is the core's business: beside [`PASSED_THROUGH`].
const NO_MQTT_RULE: &[Word] = &[
    word("qos ==", "decides by QoS: a rule of MQTT"),
    word("qos !=", "decides by QoS: a rule of MQTT"),
    word("qos >", "decides by QoS: a rule of MQTT"),
    word("qos <", "decides by QoS: a rule of MQTT"),
    word("match qos", "decides by QoS: a rule of MQTT"),
    word(".is_error()", "decides by a reason code: a rule of MQTT"),
    word("Will", "names the Will Message: a rule of MQTT"),
    word("packet_identifier", "names a Packet Identifier: a rule of MQTT"),
    word("topic_alias", "names the Topic Alias: a rule of MQTT"),
    word("ReasonCode::", "chooses a reason code: a rule of MQTT"),
];

/// The only names of the codec for those who know no rule of MQTT: values that a program gives
/// or gets. No packet, no framing, no Packet Identifier.
const PASSED_THROUGH: &[&str] = &[
    // What a program's own topic can be wrong with.
    "DecodeError",
    "Properties",
    "Property",
    "QoS",
    "ReasonCode",
    "RetainHandling",
    "SubscriptionIdentifier",
    "SubscriptionOptions",
    "TopicFilter",
    "TopicName",
    "Utf8String",
    "Version",
];
