//! Thousands of small changes to every input a stranger can send: none may panic, and what still
//! passes must say what it said before.

use alloc::{vec, vec::Vec};

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use super::{
    NOW, dice, draft,
    forge::{Forgery, enclose},
    nobody, sealed,
};
use crate::{
    envelope::{
        Payload, container, open,
        packet::{self, tag},
        record::{self, Kind, Record},
    },
    keyring::{
        Certificate, Identity, binding,
        cast::{alice, bob},
        statement::Statement,
    },
    limit, wire,
};

/// A few changes: bits, octets, lengths, pieces moved, left out, doubled, cut off.
fn mutated(rng: &mut ChaCha20Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + rng.next_u32() % 4 {
        let len = bytes.len().max(1);
        let at = rng.next_u32() as usize % len;
        let to = (at + rng.next_u32() as usize % 64).min(bytes.len());
        match rng.next_u32() % 8 {
            _ if bytes.is_empty() => bytes.push(rng.next_u32() as u8),
            0 | 1 => bytes[at] ^= 1 << (rng.next_u32() % 8),
            2 => bytes[at] = rng.next_u32() as u8,
            3 => bytes[at] = [0, 1, 0x7F, 0x80, 0xC0, 0xFF][rng.next_u32() as usize % 6],
            4 => drop(bytes.drain(at..to)),
            5 => bytes.truncate(at),
            6 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.insert(at, rng.next_u32() as u8),
        }
    }
    bytes
}

#[test]
fn records() {
    let (mut rng, bob) = (dice(20), bob());
    let payload = draft(NOW, b"hello");
    let record = sealed(NOW, &payload).unwrap();
    for _ in 0..4_000 {
        let mut bytes = mutated(&mut rng, record.bytes());
        bytes.resize(record.bytes().len(), 0);
        let Ok(record) = Record::parse(&bytes) else {
            continue;
        };
        if let Ok(opened) = open(NOW, &bob, &record, &nobody) {
            assert_eq!(opened.payload, payload);
        }
    }
}

#[test]
fn containers() {
    let mut rng = dice(21);
    let record = sealed(NOW, &draft(NOW, b"hello")).unwrap();
    // The headers alone, where all the structure is.
    let head = &record.ciphertext()[..1210];
    for _ in 0..20_000 {
        let bytes = mutated(&mut rng, head);
        let _either = container::check(Kind::Message, &bytes);
        let _either = container::check(Kind::Chunk, &bytes[bytes.len().min(1167)..]);
        let _either = container::inside(&bytes);
    }
}

#[test]
fn the_packets_inside() {
    let (mut rng, bob) = (dice(22), bob());
    let honest = Forgery::new();
    let payload = honest.payload.clone();
    let packets = honest.packets();
    let deletion_hash = payload.deletion_hash();
    let expires_h = record::expiry_h(NOW, limit::DAY_MS);
    for _ in 0..2_500 {
        let bytes = mutated(&mut rng, &packets);
        let ciphertext = enclose(bob.certificate(), &bytes, |_| ());
        let record = Record::new(Kind::Message, expires_h, deletion_hash, &ciphertext).unwrap();
        if let Ok(it) = open(NOW, &bob, &record, &nobody) {
            assert_eq!(it.payload, payload);
            assert_eq!(bytes, packets, "nothing was changed after all");
        }
    }
}

#[test]
fn payloads() {
    let mut rng = dice(23);
    let encoded = draft(NOW, b"hello").encode();
    for _ in 0..20_000 {
        let bytes = mutated(&mut rng, &encoded);
        if let Ok(payload) = Payload::decode(&bytes) {
            assert_eq!(payload.encode(), bytes, "one spelling");
        }
    }
}

#[test]
fn payloads_that_are_signed() {
    let (mut rng, bob) = (dice(24), bob());
    for _ in 0..500 {
        let mut forgery = Forgery::new();
        forgery.literal = Some(mutated(&mut rng, &forgery.payload.encode()));
        let _either = open(NOW, &bob, &forgery.sealed(), &nobody);
    }
}

#[test]
fn certificates() {
    let (mut rng, alice) = (dice(25), alice());
    let read = |bytes: &[u8]| {
        if let Ok(read) = Certificate::read(bytes) {
            assert_eq!(read.fingerprint(), alice.fingerprint());
            assert_eq!(
                Certificate::read(read.bytes()).as_ref(),
                Ok(&read),
                "reducing ends"
            );
        }
    };
    for _ in 0..2_000 {
        read(&mutated(&mut rng, alice.certificate().bytes()));
    }
    // Framed anew, so that the packets themselves are looked into.
    let packets = packet::all(alice.certificate().bytes(), 100).unwrap();
    for _ in 0..3_000 {
        let which = rng.next_u32() as usize % packets.len();
        let mut bytes = vec![];
        for (n, it) in packets.iter().enumerate() {
            let body = if n == which {
                mutated(&mut rng, it.body)
            } else {
                it.body.to_vec()
            };
            packet::push(&mut bytes, it.tag, &body);
        }
        read(&bytes);
    }
}

#[test]
fn signatures() {
    let (mut rng, alice) = (dice(26), alice());
    let proof = alice.prove(&mut dice(1), NOW, b"muttr/test/1\0", b"bytes");
    let (packet, _) = packet::next(&proof).unwrap();
    let alias = super::alias("alice@oak.example");
    let signed = binding::sign(&alice, &mut dice(2), NOW, &alias, 1, None);
    for _ in 0..20_000 {
        let _either = Statement::read(&mutated(&mut rng, packet.body));
    }
    for _ in 0..2_000 {
        let bent = mutated(&mut rng, &proof);
        let checked = alice
            .certificate()
            .check_proof(NOW, b"muttr/test/1\0", b"bytes", &bent);
        assert!(checked.is_err() || bent == proof);
        let mut reframed = vec![];
        packet::push(
            &mut reframed,
            tag::SIGNATURE,
            &mutated(&mut rng, packet.body),
        );
        let checked = alice
            .certificate()
            .check_proof(NOW, b"muttr/test/1\0", b"bytes", &reframed);
        assert!(checked.is_err() || reframed == proof);
        let mut bent = signed.clone();
        bent.binding = mutated(&mut rng, &bent.binding);
        let checked = binding::check(&bent, alice.certificate(), NOW);
        assert!(checked.is_err() || bent == signed);
        let _either: Result<wire::channel::Binding, _> = wire::decode(&bent.binding, 2_000);
    }
}

#[test]
fn identities() {
    let (mut rng, alice) = (dice(27), alice());
    let secret = alice.to_secret();
    for _ in 0..800 {
        if let Ok(read) = Identity::from_secret(&mutated(&mut rng, &secret)) {
            assert_eq!(read.fingerprint(), alice.fingerprint());
        }
        let _either = Identity::import(&mutated(&mut rng, &secret), "words");
    }
}
