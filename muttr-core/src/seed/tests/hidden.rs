//! People whom no other seed shall see. Any link of theirs ends the test, wherever it stands.

use super::*;
use crate::{machine::Protocol, session, wire::store::Receipt};

/// Alice and bob as hidden people with their aliases, and some seeds that are not.
fn hidden_people(seeds: &[&str]) -> Room {
    let mut room = Room::new();
    for seed in seeds {
        room.joins(seed);
    }
    for name in ["alice", "bob"] {
        room.joins_hidden(name);
        room.registers(name);
    }
    room.pass(2_000);
    room
}

fn delivery(room: &mut Room) -> Delivery {
    room.page("alice", "bob").remove(0).delivery.unwrap()
}

#[test]
fn the_pod_places_for_them_and_they_hold_the_receipts() {
    let mut room = hidden_people(&["h1", "h2", "h3"]);
    room.leaves("bob");
    let delivery = room.writes("alice", "bob", "hello").unwrap();
    assert_eq!((delivery.pods, delivery.seeds), (1, 3), "{delivery:?}");
    room.leaves("alice");
    room.joins_hidden("bob");
    room.pass(5_000);
    let read = room.reads("bob");
    assert_eq!(read.len(), 1);
    assert!(read[0].body == b"hello" && read[0].verified);
    let stats = room.seed("bob").custody().stats();
    assert_eq!((stats.seeds, stats.links, stats.records), (0, 0, 0));
}

#[test]
fn the_pod_fetches_from_seeds_what_it_has_lost() {
    let mut room = hidden_people(&["h1", "h2", "h3", "h4"]);
    room.leaves("bob");
    room.writes("alice", "bob", "hello").unwrap();
    room.leaves("alice");
    room.pod_dies();
    room.pod_disk
        .rows
        .retain(|(table, _), _| *table != Table::Record);
    room.pod_starts();
    room.pass(10_000);
    room.joins_hidden("bob");
    room.pass(30_000);
    assert_eq!(room.reads("bob").len(), 1);
}

#[test]
fn who_hides_lets_go_of_what_they_kept_and_keeps_nothing_more() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(5_000);
    assert_eq!(room.people["bob"].disk.count(Table::Record), 1);
    room.leaves("bob");
    room.joins_hidden("bob");
    let bytes_max = limit::KEEP_BYTES_DEFAULT;
    room.give("bob", Input::Command(Command::Quota { bytes_max }));
    room.pass(5_000);
    assert_eq!(room.people["bob"].disk.count(Table::Record), 0);
    // Even one who turned up with a link would not be answered.
    let link = Link::Seed(room.people["alice"].id);
    room.give("bob", Input::Linked(link, traits()));
    let question = Frame::Ask(1, Protocol::Store, vec![0]);
    room.give("bob", Input::Frame(link, question));
    room.writes("alice", "bob", "and again").unwrap();
    room.pass(5_000);
    assert_eq!(room.people["bob"].disk.count(Table::Record), 0);
    room.leaves("bob");
    room.joins("bob");
    room.writes("alice", "bob", "seen again").unwrap();
    room.pass(5_000);
    assert!(room.people["bob"].disk.count(Table::Record) > 0);
}

#[test]
fn copies_that_are_missing_are_asked_for_again() {
    let mut room = hidden_people(&[]);
    let delivery_then = room.writes("alice", "bob", "hello").unwrap();
    assert_eq!((delivery_then.pods, delivery_then.seeds), (1, 0));
    for holder in ["h1", "h2", "h3"] {
        room.joins(holder);
    }
    room.pass(60_000);
    assert_eq!(delivery(&mut room).seeds, 3);
}

#[test]
fn a_promise_that_no_seed_made_counts_for_nothing() {
    let mut room = hidden_people(&[]);
    room.writes("alice", "bob", "hello").unwrap();
    let key = delivery(&mut room).key.unwrap();
    let expires_h = u32::try_from(delivery(&mut room).expires_ms / limit::HOUR_MS).unwrap();
    let good = custody::receipt::sign(&key_of("h1"), key, expires_h);
    let signed = |key: &SigningKey| custody::receipt::sign(key, good.key, expires_h);
    let cases = [
        Receipt {
            seed: id_of(&key_of("h2")),
            ..good.clone()
        },
        Receipt {
            expires_h: expires_h + 6,
            ..good.clone()
        },
        // The pod itself, which is no seed of this kind.
        signed(&Room::pod_key()),
    ];
    let now = room.now;
    let alice = room.people.get_mut("alice").unwrap();
    let alice = alice.running.as_mut().unwrap();
    let placing = *alice.outbox.placing.keys().next().unwrap();
    for receipt in &cases {
        alice.promised(now, placing, receipt);
    }
    alice.promised(now, placing + 1_000, &good);
    assert_eq!(delivery(&mut room).seeds, 0);
    let alice = room.people.get_mut("alice").unwrap();
    let alice = alice.running.as_mut().unwrap();
    for _ in 0..2 {
        alice.promised(now, placing, &good);
    }
    assert_eq!(delivery(&mut room).seeds, 1, "the same seed counts once");
}

#[test]
fn a_pod_that_does_not_place_still_keeps_and_fetches() {
    let mut room = hidden_people(&["h1", "h2", "h3"]);
    room.pod_dies();
    room.stamp_bits = 0;
    room.pod_starts();
    let alice = room.people.get_mut("alice").unwrap();
    let alice = alice.running.as_mut().unwrap();
    let greeting = |seed: &mut Seed| {
        let mut frames = core::iter::from_fn(|| seed.poll()).filter_map(|output| match output {
            Output::Send(Link::Channel(0), Frame::Channel(frame)) => Some(frame),
            _ => None,
        });
        frames.next().unwrap()
    };
    let now = room.now;
    for version in [5, 4, 3, 2] {
        alice.handle(now, Input::Unlinked(Link::Channel(0)));
        alice.handle(now, Input::Linked(Link::Channel(0), Traits::default()));
        assert_eq!(greeting(alice)[32], version);
        let refusal = session::refusal(Rejection::Unsupported);
        alice.handle(now, Input::Frame(Link::Channel(0), Frame::Channel(refusal)));
        assert!(core::iter::from_fn(|| alice.poll()).any(|output| {
            // To be tried again: it is not refused for good.
            assert!(!matches!(output, Output::Event(Event::Refused(_))));
            matches!(output, Output::Unlink(Link::Channel(0)))
        }));
    }
    room.connect("alice");
    let delivery = room.writes("alice", "bob", "hello").unwrap();
    assert_eq!((delivery.pods, delivery.seeds), (1, 0));
    room.pass(60_000);
    assert_eq!(room.reads("bob").len(), 1);
    let outbox = &room.people["alice"].disk.rows;
    let (_, row) = outbox
        .iter()
        .find(|((table, _), _)| *table == Table::Outbox)
        .unwrap();
    assert!(
        row.len() < limit::RECORD_CLASSES_BYTES[0],
        "our own copy is given up"
    );
}

#[test]
fn messages_that_cannot_be_had_wait_for_the_pod() {
    let mut room = hidden_people(&[]);
    room.leaves("bob");
    for number in 0..40 {
        room.writes("alice", "bob", &alloc::format!("{number}"))
            .unwrap();
    }
    let records = |disk: &Disk| {
        let records = disk.rows.iter();
        let records = records.filter(|((table, _), _)| *table == Table::Record);
        let records = records.map(|(key, value)| (key.clone(), value.clone()));
        records.collect::<BTreeMap<_, _>>()
    };
    let kept = records(&room.pod_disk);
    room.pod_disk
        .rows
        .retain(|(table, _), _| *table != Table::Record);
    room.joins_hidden("bob");
    room.pass(5_000);
    room.pod_dies();
    room.pass(120_000);
    assert_eq!(room.people["bob"].disk.count(Table::Message), 0);
    room.pod_disk.rows.extend(kept);
    room.pod_starts();
    room.pass(60_000);
    let bob = &room.people["bob"];
    let shown = bob.disk.count(Table::Message);
    assert_eq!(shown, 40);
}
