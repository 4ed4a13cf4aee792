//! A number that two people compare to be sure that nobody sits between them.

use alloc::{format, string::String, vec::Vec};

use sha2::{Digest, Sha512};

use crate::name::Fingerprint;

const LABEL: &[u8] = b"muttr/safety/1\0";
/// Makes it slow to search for a certificate that looks like another.
const ROUNDS: u32 = 5_200;
/// Groups of five digits for each of the two.
const GROUPS: usize = 6;

/// Sixty digits in twelve groups, the same on both sides whoever computes them.
#[must_use]
pub fn safety_number(one: &Fingerprint, other: &Fingerprint) -> String {
    let (first, second) = (one.min(other), one.max(other));
    let groups: Vec<_> = [first, second].into_iter().flat_map(half).collect();
    groups.join(" ")
}

fn half(fingerprint: &Fingerprint) -> Vec<String> {
    let mut hash = Sha512::new()
        .chain_update(LABEL)
        .chain_update(fingerprint.as_bytes())
        .finalize();
    for _round in 0..ROUNDS {
        hash = Sha512::new()
            .chain_update(hash)
            .chain_update(fingerprint.as_bytes())
            .finalize();
    }
    let group = |five: &[u8]| {
        let number = five
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{:05}", number.checked_rem(100_000).unwrap_or(0))
    };
    hash.chunks_exact(5).take(GROUPS).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::cast::{alice, bob, mallory};

    #[test]
    fn both_sides_read_the_same_digits_and_a_third_reads_others() {
        let (alice, bob, mallory) = (alice(), bob(), mallory());
        let number = safety_number(&alice.fingerprint(), &bob.fingerprint());
        assert_eq!(
            number,
            safety_number(&bob.fingerprint(), &alice.fingerprint())
        );
        assert_ne!(
            number,
            safety_number(&mallory.fingerprint(), &bob.fingerprint())
        );
        let groups: Vec<_> = number.split(' ').collect();
        assert_eq!(groups.len(), 12);
        assert!(
            groups
                .iter()
                .all(|it| it.len() == 5 && it.bytes().all(|c| c.is_ascii_digit()))
        );
    }
}
