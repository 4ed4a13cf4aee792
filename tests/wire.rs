//! The wire formats, held against `tests/fixtures/wire`. A change of one of these files is a
//! change of the protocol. `MUTTR_WRITE_FIXTURES=1 cargo test -p muttr-tests --test wire` writes
//! them anew.

use std::fmt::Debug;

use ed25519_dalek::{Signer, SigningKey};
use muttr_core::{
    custody::receipt,
    envelope::stamp,
    keyring::binding,
    limit,
    name::{Alias, Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::wire::Message as Routing,
    rtc::framing::{Read, Stream},
    time::Time,
    wire::{
        self,
        channel::{Binding, SignedBinding, ToPod},
        signal::{Fault, Reader, Signal},
        store::{
            Count, Digest, Digested, Get, Holder, Put, Receipt, Release, StoreAnswer, StoreAsk,
            Tombstone,
        },
    },
};
use muttr_tests::{
    cast, sample,
    scenario::Person,
    simulator::WALL_START_MS,
    vectors::{Vectors, diagnostic, hex},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde::{Serialize, de::DeserializeOwned};

#[path = "wire/channel.rs"]
mod channel;
#[path = "wire/fed.rs"]
mod fed;

const NOW: Time = Time {
    mono_ms: 0,
    wall_ms: WALL_START_MS,
};

/// Adds a message, after reading it back.
fn add<T>(vectors: &mut Vectors, name: &str, message: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let bytes = wire::encode(message);
    let read: T = wire::decode(&bytes, limit::CHANNEL_BYTES_MAX).expect("what was written");
    assert_eq!(read, *message, "{name}");
    vectors.add(
        name,
        &[("says", diagnostic(&bytes)), ("bytes", hex(&bytes))],
    );
}

const fn key(byte: u8) -> RecordKey {
    RecordKey([byte; 32])
}

fn holder() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn a_receipt() -> Receipt {
    let seed = SeedId(holder().verifying_key().to_bytes());
    let signed = Receipt::signed_bytes(&key(1), 499_368, &seed);
    let signature = holder().sign(&signed).to_bytes().to_vec();
    Receipt {
        key: key(1),
        expires_h: 499_368,
        seed,
        signature,
    }
}

fn alias() -> Alias {
    "alice@oak.example".parse().expect("an alias")
}

fn signed_binding() -> SignedBinding {
    let mut dice = ChaCha20Rng::from_seed([3; 32]);
    binding::sign(
        &cast::identity(Person::Alice),
        &mut dice,
        NOW,
        &alias(),
        1,
        None,
    )
}

fn store_answers(vectors: &mut Vectors, record: Vec<u8>, tombstone: Tombstone) {
    add(vectors, "kept", &StoreAnswer::Kept(vec![a_receipt()]));
    add(vectors, "record", &StoreAnswer::Record(record.into()));
    add(
        vectors,
        "have, answered",
        &StoreAnswer::Have(vec![true, false]),
    );
    add(vectors, "released", &StoreAnswer::Released);
    add(vectors, "gone", &StoreAnswer::Gone(tombstone.clone()));
    add(
        vectors,
        "digest, answered: that record was released",
        &StoreAnswer::Digest(Digested {
            again: false,
            gone: vec![tombstone],
        }),
    );
    add(vectors, "rejected", &StoreAnswer::Rejected(Rejection::Full));
}

fn counting(vectors: &mut Vectors) {
    let (key, hops) = (key(1), 1);
    add(vectors, "count", &StoreAsk::Count(Count { key, hops }));
    let seed = SeedId(holder().verifying_key().to_bytes());
    let somewhere = Holder {
        seed,
        addresses: vec![vec![4, 127, 0, 0, 1, 6, 31, 144].into()],
    };
    let nowhere = Holder {
        seed: SeedId([9; 32]),
        addresses: vec![],
    };
    add(
        vectors,
        "counted: two hold it, of one it is known where it is",
        &StoreAnswer::Counted(vec![somewhere, nowhere]),
    );
}

fn puts(vectors: &mut Vectors, record: Vec<u8>) {
    let put = Put {
        record,
        stamp: vec![6; limit::STAMP_BYTES],
        hops: 0,
        spread: 0,
    };
    add(
        vectors,
        "put, without a stamp",
        &StoreAsk::Put(Put {
            stamp: vec![],
            ..put.clone()
        }),
    );
    add(
        vectors,
        "put, of a record cut to four bytes",
        &StoreAsk::Put(put.clone()),
    );
    let spread = Put {
        hops: 2,
        spread: 11,
        ..put
    };
    add(
        vectors,
        "put, passed on by two, with eleven copies more to place",
        &StoreAsk::Put(spread),
    );
}

#[test]
fn the_store_protocol() {
    let mut vectors = Vectors::new(
        "store",
        "Messages of /muttr/store/1.0.0, without the length that goes before each.\n\
         The receipt is signed by the Ed25519 key whose secret is 32 bytes of 07.",
    );
    let record = vec![0x4d, 0x55, 0x54, 0x31];
    puts(&mut vectors, record.clone());
    add(
        &mut vectors,
        "get",
        &StoreAsk::Get(Get {
            key: key(1),
            hops: 3,
        }),
    );
    add(
        &mut vectors,
        "get, from the own store alone",
        &StoreAsk::Get(Get {
            key: key(1),
            hops: limit::HOPS_MAX,
        }),
    );
    add(&mut vectors, "have", &StoreAsk::Have(vec![key(1), key(2)]));
    let tombstone = Tombstone {
        key: key(1),
        token: vec![5; 16],
        expires_h: 499_368,
    };
    add(
        &mut vectors,
        "release",
        &StoreAsk::Release(Release {
            tombstone: tombstone.clone(),
            hops: 2,
        }),
    );
    add(
        &mut vectors,
        "digest, of one record more and one less",
        &StoreAsk::Digest(Digest {
            base: 0x0202_0202_0202_0203,
            add: vec![1; 8],
            drop: vec![2; 8],
            want: vec![],
        }),
    );
    store_answers(&mut vectors, record, tombstone);
    counting(&mut vectors);
    vectors.check();
}

#[test]
fn a_receipt_of_the_vectors_is_good() {
    let record = sample::record(1, NOW, 0, limit::DAY_MS);
    let expires_h = record.expires_h();
    let seed = SeedId(holder().verifying_key().to_bytes());
    let signed = Receipt::signed_bytes(&record.key(), expires_h, &seed);
    let signature = holder().sign(&signed).to_bytes().to_vec();
    let good = Receipt {
        key: record.key(),
        expires_h,
        seed,
        signature,
    };
    assert_eq!(
        receipt::check(&good, &record.key(), expires_h, &seed),
        Ok(())
    );
    let other = Receipt {
        expires_h: expires_h + 6,
        ..good
    };
    assert!(receipt::check(&other, &record.key(), expires_h + 6, &seed).is_err());
}

#[test]
fn bindings() {
    let mut vectors = Vectors::new(
        "binding",
        "Alice's first binding of alice@oak.example, made on 1 December 2026, as she signed it.\n\
         Her key is tests/fixtures/cast/alice.pgp.",
    );
    let signed = signed_binding();
    let certificate = cast::identity(Person::Alice).certificate().clone();
    let read: Binding = binding::check(&signed, &certificate, NOW).expect("her own binding");
    add(&mut vectors, "binding", &read);
    add(&mut vectors, "signed binding", &signed);
    vectors.add(
        "what the next one names it by",
        &[("sha256", hex(&binding::hash(&signed)))],
    );
    vectors.check();
}

#[test]
fn names() {
    let mut vectors = Vectors::new(
        "name",
        "Seed ids, positions, and the key and the stamp of a record.",
    );
    let seed = SeedId(holder().verifying_key().to_bytes());
    vectors.add(
        "the seed whose secret is 32 bytes of 07",
        &[
            ("public key", hex(&seed.0)),
            ("peer id", hex(&seed.to_peer_id())),
            ("peer id as text", seed.to_string()),
            ("position", hex(&seed.position().0)),
        ],
    );
    let record = sample::record(1, NOW, 0, limit::DAY_MS);
    let stamp = stamp::find(limit::STAMP_BITS, &record.key());
    vectors.add(
        "a record of 2 KiB that nobody can open, to live for a day from 1 December 2026",
        &[
            ("record", hex(record.bytes())),
            ("expires", record.expires_h().to_string()),
            ("key", hex(&record.key().0)),
            ("stamp", hex(&stamp.to_bytes())),
            ("position", hex(&Position::of(&record.key().0).0)),
        ],
    );
    vectors.check();
    assert_eq!(seed.to_string().parse(), Ok(seed));
}

#[test]
fn routing() {
    let mut vectors = Vectors::new(
        "routing",
        "Messages of /muttr/kad/1.0.0 in protobuf, without the length that goes before each.",
    );
    let question = Routing::find_node(key(1).as_bytes());
    vectors.add(
        "find the seeds closest to a record key",
        &[("bytes", hex(&question.encode()))],
    );
    let mut answer = Routing {
        kind: question.kind,
        ..Routing::default()
    };
    let seed = SeedId(holder().verifying_key().to_bytes());
    let addresses = vec![vec![4, 127, 0, 0, 1, 6, 0x1f, 0x90, 0xdd, 3]];
    answer.push(&muttr_core::custody::Contact { seed, addresses }, true);
    vectors.add(
        "one seed, linked, at /ip4/127.0.0.1/tcp/8080/ws",
        &[("bytes", hex(&answer.encode()))],
    );
    vectors.check();
}

#[test]
fn signalling() {
    let mut vectors = Vectors::new(
        "signal",
        "Messages of /webrtc-signaling/0.0.1 in protobuf, each with the length that goes before it.",
    );
    let json = r#"{"candidate":"candidate:1 1 udp 2113937151 192.0.2.1 40001 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"Ab3d"}"#;
    let mut reader = Reader::default();
    for (name, signal) in [
        ("offer", Signal::Offer("v=0\r\n".into())),
        ("answer", Signal::Answer("v=0\r\ns=-\r\n".into())),
        ("candidate", Signal::Candidate(json.into())),
    ] {
        reader.push(&signal.encode());
        assert_eq!(reader.next(), Ok(Some(signal.clone())), "{name}");
        let (Signal::Offer(data) | Signal::Answer(data) | Signal::Candidate(data)) = &signal;
        let lines = [
            ("data", format!("{data:?}")),
            ("bytes", hex(&signal.encode())),
        ];
        vectors.add(name, &lines);
    }
    for (name, bytes) in [
        (
            "a candidate that says \"no more\": null",
            cbor("08 0802 1204 6e756c6c"),
        ),
        (
            "a candidate that says \"no more\": nothing",
            cbor("02 0802"),
        ),
    ] {
        reader.push(&bytes);
        assert_eq!(reader.next(), Ok(None), "{name}");
        assert!(reader.is_empty(), "{name}");
        vectors.add(name, &[("bytes", hex(&bytes))]);
    }
    for (name, bytes) in [
        ("refused: an offer of nothing", cbor("02 0800")),
        (
            "refused: a type that does not exist",
            cbor("05 0803 1201 76"),
        ),
        ("refused: no type", cbor("03 1201 76")),
    ] {
        let mut reader = Reader::default();
        reader.push(&bytes);
        assert_eq!(reader.next(), Err(Fault::Malformed), "{name}");
        vectors.add(name, &[("bytes", hex(&bytes))]);
    }
    vectors.check();
}

#[test]
fn the_frames_of_a_stream() {
    let mut vectors = Vectors::new(
        "frame",
        "Frames of a stream over a WebRTC data channel, each with the length that goes before it.",
    );
    let sent = |act: fn(&mut Stream)| {
        let mut stream = Stream::default();
        act(&mut stream);
        hex(&stream.poll_send().expect("a frame"))
    };
    let hello = sent(|stream| {
        let _ = stream.write(b"hello", 0);
    });
    vectors.add("five bytes: hello", &[("bytes", hello)]);
    let fin = sent(|stream| stream.close_write(0));
    vectors.add("FIN", &[("bytes", fin)]);
    let stop = sent(|stream| {
        stream.close_write(0);
        let _ = stream.poll_send();
        stream.abandon(0);
    });
    vectors.add("STOP_SENDING", &[("bytes", stop)]);
    let reset = sent(|stream| stream.abandon(0));
    vectors.add("RESET", &[("bytes", reset)]);
    let both = cbor("09 0800 1205 68656c6c6f");
    let mut bob = Stream::default();
    assert_eq!(bob.received(0, &both), Ok(()));
    let mut heard = [0; 8];
    assert_eq!(bob.read(&mut heard), Read::Data(5));
    assert_eq!(&heard[..5], b"hello");
    assert_eq!(bob.read(&mut heard), Read::End);
    let ack = bob.poll_send().expect("an acknowledgement");
    vectors.add("FIN_ACK", &[("bytes", hex(&ack))]);
    vectors.add(
        "read, though not written: hello, and FIN after it",
        &[("bytes", hex(&both))],
    );
    for (name, bytes) in [
        (
            "refused: a length that is longer than it has to be",
            cbor("8200 0800"),
        ),
        ("refused: a frame that is too long", cbor("81 8001")),
        ("refused: bytes that are cut", cbor("03 1202 68")),
    ] {
        let mut stream = Stream::default();
        assert!(stream.received(0, &bytes).is_err(), "{name}");
        vectors.add(name, &[("bytes", hex(&bytes))]);
    }
    vectors.check();
}

#[test]
fn what_is_refused() {
    let good = wire::encode(&ToPod::Pong { nonce: 1 });
    let cases: [(&str, Vec<u8>); 9] = [
        ("nothing", vec![]),
        ("cut by a byte", good[..good.len() - 1].to_vec()),
        ("a byte too many", [good.clone(), vec![0]].concat()),
        (
            "a field that does not exist",
            cbor("a164706f6e67a2656e6f6e6365016578747261 00"),
        ),
        (
            "a field twice",
            cbor("a164706f6e67a2656e6f6e636501656e6f6e636501"),
        ),
        (
            "a number longer than it has to be",
            cbor("a164706f6e67a1656e6f6e63651801"),
        ),
        (
            "a length that is not told",
            cbor("bf64706f6e67a1656e6f6e636501ff"),
        ),
        (
            "a kind that does not exist",
            cbor("a16470696e67a1656e6f6e636501"),
        ),
        ("a float", cbor("a164706f6e67a1656e6f6e6365f93c00")),
    ];
    let mut vectors = Vectors::new(
        "refused",
        "What is not a message to a pod, and is answered MALFORMED.",
    );
    for (name, bytes) in cases {
        let read = wire::decode::<ToPod>(&bytes, limit::CHANNEL_BYTES_MAX);
        assert_eq!(read, Err(Rejection::Malformed), "{name}");
        vectors.add(name, &[("bytes", hex(&bytes))]);
    }
    vectors.check();
    assert_eq!(
        wire::decode::<ToPod>(&good, good.len() - 1),
        Err(Rejection::TooLarge)
    );
}

fn cbor(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits
        .chunks_exact(2)
        .map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("a byte"))
        .collect()
}
