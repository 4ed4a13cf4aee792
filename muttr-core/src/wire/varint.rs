//! Unsigned varints: seven bits a byte, the least significant first; the top bit says that more
//! follows (multiformats "unsigned-varint"; protobuf writes its numbers the same way).

use alloc::vec::Vec;

/// Bytes of the longest one.
const BYTES_MAX: usize = 10;

/// How many bytes it takes to write the number.
pub(crate) const fn len(number: u64) -> usize {
    let bits = 64_u32.saturating_sub((number | 1).leading_zeros());
    bits.div_ceil(7) as usize
}

/// Appends the number.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Varint {
    /// A number, and how many bytes it took.
    Whole(u64, usize),
    /// The beginning of one.
    Cut,
    /// None: it does not end.
    Endless,
}

/// Reads a number. Protobuf allows leading zeros, so they are taken here.
pub(crate) fn take(bytes: &[u8]) -> Varint {
    let mut number = 0_u64;
    let mut shift = 0_u32;
    for (index, byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        // The last byte that fits has room for one bit.
        if shift == 63 && *byte > 1 {
            return Varint::Endless;
        }
        if byte & 0x80 == 0 {
            return Varint::Whole(number, index.saturating_add(1));
        }
        shift = shift.saturating_add(7);
    }
    if bytes.len() < BYTES_MAX {
        Varint::Cut
    } else {
        Varint::Endless
    }
}

/// Reads a number that is written as short as can be, as lengths before messages are.
pub(crate) fn take_short(bytes: &[u8]) -> Varint {
    match take(bytes) {
        Varint::Whole(number, used) if used != len(number) => Varint::Endless,
        taken => taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken() {
        for number in [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(bytes.len(), len(number), "{number}");
            assert_eq!(take_short(&bytes), Varint::Whole(number, bytes.len()));
            let mut theirs = Vec::new();
            prost::encoding::encode_varint(number, &mut theirs);
            assert_eq!(bytes, theirs);
            for cut in 0..bytes.len() {
                assert_eq!(take(&bytes[..cut]), Varint::Cut);
            }
        }
    }

    #[test]
    fn a_number_ends_and_a_length_is_short() {
        assert_eq!(take(&[0x80; 10]), Varint::Endless);
        assert_eq!(take(&[0x80; 9]), Varint::Cut);
        let mut most = [0xff; 10];
        assert_eq!(take(&most), Varint::Endless);
        most[9] = 2;
        assert_eq!(take(&most), Varint::Endless);
        most[9] = 1;
        assert_eq!(take(&most), Varint::Whole(u64::MAX, 10));
        assert_eq!(take(&[0x81, 0x00]), Varint::Whole(1, 2));
        assert_eq!(take_short(&[0x81, 0x00]), Varint::Endless);
    }
}
