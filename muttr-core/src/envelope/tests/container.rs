//! What is let through to the OpenPGP library, and what is not.

use alloc::{vec, vec::Vec};

use super::{NOW, draft, forge::enclose, nobody, sealed};
use crate::{
    envelope::{
        Fault,
        container::{check, inside},
        open,
        packet::{self, Packet, tag},
        record::{self, Kind, Record},
    },
    keyring::cast::bob,
    limit,
    rejection::Rejection,
};

/// Ciphertext of an honest message, and its two packets.
fn honest() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let record = sealed(NOW, &draft(NOW, b"hello")).unwrap();
    let (key, rest) = packet::next(record.ciphertext()).unwrap();
    let (encrypted, _) = packet::next(rest).unwrap();
    (
        record.ciphertext().to_vec(),
        key.body.to_vec(),
        encrypted.body.to_vec(),
    )
}

fn two(key: &[u8], encrypted: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    packet::push(&mut bytes, tag::KEY, key);
    packet::push(&mut bytes, tag::ENCRYPTED, encrypted);
    bytes
}

#[track_caller]
fn refused(kind: Kind, ciphertext: &[u8]) {
    assert_eq!(check(kind, ciphertext), Err(Rejection::Malformed));
    // And so the opener never gets further, whatever the header of the record claims.
    let expires_h = record::expiry_h(NOW, limit::DAY_MS);
    let classes = limit::RECORD_CLASSES_BYTES;
    let class = classes
        .into_iter()
        .find(|it| *it >= ciphertext.len() + 42)
        .unwrap();
    let padded = [ciphertext, &vec![0; class - 42 - ciphertext.len()]].concat();
    let record = Record::new(kind, expires_h, [0; 32], &padded).unwrap();
    assert_eq!(Record::parse(record.bytes()), Err(Rejection::Malformed));
    assert!(open(NOW, &bob(), &record, &nobody).is_err());
}

fn message_refused(ciphertext: &[u8]) {
    refused(Kind::Message, ciphertext);
}

#[test]
fn the_honest_one_passes() {
    let (ciphertext, key, encrypted) = honest();
    assert_eq!(check(Kind::Message, &ciphertext), Ok(()));
    assert_eq!(two(&key, &encrypted), ciphertext);
    assert_eq!(check(Kind::Chunk, &ciphertext), Err(Rejection::Malformed));
}

#[test]
fn ciphers_modes_and_sizes_of_other_suites_are_refused() {
    let (_, key, encrypted) = honest();
    let with = |at: usize, to: u8| {
        let mut encrypted = encrypted.clone();
        encrypted[at] = to;
        two(&key, &encrypted)
    };
    for version in [0, 1, 3, 255] {
        message_refused(&with(0, version));
    }
    for cipher in [0, 1, 7, 8, 10, 255] {
        message_refused(&with(1, cipher));
    }
    // Unknown modes make the library panic once the session key is right, which it is here.
    for mode in [0, 1, 3, 4, 100, 255] {
        message_refused(&with(2, mode));
    }
    for chunk_size in [11, 16, 17, 255] {
        message_refused(&with(3, chunk_size));
    }
    assert_eq!(check(Kind::Message, &with(3, 0)), Ok(()));
}

#[test]
fn key_packets_other_than_one_anonymous_one_are_refused() {
    let (ciphertext, key, encrypted) = honest();
    let mut encrypted_alone = vec![];
    packet::push(&mut encrypted_alone, tag::ENCRYPTED, &encrypted);
    message_refused(&encrypted_alone);
    let mut twice = vec![];
    packet::push(&mut twice, tag::KEY, &key);
    twice.extend_from_slice(&ciphertext);
    message_refused(&twice);
    let named = [&[6, 33, 6][..], &[7; 32], &key[2..]].concat();
    message_refused(&two(&named, &encrypted));
    for algorithm in [0, 1, 16, 18, 26, 36, 255] {
        let other = [&[6, 0, algorithm][..], &key[3..]].concat();
        message_refused(&two(&other, &encrypted));
    }
    message_refused(&two(&[&[3], &key[1..]].concat(), &encrypted));
    message_refused(&two(&key[..key.len() - 1], &encrypted));
    message_refused(&two(&[&key[..], &[0]].concat(), &encrypted));
    message_refused(&two(&[], &encrypted));
    // A passphrase in the place of a key.
    let mut passphrase = vec![];
    packet::push(&mut passphrase, 3, &key);
    packet::push(&mut passphrase, tag::ENCRYPTED, &encrypted);
    message_refused(&passphrase);
}

#[test]
fn the_classic_algorithm_has_its_own_length() {
    let (_, _, encrypted) = honest();
    let classic = [&[6, 0, 25][..], &[7; 32], &[40], &[7; 40]].concat();
    assert_eq!(check(Kind::Message, &two(&classic, &encrypted)), Ok(()));
    message_refused(&two(&classic[..classic.len() - 8], &encrypted));
    let short = [&[6, 0, 25][..], &[7; 32], &[32], &[7; 32]].concat();
    message_refused(&two(&short, &encrypted));
}

#[test]
fn other_framings_and_additions_are_refused() {
    let (ciphertext, key, encrypted) = honest();
    message_refused(&[]);
    message_refused(&[&ciphertext[..], &[0]].concat());
    let mut trailing = ciphertext.clone();
    packet::push(&mut trailing, tag::PADDING, &[0; 8]);
    message_refused(&trailing);
    let mut padded = vec![];
    packet::push(&mut padded, tag::PADDING, &[0; 8]);
    padded.extend_from_slice(&ciphertext);
    message_refused(&padded);
    let mut marked = vec![];
    packet::push(&mut marked, 10, b"PGP");
    marked.extend_from_slice(&ciphertext);
    message_refused(&marked);
    // Longer lengths than needed, a partial length, the legacy format, an open end.
    let mut long = vec![];
    packet::push_long(&mut long, tag::KEY, &key);
    packet::push(&mut long, tag::ENCRYPTED, &encrypted);
    message_refused(&long);
    let mut start = vec![];
    packet::push(&mut start, tag::KEY, &key);
    let partial = [&start[..], &[0xC0 | 18, 0xE9], &encrypted[..512], &[0]].concat();
    message_refused(&partial);
    let legacy = [&start[..], &[0x80 | (9 << 2) | 3], &encrypted].concat();
    message_refused(&legacy);
    let mut old = vec![];
    packet::push(&mut old, tag::KEY, &key);
    packet::push(&mut old, 9, &encrypted);
    message_refused(&old);
}

#[test]
fn every_cut_is_refused() {
    let (ciphertext, ..) = honest();
    for cut in 1..=64 {
        let head = &ciphertext[..ciphertext.len() - cut];
        assert_eq!(check(Kind::Message, head), Err(Rejection::Malformed));
        message_refused(&ciphertext[cut..]);
    }
}

#[test]
fn a_cut_that_was_framed_anew_is_damage() {
    let (ciphertext, key, encrypted) = honest();
    let expires_h = record::expiry_h(NOW, limit::DAY_MS);
    for cut in 1..=64 {
        // Zeros in the place of what was cut, so that the record has its size.
        let end = ciphertext.len() - cut;
        let filled = [&ciphertext[..end], &vec![0; cut]].concat();
        assert_eq!(check(Kind::Message, &filled), Ok(()));
        let record = Record::new(Kind::Message, expires_h, [0; 32], &filled).unwrap();
        assert_eq!(open(NOW, &bob(), &record, &nobody), Err(Fault::Damaged));
        // Or at the front of what is encrypted.
        let moved = [
            &encrypted[..36],
            &vec![0; cut],
            &encrypted[36..encrypted.len() - cut],
        ]
        .concat();
        let record = Record::new(Kind::Message, expires_h, [0; 32], &two(&key, &moved)).unwrap();
        assert_eq!(open(NOW, &bob(), &record, &nobody), Err(Fault::Damaged));
    }
}

#[test]
fn a_chunk_is_one_container_in_the_mode_of_chunks() {
    let with = |head: [u8; 4], len: usize| {
        let mut bytes = vec![];
        packet::push(
            &mut bytes,
            tag::ENCRYPTED,
            &[&head[..], &vec![7; len]].concat(),
        );
        bytes
    };
    assert_eq!(check(Kind::Chunk, &with([2, 9, 3, 10], 1000)), Ok(()));
    assert_eq!(check(Kind::Chunk, &with([2, 9, 3, 10], 64)), Ok(()));
    refused(Kind::Chunk, &with([2, 9, 3, 10], 63));
    for mode in [0, 1, 2, 4, 100, 255] {
        refused(Kind::Chunk, &with([2, 9, mode, 10], 1000));
    }
    refused(
        Kind::Chunk,
        &[&with([2, 9, 3, 10], 1000)[..], &[0]].concat(),
    );
}

/// The packets inside an honest message, to be put together in other ways.
fn packets() -> Vec<u8> {
    let identity = crate::keyring::cast::alice();
    let mut rng = super::dice(3);
    let config = pgp::packet::SignatureConfig::v6(
        &mut rng,
        pgp::packet::SignatureType::Binary,
        pgp::crypto::public_key::PublicKeyAlgorithm::Ed25519,
        pgp::crypto::hash::HashAlgorithm::Sha512,
    );
    let signed =
        crate::envelope::seal::one_pass_signed(config.unwrap(), identity.primary(), b"words");
    signed.unwrap().to_vec()
}

/// Packets, then padding in its own form.
fn padded(parts: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = vec![];
    for part in parts {
        packet::push(&mut bytes, part.tag, part.body);
    }
    packet::push_long(&mut bytes, tag::PADDING, &[0; 10]);
    bytes
}

#[test]
fn inside_there_is_one_signed_literal() {
    let packets = packets();
    let parts = packet::all(&packets, 3).unwrap();
    let [one_pass, literal, signature] = parts[..] else {
        panic!("three packets")
    };
    assert!(inside(&padded(&parts)).is_some());
    let compressed = Packet { tag: 8, ..literal };
    let v3 = [&[3][..], &one_pass.body[1..]].concat();
    let v3 = Packet {
        body: &v3,
        ..one_pass
    };
    let others = [
        [vec![one_pass; 1000], vec![literal], vec![signature; 1000]].concat(),
        vec![one_pass, one_pass, literal, signature, signature],
        vec![one_pass, literal, literal, signature],
        vec![one_pass, literal],
        vec![literal],
        vec![signature, literal],
        vec![one_pass, compressed, signature],
        vec![compressed],
        vec![v3, literal, signature],
    ];
    for (n, parts) in others.iter().enumerate() {
        assert!(inside(&padded(parts)).is_none(), "sequence {n}");
    }
    // Text, UTF-8, a name, a date.
    for (at, to) in [(0, b't'), (0, b'u'), (1, 1), (2, 1), (5, 1)] {
        let mut body = literal.body.to_vec();
        body[at] = to;
        let bent = Packet {
            body: &body,
            ..literal
        };
        assert!(
            inside(&padded(&[one_pass, bent, signature])).is_none(),
            "octet {at}"
        );
    }
}

#[test]
fn inside_there_is_one_padding_in_its_own_form() {
    let packets = packets();
    let parts = packet::all(&packets, 3).unwrap();
    let (bare, good) = (&packets[..], padded(&parts));
    let padding = &good[bare.len()..];
    let mut short = bare.to_vec();
    packet::push(&mut short, tag::PADDING, &[0; 10]);
    let others = [
        bare,
        &short,
        &[&good, padding].concat(),
        &[padding, &good].concat(),
    ];
    for (n, bytes) in others.iter().enumerate() {
        assert!(inside(bytes).is_none(), "sequence {n}");
    }
}

#[test]
fn what_is_not_of_the_grammar_inside_is_refused_by_the_opener() {
    let bob = bob();
    let sealed = |bend: fn(&mut Vec<u8>)| {
        let ciphertext = enclose(bob.certificate(), &packets(), bend);
        let expires_h = record::expiry_h(NOW, limit::DAY_MS);
        let record = Record::new(Kind::Message, expires_h, [0; 32], &ciphertext).unwrap();
        assert_eq!(Record::parse(record.bytes()).as_ref(), Ok(&record));
        open(NOW, &bob, &record, &nobody)
    };
    assert_eq!(
        sealed(|_| ()),
        Err(Fault::Payload),
        "the grammar is right, the words are none"
    );
    assert_eq!(sealed(|inside| inside[0] = 0xC0 | 8), Err(Fault::Inside));
    assert_eq!(
        sealed(|inside| *inside = inside.split_off(72)),
        Err(Fault::Inside)
    );
    assert_eq!(sealed(|inside| inside.fill(0)), Err(Fault::Inside));
}
