//! Records that may go: told by whoever they were for, given up, and not taken again.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{
    START,
    holder::{ALICE, BOB, Holder, refused},
    key, later,
    network::{Network, holders},
    stamp_of,
};
use crate::{
    custody::{Command, Config, Event},
    envelope::{
        deletion_hash,
        record::{Kind, Record, expiry_h},
    },
    limit,
    name::SeedId,
    rejection::Rejection,
    time::Time,
    wire::store::{Get, Release, StoreAnswer, StoreAsk, Tombstone},
};

const TOKEN: [u8; limit::TOKEN_BYTES] = [5; limit::TOKEN_BYTES];

/// A record that [`TOKEN`] releases.
pub(super) fn releasable(number: u64, life_ms: u64) -> Record {
    let like = super::record(number, life_ms);
    let expires_h = expiry_h(START, life_ms);
    Record::new(
        Kind::Chunk,
        expires_h,
        deletion_hash(&TOKEN),
        like.ciphertext(),
    )
    .unwrap()
}

pub(super) fn tombstone(record: &Record) -> Tombstone {
    Tombstone {
        key: record.key(),
        token: TOKEN.to_vec(),
        expires_h: record.expires_h(),
    }
}

fn release(tombstone: Tombstone) -> StoreAsk {
    let hops = limit::HOPS_MAX;
    StoreAsk::Release(Release { tombstone, hops })
}

/// Somebody else wants to have it, wherever it is.
fn wanted(record: &Record) -> StoreAsk {
    let key = record.key();
    StoreAsk::Get(Get { key, hops: 0 })
}

fn restarted(holder: Holder) -> Holder {
    let mut again = Holder::new(Config::seed(9, key(1), [1; 32]), holder.disk);
    again.now = holder.now;
    again.input(crate::machine::Input::Command(Command::Start));
    again
}

#[test]
fn the_token_releases_the_record_and_it_is_not_taken_again() {
    let mut holder = Holder::started();
    let record = releasable(1, limit::DAY_MS);
    holder.put(ALICE, &record);
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
    holder.ask(BOB, &release(tombstone(&record)));
    assert_eq!(holder.only_answer(), StoreAnswer::Released);
    assert_eq!(holder.held(), (0, 0));
    for _ in 0..2 {
        let number = holder.ask(BOB, &wanted(&record));
        assert_eq!(
            holder.answers.pop(),
            Some((number, refused(Rejection::Released)))
        );
        holder.put(ALICE, &record);
        assert_eq!(holder.only_answer(), StoreAnswer::Gone(tombstone(&record)));
        // Whoever tells it twice is told the same.
        holder.ask(BOB, &release(tombstone(&record)));
        assert_eq!(holder.only_answer(), StoreAnswer::Released);
        // Nor does a holder forget it when it starts anew.
        holder = restarted(holder);
        assert_eq!(holder.held(), (0, 0));
    }
    holder.wait_until(later(3 * limit::DAY_MS));
    assert!(
        holder.disk.is_empty(),
        "a tombstone stands until the expiry"
    );
}

#[test]
fn a_release_is_told_only_once_it_is_durable() {
    let mut holder = Holder::started();
    let record = releasable(1, limit::DAY_MS);
    holder.put(ALICE, &record);
    holder.answers.clear();
    holder.mood = None;
    holder.ask(BOB, &release(tombstone(&record)));
    assert!(holder.answers.is_empty());
    assert_eq!(holder.held().0, 1);
    holder.put(ALICE, &record);
    assert_eq!(holder.only_answer(), refused(Rejection::Busy));
    holder.mood = Some(crate::machine::Kept::Failed);
    holder.answer_disk();
    assert_eq!(holder.only_answer(), refused(Rejection::StorageFailed));
    assert_eq!(
        holder.held().0,
        1,
        "what could not be given up is still here"
    );
    holder.mood = Some(crate::machine::Kept::Ok);
    holder.ask(BOB, &release(tombstone(&record)));
    assert_eq!(holder.only_answer(), StoreAnswer::Released);
    assert_eq!(holder.held().0, 0);
}

#[test]
fn a_wrong_token_releases_nothing() {
    let mut holder = Holder::started();
    let record = releasable(1, limit::DAY_MS);
    holder.put(ALICE, &record);
    holder.answers.clear();
    let token = vec![6; limit::TOKEN_BYTES];
    let wrong = Tombstone {
        token,
        ..tombstone(&record)
    };
    holder.ask(BOB, &release(wrong.clone()));
    assert_eq!(holder.only_answer(), refused(Rejection::WrongToken));
    for token in [Vec::new(), vec![5; 15], vec![5; 17], vec![5; 4_000]] {
        let bad = Tombstone {
            token,
            ..tombstone(&record)
        };
        holder.ask(BOB, &release(bad));
        assert_eq!(holder.only_answer(), refused(Rejection::Malformed));
    }
    let bytes = record.bytes().to_vec().into();
    assert_eq!(holder.get(record.key()), StoreAnswer::Record(bytes));
    // Once it is released, a wrong token is still wrong.
    holder.ask(BOB, &release(tombstone(&record)));
    assert_eq!(holder.only_answer(), StoreAnswer::Released);
    holder.ask(BOB, &release(wrong));
    assert_eq!(holder.only_answer(), refused(Rejection::WrongToken));
}

#[test]
fn hearsay_keeps_nobody_out_whose_token_is_another() {
    let mut holder = Holder::started();
    let (real, target) = (releasable(1, limit::DAY_MS), releasable(2, limit::DAY_MS));
    holder.ask(BOB, &release(tombstone(&real)));
    assert_eq!(holder.only_answer(), refused(Rejection::NoRecord));
    let false_one = Tombstone {
        token: vec![6; limit::TOKEN_BYTES],
        ..tombstone(&target)
    };
    holder.ask(BOB, &release(false_one));
    assert_eq!(holder.only_answer(), refused(Rejection::NoRecord));
    holder.put(ALICE, &real);
    assert_eq!(holder.only_answer(), StoreAnswer::Gone(tombstone(&real)));
    holder.put(ALICE, &target);
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
    // What turned out to be true is remembered like any other.
    let mut holder = restarted(holder);
    holder.put(ALICE, &real);
    assert_eq!(holder.only_answer(), StoreAnswer::Gone(tombstone(&real)));
    assert_eq!(holder.held().0, 1);
}

#[test]
fn a_flood_of_false_releases_costs_a_bounded_memory_and_no_record() {
    let mut holder = Holder::started();
    let record = releasable(1, limit::DAY_MS);
    holder.put(ALICE, &record);
    let flood = limit::HEARSAY_MAX as u32 + 500;
    for number in 0..flood {
        let mut key = [0xff; 32];
        key[28..].copy_from_slice(&number.to_be_bytes());
        let false_one = Tombstone {
            key: crate::name::RecordKey(key),
            ..tombstone(&record)
        };
        holder.ask(BOB, &release(false_one));
    }
    holder.answers.clear();
    assert_eq!(holder.machine.records.hearsay(), limit::HEARSAY_MAX);
    // One that would outlive every record is not believed at all.
    let for_ever = Tombstone {
        key: crate::name::RecordKey([1; 32]),
        expires_h: u32::MAX,
        ..tombstone(&record)
    };
    holder.ask(BOB, &release(for_ever));
    assert_eq!(holder.machine.records.hearsay(), limit::HEARSAY_MAX);
    assert_eq!(holder.held().0, 1);
}

#[test]
fn tombstones_are_bounded_and_the_first_to_expire_makes_room() {
    let config = Config {
        tombstones_max: 2,
        ..Config::seed(9, key(1), [1; 32])
    };
    let mut holder = Holder::new(config, BTreeMap::new());
    holder.input(crate::machine::Input::Command(Command::Start));
    for days in [3, 1, 2] {
        let record = releasable(days, days * limit::DAY_MS);
        holder.put(ALICE, &record);
        holder.ask(BOB, &release(tombstone(&record)));
    }
    holder.answers.clear();
    holder.put(ALICE, &releasable(3, 3 * limit::DAY_MS));
    assert!(matches!(holder.only_answer(), StoreAnswer::Gone(_)));
    let forgotten = releasable(1, limit::DAY_MS);
    holder.put(ALICE, &forgotten);
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
    // Its row is not swept away for the tombstone that it was.
    holder.wait_until(Time {
        mono_ms: START.mono_ms + 5 * limit::MINUTE_MS,
        wall_ms: START.wall_ms + 5 * limit::MINUTE_MS,
    });
    let bytes = forgotten.bytes().to_vec().into();
    assert_eq!(holder.get(forgotten.key()), StoreAnswer::Record(bytes));
}

#[test]
fn a_question_of_a_newer_kind_is_unsupported_and_no_breach() {
    let mut holder = Holder::started();
    let newer = crate::wire::encode(&BTreeMap::from([("sing", BTreeMap::from([("key", 1)]))]));
    for number in 0..3 * u64::from(limit::FAULTS_MAX) {
        let frame =
            crate::machine::Frame::Ask(number, crate::machine::Protocol::Store, newer.clone());
        holder.input(crate::machine::Input::Frame(BOB, frame));
        assert_eq!(holder.only_answer(), refused(Rejection::Unsupported));
    }
    assert_eq!(holder.machine.stats().links, 2, "nobody was hung up on");
}

#[test]
fn what_bob_has_opened_is_given_up_by_all_who_kept_it() {
    let mut network = Network::joined(50);
    network.run(2 * limit::MINUTE_MS);
    let (alice, bob) = (network.ids[7], network.ids[31]);
    let pod = network.ids[0];
    network.command(bob, Command::Pod(pod));
    let record = releasable(3, limit::DAY_MS);
    let store = |id| Command::Store {
        id,
        record: record.clone(),
        stamp: None,
        copies: limit::HOLDERS,
    };
    network.command(alice, store(1));
    let kept = Command::Keep {
        id: 2,
        record: record.clone(),
        stamp: Some(stamp_of(&record)),
    };
    network.command(pod, kept);
    network.run(limit::STORE_MS_MAX);
    let promised = holders(&network.take_events(alice));
    assert_eq!(promised.len(), limit::HOLDERS);
    network.take_events(bob);
    network.command(
        bob,
        Command::Release {
            id: 4,
            tombstone: tombstone(&record),
        },
    );
    network.run(2_000);
    let heard = network
        .take_events(bob)
        .into_iter()
        .find_map(|event| match event {
            Event::Released { id: 4, heard } => Some(heard),
            _ => None,
        });
    assert!(heard.is_some_and(|heard| heard >= 2), "{heard:?}");
    let holds = |seed: &&SeedId| network.seeds[*seed].machine.held(&record.key());
    assert_eq!(network.ids.iter().filter(holds).count(), 0);
    // Nobody takes it back, and whoever tries is shown why.
    let asker = network.ids[20];
    for seed in promised {
        let machine = &network.seeds[&seed].machine;
        assert!(machine.records.is_released(&record.key()), "{seed:?}");
    }
    network.command(asker, store(9));
    network.run(limit::STORE_MS_MAX);
    let events = network.take_events(asker);
    assert!(holders(&events).is_empty());
    let stored = events
        .iter()
        .any(|event| matches!(event, Event::Stored { id: 9, receipts: 0 }));
    assert!(stored);
}
