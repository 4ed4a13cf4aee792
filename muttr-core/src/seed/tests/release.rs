//! What was opened and is in the hands of every device needs to be kept by nobody any more.

use super::*;

/// Records that lie on a disk; tombstones are far shorter.
fn records(disk: &Disk) -> usize {
    let record = |((table, _), value): &(&(Table, Vec<u8>), &Vec<u8>)| {
        *table == Table::Record && value.len() > 1_000
    };
    disk.rows.iter().filter(record).count()
}

fn everywhere(room: &Room) -> usize {
    let people = room.people.values().map(|someone| records(&someone.disk));
    people.sum::<usize>() + records(&room.pod_disk)
}

#[test]
fn a_message_that_was_opened_is_released_a_day_later() {
    let mut room = two_people();
    for holder in ["h1", "h2"] {
        room.joins(holder);
    }
    room.pass(2_000);
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(5_000);
    assert_eq!(room.reads("bob").len(), 1);
    let before = everywhere(&room);
    assert!(before >= 4, "{before} copies");
    room.pass(limit::RELEASE_AFTER_MS - limit::MINUTE_MS);
    assert!(
        everywhere(&room) >= before,
        "a new device could still ask for it"
    );
    room.pass(2 * limit::MINUTE_MS);
    assert_eq!(everywhere(&room), 0);
    let owed = |(table, key): &&(Table, Vec<u8>)| *table == Table::Inbox && key[0] == 2;
    assert_eq!(room.people["bob"].disk.rows.keys().filter(owed).count(), 0);
}

#[test]
fn a_tab_that_was_closed_releases_when_it_is_opened_again() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(5_000);
    assert_eq!(room.reads("bob").len(), 1);
    room.leaves("bob");
    room.pass(2 * limit::RELEASE_AFTER_MS);
    assert!(records(&room.pod_disk) > 0, "nobody else may release it");
    room.joins("bob");
    room.pass(limit::MINUTE_MS);
    assert_eq!(everywhere(&room), 0);
    assert_eq!(room.reads("bob").len(), 0, "and it is not shown again");
}

#[test]
fn what_was_not_opened_is_not_released() {
    let mut room = two_people();
    room.leaves("bob");
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(2 * limit::RELEASE_AFTER_MS);
    assert!(records(&room.pod_disk) > 0);
    room.joins("bob");
    room.pass(5_000);
    assert_eq!(room.reads("bob").len(), 1);
}

#[test]
fn who_has_no_links_lets_records_expire() {
    let mut room = Room::new();
    room.joins("alice");
    room.registers("alice");
    room.joins_hidden("bob");
    room.registers("bob");
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(5_000);
    assert_eq!(room.reads("bob").len(), 1);
    room.pass(2 * limit::RELEASE_AFTER_MS);
    assert!(records(&room.pod_disk) > 0);
    let owed = |(table, key): &&(Table, Vec<u8>)| *table == Table::Inbox && key[0] == 2;
    assert_eq!(room.people["bob"].disk.rows.keys().filter(owed).count(), 0);
}
