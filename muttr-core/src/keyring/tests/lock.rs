//! Identities that travel under a passphrase.

use alloc::{string::String, vec::Vec};

use super::dice;
use crate::{
    envelope::packet,
    keyring::{
        Identity, armor,
        cast::{alice, mallory},
    },
    limit,
    rejection::Rejection,
};

const WORDS: &str = "correct horse battery staple";

/// Made once: it is meant to take its time.
fn exported() -> &'static str {
    extern crate std;
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| alice().export(&mut dice(1), WORDS).unwrap())
}

#[test]
fn the_passphrase_brings_it_back_and_no_other() {
    let text = exported();
    let read = Identity::import(text.as_bytes(), WORDS).unwrap();
    assert_eq!(read.to_secret(), alice().to_secret());
    assert_eq!(
        Identity::import(text.as_bytes(), "tr0ub4dor").unwrap_err(),
        Rejection::BadPassphrase
    );
    assert_eq!(
        Identity::import(text.as_bytes(), "").unwrap_err(),
        Rejection::BadPassphrase
    );
    let binary = armor::decode(text.as_bytes()).unwrap();
    assert!(Identity::import(&binary, WORDS).is_ok());
    assert_eq!(
        Identity::from_secret(&binary).unwrap_err(),
        Rejection::BadIdentity
    );
    assert_eq!(
        alice().export(&mut dice(1), "").unwrap_err(),
        Rejection::BadPassphrase
    );
}

#[test]
fn the_file_holds_no_secret_in_the_clear() {
    let (text, secret) = (exported(), alice().to_secret());
    let binary = armor::decode(text.as_bytes()).unwrap();
    for packet in packet::all(&secret, 100).unwrap() {
        let tail = &packet.body[packet.body.len() - 24..];
        let is_secret = [5, 7].contains(&packet.tag);
        assert_ne!(binary.windows(24).any(|it| it == tail), is_secret);
    }
}

#[test]
fn an_identity_without_lock_is_read_with_any_passphrase() {
    let secret = alice().to_secret();
    assert!(Identity::import(&secret, "whatever").is_ok());
    assert!(Identity::import(armor::encode(&secret).as_bytes(), "").is_ok());
}

#[test]
fn a_costly_passphrase_is_refused_unopened() {
    let binary = armor::decode(exported().as_bytes()).unwrap();
    // Where the primary key says how it is locked: usage, length, cipher, mode, length, type.
    let at = binary
        .windows(6)
        .position(|it| it == [253, 38, 9, 2, 20, 4])
        .unwrap();
    let with = |octet: usize, to: u8| {
        let mut bytes = binary.to_vec();
        bytes[at + octet] = to;
        Identity::import(&bytes, WORDS).unwrap_err()
    };
    let (passes, lanes, memory) = (22, 23, 24);
    for (octet, to) in [
        (passes, 0),
        (passes, 5),
        (passes, 255),
        (lanes, 0),
        (lanes, 9),
    ] {
        assert_eq!(with(octet, to), Rejection::BadIdentity, "{octet}: {to}");
    }
    for to in [0, 4, limit::ARGON2_MAX.2 + 1, 31, 32, 255] {
        assert_eq!(with(memory, to), Rejection::BadIdentity, "memory {to}");
    }
    // Other ways to lock: checksums only, another cipher, mode or derivation.
    for (octet, to) in [
        (0, 254),
        (0, 255),
        (0, 9),
        (1, 0),
        (2, 7),
        (3, 0),
        (3, 3),
        (3, 100),
        (5, 3),
    ] {
        assert_eq!(with(octet, to), Rejection::BadIdentity, "{octet}: {to}");
    }
}

#[test]
fn secrets_of_somebody_else_are_no_identity() {
    let (mine, hers) = (alice().to_secret(), mallory().to_secret());
    let (mine, hers) = (
        packet::all(&mine, 100).unwrap(),
        packet::all(&hers, 100).unwrap(),
    );
    for at in [0, 2, 4, 6] {
        // The public part is Alice's, the secret Mallory's.
        let secret_bytes = if [0, 6].contains(&at) { 32 } else { 96 };
        let split = |body: &[u8]| body.len() - secret_bytes;
        let (own, other) = (mine[at].body, hers[at].body);
        let body = [&own[..split(own)], &other[split(other)..]].concat();
        let mut mixed = Vec::new();
        for (n, it) in mine.iter().enumerate() {
            packet::push(&mut mixed, it.tag, if n == at { &body } else { it.body });
        }
        assert_eq!(
            Identity::from_secret(&mixed).unwrap_err(),
            Rejection::BadIdentity,
            "packet {at}"
        );
        let mut missing = Vec::new();
        for (n, it) in mine.iter().enumerate().filter(|(n, _)| *n != at) {
            let _position = n;
            packet::push(&mut missing, it.tag, it.body);
        }
        let read = Identity::from_secret(&missing);
        // Without its secret a subkey is not there; without the primary nothing is.
        assert_eq!(read.is_ok(), at != 0, "packet {at}");
    }
    assert_eq!(
        Identity::from_secret(alice().certificate().bytes()).unwrap_err(),
        Rejection::BadIdentity
    );
    assert_eq!(
        Identity::import(b"hello", WORDS).unwrap_err(),
        Rejection::BadIdentity
    );
    assert_eq!(
        Identity::import(&[0; limit::IDENTITY_BYTES_MAX + 1], WORDS).unwrap_err(),
        Rejection::TooLarge
    );
}
