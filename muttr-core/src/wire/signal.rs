//! `/webrtc-signaling/0.0.1`: how two seeds tell each other what their browsers need to find the
//! way between them (libp2p specification "webrtc").
//!
//! Each message is protobuf after its length as an unsigned varint.

use alloc::{string::String, vec::Vec};

use prost::Message as _;

use super::varint::{self, Varint};
use crate::limit;

/// How the far end broke a protocol over WebRTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not of the protocol, or not what was due.
    Malformed,
    /// It is longer, or it is more of them, than the limits allow.
    TooMuch,
}

/// One message.
#[derive(Clone, PartialEq, Eq)]
pub enum Signal {
    /// An SDP description; whoever dials sends it first.
    Offer(String),
    /// The SDP description that answers it.
    Answer(String),
    /// An ICE candidate: the JSON of the browser's `RTCIceCandidate.toJSON()`.
    Candidate(String),
}

impl core::fmt::Debug for Signal {
    /// Descriptions and candidates have a person's addresses in them, so they are not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (name, data) = match self {
            Self::Offer(sdp) => ("Offer", sdp),
            Self::Answer(sdp) => ("Answer", sdp),
            Self::Candidate(json) => ("Candidate", json),
        };
        write!(f, "{name}({} bytes)", data.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Offer = 0,
    Answer = 1,
    Candidate = 2,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Raw {
    #[prost(enumeration = "Kind", optional, tag = "1")]
    kind: Option<i32>,
    #[prost(string, optional, tag = "2")]
    data: Option<String>,
}

impl Signal {
    /// The bytes on the stream, length first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, data) = match self {
            Self::Offer(sdp) => (Kind::Offer, sdp),
            Self::Answer(sdp) => (Kind::Answer, sdp),
            Self::Candidate(json) => (Kind::Candidate, json),
        };
        let raw = Raw {
            kind: Some(kind.into()),
            data: Some(data.clone()),
        };
        raw.encode_length_delimited_to_vec()
    }

    /// `None` for a candidate that is none.
    fn decode(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let raw = Raw::decode(bytes).map_err(|_| Fault::Malformed)?;
        let kind = raw.kind.and_then(|kind| Kind::try_from(kind).ok());
        match (kind.ok_or(Fault::Malformed)?, raw.data) {
            (Kind::Offer, Some(sdp)) => Ok(Some(Self::Offer(sdp))),
            (Kind::Answer, Some(sdp)) => Ok(Some(Self::Answer(sdp))),
            (Kind::Candidate, Some(json)) if !ends_candidates(&json) => {
                Ok(Some(Self::Candidate(json)))
            }
            (Kind::Candidate, _) => Ok(None),
            (Kind::Offer | Kind::Answer, None) => Err(Fault::Malformed),
        }
    }
}

/// Whether this stands for "no more candidates", which some send and nobody needs: the end of
/// the stream or the connection itself says so (W3C WebRTC, section 4.8.1.3).
#[must_use]
pub fn ends_candidates(json: &str) -> bool {
    matches!(json.trim(), "" | "null" | "\"\"")
}

/// Takes a signalling stream apart, however it was cut on its way.
///
/// At most [`limit::SIGNALLING_BYTES_MAX`] bytes are taken in all, and nothing after a fault.
#[derive(Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// So many of them were read.
    read: usize,
    /// So many came since the beginning.
    came: usize,
    fault: Option<Fault>,
}

impl core::fmt::Debug for Reader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reader({} bytes came, {:?})", self.came, self.fault)
    }
}

impl Reader {
    /// Takes in bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        self.came = self.came.saturating_add(bytes.len());
        if self.came > limit::SIGNALLING_BYTES_MAX {
            let _ = self.broken(Fault::TooMuch);
            return;
        }
        self.bytes.drain(..self.read.min(self.bytes.len()));
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if all of it came. A candidate without content is passed over.
    ///
    /// # Errors
    /// The [`Fault`] of what came; it stays.
    #[expect(
        clippy::should_implement_trait,
        reason = "there may be more later, so it is no iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Signal>, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        loop {
            match self.step() {
                Ok(Step::Signal(signal)) => return Ok(Some(signal)),
                Ok(Step::Skipped) => {}
                Ok(Step::Wait) => return Ok(None),
                Err(fault) => return Err(self.broken(fault)),
            }
        }
    }

    /// Whether the stream stands between two messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read >= self.bytes.len()
    }

    fn step(&mut self) -> Result<Step, Fault> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let (len, used) = match varint::take_short(rest) {
            Varint::Whole(len, used) => (usize::try_from(len).unwrap_or(usize::MAX), used),
            Varint::Cut => return Ok(Step::Wait),
            Varint::Endless => return Err(Fault::Malformed),
        };
        if len > limit::SIGNALLING_MESSAGE_BYTES_MAX {
            return Err(Fault::TooMuch);
        }
        let end = used.saturating_add(len);
        let Some(message) = rest.get(used..end) else {
            return Ok(Step::Wait);
        };
        let signal = Signal::decode(message)?;
        self.read = self.read.saturating_add(end);
        Ok(signal.map_or(Step::Skipped, Step::Signal))
    }

    fn broken(&mut self, fault: Fault) -> Fault {
        self.fault = Some(fault);
        self.bytes = Vec::new();
        self.read = 0;
        fault
    }
}

enum Step {
    Signal(Signal),
    Skipped,
    Wait,
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;
    use crate::rtc::tests::{Dice, candidate, chromium};

    /// An offer `v=0`, field by field as js-libp2p's encoder has it.
    const OFFER: &[u8] = &[0x07, 0x08, 0x00, 0x12, 0x03, b'v', b'=', b'0'];

    fn read_all(reader: &mut Reader) -> Result<Vec<Signal>, Fault> {
        let mut signals = Vec::new();
        while let Some(signal) = reader.next()? {
            signals.push(signal);
        }
        Ok(signals)
    }

    fn talk() -> Vec<Signal> {
        vec![
            Signal::Offer(chromium(1)),
            Signal::Candidate(candidate(1)),
            Signal::Answer(chromium(2)),
            Signal::Candidate(candidate(2)),
        ]
    }

    #[test]
    fn a_foreign_offer_is_read_and_ours_is_the_same() {
        let ours = Signal::Offer("v=0".into());
        assert_eq!(ours.encode(), OFFER);
        let mut reader = Reader::default();
        reader.push(OFFER);
        assert_eq!(reader.next(), Ok(Some(ours)));
        assert_eq!(reader.next(), Ok(None));
        assert!(reader.is_empty());
    }

    #[test]
    fn it_does_not_matter_how_the_stream_is_cut() {
        let bytes: Vec<u8> = talk().iter().flat_map(Signal::encode).collect();
        let mut whole = Reader::default();
        whole.push(&bytes);
        assert_eq!(read_all(&mut whole), Ok(talk()));
        let mut drop_by_drop = Reader::default();
        let mut read = Vec::new();
        for byte in &bytes {
            drop_by_drop.push(&[*byte]);
            read.extend(read_all(&mut drop_by_drop).unwrap());
        }
        assert_eq!(read, talk());
        let mut dice = Dice::new(2);
        for _ in 0..200 {
            let (mut reader, mut read, mut rest) = (Reader::default(), Vec::new(), &bytes[..]);
            while !rest.is_empty() {
                let (now, later) = rest.split_at(1 + dice.below(rest.len()));
                reader.push(now);
                read.extend(read_all(&mut reader).unwrap());
                rest = later;
            }
            assert_eq!(read, talk());
        }
    }

    #[test]
    fn candidates_without_content_are_passed_over() {
        let nothing: &[u8] = &[0x02, 0x08, 0x02];
        let mut bytes = nothing.to_vec();
        for json in ["", "null", "\"\"", " null "] {
            bytes.extend(Signal::Candidate(json.into()).encode());
        }
        bytes.extend(Signal::Candidate(candidate(1)).encode());
        let mut reader = Reader::default();
        reader.push(&bytes);
        assert_eq!(
            read_all(&mut reader),
            Ok(vec![Signal::Candidate(candidate(1))])
        );
    }

    #[test]
    fn what_is_not_of_the_protocol_is_refused_for_good() {
        for (name, bytes) in [
            ("no kind", &[0x05, 0x12, 0x03, b'v', b'=', b'0'][..]),
            (
                "a kind that does not exist",
                &[0x05, 0x08, 0x03, 0x12, 0x01, b'v'],
            ),
            ("an offer of nothing", &[0x02, 0x08, 0x00]),
            ("nothing", &[0x00]),
            (
                "a length that is longer than it has to be",
                &[0x82, 0x00, 0x08, 0x00],
            ),
            ("a length without end", &[0x80; 10]),
            ("not text", &[0x05, 0x08, 0x00, 0x12, 0x01, 0xff]),
            ("cut inside", &[0x04, 0x08, 0x00, 0x12, 0x09]),
        ] {
            let mut reader = Reader::default();
            reader.push(bytes);
            assert_eq!(reader.next(), Err(Fault::Malformed), "{name}");
            reader.push(OFFER);
            assert_eq!(reader.next(), Err(Fault::Malformed), "{name}");
        }
    }

    #[test]
    fn mallory_talks_too_much() {
        let long = Signal::Offer("x".repeat(limit::SIGNALLING_MESSAGE_BYTES_MAX));
        let mut reader = Reader::default();
        reader.push(&long.encode()[..8]);
        assert_eq!(
            reader.next(),
            Err(Fault::TooMuch),
            "refused by its length alone"
        );

        let mut reader = Reader::default();
        let empty = Signal::Candidate(String::new()).encode();
        let mut pushed = 0;
        let fault = loop {
            reader.push(&empty);
            pushed += empty.len();
            if let Err(fault) = reader.next() {
                break fault;
            }
            assert!(reader.bytes.capacity() < 64, "what was read is forgotten");
        };
        assert_eq!(fault, Fault::TooMuch);
        assert!(pushed <= limit::SIGNALLING_BYTES_MAX + empty.len());
        assert_eq!(reader.bytes.capacity(), 0);
    }

    #[test]
    fn no_spoiled_stream_makes_it_panic_or_grow() {
        let good: Vec<u8> = talk().iter().flat_map(Signal::encode).collect();
        let mut dice = Dice::new(3);
        let mut refused = 0;
        for _ in 0..3_000 {
            let mut bytes = good.clone();
            dice.spoil(&mut bytes);
            let mut reader = Reader::default();
            for part in bytes.chunks(1 + dice.below(700)) {
                reader.push(part);
                while let Ok(Some(_)) = reader.next() {}
                assert!(reader.bytes.len() <= limit::SIGNALLING_BYTES_MAX);
            }
            refused += usize::from(reader.next().is_err());
        }
        assert!((100..3_000).contains(&refused), "{refused}");
    }

    #[test]
    fn addresses_are_not_shown() {
        let shown = alloc::format!("{:?}", Signal::Candidate(candidate(1)));
        assert_eq!(
            shown,
            "Candidate(".to_string() + &candidate(1).len().to_string() + " bytes)"
        );
    }
}
