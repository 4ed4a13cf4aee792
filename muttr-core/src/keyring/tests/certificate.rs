//! What a certificate is reduced to, and what is no certificate at all.

use alloc::{vec, vec::Vec};

use pgp::packet::{SignatureType, Subpacket, SubpacketData};

use super::{
    LABEL, NOW,
    craft::{
        about, authentication, bound, demand, ending, joined, packets, revoked, signing_flags,
        with_direct,
    },
    dice,
};
use crate::{
    envelope::packet::{self, Length, Packet, tag},
    keyring::{
        Certificate,
        cast::{BORN, alice, bob, mallory},
    },
    limit,
    rejection::Rejection,
    time::Time,
};

fn at(after_ms: u64) -> Time {
    Time {
        mono_ms: 0,
        wall_ms: BORN.wall_ms + after_ms,
    }
}

#[track_caller]
fn same_as_alice(bytes: &[u8]) {
    let alice = alice();
    let read = Certificate::parse(bytes, NOW).unwrap();
    assert_eq!(&read, alice.certificate());
    assert_eq!(read.hash(), alice.certificate().hash());
}

#[test]
fn what_others_added_falls_off() {
    let (alice, mallory) = (alice(), mallory());
    let own = packets(&alice);
    let hers = packets(&mallory);
    let mut junk = vec![];
    packet::push(&mut junk, 13, b"Alice <alice@oak.example>");
    packet::push(&mut junk, tag::SIGNATURE, &[4, 0x13, 1, 8]);
    packet::push(&mut junk, 60, &[1, 2, 3]);
    packet::push(&mut junk, tag::SUBKEY, &[4, 0, 0, 0, 0, 18]);
    packet::push(&mut junk, tag::SUBKEY, &[]);
    same_as_alice(&[alice.certificate().bytes(), &junk].concat());
    // Mallory's subkeys, with her bindings, with Alice's, and with none.
    same_as_alice(&joined(own.iter().chain(&hers[2..])));
    same_as_alice(&joined(own.iter().chain([&hers[2], &own[3], &hers[4]])));
    // Everything twice.
    same_as_alice(&joined(own.iter().chain(&own[2..])));
    // A revocation that is not Alice's.
    let revocation = about(&mallory, &mallory, SignatureType::KeyRevocation, vec![]);
    same_as_alice(&with_direct(&alice, &revocation));
    let forged = about(&mallory, &alice, SignatureType::KeyRevocation, vec![]);
    same_as_alice(&with_direct(&alice, &forged));
}

#[test]
fn what_is_not_signed_in_a_signature_falls_off() {
    let alice = alice();
    let own = packets(&alice);
    let body = own[1].body;
    let hashed = 8 + usize::try_from(u32::from_be_bytes(body[4..8].try_into().unwrap())).unwrap();
    let more = [
        &body[..hashed],
        &[0, 0, 0, 6, 5, 101, 1, 2, 3, 4],
        &body[hashed + 4..],
    ]
    .concat();
    let mut packets = own.clone();
    packets[1].body = &more;
    let bytes = joined(&packets);
    assert_ne!(bytes, alice.certificate().bytes());
    same_as_alice(&bytes);
}

#[test]
fn a_certificate_ends_when_its_owner_says_so() {
    let alice = alice();
    let bytes = ending(&alice, limit::DAY_MS / 1000);
    assert!(Certificate::parse(&bytes, at(limit::DAY_MS - 1000)).is_ok());
    let end = Certificate::parse(&bytes, at(limit::DAY_MS));
    assert_eq!(end, Err(Rejection::CertificateUnusable));
    let updated = Certificate::parse(&bytes, at(0)).unwrap();
    assert!(updated.updated_s() > alice.certificate().updated_s());
    assert_eq!(updated.fingerprint(), alice.fingerprint());
    assert_ne!(updated.hash(), alice.certificate().hash());
}

#[test]
fn a_certificate_from_the_future_waits() {
    let alice = alice();
    let before = |by_ms: u64| {
        let now = Time {
            mono_ms: 0,
            wall_ms: BORN.wall_ms - by_ms,
        };
        Certificate::parse(alice.certificate().bytes(), now).map(|_| ())
    };
    assert_eq!(before(limit::CLOCK_SKEW_MS), Ok(()));
    assert_eq!(
        before(limit::CLOCK_SKEW_MS + 1000),
        Err(Rejection::CertificateUnusable)
    );
}

#[test]
fn a_revoked_certificate_is_refused_for_good() {
    let bytes = revoked(&alice());
    for after_ms in [0, limit::DAY_MS, 4000 * limit::DAY_MS] {
        let read = Certificate::parse(&bytes, at(after_ms));
        assert_eq!(read, Err(Rejection::CertificateUnusable));
    }
    // Reducing it keeps that.
    let read = Certificate::read(&bytes).unwrap();
    assert!(Certificate::read(read.bytes()).unwrap().is_revoked());
}

#[test]
fn a_revoked_subkey_is_not_encrypted_to() {
    let bob = bob();
    let own = packets(&bob);
    let now = at(limit::DAY_MS);
    let (fallback, rotating) = (own[2].body, own[4].body);
    let preferred = bob.certificate().encryption_subkey(now).unwrap();
    let revoke = |body: &[u8]| {
        use pgp::ser::Serialize;
        bound(&bob, &bob, SignatureType::SubkeyRevocation, body, vec![])
            .to_bytes()
            .unwrap()
    };
    let (one, two) = (revoke(rotating), revoke(fallback));
    let signature = |body| Packet {
        tag: tag::SIGNATURE,
        length: Length::Shortest,
        body,
    };
    let mut packets = own.clone();
    packets.insert(5, signature(&one));
    let without_rotating = Certificate::parse(&joined(&packets), now).unwrap();
    let fallback = without_rotating.encryption_subkey(now).unwrap();
    assert_ne!(fallback, preferred);
    assert!(without_rotating.is_fallback(&fallback));
    packets.insert(3, signature(&two));
    let without_any = Certificate::parse(&joined(&packets), now).unwrap();
    assert_eq!(
        without_any.encryption_subkey(now),
        Err(Rejection::CertificateUnusable)
    );
}

#[test]
fn nobody_passes_off_anothers_subkey_as_theirs() {
    // Mallory binds Alice's authentication subkey to herself, and shows Alice's proof.
    let (alice, mallory) = (alice(), mallory());
    let proof = alice.prove(&mut dice(1), NOW, LABEL, b"handshake");
    let of_alice = packets(&alice);
    let subkey = of_alice[6].body;
    let consent = {
        let body = of_alice[7].body;
        let statement = crate::keyring::statement::Statement::read(body).unwrap();
        statement.signature().embedded_signature().unwrap().clone()
    };
    for consent in [None, Some(consent)] {
        use pgp::ser::Serialize;
        let more = authentication(consent);
        let binding = bound(
            &mallory,
            &mallory,
            SignatureType::SubkeyBinding,
            subkey,
            more,
        );
        let body = binding.to_bytes().unwrap();
        let mut bytes = mallory.certificate().bytes().to_vec();
        packet::push(&mut bytes, tag::SUBKEY, subkey);
        packet::push(&mut bytes, tag::SIGNATURE, &body);
        let read = Certificate::parse(&bytes, NOW).unwrap();
        assert_eq!(&read, mallory.certificate());
        let checked = read.check_proof(NOW, LABEL, b"handshake", &proof);
        assert_eq!(checked, Err(Rejection::BadSignature));
    }
}

#[test]
fn a_self_signature_that_demands_the_unknown_does_not_count() {
    let alice = alice();
    let strange = about(
        &alice,
        &alice,
        SignatureType::Key,
        vec![signing_flags(), demand()],
    );
    same_as_alice(&with_direct(&alice, &strange));
    let runs_out = SubpacketData::SignatureExpirationTime(pgp::types::Duration::from_secs(60));
    let more = vec![signing_flags(), Subpacket::regular(runs_out).unwrap()];
    same_as_alice(&with_direct(
        &alice,
        &about(&alice, &alice, SignatureType::Key, more),
    ));
    let no_signing = about(&alice, &alice, SignatureType::Key, vec![]);
    same_as_alice(&with_direct(&alice, &no_signing));
}

#[test]
fn what_is_no_certificate() {
    let alice = alice();
    let own = packets(&alice);
    let refused = |bytes: &[u8]| Certificate::parse(bytes, NOW).unwrap_err();
    assert_eq!(refused(&[]), Rejection::Malformed);
    assert_eq!(refused(&[0; 100]), Rejection::Malformed);
    assert_eq!(
        refused(&joined(&own[..1])),
        Rejection::Malformed,
        "it says nothing of itself"
    );
    assert_eq!(
        refused(&joined(&own[1..])),
        Rejection::Malformed,
        "no primary key"
    );
    let mallory = mallory();
    let foreign = [own[0], packets(&mallory)[1]];
    assert_eq!(
        refused(&joined(&foreign)),
        Rejection::Malformed,
        "another's word"
    );
    let mut v4 = own.clone();
    let body = [&[4][..], &own[0].body[1..]].concat();
    v4[0].body = &body;
    assert_eq!(refused(&joined(&v4)), Rejection::Malformed);
    assert_eq!(
        refused(&alice.to_secret()),
        Rejection::Malformed,
        "a secret is none"
    );
    let cut = alice.certificate().bytes();
    assert_eq!(refused(&cut[..cut.len() - 1]), Rejection::Malformed);
    let large = [cut, &vec![0; limit::CERTIFICATE_BYTES_MAX]].concat();
    assert_eq!(refused(&large), Rejection::TooLarge);
    let many: Vec<u8> = [0xC0 | 60, 0].repeat(limit::CERTIFICATE_PACKETS_MAX + 1);
    assert_eq!(refused(&[cut, &many].concat()), Rejection::Malformed);
    // A point of small order: anybody can sign for it.
    let mut body = own[0].body.to_vec();
    body[10..].fill(0);
    let mut weak = own.clone();
    weak[0].body = &body;
    assert_eq!(refused(&joined(&weak)), Rejection::Malformed);
}

#[test]
fn there_are_only_so_many_subkeys() {
    use pgp::ser::Serialize;
    let alice = alice();
    let mut bytes = alice.certificate().bytes().to_vec();
    for n in 0..=limit::CERTIFICATE_SUBKEYS_MAX - 3 {
        if n == limit::CERTIFICATE_SUBKEYS_MAX - 3 {
            let read = Certificate::parse(&bytes, NOW).unwrap();
            assert_eq!(read.subkeys().len(), limit::CERTIFICATE_SUBKEYS_MAX);
        }
        // X25519 keys need no consent.
        let material = [9 + u8::try_from(n).unwrap(); 32];
        let subkey = [&[6, 1, 2, 3, 4, 25, 0, 0, 0, 32][..], &material].concat();
        let binding = bound(
            &alice,
            &alice,
            SignatureType::SubkeyBinding,
            &subkey,
            vec![],
        );
        packet::push(&mut bytes, tag::SUBKEY, &subkey);
        packet::push(&mut bytes, tag::SIGNATURE, &binding.to_bytes().unwrap());
    }
    assert_eq!(Certificate::parse(&bytes, NOW), Err(Rejection::TooLarge));
}
