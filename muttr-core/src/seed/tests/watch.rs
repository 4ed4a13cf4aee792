//! What alice can say of a message that bob has not fetched yet.

use super::*;

const HOLDERS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];

/// Alice wrote to bob, who was not there; six others keep it.
fn waiting_message() -> Room {
    let mut room = two_people();
    for holder in HOLDERS {
        room.joins(holder);
    }
    room.pass(limit::MINUTE_MS);
    room.leaves("bob");
    room.writes("alice", "bob", "hello").unwrap();
    // Until she gives her own copy up.
    room.pass(2 * limit::MINUTE_MS);
    room
}

fn delivery(room: &mut Room) -> Delivery {
    room.page("alice", "bob").remove(0).delivery.unwrap()
}

fn holds(room: &Room, name: &str, key: RecordKey) -> bool {
    let row = (Table::Record, key.0.to_vec());
    room.people[name].disk.rows.contains_key(&row)
}

/// Whoever is closed loses what was kept; the pod loses it while it runs.
fn forget(room: &mut Room, key: RecordKey) {
    let row = (Table::Record, key.0.to_vec());
    room.pod_disk.rows.remove(&row);
    for someone in room.people.values_mut() {
        someone.disk.rows.remove(&row);
    }
}

/// Whether the pod looks after a record, or still has to tell of it.
fn watched(room: &Room, key: RecordKey) -> usize {
    let of_key = |(table, row): &&(Table, Vec<u8>)| *table == Table::Watch && row.ends_with(&key.0);
    room.pod_disk.rows.keys().filter(of_key).count()
}

#[test]
fn what_alice_says_of_the_copies_is_never_older_than_a_quarter_of_an_hour() {
    let mut room = waiting_message();
    for _ in 0..12 {
        room.pass(10 * limit::MINUTE_MS);
        let now_ms = room.now.wall_ms;
        let seen = delivery(&mut room);
        let age_ms = now_ms.saturating_sub(seen.confirmed_ms);
        assert!(age_ms <= limit::CONFIRMED_MS, "{age_ms} ms");
        assert_eq!((seen.status, seen.pods), (Status::Notified, 1));
        assert_eq!(seen.seeds, 6, "bob, who is away, had it too");
    }
}

#[test]
fn who_left_does_not_count_and_others_take_their_places() {
    let mut room = waiting_message();
    let key = delivery(&mut room).key.unwrap();
    for holder in &HOLDERS[..4] {
        assert!(holds(&room, holder, key));
        room.leaves(holder);
    }
    // Repair among neighbours is not what is tested: those who are left do not make copies.
    for holder in &HOLDERS[4..] {
        room.leaves(holder);
    }
    for newcomer in ["n1", "n2", "n3", "n4", "n5"] {
        room.joins(newcomer);
    }
    room.pass(2 * limit::CONFIRMED_MS);
    assert_eq!(delivery(&mut room).seeds, 5, "those who are there now");
    for newcomer in ["n1", "n2", "n3", "n4", "n5"] {
        assert!(holds(&room, newcomer, key), "{newcomer}");
    }
    room.joins("bob");
    room.pass(10_000);
    assert_eq!(room.reads("bob").len(), 1);
}

#[test]
fn while_alice_is_away_nothing_is_counted_and_nothing_is_said_to_be_newer() {
    let mut room = waiting_message();
    room.pass(5 * limit::MINUTE_MS);
    let before = delivery(&mut room).confirmed_ms;
    room.leaves("alice");
    room.pass(limit::HOUR_MS);
    room.joins("alice");
    room.pass(1_000);
    assert_eq!(delivery(&mut room).confirmed_ms, before);
    room.pass(limit::COUNT_FIRST_MS + limit::MINUTE_MS);
    assert!(delivery(&mut room).confirmed_ms > before, "counted again");
}

#[test]
fn the_pod_mends_while_alice_is_away() {
    let mut room = waiting_message();
    let key = delivery(&mut room).key.unwrap();
    room.leaves("alice");
    for holder in HOLDERS {
        room.leaves(holder);
    }
    for newcomer in ["n1", "n2", "n3", "n4", "n5"] {
        room.joins(newcomer);
    }
    room.pass(2 * limit::WATCH_MS);
    for newcomer in ["n1", "n2", "n3", "n4", "n5"] {
        assert!(holds(&room, newcomer, key), "{newcomer}");
    }
}

#[test]
fn alice_is_told_what_is_lost_when_she_comes_back_and_remembers_it() {
    let mut room = waiting_message();
    let key = delivery(&mut room).key.unwrap();
    room.leaves("alice");
    for holder in HOLDERS {
        room.leaves(holder);
    }
    forget(&mut room, key);
    room.joins("h7");
    room.pass(6 * limit::WATCH_MS);
    // The pod remembers it, too.
    room.pod_dies();
    room.pod_starts();
    assert_eq!(watched(&room, key), 1);
    room.joins("alice");
    room.pass(2_000);
    let seen = delivery(&mut room);
    assert_eq!(
        (seen.status, seen.reason),
        (Status::Lost, Some(Rejection::Lost))
    );
    assert_eq!((seen.seeds, seen.pods), (0, 0));
    assert_eq!(watched(&room, key), 0, "she said that she knows");
    room.leaves("alice");
    room.joins("alice");
    room.pass(limit::HOUR_MS);
    assert_eq!(delivery(&mut room).status, Status::Lost);
    // Bob had it in time after all: that he says so counts for more.
    let message = seen.id;
    let (seed, from) = (room.people.get_mut("alice").unwrap(), alias("bob"));
    let seed = seed.running.as_mut().unwrap();
    seed.receipts_from(&from, &[message], Status::Fetched);
    let seen = delivery(&mut room);
    assert_eq!((seen.status, seen.reason), (Status::Fetched, None));
}

#[test]
fn what_alice_could_not_write_down_she_is_told_again() {
    let mut room = waiting_message();
    let key = delivery(&mut room).key.unwrap();
    for holder in HOLDERS {
        room.leaves(holder);
    }
    forget(&mut room, key);
    room.joins("h7");
    let mut failed = false;
    for _ in 0..6 * limit::WATCH_MS / limit::MINUTE_MS {
        room.pass(limit::MINUTE_MS);
        let seen = delivery(&mut room);
        if seen.status == Status::Lost {
            break;
        }
        // From now on her disk fails, whatever is written.
        let moods = &mut room.people.get_mut("alice").unwrap().disk.moods;
        *moods = vec![Kept::Failed; 20].into();
        failed = true;
    }
    assert!(failed);
    assert_eq!(delivery(&mut room).status, Status::Lost);
    room.people.get_mut("alice").unwrap().disk.moods.clear();
    assert_eq!(watched(&room, key), 1, "she did not say that she knows");
    room.leaves("alice");
    room.joins("alice");
    room.pass(2_000);
    assert_eq!(delivery(&mut room).status, Status::Lost);
    assert_eq!(watched(&room, key), 0);
}

#[test]
fn a_release_tells_alice_that_it_was_opened_even_where_bob_says_nothing() {
    let mut room = waiting_message();
    room.joins("bob");
    room.pass(10_000);
    assert_eq!(room.reads("bob").len(), 1);
    // Who is a stranger is not told by a receipt.
    assert_eq!(delivery(&mut room).status, Status::Notified);
    room.pass(limit::RELEASE_AFTER_MS + limit::HOUR_MS);
    assert_eq!(delivery(&mut room).status, Status::Fetched);
    assert_eq!(
        room.pod_disk.count(Table::Watch),
        0,
        "nor does the pod count on"
    );
}

#[test]
fn the_pod_counts_for_those_who_have_no_links() {
    let mut room = Room::new();
    for holder in HOLDERS {
        room.joins(holder);
    }
    for name in ["alice", "bob"] {
        room.joins_hidden(name);
        room.registers(name);
    }
    room.pass(limit::MINUTE_MS);
    room.leaves("bob");
    room.writes("alice", "bob", "hello").unwrap();
    for _ in 0..4 {
        room.pass(10 * limit::MINUTE_MS);
        let seen = delivery(&mut room);
        let age_ms = room.now.wall_ms.saturating_sub(seen.confirmed_ms);
        assert!(age_ms <= limit::CONFIRMED_MS, "{age_ms} ms");
        assert_eq!((seen.pods, seen.seeds), (1, 6));
    }
    let key = delivery(&mut room).key.unwrap();
    for holder in HOLDERS {
        room.leaves(holder);
    }
    for newcomer in ["n1", "n2", "n3"] {
        room.joins(newcomer);
    }
    room.pass(2 * limit::CONFIRMED_MS);
    assert_eq!(delivery(&mut room).seeds, 3);
    assert!(holds(&room, "n1", key));
}
