//! Vectors for other implementations, in `tests/fixtures/envelope`: what a record opens to, or
//! why it does not, and which containers pass the door.
//!
//! Each is made again from the cast's keys and compared with its file, and then the file is read
//! and opened. Run with `MUTTR_WRITE_FIXTURES=1` to write the files after a change of the format.

extern crate std;

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};
use core::fmt::Write as _;
use std::{env, fs, path::PathBuf};

use pgp::packet::SignatureType;

use super::{NOW, draft, forge::Forgery, sealed};
use crate::{
    envelope::{
        Attached, Kind, Progress, ReadReceipt, container, open,
        packet::{self, tag},
        record::{self, Record},
    },
    keyring::cast::{alice, bob, carol},
    wire,
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/envelope"
    ))
    .join(name)
}

/// Writes or compares, as the environment says.
fn settle(name: &str, text: &str) {
    if env::var_os("MUTTR_WRITE_FIXTURES").is_some() {
        fs::create_dir_all(path("")).unwrap();
        fs::write(path(name), text).unwrap();
    }
    let kept = fs::read_to_string(path(name)).unwrap();
    assert!(kept == text, "{name} is made differently now");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(octet).collect()
}

/// `name: value` lines; a value goes on in lines that are indented.
fn fields(text: &str) -> BTreeMap<String, String> {
    let joined = text.replace("\n  ", "");
    let lines = joined.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(": "))
        .map(|(k, v)| (k.into(), v.into()))
        .collect()
}

fn field(text: &mut String, name: &str, value: &str) {
    write!(text, "{name}: ").unwrap();
    for (n, part) in value.as_bytes().chunks(96).enumerate() {
        let indent = if n == 0 { "" } else { "\n  " };
        write!(text, "{indent}{}", core::str::from_utf8(part).unwrap()).unwrap();
    }
    text.push('\n');
}

/// A record by name, and what it shows.
type Vector = (&'static str, &'static str, Record);

/// Records that open. All are read by Bob at `NOW`, who knows Alice.
fn honest() -> [Vector; 3] {
    let first = draft(NOW, b"hello");
    let mut again = draft(NOW, b"hello again");
    again.attached = Attached::Hash(alice().certificate().hash());
    (again.seq, again.previous) = (2, Some(first.hash()));
    again.wants_receipt = true;
    let mut fetched = again.clone();
    let (ids, state) = (vec![again.id], Progress::Fetched);
    (fetched.kind, fetched.body) = (Kind::Receipt, wire::encode(&ReadReceipt { ids, state }));
    fetched.content_type = "application/cbor".into();
    let sealed = |payload| sealed(NOW, payload).unwrap();
    [
        (
            "hello",
            "The first message, with the certificate.",
            sealed(&first),
        ),
        ("again", "The second, with its hash.", sealed(&again)),
        ("receipt", "How far a message came.", sealed(&fetched)),
    ]
}

/// Records that are wrong in one point.
fn forged() -> Vec<Vector> {
    let carols = || carol().fingerprint();
    type Change<'a> = &'a dyn Fn(&mut Forgery);
    let future: Change<'_> = &|it| {
        it.created_s += 3600;
        it.payload.sent_ms += 3_600_000;
    };
    let over: Change<'_> = &|it| {
        it.created_s -= 60;
        it.payload.sent_ms -= 60_000;
        it.lives_s = Some(1);
    };
    let newer: Change<'_> = &|it| it.literal = Some(b"\xa1av\x02".to_vec());
    let changes: [(&str, &str, Change<'_>); 9] = [
        ("text", "Signed as text.", &|it| {
            it.kind = SignatureType::Text
        }),
        ("forwarded", "Signed for Carol.", &|it| {
            it.intended = Some(carols())
        }),
        ("unaddressed", "Signed for nobody in particular.", &|it| {
            it.intended = None
        }),
        ("anonymous", "The signature names no issuer.", &|it| {
            it.issuer = None
        }),
        ("future", "Signed an hour ahead.", future),
        ("over", "The signature counted for a second.", over),
        ("retold", "The payload is for Carol.", &|it| {
            it.payload.to.fingerprint = carols()
        }),
        ("token", "The hash of another token.", &|it| {
            it.deletion_hash = Some([7; 32])
        }),
        ("newer", "A payload of version 2.", newer),
    ];
    let made = changes.into_iter().map(|(name, remark, change)| {
        let mut forgery = Forgery::new();
        forgery.payload.attached = Attached::Hash(alice().certificate().hash());
        change(&mut forgery);
        (name, remark, forgery.sealed())
    });
    made.collect()
}

#[test]
fn records_open_to_what_their_files_say() {
    let known = |it: &_| (*it == alice().fingerprint()).then(|| alice().certificate().clone());
    for (name, remark, record) in honest().into_iter().chain(forged()) {
        let mut text = format!("# {remark}\n");
        field(&mut text, "to", "bob");
        field(&mut text, "now_ms", &format!("{}", NOW.wall_ms));
        match open(NOW, &bob(), &record, &known) {
            Ok(opened) => field(&mut text, "payload", &hex(&opened.payload.encode())),
            Err(fault) => field(&mut text, "fault", &format!("{fault}")),
        }
        field(&mut text, "record_key", &format!("{}", record.key()));
        field(&mut text, "record", &hex(record.bytes()));
        let name = format!("{name}.record.txt");
        settle(&name, &text);

        let kept = fields(&fs::read_to_string(path(&name)).unwrap());
        let record = Record::parse(&unhex(&kept["record"])).unwrap();
        assert_eq!(format!("{}", record.key()), kept["record_key"]);
        match open(NOW, &bob(), &record, &known) {
            Ok(opened) => assert_eq!(opened.payload.encode(), unhex(&kept["payload"])),
            Err(fault) => assert_eq!(format!("{fault}"), kept["fault"]),
        }
    }
}

/// Packets as bytes.
fn joined(packets: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    for (tag, body) in packets {
        packet::push(&mut bytes, *tag, body);
    }
    bytes
}

/// Body of an encrypted packet. The door looks at heads and lengths; the rest may be anything.
fn encrypted(head: [u8; 4]) -> Vec<u8> {
    [&head[..], &[7; 64]].concat()
}

/// Ciphertexts by name: as what they are offered, and their bytes.
fn containers() -> Vec<(String, record::Kind, Vec<u8>)> {
    let record = sealed(NOW, &draft(NOW, b"hello")).unwrap();
    let (key, _) = packet::next(record.ciphertext()).unwrap();
    let (k, e, p) = (tag::KEY, tag::ENCRYPTED, tag::PADDING);
    let (key, good) = (key.body, encrypted([2, 9, 2, 10]));
    let with = |head| joined(&[(k, key), (e, &encrypted(head))]);
    let whole = joined(&[(k, key), (e, &good)]);
    let named = [&[6, 33, 6][..], &[7; 32], &key[2..]].concat();
    let opening = [&joined(&[(k, key)])[..], &[0xC0 | e, 0xE6]].concat();
    let chunk = encrypted([2, 9, 3, 10]);
    let all = [
        ("message", whole.clone()),
        (
            "message-two-keys",
            joined(&[(k, key), (k, key), (e, &good)]),
        ),
        ("message-no-key", joined(&[(e, &good)])),
        (
            "message-padding-before",
            joined(&[(p, &[0; 4]), (k, key), (e, &good)]),
        ),
        (
            "message-padding-after",
            joined(&[(k, key), (e, &good), (p, &[0; 4])]),
        ),
        ("message-octet-after", [&whole[..], &[0]].concat()),
        ("message-cut", whole[..whole.len() - 1].to_vec()),
        ("message-compressed", joined(&[(k, key), (8, &good)])),
        ("message-old-encryption", joined(&[(k, key), (9, &good)])),
        (
            "message-named-recipient",
            joined(&[(k, &named), (e, &good)]),
        ),
        (
            "message-partial-length",
            [&opening, &good[..64], &[4], &good[64..]].concat(),
        ),
        ("message-mode-0", with([2, 9, 0, 10])),
        ("message-eax", with([2, 9, 1, 10])),
        ("message-gcm", with([2, 9, 3, 10])),
        ("message-mode-100", with([2, 9, 100, 10])),
        ("message-mode-255", with([2, 9, 255, 10])),
        ("message-chunk-size-11", with([2, 9, 2, 11])),
        ("message-aes-128", with([2, 7, 2, 10])),
        ("message-version-1", with([1, 9, 2, 10])),
        ("chunk", joined(&[(e, &chunk)])),
        ("chunk-ocb", joined(&[(e, &good)])),
        ("chunk-twice", joined(&[(e, &chunk), (e, &chunk)])),
    ];
    let numbered = all.into_iter().enumerate();
    let kinds = [record::Kind::Message, record::Kind::Chunk];
    let kind = |name: &str| kinds[usize::from(name.starts_with("chunk"))];
    numbered
        .map(|(n, (name, bytes))| (format!("{n:02}-{name}"), kind(name), bytes))
        .collect()
}

#[test]
fn containers_pass_as_their_file_says() {
    let mut text = String::from(
        "# Ciphertexts, as what they are offered, and whether they pass (`ok`) or not (`no`).\n",
    );
    for (name, kind, bytes) in containers() {
        let verdict = if container::check(kind, &bytes).is_ok() {
            "ok"
        } else {
            "no"
        };
        field(&mut text, &name, &format!("{verdict} {}", hex(&bytes)));
    }
    settle("containers.txt", &text);
    let kept = fields(&text);
    let passed: Vec<_> = kept
        .iter()
        .filter(|(_, it)| it.starts_with("ok"))
        .map(|(k, _)| k.as_str())
        .collect();
    assert_eq!(passed, ["00-message", "19-chunk"]);
}
