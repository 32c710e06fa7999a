//! Valid packets that a fuzzer makes up: feature `arbitrary`, the one place that allocates.

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::property::Allowed;
use crate::{
    Ack, Auth, Connack, Connect, DecodeError, Delivery, Disconnect, Packet, PacketType, Properties,
    Property, Publish, QoS, ReasonCode, ReasonCodes, Suback, Subscribe, SubscriptionIdentifier,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters, TopicName, Unsuback,
    Unsubscribe, Utf8String, Version, Will,
};

/// A packet that its version allows and that is written in the one canonical way, with all that it
/// borrows from.
#[derive(Debug, Clone)]
pub struct ArbitraryPacket<'a> {
    version: Version,
    /// The packet without its lists.
    bare: Packet<'a>,
    properties: Vec<Property<'a>>,
    will_properties: Vec<Property<'a>>,
    subscriptions: Vec<(TopicFilter<'a>, SubscriptionOptions)>,
    filters: Vec<TopicFilter<'a>>,
    reason_codes: Vec<ReasonCode>,
}

impl ArbitraryPacket<'_> {
    /// The version that the packet is of.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The packet.
    #[must_use]
    pub fn packet(&self) -> Packet<'_> {
        let properties = Properties::new(&self.properties);
        match self.bare {
            Packet::Connect(connect) => {
                let will_properties = Properties::new(&self.will_properties);
                let will = connect.will.map(|will| Will { properties: will_properties, ..will });
                Packet::Connect(Connect { properties, will, ..connect })
            }
            Packet::Connack(connack) => Packet::Connack(Connack { properties, ..connack }),
            Packet::Publish(publish) => Packet::Publish(Publish { properties, ..publish }),
            Packet::Puback(ack) => Packet::Puback(Ack { properties, ..ack }),
            Packet::Pubrec(ack) => Packet::Pubrec(Ack { properties, ..ack }),
            Packet::Pubrel(ack) => Packet::Pubrel(Ack { properties, ..ack }),
            Packet::Pubcomp(ack) => Packet::Pubcomp(Ack { properties, ..ack }),
            Packet::Subscribe(subscribe) => {
                let subscriptions = Subscriptions::new(&self.subscriptions);
                Packet::Subscribe(Subscribe { properties, subscriptions, ..subscribe })
            }
            Packet::Suback(suback) => {
                let reason_codes = ReasonCodes::new(&self.reason_codes);
                Packet::Suback(Suback { properties, reason_codes, ..suback })
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filters = TopicFilters::new(&self.filters);
                Packet::Unsubscribe(Unsubscribe { properties, filters, ..unsubscribe })
            }
            Packet::Unsuback(unsuback) => {
                let reason_codes = ReasonCodes::new(&self.reason_codes);
                Packet::Unsuback(Unsuback { properties, reason_codes, ..unsuback })
            }
            Packet::Pingreq => Packet::Pingreq,
            Packet::Pingresp => Packet::Pingresp,
            Packet::Disconnect(disconnect) => {
                Packet::Disconnect(Disconnect { properties, ..disconnect })
            }
            Packet::Auth(auth) => Packet::Auth(Auth { properties, ..auth }),
        }
    }
}

impl<'a> Arbitrary<'a> for ArbitraryPacket<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let version = u.arbitrary()?;
        let highest = if version == Version::V5 { 15 } else { 14 };
        let packet_type = PacketType::from_u8(u.int_in_range(1..=highest)?);
        let packet_type = packet_type.unwrap_or(PacketType::Pingreq);
        let mut this = Self {
            version,
            bare: Packet::Pingreq,
            properties: Vec::new(),
            will_properties: Vec::new(),
            subscriptions: Vec::new(),
            filters: Vec::new(),
            reason_codes: Vec::new(),
        };
        this.properties = this.some_properties(allowed(packet_type), u)?;
        this.bare = match packet_type {
            PacketType::Connect => this.connect(u)?,
            PacketType::Connack => this.connack(u)?,
            PacketType::Publish => this.publish(u)?,
            PacketType::Puback => Packet::Puback(this.ack(packet_type, u)?),
            PacketType::Pubrec => Packet::Pubrec(this.ack(packet_type, u)?),
            PacketType::Pubrel => Packet::Pubrel(this.ack(packet_type, u)?),
            PacketType::Pubcomp => Packet::Pubcomp(this.ack(packet_type, u)?),
            PacketType::Subscribe => this.subscribe(u)?,
            PacketType::Suback => this.suback(u)?,
            PacketType::Unsubscribe => this.unsubscribe(u)?,
            PacketType::Unsuback => this.unsuback(u)?,
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Pingresp => Packet::Pingresp,
            PacketType::Disconnect => {
                let reason_code = this.reason_code(packet_type, u)?;
                Packet::Disconnect(Disconnect { reason_code, properties: Properties::EMPTY })
            }
            PacketType::Auth => this.auth(u)?,
        };
        Ok(this)
    }
}

impl<'a> ArbitraryPacket<'a> {
    fn connect(&mut self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        let version = self.version;
        let will = if u.arbitrary()? {
            self.will_properties = self.some_properties(Allowed::WILL, u)?;
            Some(Will {
                qos: u.arbitrary()?,
                retain: u.arbitrary()?,
                topic: u.arbitrary()?,
                payload: data(u)?,
                properties: Properties::EMPTY,
            })
        } else {
            None
        };
        let user_name = u.arbitrary()?;
        let may_have_password = version == Version::V5 || Option::is_some(&user_name);
        let password = if may_have_password && u.arbitrary()? { Some(data(u)?) } else { None };
        let has_method =
            self.properties.iter().any(|p| matches!(p, Property::AuthenticationMethod(_)));
        self.properties.retain(|p| has_method || !matches!(p, Property::AuthenticationData(_)));
        Ok(Packet::Connect(Connect {
            version,
            clean_start: u.arbitrary()?,
            keep_alive: u.arbitrary()?,
            client_identifier: u.arbitrary()?,
            properties: Properties::EMPTY,
            will,
            user_name,
            password,
        }))
    }

    fn connack(&self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        let reason_code = match self.version {
            Version::V5 => self.reason_code(PacketType::Connack, u)?,
            _ => ReasonCode::from_connect_return_code(u.int_in_range(0..=5)?)
                .unwrap_or(ReasonCode::SUCCESS),
        };
        let may_be_present = self.version > Version::V3_1 && reason_code == ReasonCode::SUCCESS;
        let session_present = may_be_present && u.arbitrary()?;
        Ok(Packet::Connack(Connack { session_present, reason_code, properties: Properties::EMPTY }))
    }

    fn publish(&self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        let has_alias = self.properties.iter().any(|p| matches!(p, Property::TopicAlias(_)));
        let topic = if has_alias && u.arbitrary()? { None } else { Some(u.arbitrary()?) };
        let properties = Properties::EMPTY;
        let delivery: Delivery = u.arbitrary()?;
        let retain = u.arbitrary()?;
        Ok(Packet::Publish(Publish { delivery, retain, topic, properties, payload: data(u)? }))
    }

    fn ack(&self, packet_type: PacketType, u: &mut Unstructured<'a>) -> Result<Ack<'a>> {
        let reason_code = self.reason_code(packet_type, u)?;
        Ok(Ack { reason_code, ..Ack::success(u.arbitrary()?) })
    }

    fn subscribe(&mut self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        for _ in 0..u.int_in_range(1..=10)? {
            let filter: TopicFilter<'a> = u.arbitrary()?;
            let mut options: SubscriptionOptions = u.arbitrary()?;
            if self.version < Version::V5 {
                options = SubscriptionOptions::new(options.maximum_qos);
            }
            options.no_local &= !filter.is_shared();
            self.subscriptions.push((filter, options));
        }
        Ok(Packet::Subscribe(Subscribe {
            packet_identifier: u.arbitrary()?,
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&[]),
        }))
    }

    fn suback(&mut self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        for _ in 0..u.int_in_range(1..=10)? {
            let code = one_reason_code(PacketType::Suback, u)?;
            let is_plain = self.version == Version::V5 || !code.is_error();
            self.reason_codes.push(if is_plain { code } else { ReasonCode::UNSPECIFIED_ERROR });
        }
        Ok(Packet::Suback(Suback {
            packet_identifier: u.arbitrary()?,
            properties: Properties::EMPTY,
            reason_codes: ReasonCodes::EMPTY,
        }))
    }

    fn unsubscribe(&mut self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        for _ in 0..u.int_in_range(1..=10)? {
            self.filters.push(u.arbitrary()?);
        }
        Ok(Packet::Unsubscribe(Unsubscribe {
            packet_identifier: u.arbitrary()?,
            properties: Properties::EMPTY,
            filters: TopicFilters::new(&[]),
        }))
    }

    fn unsuback(&mut self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        if self.version == Version::V5 {
            for _ in 0..u.int_in_range(1..=10)? {
                self.reason_codes.push(one_reason_code(PacketType::Unsuback, u)?);
            }
        }
        Ok(Packet::Unsuback(Unsuback {
            packet_identifier: u.arbitrary()?,
            properties: Properties::EMPTY,
            reason_codes: ReasonCodes::EMPTY,
        }))
    }

    fn auth(&mut self, u: &mut Unstructured<'a>) -> Result<Packet<'a>> {
        let reason_code = self.reason_code(PacketType::Auth, u)?;
        let has_method =
            self.properties.iter().any(|p| matches!(p, Property::AuthenticationMethod(_)));
        let is_bare = reason_code == ReasonCode::SUCCESS && self.properties.is_empty();
        if !has_method && !is_bare {
            self.properties.push(Property::AuthenticationMethod(u.arbitrary()?));
        }
        Ok(Packet::Auth(Auth { reason_code, properties: Properties::EMPTY }))
    }

    /// A Reason Code of a packet of this type; Success in 3.x.
    fn reason_code(&self, packet_type: PacketType, u: &mut Unstructured<'a>) -> Result<ReasonCode> {
        if self.version < Version::V5 || u.arbitrary()? {
            return Ok(ReasonCode::SUCCESS);
        }
        one_reason_code(packet_type, u)
    }

    /// Properties of this set that may stand together; none in 3.x.
    fn some_properties(&self, allowed: u64, u: &mut Unstructured<'a>) -> Result<Vec<Property<'a>>> {
        let mut list: Vec<Property<'a>> = Vec::new();
        if self.version < Version::V5 {
            return Ok(list);
        }
        for _ in 0..u.int_in_range(0..=12)? {
            let property: Property<'a> = u.arbitrary()?;
            list.push(property);
            if Properties::new(&list).check(allowed).is_err() {
                list.pop();
            }
        }
        Ok(list)
    }
}

fn allowed(packet_type: PacketType) -> u64 {
    match packet_type {
        PacketType::Connect => Allowed::CONNECT,
        PacketType::Connack => Allowed::CONNACK,
        PacketType::Publish => Allowed::PUBLISH,
        PacketType::Subscribe => Allowed::SUBSCRIBE,
        PacketType::Unsubscribe => Allowed::UNSUBSCRIBE,
        PacketType::Pingreq | PacketType::Pingresp => 0,
        PacketType::Disconnect => Allowed::DISCONNECT,
        PacketType::Auth => Allowed::AUTH,
        _ => Allowed::ACKNOWLEDGEMENT,
    }
}

fn one_reason_code(packet_type: PacketType, u: &mut Unstructured<'_>) -> Result<ReasonCode> {
    let codes: Vec<ReasonCode> =
        (0..=u8::MAX).filter_map(|value| ReasonCode::in_packet(packet_type, value)).collect();
    u.choose(&codes).copied()
}

/// Binary data: some of the input, or zeros of a length around the steps of the Remaining Length.
fn data<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    const ZEROS: &[u8] = &[0; 16_500];
    let len = match u.int_in_range(0..=9)? {
        0 => u.int_in_range(100..=130)?,
        1 => u.int_in_range(16_300..=16_500)?,
        _ => return u.arbitrary(),
    };
    Ok(ZEROS.get(..len).unwrap_or_default())
}

/// Text of the input, or one of a few strings of many shapes.
fn text<'a>(u: &mut Unstructured<'a>) -> Result<&'a str> {
    const SHAPES: &[&str] = &[
        "",
        "a",
        "/",
        "a/b",
        "client-17",
        "$SYS/broker/uptime",
        "home/kitchen/temperature",
        "grün/été/水/🚀",
        "\u{FEFF}bom",
        "a fairly long name that needs several words of eight bytes to be looked at",
    ];
    if u.arbitrary()? { u.choose(SHAPES).copied() } else { u.arbitrary() }
}

/// Text up to the first character that is not allowed.
fn until<'a>(text: &'a str, stop: &[char]) -> &'a str {
    text.split(stop).next().unwrap_or_default()
}

fn invalid(_: DecodeError) -> arbitrary::Error {
    arbitrary::Error::IncorrectFormat
}

impl<'a> Arbitrary<'a> for Utf8String<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Self::new(until(text(u)?, &['\0'])).map_err(invalid)
    }
}

impl<'a> Arbitrary<'a> for TopicName<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let name = until(text(u)?, &['\0', '+', '#']);
        Self::new(if name.is_empty() { "t" } else { name }).map_err(invalid)
    }
}

impl<'a> Arbitrary<'a> for TopicFilter<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        const SHAPES: &[&str] = &[
            "#",
            "+",
            "a/#",
            "+/+/temperature",
            "a/+/b/+/#",
            "$share/group/a/#",
            "$share/g//",
            "$SYS/#",
        ];
        if u.arbitrary()? {
            return Self::new(u.choose(SHAPES)?).map_err(invalid);
        }
        let name = text(u)?;
        Self::new(name).or_else(|_| Self::new("t")).map_err(invalid)
    }
}

impl<'a> Arbitrary<'a> for SubscriptionIdentifier {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let highest = *u.choose(&[127, 16_384, Self::MAX])?;
        Self::new(u.int_in_range(1..=highest)?).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for Property<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=26)? {
            0 => Self::PayloadFormatIndicator(u.arbitrary()?),
            1 => Self::MessageExpiryInterval(u.arbitrary()?),
            2 => Self::ContentType(u.arbitrary()?),
            3 => Self::ResponseTopic(u.arbitrary()?),
            4 => Self::CorrelationData(data(u)?),
            5 => Self::SubscriptionIdentifier(u.arbitrary()?),
            6 => Self::SessionExpiryInterval(u.arbitrary()?),
            7 => Self::AssignedClientIdentifier(u.arbitrary()?),
            8 => Self::ServerKeepAlive(u.arbitrary()?),
            9 => Self::AuthenticationMethod(u.arbitrary()?),
            10 => Self::AuthenticationData(data(u)?),
            11 => Self::RequestProblemInformation(u.arbitrary()?),
            12 => Self::WillDelayInterval(u.arbitrary()?),
            13 => Self::RequestResponseInformation(u.arbitrary()?),
            14 => Self::ResponseInformation(u.arbitrary()?),
            15 => Self::ServerReference(u.arbitrary()?),
            16 => Self::ReasonString(u.arbitrary()?),
            17 => Self::ReceiveMaximum(u.arbitrary()?),
            18 => Self::TopicAliasMaximum(u.arbitrary()?),
            19 => Self::TopicAlias(u.arbitrary()?),
            20 => Self::MaximumQoS(*u.choose(&[QoS::AtMostOnce, QoS::AtLeastOnce])?),
            21 => Self::RetainAvailable(u.arbitrary()?),
            22 => Self::UserProperty(u.arbitrary()?, u.arbitrary()?),
            23 => Self::MaximumPacketSize(u.arbitrary()?),
            24 => Self::WildcardSubscriptionAvailable(u.arbitrary()?),
            25 => Self::SubscriptionIdentifierAvailable(u.arbitrary()?),
            _ => Self::SharedSubscriptionAvailable(u.arbitrary()?),
        })
    }
}
