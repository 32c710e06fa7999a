//! What went before the bytes of a row: a word, then settings of the broker as `key=value`.
//!
//! | word | meaning |
//! | --- | --- |
//! | `new` | the Network Connection is open, nothing was sent |
//! | `connected` | CONNECT with Clean Start and Client Identifier `c` was accepted |
//! | `persistent` | the same, with a Session that outlives the connection |
//! | `willed` | connected, with a Will Message `"w" "gone"` of QoS 1 |
//! | `subscribed` | connected, and subscribed to `a/#` with QoS 2 |
//! | `got-q1`, `got-q2` | subscribed, and was sent a PUBLISH of that QoS with id=1 |
//! | `got-rel` | after that sent PUBREC and was sent PUBREL id=1 |
//! | `sent-q2` | connected, sent a PUBLISH of QoS 2 with id=10, was sent PUBREC |
//! | `aliased` | connected, sent PUBLISH `"a"` with Topic Alias 1 |
//! | `authenticating` | CONNECT with Authentication Method `m` was answered with a challenge |
//! | `authenticated` | that was answered, and CONNACK has come |
//! | `at-client` | no broker: the bytes come from a server, and the codec reads them for a client |
//!
//! The policy knows the method `m`: data `1` is challenged with `2`, data `3` is accepted with `4`,
//! everything else is denied. It denies to publish to `no/publish` and to subscribe to
//! `no/subscribe`.

use mqtt_broker_core::{
    AuthenticateRequest, Config, Policy, PublishRequest, SubscribeRequest, Verdict,
};
use mqtt_codec::{QoS, ReasonCode, Version};

use crate::host::Host;
use crate::packets_with::{connect, publish, string};

/// The policy of every row.
pub(crate) struct Rules;

impl Policy for Rules {
    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        match (request.method, request.data) {
            ("m", b"1") => Verdict::Challenge(b"2".to_vec()),
            ("m", b"3") => Verdict::AllowWith(b"4".to_vec()),
            ("m", _) => Verdict::DENY,
            _ => Verdict::Deny(ReasonCode::BAD_AUTHENTICATION_METHOD),
        }
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        if request.topic.as_str() == "no/publish" { Verdict::DENY } else { Verdict::Allow }
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        if request.filter.as_str() == "no/subscribe" { Verdict::DENY } else { Verdict::Allow }
    }
}

/// A broker, a client under test and another that has subscribed to everything.
pub(crate) struct Scene {
    host: Host<Rules>,
    client: usize,
    other: usize,
    /// The client under test has had its CONNACK.
    pub(crate) greeted: bool,
}

impl Scene {
    pub(crate) fn new(version: Version, state: &str) -> Result<Self, String> {
        let mut words = state.split_whitespace();
        let word = words.next().unwrap_or_default();
        let mut config = Config::default();
        config.reason_strings = false;
        for setting in words {
            set(&mut config, setting).ok_or_else(|| format!("{setting:?} is no setting"))?;
        }
        let mut host = Host::new(config, Rules);
        let other = host.open(Version::V5);
        host.send(other, &connect(Version::V5, 0x02, &[], &[string("other")]));
        host.send(other, b"\x82\x07\x00\x01\x00\x00\x01#\x0a");
        let client = host.open(version);
        let greeted = !matches!(word, "new" | "authenticating");
        let mut scene = Self { host, client, other, greeted };
        scene.set_up(version, word)?;
        scene.take();
        if let Some(reason) = &scene.host.wires[client].closed {
            return Err(format!("closed before the bytes: {reason}"));
        }
        Ok(scene)
    }

    /// The client sends bytes in pieces of at most `length`; what comes back.
    pub(crate) fn send(&mut self, bytes: &[u8], length: usize) -> Vec<String> {
        for piece in bytes.chunks(length) {
            self.host.send(self.client, piece);
        }
        let mut seen = self.take();
        if self.host.is_partial(self.client) {
            seen.push("waits".into());
        }
        seen
    }

    fn take(&mut self) -> Vec<String> {
        let mut seen = self.host.seen(self.client);
        let closed = seen.pop_if(|item| item.starts_with("closed"));
        let other = self.host.seen(self.other);
        seen.extend(other.into_iter().map(|packet| format!("other < {packet}")));
        seen.extend(closed);
        seen
    }

    fn set_up(&mut self, version: Version, word: &str) -> Result<(), String> {
        let name = [string("c")];
        let v5 = version == Version::V5;
        let packets: Vec<Vec<u8>> = match word {
            "new" => vec![],
            "connected" => vec![connect(version, 0x02, &[], &name)],
            "persistent" if v5 => vec![connect(version, 0x00, &[0x11, 0, 0, 0, 100], &name)],
            "persistent" => vec![connect(version, 0x00, &[], &name)],
            "willed" => {
                let properties = if v5 { vec![0] } else { vec![] };
                let fields = [string("c"), properties, string("w"), string("gone")];
                vec![connect(version, 0x0E, &[], &fields)]
            }
            "subscribed" | "got-q1" | "got-q2" | "got-rel" => {
                let mut subscribe = vec![0x82, 8, 0, 1, 0, 3];
                if v5 {
                    subscribe = vec![0x82, 9, 0, 1, 0, 0, 3];
                }
                subscribe.extend_from_slice(b"a/#\x02");
                vec![connect(version, 0x02, &[], &name), subscribe]
            }
            "sent-q2" => {
                vec![connect(version, 0x02, &[], &name), publish(version, 0x34, "a", 10, &[])]
            }
            "aliased" => {
                let alias = [0x23, 0, 1];
                vec![connect(version, 0x02, &[], &name), publish(version, 0x30, "a", 0, &alias)]
            }
            "authenticating" | "authenticated" => {
                let mut packets = vec![connect(version, 0x02, b"\x15\0\x01m\x16\0\x011", &name)];
                if word == "authenticated" {
                    packets.push(b"\xf0\x0a\x18\x08\x15\0\x01m\x16\0\x013".to_vec());
                }
                packets
            }
            _ => return Err(format!("{word:?} is no state")),
        };
        for packet in packets {
            self.host.send(self.client, &packet);
        }
        let flags = match word {
            "got-q1" => 0x32,
            "got-q2" | "got-rel" => 0x34,
            _ => return Ok(()),
        };
        self.host.send(self.other, &publish(Version::V5, flags, "a/b", 10, &[]));
        if word == "got-rel" {
            self.host.send(self.client, &[0x50, 2, 0, 1]);
        }
        Ok(())
    }
}

fn set(config: &mut Config, setting: &str) -> Option<()> {
    let (key, value) = setting.split_once('=')?;
    let number: u32 = value.parse().ok()?;
    match key {
        "receive-maximum" => config.receive_maximum = u16::try_from(number).ok()?,
        "maximum-packet-size" => config.maximum_packet_size = number,
        "connect-packet-size" => config.limits.connect_packet_size = number,
        "topic-alias-maximum" => config.topic_alias_maximum = u16::try_from(number).ok()?,
        "topic-levels" => config.limits.topic_levels = u16::try_from(number).ok()?,
        "maximum-qos" => config.maximum_qos = QoS::from_u8(u8::try_from(number).ok()?)?,
        "subscriptions-per-client" => config.limits.subscriptions_per_client = number,
        "server-keep-alive" => config.server_keep_alive = u16::try_from(number).ok()?,
        "session-expiry-maximum" => config.session_expiry_maximum = number,
        "retain-available" => config.retain_available = number != 0,
        "wildcard-subscriptions" => config.wildcard_subscriptions = number != 0,
        "shared-subscriptions" => config.shared_subscriptions = number != 0,
        "subscription-identifiers" => config.subscription_identifiers = number != 0,
        "allow-empty-client-id" => config.allow_empty_client_id = number != 0,
        "validate-payload-format" => config.validate_payload_format = number != 0,
        _ => return None,
    }
    Some(())
}
