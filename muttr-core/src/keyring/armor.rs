//! ASCII armor for secret keys (RFC 9580, section 6.2): written without checksum, as version 6
//! asks, and read with or without one.

use alloc::{string::String, vec::Vec};

use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";
const END: &str = "-----END PGP PRIVATE KEY BLOCK-----";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE_CHARACTERS: usize = 64;

/// Whether bytes look like armor rather than packets.
pub(super) fn is_armored(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN ")
}

/// Armors a secret key.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    text.push_str(BEGIN);
    text.push_str("\n\n");
    let mut column: usize = 0;
    for three in bytes.chunks(3) {
        let octet = |at: usize| three.get(at).copied().unwrap_or_default();
        let (a, b, c) = (octet(0), octet(1), octet(2));
        let sextets = [
            a >> 2,
            (a & 3) << 4 | b >> 4,
            (b & 15) << 2 | c >> 6,
            c & 63,
        ];
        for (place, sextet) in sextets.into_iter().enumerate() {
            let letter = ALPHABET
                .get(usize::from(sextet))
                .copied()
                .map_or('=', char::from);
            text.push(if place > three.len() { '=' } else { letter });
        }
        column = column.saturating_add(4);
        if column == LINE_CHARACTERS {
            text.push('\n');
            column = 0;
        }
    }
    if column != 0 {
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The bytes in an armored secret key; `None` when it is not one.
pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = core::str::from_utf8(text).ok()?;
    let mut lines = text.trim().lines().map(str::trim_end);
    if lines.next()? != BEGIN {
        return None;
    }
    // Headers end at the first empty line.
    lines.by_ref().find(|line| line.is_empty())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut group: u32 = 0;
    let mut letters = 0_u32;
    let mut padding = 0_u32;
    for line in lines {
        if line == END {
            return (letters == 0).then_some(bytes);
        }
        if line.starts_with('=') && letters == 0 {
            // A checksum, which is not to be relied on (RFC 9580, section 6.1).
            continue;
        }
        for letter in line.bytes() {
            let sextet = match letter {
                b'=' => {
                    padding = padding.checked_add(1)?;
                    0
                }
                _ if padding > 0 => return None,
                _ => ALPHABET.iter().position(|it| *it == letter)?,
            };
            group = group << 6 | u32::try_from(sextet).ok()?;
            letters = letters.checked_add(1)?;
            if letters == 4 {
                let [_, three @ ..] = group.to_be_bytes();
                let kept = 3_usize.checked_sub(usize::try_from(padding).ok()?)?;
                bytes.extend_from_slice(three.get(..kept.max(1))?);
                (group, letters) = (0, 0);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn what_was_armored_comes_back() {
        for len in [0, 1, 2, 3, 4, 47, 48, 49, 1000] {
            let bytes: Vec<u8> = (0..len).map(|n: u32| n.to_le_bytes()[0] ^ 0xA5).collect();
            let text = encode(&bytes);
            assert!(is_armored(text.as_bytes()));
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(decode(text.as_bytes()).unwrap().as_slice(), bytes);
            let windows = text.replace('\n', "\r\n");
            assert_eq!(decode(windows.as_bytes()).unwrap().as_slice(), bytes);
        }
        assert_eq!(
            encode(b"Muttr").lines().nth(2),
            Some("TXV0dHI="),
            "as RFC 4648 has it"
        );
    }

    #[test]
    fn headers_and_checksums_of_others_are_read_over() {
        let text = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: mine\n\nTXV0dHI=\n=abcd\n\
                    -----END PGP PRIVATE KEY BLOCK-----\n";
        assert_eq!(decode(text.as_bytes()).unwrap().as_slice(), b"Muttr");
    }

    #[test]
    fn half_an_armor_is_none() {
        let text = encode(b"some bytes that fill a line or two, so that there is something to cut");
        for end in 0..text.trim_end().len() {
            assert!(decode(&text.as_bytes()[..end]).is_none(), "cut at {end}");
        }
        assert!(decode(text.replace('A', "!").as_bytes()).is_none() || !text.contains('A'));
        assert!(decode(text.replace("PRIVATE", "PUBLIC").as_bytes()).is_none());
    }
}
