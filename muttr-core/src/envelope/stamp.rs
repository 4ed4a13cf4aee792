//! Stamps: a small proof of work over a record's key, which travels beside the record.
//!
//! A stamp is eight bytes such that SHA-256("muttr/stamp/1\0" ‖ record key ‖ stamp) begins with
//! so many zero bits. The key holds the expiry already, so a stamp is good for as long as its
//! record is. It is a speed bump, not a wall: whoever floods has more machines than a phone has
//! patience. What it does is that no copy is made of what cost its author nothing.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::{limit, name::RecordKey, rejection::Rejection};

const LABEL: &[u8] = b"muttr/stamp/1\0";

/// A stamp that was found good for some record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(
    /// Nothing, where nothing is asked for.
    Option<[u8; limit::STAMP_BYTES]>,
);

impl Stamp {
    /// As it travels.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.map(Vec::from).unwrap_or_default()
    }
}

/// Reads the stamp that came beside the record with this key.
///
/// # Errors
/// [`Rejection::NoStamp`] where it is missing or too weak, [`Rejection::Malformed`] for what is
/// no stamp at all.
pub fn check(bits: u8, key: &RecordKey, bytes: &[u8]) -> Result<Stamp, Rejection> {
    if bytes.is_empty() {
        return if bits == 0 {
            Ok(Stamp(None))
        } else {
            Err(Rejection::NoStamp)
        };
    }
    let stamp = bytes.try_into().map_err(|_| Rejection::Malformed)?;
    if weight(&begun(key), &stamp) >= u32::from(bits) {
        Ok(Stamp(Some(stamp)))
    } else {
        Err(Rejection::NoStamp)
    }
}

/// What is the same for every stamp of a record.
fn begun(key: &RecordKey) -> Sha256 {
    Sha256::new().chain_update(LABEL).chain_update(key.0)
}

/// How many zero bits the hash begins with; more than 64 count as 64.
fn weight(begun: &Sha256, stamp: &[u8; limit::STAMP_BYTES]) -> u32 {
    let hash: [u8; 32] = begun.clone().chain_update(stamp).finalize().into();
    let first = hash.first_chunk();
    first.map_or(0, |first| u64::from_be_bytes(*first).leading_zeros())
}

/// The search for a stamp, which can be left off and gone on with at any time: whoever searches
/// has other things to do as well.
pub struct Search {
    bits: u8,
    begun: Sha256,
    /// What is tried next. Every search begins at the same number: a stamp tells nothing of who
    /// looked for it.
    next: u64,
}

impl core::fmt::Debug for Search {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Search({} bits)", self.bits)
    }
}

impl Search {
    /// Begins a search of which nothing was done yet.
    #[must_use]
    pub fn new(bits: u8, key: &RecordKey) -> Self {
        Self {
            bits,
            begun: begun(key),
            next: 0,
        }
    }

    /// Tries so many more; yields the stamp once there is one.
    pub fn go_on(&mut self, hashes: u32) -> Option<Stamp> {
        if self.bits == 0 {
            return Some(Stamp(None));
        }
        for _ in 0..hashes {
            let stamp = self.next.to_be_bytes();
            self.next = self.next.wrapping_add(1);
            if weight(&self.begun, &stamp) >= u32::from(self.bits) {
                return Some(Stamp(Some(stamp)));
            }
        }
        None
    }

    /// How many were tried.
    #[must_use]
    pub const fn tried(&self) -> u64 {
        self.next
    }
}

/// Finds a stamp in one go, for whoever has nothing else to do meanwhile.
#[must_use]
pub fn find(bits: u8, key: &RecordKey) -> Stamp {
    let mut search = Search::new(bits, key);
    loop {
        if let Some(stamp) = search.go_on(u32::MAX) {
            return stamp;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: RecordKey = RecordKey([0x11; 32]);

    fn key(number: u64) -> RecordKey {
        let mut key = KEY;
        key.0[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    #[test]
    fn a_stamp_is_good_for_one_key_and_as_many_bits_as_it_has() {
        let stamp = find(12, &KEY).to_bytes();
        assert_eq!(stamp.len(), limit::STAMP_BYTES);
        let hashed = [b"muttr/stamp/1\0".as_slice(), &KEY.0, &stamp].concat();
        let hash = Sha256::digest(&hashed);
        assert_eq!((hash[0], hash[1] >> 4), (0, 0), "twelve bits");
        for bits in 0..=12 {
            assert!(check(bits, &KEY, &stamp).is_ok(), "{bits}");
        }
        let none = Err(Rejection::NoStamp);
        assert_eq!(check(64, &KEY, &stamp), none, "too weak");
        assert_eq!(check(u8::MAX, &KEY, &stamp), none, "more than there can be");
        let others = (0..64).filter(|it| check(12, &key(*it), &stamp).is_ok());
        assert!(others.count() < 2, "good for others as well");
    }

    #[test]
    fn what_is_no_stamp_is_refused_by_code() {
        let good = find(8, &KEY).to_bytes();
        assert_eq!(check(8, &KEY, &[]), Err(Rejection::NoStamp));
        for len in (1..=64).filter(|len| *len != limit::STAMP_BYTES) {
            let mut long = good.clone();
            long.resize(len, 0);
            for bits in [0, 8, 16] {
                let checked = check(bits, &KEY, &long);
                assert_eq!(checked, Err(Rejection::Malformed), "{len} bytes");
            }
        }
        let mut weak = 0;
        for bit in 0..64 {
            let mut bent = good.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            match check(8, &KEY, &bent) {
                Ok(_) => {}
                Err(why) => {
                    assert_eq!(why, Rejection::NoStamp);
                    weak += 1;
                }
            }
        }
        assert!(weak > 48, "{weak} of 64 were refused");
    }

    #[test]
    fn where_nothing_is_asked_for_nothing_is_searched() {
        let mut search = Search::new(0, &KEY);
        let stamp = search.go_on(0).unwrap();
        assert_eq!((search.tried(), stamp.to_bytes()), (0, Vec::new()));
        assert_eq!(check(0, &KEY, &[]), Ok(stamp));
    }

    #[test]
    fn a_search_in_slices_finds_what_one_in_one_go_finds() {
        for number in 0..16 {
            let whole = find(10, &key(number));
            for slice in [1, 7, 256] {
                let mut search = Search::new(10, &key(number));
                let mut slices = 0_u64;
                let found = loop {
                    slices += 1;
                    if let Some(stamp) = search.go_on(slice) {
                        break stamp;
                    }
                    assert_eq!(
                        search.tried(),
                        slices * u64::from(slice),
                        "no more than told"
                    );
                };
                assert_eq!(found, whole);
            }
        }
    }

    #[test]
    fn a_stamp_costs_what_its_bits_say_on_average() {
        let keys = 512;
        for bits in [4, 6, 8] {
            let tried = (0..keys).map(|number| {
                let mut search = Search::new(bits, &key(number));
                search.go_on(u32::MAX).unwrap();
                search.tried()
            });
            let mean = tried.sum::<u64>() / keys;
            // One deviation of the mean of so many is a twentieth of it.
            let expected = 1 << bits;
            assert!(
                mean > expected / 4 * 3 && mean < expected / 4 * 5,
                "{mean} for {bits} bits"
            );
        }
    }
}
