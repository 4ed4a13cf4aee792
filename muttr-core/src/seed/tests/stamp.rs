//! The stamps of what is sent.

use super::{super::outbox::Stage, *};
use crate::{envelope::stamp, seed::row::OutboxRow, session, wire};

/// Alice's messages that were sealed, as they are written down.
fn rows(room: &Room) -> Vec<OutboxRow> {
    let rows = room.people["alice"].disk.rows.iter();
    let rows = rows.filter(|((table, _), _)| *table == Table::Outbox);
    let rows = rows.map(|(_, row)| wire::decode::<OutboxRow>(row, usize::MAX).unwrap());
    rows.filter(|row| row.key.is_some()).collect()
}

fn is_stamping(room: &Room) -> bool {
    let mut messages = room.seed("alice").outbox.messages.values();
    messages.any(|it| it.stage == Stage::Stamping)
}

fn draft(text: &str) -> Command {
    let draft = Box::new(Draft {
        to: alias("bob"),
        content_type: "text/plain".to_string(),
        body: text.as_bytes().to_vec(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    });
    Command::Send { id: 2, draft }
}

#[test]
fn a_message_is_stamped_once_and_its_stamp_is_kept_when_it_is_given_up() {
    let mut room = two_people();
    for seed in ["h1", "h2", "h3"] {
        room.joins(seed);
    }
    room.pass(2_000);
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(limit::MINUTE_MS);
    let [row] = &rows(&room)[..] else { panic!() };
    let key = row.key.unwrap();
    assert!(row.record.is_empty(), "our own copy is given up");
    let good = stamp::check(limit::STAMP_BITS, &key, &row.stamp).unwrap();
    assert_eq!(room.seed("h1").custody().stamp(&key), Some(good));
}

#[test]
fn a_search_that_a_restart_cut_short_is_done_again() {
    let mut room = two_people();
    let mut sent = 0;
    while !is_stamping(&room) {
        room.give("alice", Input::Command(draft(&sent.to_string())));
        sent += 1;
        assert!(sent < 50, "a search takes longer than a slice as a rule");
    }
    room.leaves("alice");
    room.joins("alice");
    room.pass(limit::MINUTE_MS);
    assert_eq!(room.reads("bob").len(), sent);
    assert!(rows(&room).iter().all(|row| !row.stamp.is_empty()));
}

#[test]
fn nothing_is_lost_when_somebody_says_in_the_pods_name_that_it_is_older() {
    let mut room = two_people();
    let now = room.now;
    let alice = room.people.get_mut("alice").unwrap();
    let alice = alice.running.as_mut().unwrap();
    alice.handle(now, Input::Unlinked(Link::Channel(0)));
    alice.handle(now, Input::Linked(Link::Channel(0), Traits::default()));
    // The line is not mallory's, but she can write on it before there are keys.
    let forged = session::refusal(Rejection::Unsupported);
    let forged = Frame::Channel(forged);
    alice.handle(now, Input::Frame(Link::Channel(0), forged));
    while alice.poll().is_some() {}
    room.connect("alice");
    assert_eq!(room.seed("alice").version, Version::Fourth);
    room.give("alice", Input::Command(draft("hello")));
    room.pass(limit::MINUTE_MS);
    assert_eq!(room.seed("alice").version, Version::Fifth);
    room.connect("alice");
    room.pass(limit::MINUTE_MS);
    assert_eq!(room.reads("bob").len(), 1);
}
