//! OpenPGP packet framing (RFC 9580, section 4.2): the one form that Muttr writes and reads.
//!
//! Only the current header format with definite lengths. Partial and indeterminate lengths and
//! the legacy format have no meaning here, so they end the parse.

use alloc::vec::Vec;

/// Packet types (RFC 9580, section 5).
pub(crate) mod tag {
    /// Public-key encrypted session key.
    pub(crate) const KEY: u8 = 1;
    /// Signature.
    pub(crate) const SIGNATURE: u8 = 2;
    /// One-pass signature.
    pub(crate) const ONE_PASS: u8 = 4;
    /// Secret primary key.
    pub(crate) const SECRET_PRIMARY: u8 = 5;
    /// Public primary key.
    pub(crate) const PRIMARY: u8 = 6;
    /// Secret subkey.
    pub(crate) const SECRET_SUBKEY: u8 = 7;
    /// Literal data.
    pub(crate) const LITERAL: u8 = 11;
    /// Public subkey.
    pub(crate) const SUBKEY: u8 = 14;
    /// Encrypted and integrity protected data.
    pub(crate) const ENCRYPTED: u8 = 18;
    /// Padding.
    pub(crate) const PADDING: u8 = 21;
}

/// Bytes of a header with a five-octet length.
pub(crate) const LONG_HEADER_BYTES: usize = 6;

/// How the length of a packet was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// In as few octets as possible.
    Shortest,
    /// In five octets where fewer would do.
    Long,
}

/// One packet, not yet looked into.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a> {
    /// Its type.
    pub(crate) tag: u8,
    /// How its length was written.
    pub(crate) length: Length,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

/// Takes the first packet off `bytes`; `None` for anything but a whole packet in the one form.
pub(crate) fn next(bytes: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0xC0 != 0xC0 {
        return None;
    }
    let (len, length, rest) = match *rest {
        [a @ 0..=191, ref rest @ ..] => (u32::from(a), Length::Shortest, rest),
        [a @ 192..=223, b, ref rest @ ..] => {
            let high = u32::from(a).saturating_sub(192).saturating_mul(256);
            let len = high.saturating_add(u32::from(b)).saturating_add(192);
            (len, Length::Shortest, rest)
        }
        [255, a, b, c, d, ref rest @ ..] => {
            let len = u32::from_be_bytes([a, b, c, d]);
            let length = if len < 8384 {
                Length::Long
            } else {
                Length::Shortest
            };
            (len, length, rest)
        }
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((
        Packet {
            tag: first & 0x3F,
            length,
            body,
        },
        rest,
    ))
}

/// Takes all packets off `bytes`, at most `packets_max` of them.
pub(crate) fn all(mut bytes: &[u8], packets_max: usize) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let (packet, rest) = next(bytes)?;
        if packets.len() >= packets_max {
            return None;
        }
        packets.push(packet);
        bytes = rest;
    }
    Some(packets)
}

/// Appends a packet, its length as short as can be.
pub(crate) fn push(to: &mut Vec<u8>, tag: u8, body: &[u8]) {
    to.push(0xC0 | tag);
    match u32::try_from(body.len()).unwrap_or(u32::MAX) {
        len @ 0..192 => to.push(len.to_le_bytes()[0]),
        len @ 192..8384 => {
            let [high, low] = u16::try_from(len.saturating_sub(192))
                .unwrap_or(u16::MAX)
                .to_be_bytes();
            to.extend([high.saturating_add(192), low]);
        }
        len => {
            to.push(255);
            to.extend(len.to_be_bytes());
        }
    }
    to.extend_from_slice(body);
}

/// Appends a packet whose length takes five octets, whatever it is.
pub(crate) fn push_long(to: &mut Vec<u8>, tag: u8, body: &[u8]) {
    to.extend([0xC0 | tag, 255]);
    to.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend_from_slice(body);
}

/// Takes `N` bytes off the front.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// Takes `len` bytes off the front.
pub(crate) fn take_slice<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn every_length_is_read_as_it_was_written() {
        for len in [0, 1, 191, 192, 193, 8383, 8384, 65_536] {
            let mut bytes = vec![];
            push(&mut bytes, tag::LITERAL, &vec![7; len]);
            let (packet, rest) = next(&bytes).unwrap();
            assert_eq!(
                (packet.tag, packet.body.len(), packet.length),
                (11, len, Length::Shortest)
            );
            assert!(rest.is_empty());

            let mut bytes = vec![];
            push_long(&mut bytes, tag::PADDING, &vec![7; len]);
            assert_eq!(bytes.len(), LONG_HEADER_BYTES + len);
            let (packet, _) = next(&bytes).unwrap();
            assert_eq!(packet.length == Length::Long, len < 8384);
            assert!(next(&bytes[..bytes.len() - 1]).is_none());
        }
    }

    #[test]
    fn other_framings_are_no_packets() {
        assert!(next(&[]).is_none());
        assert!(next(&[0xCB]).is_none());
        assert!(next(&[0xCB, 224, 0]).is_none(), "a partial length");
        assert!(next(&[0xCB, 254, 0]).is_none(), "a partial length");
        assert!(
            next(&[0xA3, 0]).is_none(),
            "the legacy format, indeterminate length"
        );
        assert!(next(&[0x0B, 0]).is_none(), "no packet at all");
        assert!(
            next(&[0xCB, 255, 255, 255, 255, 255, 0]).is_none(),
            "longer than it is"
        );
    }
}
