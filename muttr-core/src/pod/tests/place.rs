//! Placing copies for people who have no links of their own.

use super::*;
use crate::{
    custody::receipt,
    machine::Protocol,
    name::SeedId,
    routing::wire::Message,
    wire::{
        self,
        store::{Receipt, StoreAnswer, StoreAsk},
    },
};

fn holder(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn link(number: u8) -> Link {
    Link::Seed(SeedId(holder(number).verifying_key().to_bytes()))
}

/// So many seeds link to the pod.
fn seeds_join(house: &mut House, count: u8) {
    for number in 1..=count {
        let traits = Traits {
            addresses: vec![vec![number]],
            routes: true,
            stores: true,
        };
        house.give(Input::Linked(link(number + 100), traits));
    }
}

/// Answers what the pod asks its seeds, except those that say nothing when asked to keep; yields
/// how many were asked.
fn seeds_answer(house: &mut House, count: u8, silent: &[u8]) -> usize {
    let mut asked = 0;
    while !house.answers.is_empty() {
        for (to, frame) in core::mem::take(&mut house.answers) {
            let Frame::Ask(id, protocol, bytes) = frame else {
                continue;
            };
            let number = (101..=100 + count).find(|number| link(*number) == to);
            let number = number.expect("a seed of ours");
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
                Protocol::Store => {
                    asked += 1;
                    if silent.contains(&(number - 100)) {
                        continue;
                    }
                    let StoreAsk::Put(put) = wire::decode(&bytes, limit::STORE_BYTES_MAX).unwrap()
                    else {
                        panic!("something else than a record");
                    };
                    let record = Record::parse(&put.record).unwrap();
                    assert_eq!(put.stamp, stamp_of(&record.key()), "as it came");
                    let promise = receipt::sign(&holder(number), record.key(), record.expires_h());
                    wire::encode(&StoreAnswer::Kept(vec![promise]))
                }
            };
            house.give(Input::Frame(to, Frame::Answer(id, answer)));
        }
    }
    asked
}

/// Everything that came over a channel.
fn heard(house: &mut House, channel: u64) -> Vec<ToSeed> {
    core::iter::from_fn(|| house.hear(channel)).collect()
}

fn promises(heard: &[ToSeed]) -> Vec<&Receipt> {
    let promised = heard.iter().filter_map(|message| match message {
        ToSeed::Promised { id: 7, receipt } => Some(receipt),
        _ => None,
    });
    promised.collect()
}

fn place(key: RecordKey, copies: u8) -> ToPod {
    ToPod::Place { id: 7, key, copies }
}

#[test]
fn seeds_promises_are_passed_on_as_they_come() {
    let mut house = House::new();
    seeds_join(&mut house, 4);
    seeds_answer(&mut house, 4, &[]);
    let alice = house.settle("alice");
    let ToPod::Notify { notification, .. } = house.stored(alice, "alice", 1, limit::DAY_MS) else {
        panic!()
    };
    let key = notification.key;
    house.say(alice, &place(key, 3));
    assert_eq!(seeds_answer(&mut house, 4, &[]), 3, "no more than wanted");
    let said = heard(&mut house, alice);
    assert_eq!(promises(&said).len(), 3);
    for promise in promises(&said) {
        let good = receipt::check(promise, &key, notification.expires_h, &promise.seed);
        assert_eq!(good, Ok(()));
    }
    assert_eq!(said.last(), Some(&ToSeed::Placed { id: 7 }));
}

#[test]
fn a_promise_that_comes_late_still_counts_and_then_all_is_forgotten() {
    let mut house = House::new();
    seeds_join(&mut house, 2);
    seeds_answer(&mut house, 2, &[]);
    let alice = house.settle("alice");
    let ToPod::Notify { notification, .. } = house.stored(alice, "alice", 1, limit::DAY_MS) else {
        panic!()
    };
    house.say(alice, &place(notification.key, 2));
    // Nobody forwards, and nobody says who is closer, so the pod asks those it knows.
    house.answers.clear();
    house.pass(limit::FORWARD_PATIENCE_MS);
    house.answers.clear();
    house.pass(limit::STORE_LOOKUP_MS);
    let asks = core::mem::take(&mut house.answers);
    house.pass(limit::STORE_MS_MAX - limit::STORE_LOOKUP_MS - limit::FORWARD_PATIENCE_MS);
    let said = heard(&mut house, alice);
    assert_eq!(said, [ToSeed::Placed { id: 7 }]);
    house.answers = asks;
    assert!(seeds_answer(&mut house, 2, &[2]) > 0);
    assert_eq!(promises(&heard(&mut house, alice)).len(), 1);
    house.pass(limit::MINUTE_MS);
    house.say(alice, &place(notification.key, 1));
    seeds_answer(&mut house, 2, &[]);
    house.pass(limit::STORE_MS_MAX);
    let placing = house.pod.errands.values();
    let placing = placing.filter(|errand| matches!(errand, super::super::Errand::Placing(_)));
    assert_eq!(placing.count(), 1, "the last one only");
}

#[test]
fn what_cannot_be_placed_is_refused_by_code() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let ToPod::Notify { notification, .. } = house.stored(alice, "alice", 1, limit::DAY_MS) else {
        panic!()
    };
    let too_many = u8::try_from(limit::HOLDERS).unwrap() + 1;
    for copies in [0, too_many, u8::MAX] {
        let refused = house.refused(alice, &place(notification.key, copies));
        assert_eq!(refused, Rejection::Malformed);
    }
    house.say(alice, &place(RecordKey([9; 32]), 1));
    house.pass(limit::FETCH_MS_MAX);
    let no = ToSeed::Rejected {
        id: 7,
        code: Rejection::NoRecord,
    };
    assert_eq!(heard(&mut house, alice), [no]);
    // Alone, the pod has nobody to ask, and says that it is done.
    house.say(alice, &place(notification.key, 12));
    house.pass(limit::STORE_MS_MAX);
    assert_eq!(heard(&mut house, alice), [ToSeed::Placed { id: 7 }]);
}

#[test]
fn who_left_meanwhile_is_told_nothing_and_harms_nothing() {
    let mut house = House::new();
    seeds_join(&mut house, 3);
    seeds_answer(&mut house, 3, &[]);
    let alice = house.settle("alice");
    let ToPod::Notify { notification, .. } = house.stored(alice, "alice", 1, limit::DAY_MS) else {
        panic!()
    };
    house.say(alice, &place(notification.key, 3));
    house.give(Input::Unlinked(Link::Channel(alice)));
    let again = house.enter(&person("alice"));
    seeds_answer(&mut house, 3, &[]);
    assert_eq!(heard(&mut house, again), []);
}
