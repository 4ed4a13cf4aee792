//! The frames of a stream: length, then `{ flag = 1: enum, message = 2: bytes }`, both optional.
//! Written and read by hand, because every byte of every stream passes here.

use alloc::vec::Vec;

use crate::{
    limit,
    rtc::Fault,
    wire::varint::{self, Varint},
};

/// What closes a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// The sender will send no more.
    Fin,
    /// The sender will read no more.
    StopSending,
    /// The sender broke the stream off.
    Reset,
    /// The sender saw the other's FIN.
    FinAck,
}

/// A frame as it lies in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) flag: Option<Flag>,
    pub(super) payload: &'a [u8],
}

/// Tags of the two fields: number and wire type (protobuf encoding, "message structure").
const FLAG: u8 = 0x08;
const PAYLOAD: u8 = 0x12;

/// Most bytes one frame carries beside the tag, two lengths of two bytes each.
pub(super) const PAYLOAD_BYTES_MAX: usize = limit::RTC_FRAME_BYTES_MAX - 5;

const _: () = {
    assert!(varint::len(limit::RTC_FRAME_BYTES_MAX as u64 - 2) == 2);
    assert!(varint::len(PAYLOAD_BYTES_MAX as u64) == 2);
};

/// A frame with nothing but a flag, length included.
pub(super) fn flag(flag: Flag) -> Vec<u8> {
    let number = match flag {
        Flag::Fin => 0,
        Flag::StopSending => 1,
        Flag::Reset => 2,
        Flag::FinAck => 3,
    };
    [2, FLAG, number].into()
}

/// A frame with at most [`PAYLOAD_BYTES_MAX`] bytes, length included.
pub(super) fn data(payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u64;
    let body = payload
        .len()
        .saturating_add(varint::len(len))
        .saturating_add(1);
    let mut frame = Vec::with_capacity(body.saturating_add(varint::len(body as u64)));
    varint::put(&mut frame, body as u64);
    frame.push(PAYLOAD);
    varint::put(&mut frame, len);
    frame.extend_from_slice(payload);
    frame
}

/// How many bytes the frame that begins here needs before more can be said: none if it is whole.
pub(super) fn missing(bytes: &[u8]) -> Result<usize, Fault> {
    match extent(bytes)? {
        Some((_, end)) => Ok(end.saturating_sub(bytes.len())),
        None => Ok(1),
    }
}

/// The frame that begins here, and what follows it; `None` when it is cut.
pub(super) fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, &[u8])>, Fault> {
    let Some((start, end)) = extent(bytes)? else {
        return Ok(None);
    };
    let Some((whole, after)) = bytes.split_at_checked(end) else {
        return Ok(None);
    };
    let frame = read(whole.get(start..).unwrap_or_default())?;
    Ok(Some((frame, after)))
}

/// Where the body of the first frame begins and ends, once its length came.
fn extent(bytes: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    match varint::take_short(bytes) {
        Varint::Whole(len, used) => {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > limit::RTC_FRAME_BYTES_MAX {
                return Err(Fault::TooMuch);
            }
            Ok(Some((used, used.saturating_add(len))))
        }
        Varint::Cut if bytes.len() >= varint::len(limit::RTC_FRAME_BYTES_MAX as u64) => {
            Err(Fault::TooMuch)
        }
        Varint::Cut => Ok(None),
        Varint::Endless => Err(Fault::Malformed),
    }
}

/// The body of a frame. Unknown fields and flags are passed over, as protobuf wants it.
fn read(body: &[u8]) -> Result<Frame<'_>, Fault> {
    let mut frame = Frame {
        flag: None,
        payload: &[],
    };
    let mut rest = body;
    while !rest.is_empty() {
        let (tag, after) = number(rest)?;
        rest = after;
        match tag & 7 {
            0 => {
                let (value, after) = number(rest)?;
                rest = after;
                if tag == u64::from(FLAG) {
                    frame.flag = known(value).or(frame.flag);
                }
            }
            1 => rest = rest.get(8..).ok_or(Fault::Malformed)?,
            2 => {
                let (len, after) = number(rest)?;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                let (value, after) = after.split_at_checked(len).ok_or(Fault::Malformed)?;
                rest = after;
                if tag == u64::from(PAYLOAD) {
                    frame.payload = value;
                }
            }
            5 => rest = rest.get(4..).ok_or(Fault::Malformed)?,
            _ => return Err(Fault::Malformed),
        }
        // Field number 0 does not exist, and the two known ones have one wire type each.
        let field = u32::try_from(tag).map_err(|_| Fault::Malformed)? >> 3;
        let wire = (field == 1 && tag & 7 != 0) || (field == 2 && tag & 7 != 2);
        if field == 0 || wire {
            return Err(Fault::Malformed);
        }
    }
    Ok(frame)
}

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let Varint::Whole(number, used) = varint::take(bytes) else {
        return Err(Fault::Malformed);
    };
    Ok((number, bytes.get(used..).unwrap_or_default()))
}

const fn known(number: u64) -> Option<Flag> {
    match number {
        0 => Some(Flag::Fin),
        1 => Some(Flag::StopSending),
        2 => Some(Flag::Reset),
        3 => Some(Flag::FinAck),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use prost::Message as _;

    use super::*;
    use crate::rtc::tests::Dice;

    /// The same message by a protobuf library.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    struct Theirs {
        #[prost(int32, optional, tag = "1")]
        flag: Option<i32>,
        #[prost(bytes = "vec", optional, tag = "2")]
        message: Option<Vec<u8>>,
    }

    const FLAGS: [Flag; 4] = [Flag::Fin, Flag::StopSending, Flag::Reset, Flag::FinAck];

    #[test]
    fn our_frames_are_those_of_a_protobuf_library() {
        for (number, known) in (0..).zip(FLAGS) {
            let theirs = Theirs {
                flag: Some(number),
                message: None,
            };
            assert_eq!(flag(known), theirs.encode_length_delimited_to_vec());
        }
        for len in [1, 2, 124, 125, 126, 127, 128, 1_000, PAYLOAD_BYTES_MAX] {
            let payload = Dice::new(len as u64).bytes(len);
            let theirs = Theirs {
                flag: None,
                message: Some(payload.clone()),
            };
            assert_eq!(data(&payload), theirs.encode_length_delimited_to_vec());
        }
        assert_eq!(
            data(&[7; PAYLOAD_BYTES_MAX]).len(),
            limit::RTC_FRAME_BYTES_MAX
        );
    }

    #[test]
    fn foreign_frames_are_read_whatever_is_in_them() {
        for (number, known) in (0..).zip(FLAGS) {
            for payload in [vec![], vec![1, 2, 3], vec![9; 300]] {
                let theirs = Theirs {
                    flag: Some(number),
                    message: Some(payload.clone()),
                };
                let mut bytes = theirs.encode_length_delimited_to_vec();
                bytes.extend([0xaa, 0xbb]);
                let (frame, after) = split(&bytes).unwrap().unwrap();
                assert_eq!((frame.flag, frame.payload), (Some(known), &payload[..]));
                assert_eq!(after, [0xaa, 0xbb]);
            }
        }
        let empty = Frame {
            flag: None,
            payload: &[],
        };
        let newer = [
            &[0x00][..],
            &[0x02, 0x08, 0x09],
            &[
                0x0b, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[0x02, 0x18, 0x01],
            &[0x09, 0x19, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x05, 0x1d, 1, 2, 3, 4],
            &[0x03, 0x1a, 0x01, 0x00],
        ];
        for bytes in newer {
            assert_eq!(split(bytes), Ok(Some((empty, &[][..]))), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for (bytes, fault) in [
            (&[0x81, 0x00, 0x00][..], Fault::Malformed),
            (&[0xff, 0xff, 0xff, 0xff], Fault::TooMuch),
            (&[0x81, 0x80, 0x01], Fault::TooMuch),
            (&[0x01, 0x08], Fault::Malformed),
            (&[0x01, 0x12], Fault::Malformed),
            (&[0x02, 0x12, 0x01], Fault::Malformed),
            (&[0x02, 0x0a, 0x00], Fault::Malformed),
            (&[0x02, 0x10, 0x00], Fault::Malformed),
            (&[0x02, 0x00, 0x00], Fault::Malformed),
            (&[0x02, 0x1b, 0x1c], Fault::Malformed),
            (&[0x03, 0x1d, 0, 0], Fault::Malformed),
        ] {
            assert_eq!(split(bytes), Err(fault), "{bytes:?}");
        }
    }

    #[test]
    fn a_cut_frame_says_how_much_is_missing() {
        let frame = data(&[5; 200]);
        assert_eq!(missing(&[]), Ok(1));
        assert_eq!(missing(&frame[..1]), Ok(1));
        for cut in 2..=frame.len() {
            assert_eq!(missing(&frame[..cut]), Ok(frame.len() - cut));
            assert_eq!(split(&frame[..cut]).unwrap().is_some(), cut == frame.len());
        }
    }

    #[test]
    fn spoiled_frames_are_read_as_a_protobuf_library_reads_them_or_refused() {
        let mut dice = Dice::new(21);
        let mut read_alike = 0;
        for number in 0..5_000_usize {
            let theirs = Theirs {
                flag: Some((number % 4) as i32),
                message: Some(dice.bytes(number % 50)),
            };
            let mut body = theirs.encode_to_vec();
            dice.spoil(&mut body);
            let Ok(frame) = read(&body) else {
                continue;
            };
            // A group is the only thing that it takes and we do not.
            let Ok(theirs) = Theirs::decode(&body[..]) else {
                panic!("we read {body:?}");
            };
            assert_eq!(frame.payload, theirs.message.unwrap_or_default());
            let flag = theirs
                .flag
                .and_then(|flag| known(u64::try_from(flag).ok()?));
            if frame.flag == flag {
                read_alike += 1;
            }
        }
        assert!(read_alike > 500, "{read_alike}");
    }
}
