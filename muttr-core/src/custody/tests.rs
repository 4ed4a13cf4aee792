//! Custody in a small network under virtual time, and a holder by itself.

mod counting;
mod forwarder;
mod forwarding;
mod holder;
mod journeys;
mod malice;
mod network;
mod releasing;
mod repairing;
mod stamping;

use alloc::{vec, vec::Vec};

use ed25519_dalek::SigningKey;

use crate::{
    envelope::{
        record::{Kind, Record, expiry_h},
        stamp::{self, Stamp},
    },
    limit,
    time::Time,
};

/// 2026-01-01, 00:00 UTC.
pub(super) const START: Time = Time {
    mono_ms: 1_000,
    wall_ms: 1_767_225_600_000,
};

pub(super) fn later(ms: u64) -> Time {
    Time {
        mono_ms: START.mono_ms + ms,
        wall_ms: START.wall_ms + ms,
    }
}

/// The same for the same number, and like no other.
pub(super) fn key(number: u64) -> SigningKey {
    let mut bytes = [0x5e; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

/// A record of the smallest size that holders cannot tell from a real one.
pub(super) fn record(number: u64, life_ms: u64) -> Record {
    sized_record(number, life_ms, limit::RECORD_CLASSES_BYTES[0])
}

/// A stamp as everyone asks for it.
pub(super) fn stamp_of(record: &Record) -> Stamp {
    stamp::find(limit::STAMP_BITS, &record.key())
}

/// A chunk: one encrypted container (RFC 9580, section 5.13.2) that fills a size class.
pub(super) fn sized_record(number: u64, life_ms: u64, bytes: usize) -> Record {
    let ciphertext_bytes = bytes - limit::RECORD_HEADER_BYTES;
    let mut ciphertext = vec![0xd2];
    if ciphertext_bytes < 8384 {
        let len = ciphertext_bytes - 3 - 192;
        ciphertext.extend([(len >> 8) as u8 + 192, len as u8]);
    } else {
        ciphertext.push(255);
        ciphertext.extend((ciphertext_bytes as u32 - 6).to_be_bytes());
    }
    ciphertext.extend([2, 9, 3, 10]);
    let filling = number.to_be_bytes().into_iter().cycle();
    let missing = ciphertext_bytes - ciphertext.len();
    ciphertext.extend(filling.take(missing).collect::<Vec<u8>>());
    Record::new(Kind::Chunk, expiry_h(START, life_ms), [7; 32], &ciphertext).unwrap()
}
