//! What the pod does for those who are away: counts, mends, and tells what could not be saved.

use alloc::collections::BTreeMap;

use super::*;
use crate::{
    custody::receipt,
    machine::Protocol,
    name::SeedId,
    routing::wire::Message,
    session::Version,
    wire::{
        self,
        store::{Holder, StoreAnswer, StoreAsk},
    },
};

/// Seeds that are linked to the pod, and what each of them keeps. The first one is who the pod
/// asks to count, as the seed at the end of the way.
#[derive(Default)]
struct Seeds {
    kept: BTreeMap<u8, BTreeMap<RecordKey, Vec<u8>>>,
    counts: usize,
    puts: usize,
}

fn signer(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(number: u8) -> SeedId {
    SeedId(signer(number).verifying_key().to_bytes())
}

impl Seeds {
    fn join(house: &mut House, numbers: core::ops::Range<u8>) -> Self {
        let mut seeds = Self::default();
        for number in numbers {
            seeds.kept.insert(number, BTreeMap::new());
            let traits = Traits {
                addresses: vec![vec![number]],
                routes: true,
                stores: true,
            };
            house.give(Input::Linked(Link::Seed(id(number)), traits));
        }
        seeds.answer(house);
        seeds
    }

    fn holders(&self, key: &RecordKey) -> Vec<u8> {
        let kept = self.kept.iter();
        let kept = kept.filter(|(_, records)| records.contains_key(key));
        kept.map(|(number, _)| *number).collect()
    }

    fn forget(&mut self, key: &RecordKey) {
        for records in self.kept.values_mut() {
            records.remove(key);
        }
    }

    /// Answers everything the pod asks its seeds, and what that leads to.
    fn answer(&mut self, house: &mut House) {
        while !house.answers.is_empty() {
            for (to, frame) in core::mem::take(&mut house.answers) {
                let Frame::Ask(number, protocol, bytes) = frame else {
                    continue;
                };
                let seed = self.kept.keys().copied();
                let seed = seed.into_iter().find(|it| Link::Seed(id(*it)) == to);
                let answer = match protocol {
                    Protocol::Routing => {
                        let question = Message::decode(&bytes).unwrap();
                        let kind = question.kind;
                        Message {
                            kind,
                            ..Message::default()
                        }
                        .encode()
                    }
                    Protocol::Store => wire::encode(&self.store_answer(
                        seed.expect("one of ours"),
                        wire::decode(&bytes, limit::STORE_BYTES_MAX).unwrap(),
                    )),
                };
                house.give(Input::Frame(to, Frame::Answer(number, answer)));
            }
        }
    }

    fn store_answer(&mut self, seed: u8, ask: StoreAsk) -> StoreAnswer {
        match ask {
            StoreAsk::Put(put) => {
                self.puts += 1;
                let record = Record::parse(&put.record).unwrap();
                assert_eq!(put.stamp, stamp_of(&record.key()), "as it came");
                let promise = receipt::sign(&signer(seed), record.key(), record.expires_h());
                let kept = self.kept.get_mut(&seed).unwrap();
                kept.insert(record.key(), put.record);
                StoreAnswer::Kept(vec![promise])
            }
            StoreAsk::Get(get) => match self.kept[&seed].get(&get.key) {
                Some(record) => StoreAnswer::Record(record.clone().into()),
                None => StoreAnswer::Rejected(Rejection::NoRecord),
            },
            StoreAsk::Count(count) => {
                self.counts += 1;
                let holder = |number: u8| Holder {
                    seed: id(number),
                    addresses: Vec::new(),
                };
                let named = self.holders(&count.key).into_iter().map(holder);
                StoreAnswer::Counted(named.collect())
            }
            StoreAsk::Have(keys) => {
                let has = |key| self.kept[&seed].contains_key(key);
                StoreAnswer::Have(keys.iter().map(has).collect())
            }
            StoreAsk::Release(_) | StoreAsk::Digest(_) => StoreAnswer::Rejected(Rejection::Busy),
        }
    }

    /// Lets time go by, in which seeds answer.
    fn pass(&mut self, house: &mut House, ms: u64) {
        let mut left_ms = ms;
        while left_ms > 0 {
            let step_ms = left_ms.min(500);
            house.pass(step_ms);
            self.answer(house);
            left_ms -= step_ms;
        }
    }
}

/// A round, however it falls.
const ROUND_MS: u64 = limit::WATCH_MS / 4 * 5 + limit::MINUTE_MS;

/// A record that alice had the pod keep, before she left.
fn entrusted(house: &mut House, n: u32) -> RecordKey {
    let alice = house.settle("alice");
    let told = house.stored(alice, "alice", n, limit::RECORD_LIFE_DEFAULT_MS);
    house.give(Input::Unlinked(Link::Channel(alice)));
    let ToPod::Notify { notification, .. } = told else {
        panic!()
    };
    notification.key
}

fn lost(house: &mut House, channel: u64) -> Vec<RecordKey> {
    let heard = core::iter::from_fn(|| house.hear(channel));
    let lost = heard.filter_map(|message| match message {
        ToSeed::Lost { key } => Some(key),
        _ => None,
    });
    lost.collect()
}

fn forget_own(house: &mut House, key: &RecordKey) {
    let gone = house.disk.rows.remove(&(Table::Record, key.0.to_vec()));
    assert!(gone.is_some(), "it was not there");
}

#[test]
fn what_too_few_seeds_hold_is_placed_again_while_its_author_is_away() {
    let mut house = House::new();
    let key = entrusted(&mut house, 1);
    let mut seeds = Seeds::join(&mut house, 1..9);
    assert!(seeds.holders(&key).is_empty());
    seeds.pass(&mut house, ROUND_MS);
    assert_eq!(seeds.holders(&key).len(), 8);
    // Enough is enough.
    let (puts, counts) = (seeds.puts, seeds.counts);
    seeds.pass(&mut house, 3 * ROUND_MS);
    assert_eq!(seeds.puts, puts);
    assert!(seeds.counts >= counts + 2, "it is counted again and again");
}

#[test]
fn where_there_are_no_more_seeds_placing_again_grows_rare() {
    let mut house = House::new();
    entrusted(&mut house, 1);
    let mut seeds = Seeds::join(&mut house, 1..3);
    seeds.pass(&mut house, ROUND_MS);
    let first = seeds.puts;
    assert!(first > 0);
    seeds.pass(&mut house, 24 * limit::HOUR_MS);
    let (puts, rounds) = (seeds.puts - first, seeds.counts / 2);
    assert!(rounds >= 20, "{rounds} rounds");
    assert!(puts <= 5 * first, "{puts} puts, {first} at first");
}

#[test]
fn an_own_copy_that_is_gone_is_fetched_back_and_kept_again() {
    let mut house = House::new();
    let key = entrusted(&mut house, 1);
    let mut seeds = Seeds::join(&mut house, 1..9);
    seeds.pass(&mut house, ROUND_MS);
    let row = (Table::Record, key.0.to_vec());
    let before = house.disk.rows[&row].clone();
    // Behind the pod's back, and with the pod started anew.
    for restarts in [false, true] {
        forget_own(&mut house, &key);
        if restarts {
            house.restart();
            let kept = core::mem::take(&mut seeds.kept);
            seeds = Seeds::join(&mut house, 1..9);
            seeds.kept = kept;
        }
        seeds.pass(&mut house, ROUND_MS);
        let after = house.disk.rows.get(&row);
        assert_eq!(after.map(Vec::len), Some(before.len()), "{restarts}");
        assert!(house.pod.custody().held(&key));
    }
    assert_eq!(house.pod.stats().lost, 0);
}

#[test]
fn what_nobody_has_any_more_is_told_until_its_author_knows() {
    let mut house = House::new();
    let key = entrusted(&mut house, 1);
    let kept = entrusted(&mut house, 2);
    let mut seeds = Seeds::join(&mut house, 1..9);
    seeds.pass(&mut house, ROUND_MS);
    seeds.forget(&key);
    forget_own(&mut house, &key);
    // Not at once: those who hold it may be back.
    seeds.pass(&mut house, ROUND_MS);
    assert_eq!(house.pod.stats().lost, 0);
    seeds.pass(&mut house, 3 * ROUND_MS);
    assert_eq!((house.pod.stats().watched, house.pod.stats().lost), (2, 1));
    house.restart();
    let who = person("alice");
    // Another device did not write it.
    let (phone, _) = house.enter_with(&who, "phone", (0, 0));
    assert_eq!(lost(&mut house, phone), []);
    for _ in 0..2 {
        let laptop = house.enter(&who);
        assert_eq!(lost(&mut house, laptop), [key]);
        // Nobody else can say that she knows.
        let bob = house.settle("bob");
        house.say(bob, &ToPod::Heard { key });
        house.restart();
    }
    let laptop = house.enter(&who);
    house.say(laptop, &ToPod::Heard { key });
    house.say(laptop, &ToPod::Heard { key: kept });
    assert_eq!(house.pod.stats().lost, 0);
    house.restart();
    let laptop = house.enter(&who);
    assert_eq!(lost(&mut house, laptop), []);
    assert_eq!(
        house.pod.stats().watched,
        1,
        "the other one is looked after"
    );
}

#[test]
fn an_author_who_is_there_is_told_at_once_and_may_have_it_kept_again() {
    let mut house = House::new();
    let record = record(house.now, 1, limit::RECORD_LIFE_DEFAULT_MS);
    let key = entrusted(&mut house, 1);
    let mut seeds = Seeds::join(&mut house, 1..5);
    forget_own(&mut house, &key);
    let mut told = Vec::new();
    let alice = house.enter(&person("alice"));
    for _ in 0..6 * ROUND_MS / limit::PING_MS {
        house.say(alice, &ToPod::Pong { nonce: 1 });
        seeds.pass(&mut house, limit::PING_MS);
        told.extend(lost(&mut house, alice));
    }
    assert_eq!(told, [key]);
    assert_eq!(house.pod.stats().lost, 1);
    house.say(alice, &store(9, record));
    assert_eq!(house.pod.stats().lost, 0, "it is there again");
    house.say(alice, &ToPod::Heard { key });
    assert_eq!(house.pod.stats().watched, 1, "and looked after again");
}

#[test]
fn an_older_session_is_not_told_what_it_does_not_understand() {
    let mut house = House::new();
    let key = entrusted(&mut house, 1);
    let mut seeds = Seeds::join(&mut house, 1..5);
    forget_own(&mut house, &key);
    seeds.pass(&mut house, 5 * ROUND_MS);
    assert_eq!(house.pod.stats().lost, 1);
    house.version = Version::Third;
    let alice = house.enter(&person("alice"));
    assert_eq!(lost(&mut house, alice), []);
    house.version = Version::Fourth;
    let alice = house.enter(&person("alice"));
    assert_eq!(lost(&mut house, alice), [key]);
}

#[test]
fn who_is_alone_learns_nothing_and_says_nothing() {
    let mut house = House::new();
    let key = entrusted(&mut house, 1);
    forget_own(&mut house, &key);
    house.pass(6 * ROUND_MS);
    assert_eq!(house.pod.stats().lost, 0);
}

#[test]
fn a_watch_ends_with_the_record() {
    let mut house = House::new();
    entrusted(&mut house, 1);
    assert_eq!(house.disk.count(Table::Watch), 1);
    // It expires, looked at or not, lost or not.
    let mut seeds = Seeds::join(&mut house, 1..5);
    house.now.wall_ms += limit::RECORD_LIFE_DEFAULT_MS + limit::RECORD_EXPIRY_STEP_MS;
    seeds.pass(&mut house, ROUND_MS);
    assert_eq!(house.disk.count(Table::Watch), 0);
    assert_eq!(house.pod.stats().watched, 0);
}

#[test]
fn nobody_has_more_watched_over_than_they_may() {
    let mut house = House::with(Quotas {
        watched_per_person_max: 3,
        watched_max: 4,
        ..generous()
    });
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    for n in 0..5 {
        // Stored, and promised, all the same.
        house.stored(alice, "alice", n, limit::DAY_MS);
    }
    assert_eq!(house.pod.stats().watched, 3);
    for n in 5..8 {
        house.stored(bob, "bob", n, limit::DAY_MS);
    }
    assert_eq!(house.pod.stats().watched, 4);
    // The same again is the same.
    house.stored(alice, "alice", 0, limit::DAY_MS);
    assert_eq!(house.disk.count(Table::Watch), 4);
}
