//! What goes wrong, and is said.

use super::*;
use crate::{
    envelope::{packet, record::key_of},
    name::RecordKey,
    wire::{self, channel::HandoverState},
};

#[test]
fn each_refusal_has_its_code_and_leaves_nothing_behind() {
    let mut room = two_people();
    let register = |label: &str| Command::Register {
        id: 9,
        label: label.parse().unwrap(),
    };
    assert_eq!(
        room.ask("alice", register("bob")).unwrap_err(),
        Rejection::AliasTaken
    );
    assert_eq!(
        room.ask("alice", register("admin")).unwrap_err(),
        Rejection::AliasReserved
    );
    assert_eq!(
        room.writes("alice", "nobody", "?").unwrap_err(),
        Rejection::NotFound
    );
    let alias = "admin@oak.example".parse().unwrap();
    assert_eq!(
        room.ask("alice", Command::Lookup { id: 8, alias })
            .unwrap_err(),
        Rejection::AliasReserved
    );
    let long = core::str::from_utf8(&[b'x'; limit::BODY_BYTES_MAX + 1])
        .unwrap()
        .to_string();
    assert_eq!(
        room.writes("alice", "bob", &long).unwrap_err(),
        Rejection::TooLarge
    );
    let Done::Conversations(all) = room.ask("alice", Command::Conversations { id: 7 }).unwrap()
    else {
        panic!()
    };
    assert!(all.is_empty(), "{all:?}");
    let disk = &room.people["alice"].disk;
    assert_eq!(
        (disk.count(Table::Outbox), disk.count(Table::Message)),
        (0, 0)
    );
    room.joins("h1");
    assert_eq!(
        room.ask("h1", register("h1")).unwrap_err(),
        Rejection::NoIdentity
    );
}

#[test]
fn who_has_no_alias_is_told_to_take_one_first() {
    let mut room = Room::new();
    room.joins("alice");
    assert_eq!(
        room.writes("alice", "alice", "?").unwrap_err(),
        Rejection::AliasRequired
    );
}

#[test]
fn the_largest_body_fits() {
    let mut room = two_people();
    let long = core::str::from_utf8(&[b'x'; limit::BODY_BYTES_MAX])
        .unwrap()
        .to_string();
    room.writes("alice", "bob", &long).unwrap();
    room.pass(5_000);
    assert_eq!(
        room.reads("bob").remove(0).body.len(),
        limit::BODY_BYTES_MAX
    );
}

#[test]
fn a_full_disk_is_a_rejection_and_nothing_is_half_written() {
    let mut room = two_people();
    room.people
        .get_mut("alice")
        .unwrap()
        .disk
        .moods
        .push_back(Kept::Full);
    assert_eq!(
        room.writes("alice", "bob", "hello").unwrap_err(),
        Rejection::Full
    );
    assert_eq!(room.people["alice"].disk.count(Table::Outbox), 0);
    room.writes("alice", "bob", "hello").unwrap();
}

#[test]
fn a_notification_that_could_not_be_written_comes_again() {
    let mut room = two_people();
    room.leaves("bob");
    room.writes("alice", "bob", "one").unwrap();
    room.pass(3_000);
    let disk = |room: &mut Room| room.people.get_mut("bob").unwrap().disk.clone();
    let inbox = disk(&mut room).count(Table::Inbox);
    let bob = room.people.get_mut("bob").unwrap();
    bob.disk.moods.push_back(Kept::Failed);
    room.joins("bob");
    assert!(disk(&mut room).moods.is_empty());
    assert_eq!(disk(&mut room).count(Table::Inbox), inbox);
    // Acknowledging this one would acknowledge the first.
    room.writes("alice", "bob", "two").unwrap();
    room.connect("bob");
    room.pass(5_000);
    let mut texts: Vec<_> = room.reads("bob").into_iter().map(|it| it.body).collect();
    texts.sort();
    assert_eq!(texts, [b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn who_waited_long_enough_is_answered_although_the_way_was_begun_anew() {
    let mut room = two_people();
    let (to, body) = (alias("bob"), b"hello".to_vec());
    let draft = Box::new(Draft {
        to: to.clone(),
        content_type: "text/plain".to_string(),
        body,
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    });
    room.give("alice", Input::Command(Command::Send { id: 2, draft }));
    let now = room.now;
    let seed = room.people.get_mut("alice").unwrap().running.as_mut();
    let seed = seed.unwrap();
    let (id, outgoing) = seed.outbox.messages.iter_mut().next().unwrap();
    let (id, key) = (*id, outgoing.row.key.unwrap());
    // Her pod goes on trying to hand it over; then the channel breaks, she asks anew, and the pod
    // does not answer.
    outgoing.stage = outbox::Stage::Notifying;
    outgoing.row.status = Status::Stored;
    outgoing.waiting = Some((2, u64::MAX));
    let waits = HandoverState::Waiting(Rejection::PodUnreachable);
    seed.handover(now, &to, &key, waits);
    seed.set_stage(id, outbox::Stage::Notifying);
    room.pass(limit::STORE_MS_MAX);
    let answered = |event: &Event| matches!(event, Event::Done(2, Ok(_)));
    assert!(room.people["alice"].events.iter().any(answered));
    let due_ms = room.seed("alice").deadline().unwrap();
    assert!(due_ms > room.now.mono_ms, "it never gets past its deadline");
}

/// How far a message comes that bob looked at, when one of the two cannot write down this one of the
/// things that follow; `None` when there are not so many.
fn read_although_a_disk_fails(who: &str, writes_before: usize) -> Option<Status> {
    let mut room = two_people();
    room.writes("bob", "alice", "welcome").unwrap();
    room.pass(5_000);
    room.writes("alice", "bob", "hello").unwrap();
    // Until nothing more is written about where it lies.
    room.pass(2 * limit::MINUTE_MS);
    let moods = &mut room.people.get_mut(who).unwrap().disk.moods;
    moods.extend(vec![Kept::Ok; writes_before]);
    moods.push_back(Kept::Failed);
    let (id, with) = (5, alias("alice"));
    room.ask("bob", Command::MarkRead { id, with }).unwrap();
    room.pass(5_000);
    // What she was told is not forgotten with her tab.
    room.leaves("alice");
    room.joins("alice");
    room.pass(2 * limit::MINUTE_MS);
    let has_failed = room.people[who].disk.moods.is_empty();
    has_failed.then(|| status_of_newest(&mut room))
}

/// How far what alice last wrote to bob came.
fn status_of_newest(room: &mut Room) -> Status {
    let messages = room.page("alice", "bob");
    let newest = messages.iter().find(|message| message.outgoing).unwrap();
    newest.delivery.as_ref().unwrap().status
}

#[test]
fn what_is_read_while_the_pod_is_away_is_told_by_a_later_tab() {
    let mut room = two_people();
    room.writes("bob", "alice", "welcome").unwrap();
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(5_000);
    room.pod_dies();
    let (id, with) = (5, alias("alice"));
    room.ask("bob", Command::MarkRead { id, with }).unwrap();
    room.pass(2_000);
    room.leaves("bob");
    room.pod_starts();
    room.joins("bob");
    room.pass(limit::MINUTE_MS);
    assert_eq!(status_of_newest(&mut room), Status::Read);
}

#[test]
fn that_a_message_was_read_is_told_although_a_disk_fails() {
    for who in ["alice", "bob"] {
        let mut writes = 0;
        while let Some(status) = read_although_a_disk_fails(who, writes) {
            assert_eq!(status, Status::Read, "{who} after {writes}");
            writes += 1;
        }
        assert!(writes > 1, "{who} wrote nothing down");
    }
}

#[test]
fn a_disk_that_cannot_be_read_at_first_is_read_again() {
    let mut room = two_people();
    room.leaves("bob");
    room.writes("alice", "bob", "hello").unwrap();
    room.people.get_mut("bob").unwrap().disk.unreadable = 3;
    room.joins("bob");
    room.pass(10_000);
    assert_eq!(room.reads("bob").len(), 1);
}

#[test]
fn a_message_that_ends_its_reader_twice_is_set_aside_and_blocks_nobody() {
    let mut room = two_people();
    room.writes("alice", "bob", "first").unwrap();
    room.pass(3_000);
    assert_eq!(room.reads("bob").len(), 1);
    room.leaves("bob");
    room.writes("alice", "bob", "fatal").unwrap();
    room.writes("alice", "bob", "after").unwrap();
    for _ in 0..2 {
        // Everything is as if opening "fatal" had ended the tab: its journal entry stands.
        room.joins("bob");
        room.leaves("bob");
        let disk = &mut room.people.get_mut("bob").unwrap().disk;
        disk.rows
            .retain(|(table, _), _| !matches!(table, Table::Seen | Table::Message));
        let cursor = disk
            .rows
            .get(&(Table::Setting, row::setting::CURSOR.to_vec()))
            .cloned();
        let (epoch, seq): (u64, u64) = wire::decode(&cursor.unwrap(), 99).unwrap();
        let key = row::pending_key(epoch, seq - 1);
        let known = disk.rows.contains_key(&(Table::Inbox, key.clone()));
        if !known {
            let pending = row::PendingRow {
                key: RecordKey([7; 32]),
                expires_h: u32::MAX,
                to: "bob".parse().unwrap(),
                attempts: 0,
                set_aside: None,
            };
            disk.rows
                .insert((Table::Inbox, key.clone()), wire::encode(&pending));
        }
        let journal = wire::encode(&serde_bytes::ByteBuf::from(key));
        disk.rows
            .insert((Table::Setting, row::setting::OPENING.to_vec()), journal);
    }
    room.joins("bob");
    room.pass(3_000);
    let aside = room.people["bob"].events.iter();
    let aside = aside.filter(|event| matches!(event, Event::SetAside(Rejection::Unreadable)));
    assert_eq!(aside.count(), 1);
    room.writes("alice", "bob", "still here").unwrap();
    room.pass(5_000);
    let read = room.reads("bob");
    assert!(read.iter().any(|message| message.body == b"still here"));
}

/// Offset in a record of its encrypted container's body.
fn encrypted_at(record: &[u8]) -> usize {
    let ciphertext = &record[limit::RECORD_HEADER_BYTES..];
    let (_, rest) = packet::next(ciphertext).unwrap();
    let (encrypted, _) = packet::next(rest).unwrap();
    record.len() - encrypted.body.len()
}

/// Puts other bytes in the place of the one record the pod has, and their key in the place of
/// its own in the notification: what a pod does that looks at nothing.
fn bend(room: &mut Room, change: impl FnOnce(&mut Vec<u8>)) {
    let rows = &mut room.pod_disk.rows;
    let record_row = |(table, _): &(Table, Vec<u8>)| *table == Table::Record;
    let row = rows.keys().find(|key| record_row(key)).unwrap().clone();
    let value = rows.remove(&row).unwrap();
    let at = value.windows(4).position(|part| part == b"MUT1").unwrap();
    let class = limit::RECORD_CLASSES_BYTES[usize::from(value[at + 5])];
    let mut record = value[at..at + class].to_vec();
    let honest = key_of(&record);
    change(&mut record);
    let bent = key_of(&record);
    let notifications = rows
        .iter_mut()
        .filter(|((table, _), _)| *table == Table::Notification);
    for (_, value) in notifications {
        let at = value.windows(32).position(|part| part == honest.as_bytes());
        value[at.unwrap()..][..32].copy_from_slice(bent.as_bytes());
    }
    room.planted.insert(bent, record);
}

/// What is done to a record, and what comes of it.
type Change = (fn(&mut Vec<u8>), Rejection);

#[test]
fn what_lies_under_a_notified_key_and_is_no_record_is_set_aside_at_once() {
    let changes: [Change; 5] = [
        // A mode that the library would panic at; a container without integrity; one cut short.
        (
            |it| {
                let at = encrypted_at(it);
                it[at + 2] = 100;
            },
            Rejection::Unreadable,
        ),
        (
            |it| {
                let at = encrypted_at(it);
                it[at] = 1;
            },
            Rejection::Unreadable,
        ),
        (|it| it[2000..].fill(0), Rejection::Unreadable),
        (|it| it.truncate(1000), Rejection::Unreadable),
        (|it| it[3] = b'2', Rejection::Unsupported),
    ];
    for (nth, (change, code)) in changes.into_iter().enumerate() {
        let mut room = Room::new();
        for name in ["bob", "mallory"] {
            room.joins(name);
            room.registers(name);
        }
        room.leaves("bob");
        room.writes("mallory", "bob", "bent").unwrap();
        room.pod_dies();
        bend(&mut room, change);
        room.pod_starts();
        room.writes("mallory", "bob", "honest").unwrap();
        for _ in 0..2 {
            room.joins("bob");
            room.pass(30_000);
            room.leaves("bob");
        }
        let events = room.people["bob"].events.iter();
        let aside: Vec<_> = events
            .filter_map(|event| match event {
                Event::SetAside(code) => Some(*code),
                _ => None,
            })
            .collect();
        assert_eq!(aside, [code], "change {nth}");
        let read = room.reads("bob");
        let texts: Vec<_> = read.iter().map(|message| message.body.as_slice()).collect();
        assert_eq!(texts, [b"honest"], "change {nth}");
    }
}

#[test]
fn another_certificate_under_a_known_alias_stops_sending() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    let contact = room
        .people
        .get_mut("alice")
        .unwrap()
        .running
        .as_mut()
        .unwrap();
    let bob = contact.contacts.get_mut(&alias("bob")).unwrap();
    // As if alice had first met someone else under this alias.
    bob.fingerprint = cast::mallory().fingerprint();
    assert_eq!(
        room.writes("alice", "bob", "secret").unwrap_err(),
        Rejection::KeyChanged
    );
    assert_eq!(
        room.writes("alice", "bob", "secret").unwrap_err(),
        Rejection::KeyChanged
    );
    let judge = Command::Judge {
        id: 8,
        alias: alias("bob"),
        judgement: Judgement::AcceptKey,
    };
    assert!(matches!(room.ask("alice", judge), Ok(Done::Contact(_))));
    room.writes("alice", "bob", "secret").unwrap();
}

#[test]
fn a_pod_that_dies_at_any_moment_loses_nothing_that_was_acknowledged() {
    for cut_ms in [0, 1, 50, 400, 3_000] {
        let mut room = two_people();
        room.leaves("bob");
        let delivery = room.writes("alice", "bob", "hello").unwrap();
        assert!(delivery.status >= Status::Notified);
        room.pass(cut_ms);
        room.pod_dies();
        room.pass(1_000);
        room.pod_starts();
        room.joins("bob");
        room.pass(20_000);
        assert_eq!(room.reads("bob").len(), 1, "cut after {cut_ms} ms");
    }
}

#[test]
fn debug_names_nobody_and_tells_nothing() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(3_000);
    let printed = alloc::format!("{:?} {:?}", room.seed("bob"), room.people["bob"].events);
    for secret in ["alice", "bob", "hello", "104, 101, 108"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn who_is_nobody_knows_the_pod_by_the_link_to_it() {
    let mut room = Room::new();
    room.joins("h1");
    assert_eq!(room.seed("h1").state(), State::Online);
    room.give("h1", Input::Unlinked(Link::Channel(0)));
    assert_eq!(room.seed("h1").state(), State::Online, "without a channel");
    room.pod_dies();
    assert_eq!(room.seed("h1").state(), State::Offline);
    room.pod_starts();
    room.pass(60_000);
    assert_eq!(room.seed("h1").state(), State::Online);
    let states = room.people["h1"].events.iter();
    let states = states.filter(|event| matches!(event, Event::State(_)));
    assert_eq!(states.count(), 3);
}
