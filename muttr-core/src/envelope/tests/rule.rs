//! The rule by which a message is believed, line by line, each broken once by somebody who holds
//! a real key.

use alloc::{vec, vec::Vec};

use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{SignatureType, Subpacket, SubpacketData},
    types::Timestamp,
};

use super::{NOW, forge::Forgery, later, nobody};
use crate::{
    envelope::{
        Attached, Fault, Payload, open,
        packet::{self, tag},
        record::{self, Record},
    },
    keyring::{
        self, Certificate,
        cast::{alice, bob, carol, mallory},
    },
    limit,
    rejection::Rejection,
};

/// How Bob finds a message that differs from an honest one in one point.
fn found(change: impl FnOnce(&mut Forgery)) -> Result<Payload, Fault> {
    let mut forgery = Forgery::new();
    change(&mut forgery);
    let opened = open(NOW, &bob(), &forgery.sealed(), &nobody);
    opened.map(|opened| opened.payload)
}

fn refused(change: impl FnOnce(&mut Forgery)) -> Fault {
    found(change).unwrap_err()
}

#[test]
fn an_honest_forgery_is_a_message() {
    assert!(found(|_| ()).is_ok());
}

#[test]
fn a_text_signature_is_refused() {
    assert_eq!(
        refused(|it| it.kind = SignatureType::Text),
        Fault::SignatureType
    );
}

#[test]
fn every_trusted_hash_is_accepted_and_no_other() {
    for hash in [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha3_256,
        HashAlgorithm::Sha3_512,
    ] {
        assert!(found(|it| it.hash = hash).is_ok(), "{hash}");
    }
    assert_eq!(refused(|it| it.hash = HashAlgorithm::Sha384), Fault::Hash);
    // The library itself does not sign with weaker ones; somebody else might.
    for weak in [1_u8, 2, 3, 11] {
        let fault = match weak {
            1 => refused(|it| it.bend = |inside| set_in_signature(inside, 3, 1)),
            2 => refused(|it| it.bend = |inside| set_in_signature(inside, 3, 2)),
            3 => refused(|it| it.bend = |inside| set_in_signature(inside, 3, 3)),
            _ => refused(|it| it.bend = |inside| set_in_signature(inside, 3, 11)),
        };
        assert_eq!(fault, Fault::Hash, "hash {weak}");
    }
}

#[test]
fn a_signature_of_another_version_or_algorithm_is_refused() {
    let v4 = refused(|it| it.bend = |inside| set_in_signature(inside, 0, 4));
    assert_eq!(v4, Fault::SignatureShape);
    let rsa = refused(|it| it.bend = |inside| set_in_signature(inside, 2, 1));
    assert_eq!(rsa, Fault::SignatureShape);
}

#[test]
fn the_signature_must_be_the_announced_one() {
    // Octets of the one-pass signature: kind 1, hash 2, first of the salt 5, of the issuer 37.
    let bends: [fn(&mut Vec<u8>); 4] = [
        |inside| set_in_one_pass(inside, 1, 1),
        |inside| set_in_one_pass(inside, 2, 8),
        |inside| inside[2 + 5] ^= 1,
        |inside| inside[2 + 37] ^= 1,
    ];
    for bend in bends {
        assert_eq!(refused(|it| it.bend = bend), Fault::Announced);
    }
    let nested = refused(|it| it.bend = |inside| set_in_one_pass(inside, 69, 0));
    assert_eq!(nested, Fault::Inside);
}

#[test]
fn mallory_cannot_sign_for_alice() {
    // Under her own name: the payload says Alice.
    let own_name = refused(|it| {
        it.signer = mallory();
        it.issuer = Some(mallory().fingerprint());
    });
    assert_eq!(own_name, Fault::Announced);
    // Under Alice's name: the mathematics says no.
    let stolen_name = refused(|it| {
        it.signer = mallory();
        it.bend = |inside| {
            let issuer = 2 + 37;
            inside[issuer..issuer + 32].copy_from_slice(alice().fingerprint().as_bytes());
        };
    });
    assert_eq!(stolen_name, Fault::BadSignature);
    // With her certificate in the place of Alice's.
    let swapped = refused(|it| {
        it.signer = mallory();
        it.payload.attached = Attached::Certificate(mallory().certificate().bytes().to_vec());
        it.bend = |inside| {
            let issuer = 2 + 37;
            inside[issuer..issuer + 32].copy_from_slice(alice().fingerprint().as_bytes());
        };
    });
    assert_eq!(swapped, Fault::BadCertificate);
}

#[test]
fn the_issuer_must_be_said_and_be_the_author() {
    assert_eq!(refused(|it| it.issuer = None), Fault::Issuer);
    assert_eq!(
        refused(|it| it.issuer = Some(mallory().fingerprint())),
        Fault::Issuer
    );
}

#[test]
fn a_message_from_the_future_waits_for_nobody() {
    let ahead = |by_s: u64| {
        found(|it| {
            it.created_s += by_s;
            it.payload.sent_ms += by_s * 1000;
        })
    };
    assert!(ahead(limit::CLOCK_SKEW_MS / 1000).is_ok());
    assert_eq!(ahead(limit::CLOCK_SKEW_MS / 1000 + 1), Err(Fault::Future));
}

#[test]
fn a_message_older_than_records_live_is_refused() {
    let record = Forgery::new().sealed();
    let longest = limit::RECORD_LIFE_MAX_MS + limit::RECORD_EXPIRY_STEP_MS + limit::CLOCK_SKEW_MS;
    assert!(open(later(longest), &bob(), &record, &nobody).is_ok());
    assert_eq!(
        open(later(longest + 1000), &bob(), &record, &nobody),
        Err(Fault::TooOld)
    );
}

#[test]
fn a_signature_that_has_run_out_is_refused() {
    let record = |lives_s| {
        let mut forgery = Forgery::new();
        forgery.lives_s = Some(lives_s);
        forgery.sealed()
    };
    assert!(open(NOW, &bob(), &record(60), &nobody).is_ok());
    assert_eq!(
        open(later(60_000), &bob(), &record(60), &nobody),
        Err(Fault::SignatureExpired)
    );
    assert!(
        open(later(60_000), &bob(), &record(0), &nobody).is_ok(),
        "0 is for ever"
    );
}

#[test]
fn the_intended_recipient_must_be_said_and_be_me() {
    assert_eq!(refused(|it| it.intended = None), Fault::NoIntendedRecipient);
    // What Alice wrote to Carol, sealed again to Bob.
    assert_eq!(
        refused(|it| it.intended = Some(carol().fingerprint())),
        Fault::OtherRecipient
    );
    // It counts only where it is signed.
    let unsigned = refused(|it| {
        it.intended = None;
        let me = pgp::types::Fingerprint::V6(bob().fingerprint().0);
        let data = SubpacketData::IntendedRecipientFingerprint(me);
        it.unsigned = vec![Subpacket::regular(data).unwrap()];
    });
    assert_eq!(unsigned, Fault::UnsignedPart);
}

#[test]
fn a_fact_that_is_stated_twice_is_none() {
    let again =
        |data: SubpacketData| refused(|it| it.more = vec![Subpacket::regular(data).unwrap()]);
    let at = Timestamp::from_secs(1);
    assert_eq!(
        again(SubpacketData::SignatureCreationTime(at)),
        Fault::SignatureShape
    );
    let somebody = pgp::types::Fingerprint::V6(carol().fingerprint().0);
    assert_eq!(
        again(SubpacketData::IntendedRecipientFingerprint(
            somebody.clone()
        )),
        Fault::SignatureShape
    );
    assert_eq!(
        again(SubpacketData::IssuerFingerprint(somebody)),
        Fault::SignatureShape
    );
}

#[test]
fn an_unknown_demand_is_refused_and_an_unknown_remark_is_not() {
    let data = || SubpacketData::Experimental(101, vec![1, 2, 3].into());
    let demand = refused(|it| it.more = vec![Subpacket::critical(data()).unwrap()]);
    assert_eq!(demand, Fault::CriticalSubpacket);
    assert!(found(|it| it.more = vec![Subpacket::regular(data()).unwrap()]).is_ok());
}

#[test]
fn the_payload_must_say_what_the_signature_says() {
    let other = carol().fingerprint();
    assert_eq!(
        refused(|it| it.payload.to.fingerprint = other),
        Fault::PayloadRecipient
    );
    assert_eq!(
        refused(|it| it.payload.to_subkey = other),
        Fault::PayloadSubkey
    );
    assert_eq!(refused(|it| it.payload.sent_ms += 1000), Fault::PayloadTime);
    assert_eq!(
        refused(|it| it.payload.from.fingerprint = other),
        Fault::Announced
    );
}

#[test]
fn the_record_must_show_the_hash_of_the_token() {
    assert_eq!(
        refused(|it| it.deletion_hash = Some([0; 32])),
        Fault::DeletionHash
    );
}

#[test]
fn a_payload_that_is_none_is_refused() {
    assert_eq!(
        refused(|it| it.literal = Some(b"hello".to_vec())),
        Fault::Payload
    );
    assert_eq!(
        refused(|it| it.literal = Some(b"\xa1av\x02".to_vec())),
        Fault::NewerVersion
    );
    assert_eq!(Fault::NewerVersion.code(), Rejection::Unsupported);
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let attached =
        |bytes: &[u8]| refused(|it| it.payload.attached = Attached::Certificate(bytes.to_vec()));
    assert_eq!(attached(b"certificate"), Fault::BadCertificate);
    assert_eq!(
        attached(carol().certificate().bytes()),
        Fault::BadCertificate
    );
}

#[test]
fn who_took_the_certificate_back_writes_no_more() {
    let revoked = keyring::tests::revoked(&alice());
    let inside = refused(|it| it.payload.attached = Attached::Certificate(revoked.clone()));
    assert_eq!(inside, Fault::SenderRevoked);
    // The other way round too: inside is what it was before, at hand is the revoked one.
    let revoked = Certificate::read(&revoked).unwrap();
    let record = Forgery::new().sealed();
    let known = |_: &_| Some(revoked.clone());
    assert_eq!(
        open(NOW, &bob(), &record, &known),
        Err(Fault::SenderRevoked)
    );
}

#[test]
fn a_certificate_counts_from_its_day_to_its_end() {
    let ends = keyring::tests::ending(&alice(), limit::DAY_MS / 1000);
    let over = refused(|it| it.payload.attached = Attached::Certificate(ends));
    assert_eq!(over, Fault::SenderExpired);
    let ends = keyring::tests::ending(&alice(), 6 * limit::DAY_MS / 1000);
    assert!(found(|it| it.payload.attached = Attached::Certificate(ends)).is_ok());
}

#[test]
fn a_single_changed_bit_of_the_content_is_seen() {
    let bent = refused(|it| {
        it.bend = |inside| {
            // The last octet of the literal's body key, inside the signed bytes.
            let at = inside.windows(5).position(|it| it == b"hello").unwrap();
            inside[at] ^= 1;
        };
    });
    assert_eq!(bent, Fault::BadSignature);
}

#[test]
fn a_ciphertext_cut_or_changed_after_sealing_shows_nothing() {
    let record = Forgery::new().sealed();
    for at in [1300, record.bytes().len() - 20, record.bytes().len() - 1] {
        let mut bytes = record.bytes().to_vec();
        bytes[at] ^= 1;
        let bent = Record::parse(&bytes).unwrap();
        assert_eq!(
            open(NOW, &bob(), &bent, &nobody),
            Err(Fault::Damaged),
            "octet {at}"
        );
    }
    let mut bytes = record.bytes().to_vec();
    bytes[200] ^= 1;
    let bent = Record::parse(&bytes).unwrap();
    assert_eq!(
        open(NOW, &bob(), &bent, &nobody),
        Err(Fault::NotForUs),
        "the wrapped key"
    );
}

#[test]
fn a_chunk_is_no_message() {
    let mut ciphertext = vec![];
    let room = 2048 - limit::RECORD_HEADER_BYTES - 3;
    let body = [&[2, 9, 3, 10][..], &vec![7; room - 4]].concat();
    packet::push(&mut ciphertext, tag::ENCRYPTED, &body);
    let expires_h = record::expiry_h(NOW, limit::DAY_MS);
    let chunk = Record::new(record::Kind::Chunk, expires_h, [0; 32], &ciphertext).unwrap();
    assert!(Record::parse(chunk.bytes()).is_ok());
    assert_eq!(open(NOW, &bob(), &chunk, &nobody), Err(Fault::NotAMessage));
    // Calling it a message does not make it one.
    let called = Record::new(record::Kind::Message, expires_h, [0; 32], &ciphertext).unwrap();
    assert_eq!(open(NOW, &bob(), &called, &nobody), Err(Fault::Container));
}

#[test]
fn the_network_learns_one_thing_from_all_of_it() {
    let faults = [
        Fault::Damaged,
        Fault::Inside,
        Fault::BadSignature,
        Fault::OtherRecipient,
    ];
    assert!(
        faults
            .iter()
            .all(|fault| fault.code() == Rejection::Unreadable)
    );
}

/// Changes an octet of the signature packet's body.
fn set_in_signature(inside: &mut [u8], at: usize, to: u8) {
    let (_, rest) = packet::next(inside).unwrap();
    let (_, rest) = packet::next(rest).unwrap();
    let (signature, _) = packet::next(rest).unwrap();
    let start = signature.body.as_ptr() as usize - inside.as_ptr() as usize;
    inside[start + at] = to;
}

/// Changes an octet of the one-pass signature's body.
fn set_in_one_pass(inside: &mut [u8], at: usize, to: u8) {
    inside[2 + at] = to;
}
