//! Alice writes, Bob reads, Mallory tries.

mod container;
mod forge;
mod fuzz;
mod rule;
mod standard;
mod vector;

use alloc::{format, string::ToString, vec, vec::Vec};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{record::Record, *};
use crate::{
    keyring::{
        Certificate,
        cast::{BORN, alice, bob, carol, mallory},
    },
    limit,
    name::{Alias, DeviceId},
    rejection::Rejection,
    time::Time,
};

/// Five days into the life of the cast: their first rotating subkeys are good.
const NOW: Time = Time {
    mono_ms: 5_000,
    wall_ms: BORN.wall_ms + 5 * limit::DAY_MS,
};

fn dice(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn later(by_ms: u64) -> Time {
    Time {
        mono_ms: NOW.mono_ms + by_ms,
        wall_ms: NOW.wall_ms + by_ms,
    }
}

fn alias(text: &str) -> Alias {
    text.parse().unwrap()
}

/// What Alice tells Bob, not sealed yet.
fn draft(now: Time, body: &[u8]) -> Payload {
    let (sender, recipient) = (alice(), bob());
    let between = Correspondence {
        sender: &sender,
        from: &alias("alice@oak.example"),
        device: DeviceId([1; 16]),
        recipient: recipient.certificate(),
        to: &alias("bob@elm.example"),
    };
    Payload::message(&mut dice(7), now, &between, "text/plain", body.to_vec()).unwrap()
}

fn sealed(now: Time, payload: &Payload) -> Result<Record, Rejection> {
    seal(
        &mut dice(8),
        now,
        &alice(),
        bob().certificate(),
        payload,
        limit::RECORD_LIFE_DEFAULT_MS,
    )
}

fn nobody(_: &crate::name::Fingerprint) -> Option<Certificate> {
    None
}

#[test]
fn a_message_arrives() {
    let payload = draft(NOW, b"hello");
    let record = sealed(NOW, &payload).unwrap();
    let record = Record::parse(record.bytes()).unwrap();
    let opened = open(NOW, &bob(), &record, &nobody).unwrap();
    assert_eq!(opened.payload, payload);
    assert_eq!(&opened.sender, alice().certificate());
}

#[test]
fn the_same_dice_moment_and_words_make_the_same_record() {
    let payload = draft(NOW, b"hello");
    assert_eq!(
        sealed(NOW, &payload).unwrap(),
        sealed(NOW, &payload).unwrap()
    );
    assert_eq!(payload, draft(NOW, b"hello"));
}

#[test]
fn every_size_class_is_filled_exactly() {
    for (body, class) in [
        (0, 2048),
        (20, 2048),
        (1_500, 4096),
        (5_000, 8192),
        (14_000, 16_384),
    ] {
        let mut payload = draft(NOW, &vec![b'x'; body]);
        payload.attached = Attached::Hash(alice().certificate().hash());
        let record = sealed(NOW, &payload).unwrap();
        assert_eq!(record.bytes().len(), class, "a body of {body}");
        let known = |_: &crate::name::Fingerprint| Some(alice().certificate().clone());
        assert_eq!(open(NOW, &bob(), &record, &known).unwrap().payload, payload);
    }
    let largest = draft(NOW, &vec![b'x'; limit::BODY_BYTES_MAX]);
    let record = sealed(NOW, &largest).unwrap();
    assert_eq!(
        record.bytes().len(),
        limit::RECORD_BYTES_MAX,
        "with the certificate inside"
    );
    assert_eq!(
        open(NOW, &bob(), &record, &nobody).unwrap().payload,
        largest
    );
    let mut larger = largest;
    larger.body.push(b'x');
    assert_eq!(sealed(NOW, &larger), Err(Rejection::TooLarge));
}

#[test]
fn sizes_in_between_are_padded_to_the_byte() {
    // Around both edges where the length of a packet header changes.
    for body in (0..260)
        .chain(6_000..6_040)
        .chain(14_500..14_600)
        .step_by(7)
    {
        let mut payload = draft(NOW, &vec![b'x'; body]);
        payload.attached = Attached::Hash(alice().certificate().hash());
        let record = sealed(NOW, &payload).unwrap();
        assert_eq!(
            Record::parse(record.bytes()).as_ref(),
            Ok(&record),
            "a body of {body}"
        );
    }
}

#[test]
fn an_unknown_author_is_looked_up_and_the_message_opened_again() {
    let mut payload = draft(NOW, b"it is me again");
    payload.attached = Attached::Hash(alice().certificate().hash());
    let record = sealed(NOW, &payload).unwrap();
    let fault = open(NOW, &bob(), &record, &nobody).unwrap_err();
    let fingerprint = alice().fingerprint();
    assert_eq!(
        fault,
        Fault::UnknownSender {
            alias: alias("alice@oak.example"),
            fingerprint
        }
    );
    assert!(fault.is_unknown_sender());
    let known = |it: &_| (*it == fingerprint).then(|| alice().certificate().clone());
    assert_eq!(open(NOW, &bob(), &record, &known).unwrap().payload, payload);
    // Someone else's certificate in the answer helps nobody.
    let wrong = |_: &_| Some(mallory().certificate().clone());
    assert_eq!(open(NOW, &bob(), &record, &wrong).unwrap_err(), fault);
}

#[test]
fn a_receipt_arrives() {
    let (sender, recipient) = (alice(), bob());
    let between = Correspondence {
        sender: &sender,
        from: &alias("alice@oak.example"),
        device: DeviceId([1; 16]),
        recipient: recipient.certificate(),
        to: &alias("bob@elm.example"),
    };
    let receipt = ReadReceipt {
        ids: vec![draft(NOW, b"").id],
        state: Progress::Read,
    };
    let payload = Payload::receipt(&mut dice(7), NOW, &between, &receipt).unwrap();
    let record = sealed(NOW, &payload).unwrap();
    let known = |_: &_| Some(alice().certificate().clone());
    let opened = open(NOW, &bob(), &record, &known).unwrap().payload;
    assert_eq!(
        (&opened.kind, opened.read_receipt()),
        (&Kind::Receipt, Ok(receipt))
    );
    assert_eq!(draft(NOW, b"").read_receipt(), Err(Rejection::Malformed));
}

#[test]
fn a_conversation_is_a_chain() {
    let first = draft(NOW, b"one");
    let mut second = draft(NOW, b"two");
    second.seq = 2;
    assert_eq!(
        sealed(NOW, &second),
        Err(Rejection::Misuse),
        "the second without the first"
    );
    second.previous = Some(first.hash());
    let opened = open(NOW, &bob(), &sealed(NOW, &second).unwrap(), &nobody)
        .unwrap()
        .payload;
    assert_eq!(opened.previous, Some(first.hash()));
    assert_eq!(opened.hash(), second.hash());
}

#[test]
fn what_is_not_true_is_not_sealed() {
    let refused = |change: &dyn Fn(&mut Payload)| {
        let mut payload = draft(NOW, b"hello");
        change(&mut payload);
        sealed(NOW, &payload).unwrap_err()
    };
    assert_eq!(
        refused(&|it| it.from.fingerprint = mallory().fingerprint()),
        Rejection::Misuse
    );
    assert_eq!(
        refused(&|it| it.to.fingerprint = mallory().fingerprint()),
        Rejection::Misuse
    );
    assert_eq!(
        refused(&|it| it.attached = Attached::Hash([0; 32])),
        Rejection::Misuse
    );
    assert_eq!(
        refused(&|it| it.sent_ms -= limit::DAY_MS),
        Rejection::Misuse
    );
    assert_eq!(
        refused(&|it| it.kind = Kind::Unknown("poll".to_string())),
        Rejection::Misuse
    );
    assert_eq!(
        refused(&|it| it.to_subkey = alice().fingerprint()),
        Rejection::CertificateUnusable
    );
}

#[test]
fn the_rotating_subkey_is_preferred_while_it_lasts() {
    let certificate = bob().certificate().clone();
    let rotating = certificate.encryption_subkey(NOW).unwrap();
    assert!(!certificate.is_fallback(&rotating));
    let after = later(limit::ROTATING_LIFE_MS);
    let fallback = certificate.encryption_subkey(after).unwrap();
    assert!(certificate.is_fallback(&fallback));
    // What was sealed while it lasted can be read after.
    let record = sealed(NOW, &draft(NOW, b"hello")).unwrap();
    assert!(open(after, &bob(), &record, &nobody).is_ok());
    // Nothing new is sealed to it.
    let mut stale = draft(after, b"hello");
    stale.to_subkey = rotating;
    assert_eq!(sealed(after, &stale), Err(Rejection::CertificateUnusable));
}

#[test]
fn nobody_else_can_open_it() {
    let record = sealed(NOW, &draft(NOW, b"hello")).unwrap();
    for other in [alice(), mallory(), carol()] {
        assert_eq!(open(NOW, &other, &record, &nobody), Err(Fault::NotForUs));
    }
}

#[test]
fn what_newer_versions_add_is_kept_and_their_demands_are_respected() {
    use alloc::collections::BTreeMap;

    use super::value::Value;
    let plain = draft(NOW, b"hello").encode();
    let with = |key: &str, value: Value| {
        let mut map: BTreeMap<_, Value> = serde_ipld_dagcbor::from_slice(&plain).unwrap();
        map.insert(key.to_string(), value);
        crate::wire::encode(&map)
    };
    let shelf = Value::Map(BTreeMap::from([("x".to_string(), Value::Null)]));
    let list = Value::List(vec![
        Value::Bool(true),
        Value::Negative(-1),
        Value::Bytes(vec![1]),
        shelf,
    ]);
    let newer = with("mood", list);
    let read = Payload::decode(&newer).unwrap();
    assert_eq!(read.encode(), newer);
    assert_eq!(
        Payload::decode(&with("!seal", Value::Bool(true))),
        Err(Rejection::Unsupported)
    );
    assert_eq!(
        Payload::decode(&with("v", Value::Positive(2))),
        Err(Rejection::Unsupported)
    );
    let poll = Payload::decode(&with("kind", Value::Text("poll".to_string()))).unwrap();
    assert_eq!(poll.kind, Kind::Unknown("poll".to_string()));
    assert_eq!(
        Payload::decode(&with("cert_hash", Value::Bytes(vec![0; 32]))),
        Err(Rejection::Malformed)
    );
    assert_eq!(
        Payload::decode(&with("cap", Value::Bytes(vec![0; 257]))),
        Err(Rejection::TooLarge)
    );
    assert_eq!(
        Payload::decode(&with("seq", Value::Positive(0))),
        Err(Rejection::Malformed)
    );
    assert_eq!(
        Payload::decode(&with("cap", Value::Bytes(vec![]))),
        Err(Rejection::Malformed)
    );
    // Deeper than anything honest: refused, and no stack overflows.
    let mut deep = Value::Null;
    for _ in 0..200 {
        deep = Value::List(vec![deep]);
    }
    let _either = Payload::decode(&with("deep", deep));
    let bomb: Vec<u8> = [&b"\xa1av"[..], &vec![0x81; 60_000]].concat();
    assert_eq!(Payload::decode(&bomb), Err(Rejection::Malformed));
}

#[test]
fn nothing_secret_is_printed() {
    let payload = draft(NOW, b"meet me at the well");
    let record = sealed(NOW, &payload).unwrap();
    let opened = open(NOW, &bob(), &record, &nobody).unwrap();
    let fault = Fault::UnknownSender {
        alias: alias("alice@oak.example"),
        fingerprint: alice().fingerprint(),
    };
    let printed = format!(
        "{:?} {payload:?} {opened:?} {record:?} {fault:?} {fault} {:?} {:?}",
        alice(),
        alice().certificate(),
        payload.attached,
    );
    let words = ["well", "alice@", "meet", "109, 101, 101, 116", "secret"];
    for word in words {
        assert!(!printed.contains(word), "{word} in {printed}");
    }
    let whole = alice().fingerprint().to_string();
    assert!(!printed.contains(&whole[..16]), "{printed}");
}

#[cfg(feature = "test-trap")]
#[test]
#[should_panic(expected = "a trap for tests")]
fn the_trap_of_test_builds_snaps() {
    let mut payload = draft(NOW, b"boo");
    payload.content_type = "muttr/test-trap".to_string();
    let _trapped = open(NOW, &bob(), &sealed(NOW, &payload).unwrap(), &nobody);
}

#[cfg(not(feature = "test-trap"))]
#[test]
fn there_is_no_trap_in_what_ships() {
    let mut payload = draft(NOW, b"boo");
    payload.content_type = "muttr/test-trap".to_string();
    assert!(open(NOW, &bob(), &sealed(NOW, &payload).unwrap(), &nobody).is_ok());
}
