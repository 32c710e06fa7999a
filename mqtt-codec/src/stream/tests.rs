//! Every split, and every point at which a future can be dropped.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::error::Error;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorType, Read, Write};

use super::{PacketReader, PacketWriter, ReadError, WriteError};
use crate::{Ack, DecodeError, EncodeError, Packet, PacketIdentifier, Sender, Version};

const STREAM: &[u8] = b"\x30\x05\0\x03a/b\xC0\0\x32\x07\0\x01a\0\x07hi";

/// A connection that is ready at every second asking, and then for at most `step` bytes.
struct Slow<'a> {
    input: &'a [u8],
    output: Vec<u8>,
    step: usize,
    ready: bool,
}

impl<'a> Slow<'a> {
    fn new(input: &'a [u8], step: usize) -> Self {
        Self { input, output: Vec::new(), step, ready: false }
    }

    async fn wait(&mut self) {
        self.ready = !self.ready;
        if self.ready {
            Once(false).await;
        }
    }
}

/// Pending once.
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl ErrorType for Slow<'_> {
    type Error = Infallible;
}

impl Read for Slow<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        self.wait().await;
        let len = self.step.min(out.len()).min(self.input.len());
        let (now, later) = self.input.split_at(len);
        out[..len].copy_from_slice(now);
        self.input = later;
        Ok(len)
    }
}

impl Write for Slow<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.wait().await;
        let len = self.step.min(bytes.len());
        self.output.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Polls once and drops the future: what is not ready then is cancelled.
fn once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn a_cancelled_read_loses_nothing_wherever_the_stream_is_split() {
    for step in 1..=STREAM.len() {
        let mut buffer = [0; 9];
        let mut reader = PacketReader::new(Slow::new(STREAM, step), &mut buffer, Sender::Client);
        let mut lines: Vec<String> = Vec::new();
        loop {
            match once(reader.read(Version::V3_1_1)) {
                None => {}
                Some(Ok(Some(packet))) => lines.push(packet.to_string()),
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error}"),
            }
        }
        assert_eq!(lines, ["PUBLISH q0 \"a/b\" 0B", "PINGREQ", "PUBLISH q1 id=7 \"a\" 2B"]);
    }
}

#[test]
fn an_end_within_a_packet_is_told_from_one_between_two() {
    for len in 0..=STREAM.len() {
        let mut buffer = [0; 32];
        let input = Slow::new(&STREAM[..len], 5);
        let mut reader = PacketReader::new(input, &mut buffer, Sender::Client);
        let end = loop {
            match once(reader.read(Version::V3_1_1)) {
                None | Some(Ok(Some(_))) => {}
                Some(Ok(None)) => break None,
                Some(Err(error)) => break Some(error),
            }
        };
        let between = [0, 7, 9, 18].contains(&len);
        assert_eq!(end, if between { None } else { Some(ReadError::UnexpectedEnd) }, "{len}");
    }
}

#[test]
fn a_packet_that_breaks_a_rule_ends_the_reading() {
    let mut buffer = [0; 8];
    let mut reader = PacketReader::new(Slow::new(b"\x36", 1), &mut buffer, Sender::Client);
    let error = loop {
        if let Some(result) = once(reader.read(Version::V5)) {
            break result.map(|_| ());
        }
    };
    assert_eq!(error, Err(ReadError::Decode(DecodeError::InvalidQoS)));
}

/// A read into a buffer without room is one of 0 bytes, as that of a connection that has ended.
#[test]
fn a_packet_longer_than_the_buffer_is_told_from_an_end() {
    for len in 0..9 {
        let mut buffer = [0; 8];
        let input = Slow::new(&STREAM[9..], 4);
        let mut reader = PacketReader::new(input, &mut buffer[..len], Sender::Client);
        let error = loop {
            if let Some(result) = once(reader.read(Version::V3_1_1)) {
                break result.map(|_| ());
            }
        };
        assert_eq!(error, Err(ReadError::Decode(DecodeError::PacketTooLarge)), "{len}");
    }
}

#[test]
fn the_cause_of_a_failure_is_its_source() {
    let error = ReadError::<Infallible>::Decode(DecodeError::InvalidQoS);
    assert_eq!(error.to_string(), "the packet breaks a rule");
    assert_eq!(error.source().unwrap().to_string(), "the QoS of a PUBLISH is 3");
    let error = ReadError::Connection(EncodeError::PacketTooLarge);
    assert_eq!(error.to_string(), "the connection failed");
    assert_eq!(error.source().unwrap().to_string(), "the packet is larger than MQTT allows");
    let error = WriteError::<Infallible>::Encode(EncodeError::FieldTooLong);
    assert_eq!(error.source().unwrap().to_string(), "a field is longer than 65,535 bytes");
    assert!(WriteError::<Infallible>::UnexpectedEnd.source().is_none());
}

#[test]
fn a_cancelled_write_never_breaks_the_stream() {
    let packets = [
        Packet::Puback(Ack::success(PacketIdentifier::MIN)),
        Packet::Pingreq,
        Packet::Pubrel(Ack::success(PacketIdentifier::MIN)),
    ];
    for step in 1..=5 {
        let mut buffer = [0; 6];
        let mut writer = PacketWriter::new(Slow::new(&[], step), &mut buffer);
        for packet in &packets {
            while writer.put(packet, Version::V5).is_err() {
                while once(writer.flush()).is_none() {}
            }
            // This one is dropped at its first wait.
            let _ = once(writer.flush());
        }
        while once(writer.flush()).is_none() {}
        let written = b"\x40\x02\0\x01\xC0\0\x62\x02\0\x01";
        assert_eq!(writer.connection.output, written, "{step}");
    }
}

#[test]
fn a_packet_longer_than_the_buffer_is_not_written() {
    let mut buffer = [0; 3];
    let mut writer = PacketWriter::new(Slow::new(&[], 9), &mut buffer);
    let packet = Packet::Puback(Ack::success(PacketIdentifier::MIN));
    let error = once(writer.write(&packet, Version::V5)).unwrap();
    assert_eq!(error, Err(WriteError::Encode(EncodeError::BufferTooSmall { needed: 4 })));
    assert_eq!(once(writer.write(&Packet::Pingreq, Version::V5)), None);
    while once(writer.flush()).is_none() {}
    assert_eq!(writer.connection.output, b"\xC0\0");
}
