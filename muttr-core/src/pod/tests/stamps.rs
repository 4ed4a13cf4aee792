//! Stamps on the channel: a pod keeps nothing that came without one.

use super::*;
use crate::{
    envelope::stamp::{Search, Stamp},
    wire,
};

/// A row as it was written before there were stamps.
#[derive(serde::Serialize)]
struct OldRow {
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
    receipted_ms: u64,
}

/// A row about a record that is watched over, as it is written now and as it was.
#[derive(serde::Serialize, serde::Deserialize)]
struct WatchRow {
    device: DeviceId,
    expires_h: u32,
    #[serde(with = "serde_bytes")]
    deletion_hash: Vec<u8>,
    lost: bool,
    #[serde(with = "serde_bytes", skip_serializing)]
    stamp: Vec<u8>,
}

/// Makes all that the pod has of a record what it would be from before there were stamps.
pub(super) fn age(house: &mut House, record: &Record) {
    let row = OldRow {
        record: record.bytes().to_vec(),
        receipted_ms: 1,
    };
    let key = (Table::Record, record.key().0.to_vec());
    let kept = house.disk.rows.insert(key, wire::encode(&row));
    assert!(kept.is_some(), "it was not there");
    for ((table, _), row) in &mut house.disk.rows {
        if *table == Table::Watch {
            let read: WatchRow = serde_ipld_dagcbor::from_slice(row).unwrap();
            assert!(!read.stamp.is_empty());
            *row = wire::encode(&read);
        }
    }
    house.restart();
    assert_eq!(house.pod.stats().watched, 1, "the old row is read");
}

/// A good stamp that nobody would find who searched from the beginning.
pub(super) fn unusual(key: &RecordKey) -> Stamp {
    let mut search = Search::new(limit::STAMP_BITS, key);
    let mut found = core::iter::from_fn(|| search.go_on(u32::MAX));
    found.nth(1).unwrap()
}

pub(super) fn store_with(id: u64, record: &Record, stamp: Vec<u8>) -> ToPod {
    ToPod::Store {
        id,
        record: record.bytes().to_vec(),
        stamp,
    }
}

#[test]
fn what_one_of_our_people_brings_without_a_stamp_is_refused_by_code() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let mine = record(house.now, 1, limit::DAY_MS);
    let other = record(house.now, 2, limit::DAY_MS);
    let before = house.disk.rows.len();
    for (stamp, code) in [
        (Vec::new(), Rejection::NoStamp),
        (stamp_of(&other.key()), Rejection::NoStamp),
        (vec![0; limit::STAMP_BYTES - 1], Rejection::Malformed),
        (vec![0; 300], Rejection::Malformed),
    ] {
        assert_eq!(house.refused(alice, &store_with(3, &mine, stamp)), code);
    }
    assert_eq!(house.disk.rows.len(), before, "nothing was written");
    assert_eq!(house.pod.stats().records, 0);
    // An older session can say no stamp, and is told the same.
    house.version = Version::Fourth;
    let older = house.enter(&person("alice"));
    let unstamped = store_with(4, &mine, Vec::new());
    assert_eq!(house.refused(older, &unstamped), Rejection::NoStamp);
    house.version = Version::Fifth;
    let alice = house.enter(&person("alice"));
    let stored = house.ask(alice, &store(5, mine));
    assert!(matches!(stored, Some(ToSeed::Stored { id: 5, .. })));
}

#[test]
fn what_is_held_from_before_there_were_stamps_is_served_and_not_placed() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let old = record(house.now, 1, limit::DAY_MS);
    house.ask(alice, &store(3, old.clone()));
    age(&mut house, &old);
    let alice = house.enter(&person("alice"));
    let key = old.key();
    let fetched = house.ask(alice, &ToPod::Fetch { id: 4, key });
    assert!(matches!(fetched, Some(ToSeed::Fetched { id: 4, .. })));
    let copies = 3;
    let place = |id| ToPod::Place { id, key, copies };
    assert_eq!(house.refused(alice, &place(5)), Rejection::NoStamp);
    // Its author brings it once more, with a stamp.
    let stored = house.ask(alice, &store_with(6, &old, unusual(&key).to_bytes()));
    assert!(matches!(stored, Some(ToSeed::Stored { id: 6, .. })));
    assert_eq!(house.pod.stats().records, 1);
    let placed = house.ask(alice, &place(7));
    assert_eq!(placed, Some(ToSeed::Placed { id: 7 }), "though to nobody");
}
