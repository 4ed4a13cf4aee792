//! Alice writes, Bob reads, Mallory tries.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;
use crate::{
    keyring::Identity,
    limit,
    name::{Alias, DeviceId},
    time::Time,
};

/// A day of 2026.
const NOW: Time = Time {
    mono_ms: 5_000,
    wall_ms: 1_780_000_000_000,
};

fn dice(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

#[test]
fn a_message_arrives() {
    let mut rng = dice(1);
    let alice = Identity::generate(&mut rng, NOW).unwrap();
    let bob = Identity::generate(&mut rng, NOW).unwrap();
    let (from, to): (Alias, Alias) = (
        "alice@a.example".parse().unwrap(),
        "bob@b.example".parse().unwrap(),
    );
    let between = Correspondence {
        sender: &alice,
        from: &from,
        device: DeviceId([1; 16]),
        recipient: bob.certificate(),
        to: &to,
    };
    let payload =
        Payload::message(&mut rng, NOW, &between, "text/plain", b"hello".to_vec()).unwrap();
    let record = seal(
        &mut rng,
        NOW,
        &alice,
        bob.certificate(),
        &payload,
        limit::DAY_MS,
    )
    .unwrap();
    let opened = open(NOW, &bob, &record, &|_| None).unwrap();
    assert_eq!(opened.payload, payload);
    assert_eq!(&opened.sender, alice.certificate());
}
