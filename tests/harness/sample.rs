//! Records that are well-formed and mean nothing, for where nobody opens them.

use muttr_core::{
    envelope::record::{Kind, Record, expiry_h},
    limit,
    time::Time,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// A record of the given size class (0 to 5) with a life from `now`; another for each `integer`.
///
/// # Panics
/// When there is no such class.
#[must_use]
pub fn record(integer: u64, now: Time, class: usize, life_ms: u64) -> Record {
    let mut dice = ChaCha8Rng::seed_from_u64(integer);
    let mut fill = |bytes: &mut [u8]| dice.fill_bytes(bytes);
    let mut deletion_hash = [0; 32];
    fill(&mut deletion_hash);

    // Key packet: version 6, nobody named, X25519, an ephemeral key, a wrapped session key.
    let mut key = vec![6, 0, 25];
    key.resize(3 + 32, 0);
    fill(&mut key[3..]);
    key.push(40);
    key.resize(3 + 32 + 1 + 40, 0);
    fill(&mut key[36..]);
    let mut ciphertext = vec![0xc0 | 1, key.len() as u8];
    ciphertext.extend(key);

    // Encrypted container: version 2, AES-256, OCB, chunks of 64 KiB, salt, noise.
    let size = limit::RECORD_CLASSES_BYTES[class] - limit::RECORD_HEADER_BYTES - ciphertext.len();
    ciphertext.push(0xc0 | 18);
    let (head, body) = if size - 3 < 8384 {
        (2, size - 3)
    } else {
        (5, size - 6)
    };
    if head == 2 {
        let len = body - 192;
        ciphertext.extend([(len >> 8) as u8 + 192, len as u8]);
    } else {
        ciphertext.push(0xff);
        ciphertext.extend((body as u32).to_be_bytes());
    }
    let mut encrypted = vec![0; body];
    fill(&mut encrypted);
    encrypted[..4].copy_from_slice(&[2, 9, 2, 10]);
    ciphertext.extend(encrypted);

    let record = Record::new(
        Kind::Message,
        expiry_h(now, life_ms),
        deletion_hash,
        &ciphertext,
    );
    record.expect("it fills its class")
}

/// The secret key of somebody who is nobody in particular, another for each number; the integer
/// decides who they all are.
#[must_use]
pub fn secret(integer: u64, number: u32) -> [u8; 32] {
    let mut dice = ChaCha8Rng::seed_from_u64(integer);
    dice.set_stream(u64::from(number));
    let mut secret = [0; 32];
    dice.fill_bytes(&mut secret);
    secret
}
