//! Identities, certificates, proofs and bindings, as honest and as dishonest people make them.

pub(crate) mod cast;
mod certificate;
mod craft;
mod lock;

pub(crate) use craft::{ending, revoked};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;
use crate::{limit, name::Alias, rejection::Rejection, time::Time};

const NOW: Time = Time {
    mono_ms: 5_000,
    wall_ms: 1_780_000_000_000,
};
const LABEL: &[u8] = b"muttr/test/1\0";

fn dice(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn someone(seed: u64) -> Identity {
    Identity::generate(&mut dice(seed), NOW).unwrap()
}

fn later(by_ms: u64) -> Time {
    Time {
        mono_ms: NOW.mono_ms + by_ms,
        wall_ms: NOW.wall_ms + by_ms,
    }
}

#[test]
fn the_same_dice_and_day_make_the_same_person() {
    let (one, two) = (someone(1), someone(1));
    assert_eq!(one.to_secret(), two.to_secret());
    assert_ne!(one.fingerprint(), someone(2).fingerprint());
}

#[test]
fn a_certificate_survives_the_journey() {
    let alice = someone(1);
    let read = Certificate::parse(alice.certificate().bytes(), NOW).unwrap();
    assert_eq!(&read, alice.certificate());
    assert_eq!(read.hash(), alice.certificate().hash());
}

#[test]
fn an_identity_survives_the_disk() {
    let alice = someone(1);
    let read = Identity::from_secret(&alice.to_secret()).unwrap();
    assert_eq!(read.certificate(), alice.certificate());
    assert_eq!(read.to_secret(), alice.to_secret());
}

#[test]
fn a_proof_is_for_its_label_its_bytes_and_its_maker() {
    let (alice, mallory) = (someone(1), someone(2));
    let proof = alice.prove(&mut dice(3), NOW, LABEL, b"handshake");
    let check = |of: &Identity, label: &[u8], bytes: &[u8]| {
        of.certificate().check_proof(NOW, label, bytes, &proof)
    };
    assert_eq!(check(&alice, LABEL, b"handshake"), Ok(()));
    assert_eq!(
        check(&alice, b"muttr/other/1\0", b"handshake"),
        Err(Rejection::BadSignature)
    );
    assert_eq!(
        check(&alice, LABEL, b"another"),
        Err(Rejection::BadSignature)
    );
    assert_eq!(
        check(&mallory, LABEL, b"handshake"),
        Err(Rejection::BadSignature)
    );
    // A proof is no attestation: the primary key was not asked.
    let certificate = alice.certificate();
    assert!(
        certificate
            .check_attestation(NOW, LABEL, b"handshake", &proof)
            .is_err()
    );
    let attested = alice.attest(&mut dice(3), NOW, LABEL, b"handshake");
    assert_eq!(
        certificate.check_attestation(NOW, LABEL, b"handshake", &attested),
        Ok(())
    );
    assert!(
        certificate
            .check_proof(NOW, LABEL, b"handshake", &attested)
            .is_err()
    );
}

#[test]
fn a_tab_whose_clock_is_wrong_is_known_all_the_same() {
    let ahead = later(20 * limit::HOUR_MS);
    let alice = Identity::generate(&mut dice(1), ahead).unwrap();
    let certificate = Certificate::parse(alice.certificate().bytes(), NOW).unwrap();
    let proof = alice.prove(&mut dice(3), ahead, LABEL, b"handshake");
    assert_eq!(
        certificate.check_proof(NOW, LABEL, b"handshake", &proof),
        Ok(())
    );
}

#[test]
fn nothing_is_signed_without_a_label() {
    let alice = someone(1);
    let labels: [&[u8]; 5] = [b"", b"muttr/", b"muttr/a", b"other/a\0", b"muttr/a\0b\0"];
    for label in labels {
        assert!(alice.prove(&mut dice(3), NOW, label, b"bytes").is_empty());
        assert!(alice.attest(&mut dice(3), NOW, label, b"bytes").is_empty());
    }
}

#[test]
fn a_proof_is_one_packet_and_nothing_else() {
    let alice = someone(1);
    let proof = alice.prove(&mut dice(3), NOW, LABEL, b"handshake");
    let check = |proof: &[u8]| {
        alice
            .certificate()
            .check_proof(NOW, LABEL, b"handshake", proof)
    };
    assert_eq!(check(&[]), Err(Rejection::BadSignature));
    assert_eq!(
        check(&[&proof[..], &[0]].concat()),
        Err(Rejection::BadSignature)
    );
    assert_eq!(
        check(&proof[..proof.len() - 1]),
        Err(Rejection::BadSignature)
    );
    assert_eq!(check(&proof.repeat(2)), Err(Rejection::BadSignature));
    // Something in the part that is not signed.
    let body = &proof[2..];
    let hashed = 8 + usize::from(body[6]) * 256 + usize::from(body[7]);
    let more = [&body[..hashed], &[0, 0, 0, 2, 1, 101], &body[hashed + 4..]].concat();
    let mut added = alloc::vec![];
    crate::envelope::packet::push(&mut added, 2, &more);
    assert_eq!(check(&added), Err(Rejection::BadSignature));
}

#[test]
fn an_identity_prints_nothing() {
    let alice = someone(1);
    let printed = alloc::format!("{alice:?} {:?}", alice.certificate());
    assert_eq!(
        printed,
        alloc::format!(
            "Identity(…) Certificate({} bytes)",
            alice.certificate().bytes().len()
        )
    );
    // Nor do the library's own types, which its log may print.
    let printed = alloc::format!("{:?}", alice.primary());
    let secret = &alice.to_secret()[53..53 + 32];
    let hex: alloc::string::String = secret.iter().map(|it| alloc::format!("{it:02x}")).collect();
    assert!(!printed.contains(&hex) && !printed.contains(&alloc::format!("{secret:?}")));
}

#[test]
fn a_binding_is_the_owners_and_ends() {
    let (alice, mallory) = (someone(1), someone(2));
    let alias = "alice@oak.example".parse().unwrap();
    let first = binding::sign(&alice, &mut dice(3), NOW, &alias, 1, None);
    let read = binding::check(&first, alice.certificate(), NOW).unwrap();
    assert_eq!((read.alias, read.seq), (alias.clone(), 1));
    assert_eq!(
        binding::check(&first, mallory.certificate(), NOW),
        Err(Rejection::BadSignature)
    );
    let end = later(limit::BINDING_LIFE_MAX_MS);
    assert_eq!(
        binding::check(&first, alice.certificate(), end),
        Err(Rejection::BindingExpired)
    );

    let second = binding::sign(
        &alice,
        &mut dice(4),
        NOW,
        &alias,
        2,
        Some(binding::hash(&first)),
    );
    assert_eq!(
        binding::check(&second, alice.certificate(), NOW)
            .unwrap()
            .seq,
        2
    );
    let orphan = binding::sign(&alice, &mut dice(4), NOW, &alias, 2, None);
    assert_eq!(
        binding::check(&orphan, alice.certificate(), NOW),
        Err(Rejection::Malformed)
    );
    let mut bent = second;
    bent.binding[20] ^= 1;
    assert_eq!(
        binding::check(&bent, alice.certificate(), NOW),
        Err(Rejection::BadSignature)
    );
}

#[test]
fn a_binding_says_where_its_owner_moved_to_and_it_is_elsewhere() {
    let alice = someone(1);
    let alias = "alice@oak.example".parse().unwrap();
    let first = binding::sign(&alice, &mut dice(3), NOW, &alias, 1, None);
    let fields = binding::check(&first, alice.certificate(), NOW).unwrap();
    assert_eq!(binding::moved_to(&fields), None);
    let chain = (2, Some(binding::hash(&first)));
    let moved = |to: &Alias| {
        let signed = binding::sign_moved(&alice, &mut dice(4), NOW, &alias, chain, to);
        binding::check(&signed, alice.certificate(), NOW)
    };
    let elm: Alias = "alice@elm.example".parse().unwrap();
    assert_eq!(binding::moved_to(&moved(&elm).unwrap()), Some(elm));
    assert_eq!(
        moved(&alias),
        Err(Rejection::Malformed),
        "to where they are"
    );
}
