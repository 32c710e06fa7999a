//! What a firmware uses of `mqtt-codec`: decode and encode of CONNECT and PUBLISH, all versions.
//!
//! `cargo xtask size` builds and links this for a Cortex-M4, and measures it.
#![no_std]
#![no_main]

use core::num::{NonZeroU16, NonZeroU32};

use mqtt_codec::{
    Connect, DecodeError, Delivery, EncodeError, Framed, PacketType, Properties, Property, Publish,
    QoS, Sender, TopicName, Utf8String, Version, Will, frame,
};

/// What the application does with a packet: it looks at every field.
static mut SEEN: usize = 0;

fn look(number: usize) {
    // SAFETY: one thread, and nobody reads it; it is there so that nothing is optimised away.
    unsafe { (&raw mut SEEN).write_volatile(number) }
}

#[inline(never)]
fn decode(bytes: &[u8; 512], len: usize, level: u8) -> u8 {
    let Some(bytes) = bytes.get(..len) else { return 0 };
    let version = Version::from_level(level).unwrap_or(Version::V5);
    match decode_one(bytes, version) {
        Ok(()) => 0,
        Err(error) => error.reason_code().value(),
    }
}

fn decode_one(bytes: &[u8], version: Version) -> Result<(), DecodeError> {
    let Framed::Complete(frame) = frame(bytes, Sender::Either, 512)? else { return Ok(()) };
    // The application handles these two; the linker drops the decoders of all other types.
    match frame.packet_type() {
        PacketType::Connect => connect_seen(&Connect::from_frame(frame)?),
        PacketType::Publish => publish_seen(&Publish::from_frame(frame, version)?),
        _ => {}
    }
    Ok(())
}

fn connect_seen(connect: &Connect<'_>) {
    look(connect.client_identifier.len() + usize::from(connect.keep_alive));
    look(connect.will.map_or(0, |will| will.payload.len() + will.topic.as_bytes().len()));
    look(connect.user_name.map_or(0, Utf8String::len) + connect.password.map_or(0, <[u8]>::len));
    properties_seen(&connect.properties);
}

fn publish_seen(publish: &Publish<'_>) {
    look(publish.payload.len() + publish.topic.map_or(0, |topic| topic.as_bytes().len()));
    look(publish.delivery.packet_identifier().map_or(0, |id| usize::from(id.get())));
    properties_seen(&publish.properties);
}

fn properties_seen(properties: &Properties<'_>) {
    properties.iter().for_each(|property| look(property.encoded_len()));
}

#[inline(never)]
fn encode_connect(out: &mut [u8; 512], level: u8, number: u32) -> usize {
    let Some(version) = Version::from_level(level) else { return 0 };
    let Ok(text) = Utf8String::new("sensor-1") else { return 0 };
    let Ok(topic) = TopicName::new("sensors/1/gone") else { return 0 };
    let list = [
        Property::SessionExpiryInterval(number),
        Property::ReceiveMaximum(NonZeroU16::MIN),
        Property::MaximumPacketSize(NonZeroU32::MIN),
        Property::UserProperty(text, text),
    ];
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        topic,
        payload: b"gone",
        properties: Properties::new(&[Property::WillDelayInterval(5)]),
    };
    let connect = Connect {
        version,
        clean_start: number & 1 == 0,
        keep_alive: 60,
        client_identifier: text,
        properties: Properties::new(&list),
        will: (number & 2 == 0).then_some(will),
        user_name: Some(text),
        password: Some(b"secret"),
    };
    length(connect.encode(out))
}

#[inline(never)]
fn encode_publish(out: &mut [u8; 512], level: u8, payload: &[u8; 64], number: u32) -> usize {
    let Some(version) = Version::from_level(level) else { return 0 };
    let Ok(topic) = TopicName::new("sensors/1/temperature") else { return 0 };
    let list = [Property::MessageExpiryInterval(number), Property::PayloadFormatIndicator(true)];
    let delivery = match mqtt_codec::PacketIdentifier::new((number & 0xFF) as u16) {
        Some(packet_identifier) => Delivery::AtLeastOnce { packet_identifier, dup: false },
        None => Delivery::AtMostOnce,
    };
    let publish = Publish {
        delivery,
        retain: false,
        topic: Some(topic),
        properties: Properties::new(&list),
        payload,
    };
    length(publish.encode(version, out))
}

fn length(result: Result<usize, EncodeError>) -> usize {
    result.unwrap_or(0)
}

/// The entry: nothing is known of its arguments, so nothing of the codec can be left out.
#[unsafe(no_mangle)]
pub extern "C" fn _start(buffer: &'static mut [u8; 512], payload: &'static [u8; 64], number: u32) {
    let level = buffer[0];
    look(decode(buffer, number as usize, level).into());
    look(encode_connect(buffer, level, number));
    look(encode_publish(buffer, level, payload, number));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
