//! Stamps: what comes without one is neither kept nor passed on nor copied, and whoever passes
//! something on passes on the stamp it came with.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use serde::Serialize;

use super::{
    forwarder::{Forwarder, id, others},
    holder::{ALICE, BOB, Holder, refused},
    key, later, record, stamp_of,
};
use crate::{
    custody::{Command, Config, Event},
    envelope::{
        record::Record,
        stamp::{self, Search, Stamp},
    },
    limit,
    machine::Input,
    name::{Position, SeedId},
    rejection::Rejection,
    wire::{
        self,
        store::{Digest, Put, StoreAnswer, StoreAsk},
    },
};

const BITS: u8 = limit::STAMP_BITS;

fn put(record: &Record, stamp: Vec<u8>, spread: u8) -> StoreAsk {
    StoreAsk::Put(Put {
        record: record.bytes().to_vec(),
        stamp,
        hops: 0,
        spread,
    })
}

/// A good stamp that nobody would find who searched from the beginning.
fn unusual_stamp(record: &Record) -> Vec<u8> {
    let mut search = Search::new(BITS, &record.key());
    let mut found = core::iter::from_fn(|| search.go_on(u32::MAX));
    let (usual, unusual) = (found.next().unwrap(), found.next().unwrap());
    assert_ne!(usual, unusual);
    unusual.to_bytes()
}

/// The stamps of everything that was put, and how many copies were asked for beside.
fn puts(asked: Vec<(SeedId, u64, StoreAsk)>) -> Vec<(Vec<u8>, u8)> {
    let puts = asked.into_iter().filter_map(|(_, _, ask)| match ask {
        StoreAsk::Put(put) => Some((put.stamp, put.spread)),
        _ => None,
    });
    puts.collect()
}

fn want(record: &Record) -> StoreAsk {
    StoreAsk::Digest(Digest {
        base: 0,
        add: Vec::new(),
        drop: Vec::new(),
        want: Position::of(&record.key().0).0[..8].to_vec(),
    })
}

#[test]
fn junk_without_a_stamp_is_refused_politely_before_anything_is_written() {
    let mut holder = Holder::started();
    let (junk, other) = (record(1, limit::DAY_MS), record(2, limit::DAY_MS));
    let weak = (0_u64..).map(u64::to_be_bytes);
    let weak = weak.map(|it| it.to_vec()).find(|it| {
        let checked = stamp::check(BITS, &junk.key(), it);
        checked == Err(Rejection::NoStamp)
    });
    let others = stamp_of(&other).to_bytes();
    // As often as would close the link if it were a breach.
    for _ in 0..limit::FAULTS_MAX {
        for stamp in [Vec::new(), weak.clone().unwrap(), others.clone()] {
            holder.ask(ALICE, &put(&junk, stamp, 0));
            assert_eq!(holder.only_answer(), refused(Rejection::NoStamp));
        }
    }
    assert_eq!((holder.writes, holder.held()), (0, (0, 0)));
    holder.put(ALICE, &junk);
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
}

#[test]
fn stamps_that_are_none_at_all_are_malformed_and_chance_ones_are_not_believed() {
    let mut holder = Holder::started();
    let junk = record(1, limit::DAY_MS);
    let mut rng = ChaCha20Rng::seed_from_u64(62);
    for _ in 0..500 {
        let mut stamp = vec![0; rng.next_u32() as usize % 20];
        rng.fill_bytes(&mut stamp);
        let expected = match stamp.len() {
            0 | limit::STAMP_BYTES => Rejection::NoStamp,
            _ => Rejection::Malformed,
        };
        let link = if rng.next_u32().is_multiple_of(2) {
            ALICE
        } else {
            BOB
        };
        holder.ask(link, &put(&junk, stamp, (rng.next_u32() % 3) as u8));
        assert_eq!(holder.only_answer(), refused(expected));
    }
    assert_eq!(holder.writes, 0);
}

#[test]
fn a_forwarder_passes_on_nothing_that_is_not_stamped() {
    let all: Vec<SeedId> = (2..10).map(id).collect();
    let mut forwarder = Forwarder::linked_to(&all);
    for number in 0..20 {
        let junk = record(number, limit::DAY_MS);
        forwarder.ask(all[0], number, &put(&junk, Vec::new(), 5));
        let (_, _, answer) = forwarder.only_answer();
        assert_eq!(answer, refused(Rejection::NoStamp));
    }
    assert!(puts(forwarder.take_asked()).is_empty());
    assert_eq!(forwarder.writes, 0);
    for number in 0..20 {
        let good = record(number, limit::DAY_MS);
        let stamp = unusual_stamp(&good);
        forwarder.ask(all[0], 100 + number, &put(&good, stamp.clone(), 5));
        let passed_on = puts(forwarder.take_asked());
        // To the next hop, or at the end of the way to the neighbours.
        assert!(!passed_on.is_empty());
        assert!(passed_on.iter().all(|(it, _)| *it == stamp));
    }
}

#[test]
fn repair_makes_copies_of_what_is_stamped_and_with_the_same_stamp() {
    for stamped in [true, false] {
        let record = record(7, limit::DAY_MS);
        let near = others(8, &record.key());
        let mut guardian = Forwarder::idle(&near);
        let stamp = unusual_stamp(&record);
        let good = stamp::check(BITS, &record.key(), &stamp).ok();
        let keep = Command::Keep {
            id: 1,
            record: record.clone(),
            stamp: good.filter(|_| stamped),
        };
        guardian.give(Input::Command(keep));
        guardian.ask(near[1], 1, &want(&record));
        let copies = if stamped {
            vec![(stamp.clone(), 0)]
        } else {
            Vec::new()
        };
        assert_eq!(puts(guardian.take_asked()), copies);
        // Once it comes with a stamp, it is as good as any other.
        if !stamped {
            guardian.ask(near[2], 2, &put(&record, stamp.clone(), 0));
            assert_eq!(guardian.writes, 2, "written anew, beside its stamp");
            guardian.ask(near[1], 3, &want(&record));
            assert_eq!(puts(guardian.take_asked()), [(stamp.clone(), 0)]);
        }
        guardian.ask(near[2], 4, &put(&record, stamp, 0));
        assert_eq!(guardian.writes, if stamped { 1 } else { 2 });
        assert_eq!(guardian.machine.stats().records, 1);
        assert_eq!(guardian.machine.stats().bytes, 2048);
    }
}

/// A row as it was written before there were stamps.
#[derive(Serialize)]
struct OldRow {
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
    receipted_ms: u64,
}

#[test]
fn rows_from_before_there_were_stamps_are_served_and_those_since_keep_theirs() {
    let (old, new) = (record(1, limit::DAY_MS), record(2, limit::DAY_MS));
    let row = OldRow {
        record: old.bytes().to_vec(),
        receipted_ms: 1,
    };
    let disk = BTreeMap::from([(old.key().0.to_vec(), wire::encode(&row))]);
    let config = || Config::seed(9, key(1), [1; 32]);
    let mut holder = Holder::new(config(), disk);
    holder.input(Input::Command(Command::Start));
    holder.put(ALICE, &new);
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
    let mut again = Holder::new(config(), core::mem::take(&mut holder.disk));
    again.input(Input::Command(Command::Start));
    for record in [&old, &new] {
        let bytes = record.bytes().to_vec().into();
        assert_eq!(again.get(record.key()), StoreAnswer::Record(bytes));
    }
    assert_eq!(again.machine.stamp(&old.key()), None);
    assert_eq!(again.machine.stamp(&new.key()), Some(stamp_of(&new)));
}

#[test]
fn a_search_never_keeps_anything_waiting_for_longer_than_a_slice() {
    let mut alice = Holder::started();
    let most = |it: &Record| {
        let mut search = Search::new(BITS, &it.key());
        search.go_on(u32::MAX).unwrap();
        search.tried()
    };
    let slices = |tried: u64, slice: u32| tried.div_ceil(slice.into());
    let mut records = (0..).map(|number| record(number, limit::DAY_MS));
    let hard = records.find(|it| slices(most(it), limit::STAMP_TRIES) >= 20);
    let hard = hard.unwrap();
    let found = |holder: &mut Holder| {
        let events = core::mem::take(&mut holder.events);
        events.into_iter().find_map(|event| match event {
            Event::Stamped { id: 7, result } => Some(result),
            _ => None,
        })
    };
    for (pause_ms, slice) in [
        (0, limit::STAMP_TRIES),
        (limit::STAMP_RARE_MS, limit::STAMP_TRIES_RARE),
    ] {
        let key = hard.key();
        alice.input(Input::Command(Command::Stamp { id: 7, key }));
        // One was done at once.
        let tried = most(&hard) - u64::from(limit::STAMP_TRIES);
        for _ in 0..slices(tried, slice) {
            assert_eq!(found(&mut alice), None);
            let soon_ms = alice.now.mono_ms + limit::STAMP_PAUSE_MS;
            assert_eq!(alice.machine.mill.deadline(), Some(soon_ms));
            alice.now.mono_ms += pause_ms;
            alice.input(Input::Tick);
        }
        assert_eq!(found(&mut alice), Some(Ok(stamp_of(&hard))));
    }
    assert_eq!(alice.machine.mill.deadline(), None, "nothing left to do");
}

#[test]
fn an_author_finds_a_stamp_before_anybody_is_asked_and_stores_in_turn() {
    let all: Vec<SeedId> = (2..10).map(id).collect();
    let mut alice = Forwarder::linked_to(&all);
    let records: Vec<Record> = (0..3).map(|it| record(it, limit::DAY_MS)).collect();
    for (id, record) in (1..).zip(records.clone()) {
        let (stamp, copies) = (None, limit::HOLDERS);
        alice.give(Input::Command(Command::Store {
            id,
            record,
            stamp,
            copies,
        }));
    }
    while alice.machine.mill.deadline().is_some() {
        alice.give(Input::Tick);
    }
    let stamps = puts(alice.take_asked()).into_iter().map(|(stamp, _)| stamp);
    let expected = records.iter().map(|it| stamp_of(it).to_bytes());
    assert_eq!(stamps.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn stores_that_wait_for_a_stamp_count_as_stores() {
    let config = Config {
        stores_max: 2,
        stamp_bits: u8::MAX,
        ..Config::seed(9, key(1), [1; 32])
    };
    let mut alice = Holder::new(config, BTreeMap::new());
    alice.input(Input::Command(Command::Start));
    for id in 1..=3 {
        let (record, stamp, copies) = (record(id, limit::DAY_MS), None, 1);
        alice.input(Input::Command(Command::Store {
            id,
            record,
            stamp,
            copies,
        }));
    }
    let over = alice.events.iter().filter_map(|event| match event {
        Event::Stored { id, receipts } => Some((*id, *receipts)),
        _ => None,
    });
    assert_eq!(over.collect::<Vec<_>>(), [(3, 0)]);
    let key = record(9, limit::DAY_MS).key();
    let most = limit::STAMPS_WAITING_MAX as u64;
    for id in 0..most {
        alice.input(Input::Command(Command::Stamp { id, key }));
    }
    let busy = alice.events.iter().filter(|event| {
        let result = Err(Rejection::Busy);
        matches!(event, Event::Stamped { result: it, .. } if *it == result)
    });
    assert_eq!(busy.count(), 2, "beside the two stores");
}

#[test]
fn where_no_stamps_are_asked_for_none_are_made() {
    let config = || Config {
        stamp_bits: 0,
        ..Config::seed(9, key(1), [1; 32])
    };
    let mut holder = Holder::new(config(), BTreeMap::new());
    holder.input(Input::Command(Command::Start));
    let record = record(1, limit::DAY_MS);
    holder.ask(ALICE, &put(&record, Vec::new(), 0));
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
    let none = holder.machine.stamp(&record.key());
    assert_eq!(none.map(Stamp::to_bytes), Some(Vec::new()));
    let mut again = Holder::new(config(), core::mem::take(&mut holder.disk));
    again.input(Input::Command(Command::Start));
    assert_eq!(again.machine.stamp(&record.key()), none);
    again.wait_until(later(limit::DAY_MS / 2));
    assert_eq!(again.held().0, 1);
}
