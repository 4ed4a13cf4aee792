//! Records and questions on their way over links that are up, and what a forwarder does with them.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    forwarder::{Forwarder, id, others, promise},
    later,
    network::{Network, Vice, holders},
    record, stamp_of,
};
use crate::{
    custody::{Command, Event, receipt},
    envelope::record::Record,
    limit,
    machine::{Input, Link},
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    wire::store::{Get, Put, Receipt, StoreAnswer, StoreAsk},
};

fn store(network: &mut Network, author: SeedId, record: &Record) -> BTreeSet<SeedId> {
    network.take_events(author);
    network.store_asks.clear();
    network.dials.clear();
    let store = Command::Store {
        id: 1,
        record: record.clone(),
        stamp: None,
        copies: limit::HOLDERS,
    };
    network.command(author, store);
    network.run(limit::STORE_MS_MAX);
    holders(&network.take_events(author))
}

fn fetch(network: &mut Network, reader: SeedId, key: RecordKey) -> Option<Record> {
    network.take_events(reader);
    network.command(reader, Command::Fetch { id: 2, key });
    network.run(limit::FETCH_MS_MAX);
    let events = network.take_events(reader).into_iter();
    let mut results = events.filter_map(|event| match event {
        Event::Fetched { id: 2, result } => Some(result.ok()),
        _ => None,
    });
    results.next().flatten()
}

/// A network in which everyone knows their neighbours.
fn settled(count: u64) -> Network {
    let mut network = Network::joined(count);
    network.run(3 * limit::MINUTE_MS);
    network
}

#[test]
fn a_record_travels_toward_its_key_and_its_author_dials_nobody() {
    let mut network = settled(60);
    for number in 0..8 {
        let alice = network.ids[5 * number];
        let record = record(number as u64, limit::DAY_MS);
        let target = Position::of(&record.key().0);
        let promised = store(&mut network, alice, &record);
        assert_eq!(promised.len(), limit::HOLDERS, "store {number}");
        let puts = network.store_asks.iter().filter_map(|ask| match ask {
            (from, to, StoreAsk::Put(put)) => Some((*from, *to, put.clone())),
            _ => None,
        });
        let puts: Vec<_> = puts.collect();
        let by_alice = puts.iter().filter(|(from, ..)| *from == alice);
        let by_alice: Vec<_> = by_alice.collect();
        let first = by_alice.iter().filter(|(.., put)| put.spread > 0);
        // The second way is taken when the first brought too few.
        assert!((1..=limit::FORWARDS).contains(&first.count()));
        // At the most the author asks one seed itself: in the place of its own copy.
        assert!(by_alice.len() <= limit::FORWARDS + 1, "store {number}");
        for (from, to, put) in &puts {
            let distance = |seed: &SeedId| seed.position().distance(&target);
            let nearer = distance(to) < distance(from);
            assert!(put.spread == 0 || *from == alice || nearer, "never farther");
            assert!(put.hops <= limit::HOPS_MAX);
        }
        // Two ways that end at the same seed make no copy twice.
        let most = limit::FORWARDS * 4 + limit::HOLDERS + 2;
        assert!(puts.len() <= most, "{} puts for store {number}", puts.len());
        let closest = Network::closest(&network.ids, target, limit::HOLDERS + 4);
        let near = promised.iter().filter(|seed| closest.contains(seed));
        assert!(near.count() >= limit::HOLDERS - 2);
        for holder in promised {
            assert!(network.seeds[&holder].machine.held(&record.key()));
        }
    }
}

#[test]
fn a_question_travels_likewise_and_the_record_retraces_its_way() {
    let mut network = settled(60);
    for number in 0..8 {
        let (alice, bob) = (network.ids[number], network.ids[59 - 3 * number]);
        let record = record(number as u64, limit::DAY_MS);
        store(&mut network, alice, &record);
        network.store_asks.clear();
        network.dials.clear();
        assert_eq!(fetch(&mut network, bob, record.key()), Some(record));
        let direct = |(from, _, ask): &&(SeedId, SeedId, StoreAsk)| {
            *from == bob && matches!(ask, StoreAsk::Get(get) if get.hops == limit::HOPS_MAX)
        };
        let direct = network.store_asks.iter().filter(direct).count();
        assert_eq!(direct, 0, "fetch {number} had to look seeds up");
    }
}

#[test]
fn forwarders_that_drop_what_they_are_given_cost_only_time() {
    let mut network = settled(50);
    for seed in network.ids.clone().into_iter().step_by(5) {
        network.sim(seed).vice = Some(Vice::Drops);
    }
    for number in 0..12 {
        let (alice, bob) = (network.ids[4 * number + 1], network.ids[4 * number + 2]);
        let record = record(number as u64, limit::DAY_MS);
        let promised = store(&mut network, alice, &record);
        assert_eq!(promised.len(), limit::HOLDERS, "store {number}");
        assert_eq!(fetch(&mut network, bob, record.key()), Some(record));
    }
}

#[test]
fn receipts_that_a_forwarder_makes_up_are_not_counted() {
    let mut network = settled(40);
    let honest = [network.ids[3], network.ids[11]];
    for seed in network.ids.clone() {
        let bad = !honest.contains(&seed);
        network.sim(seed).vice = bad.then_some(Vice::Invents);
    }
    let record = record(1, limit::DAY_MS);
    let promised = store(&mut network, honest[0], &record);
    assert_eq!(promised.len(), limit::HOLDERS);
    for holder in promised {
        assert!(network.seeds[&holder].machine.held(&record.key()));
    }
    assert_eq!(
        fetch(&mut network, honest[1], record.key()),
        Some(record),
        "what was stored is found"
    );
}

#[test]
fn among_seeds_that_know_nothing_of_forwarding_the_author_does_it_all() {
    let mut network = settled(40);
    let (alice, bob) = (network.ids[7], network.ids[30]);
    for seed in network.ids.clone() {
        let older = seed != alice && seed != bob;
        network.sim(seed).vice = older.then_some(Vice::Older);
    }
    let record = record(1, limit::DAY_MS);
    assert_eq!(store(&mut network, alice, &record).len(), limit::HOLDERS);
    assert_eq!(fetch(&mut network, bob, record.key()), Some(record));
}

#[test]
fn among_seeds_older_than_stamps_the_author_gives_each_holder_its_copy() {
    let mut network = settled(40);
    let (alice, bob) = (network.ids[7], network.ids[30]);
    for seed in network.ids.clone() {
        let older = seed != alice;
        network.sim(seed).vice = older.then_some(Vice::Unstamps);
    }
    let record = record(1, limit::DAY_MS);
    assert_eq!(store(&mut network, alice, &record).len(), limit::HOLDERS);
    let unstamped = network.store_asks.iter().filter_map(|ask| match ask {
        (from, to, StoreAsk::Put(put)) if put.stamp.is_empty() => Some((*from, *to)),
        _ => None,
    });
    assert!(unstamped.clone().count() > 0, "somebody passed it on");
    assert!(unstamped.clone().all(|(from, _)| from != alice));
    assert_eq!(fetch(&mut network, bob, record.key()), Some(record));
}

// One forwarder by itself.

fn put(record: &Record, hops: u8, spread: u8) -> StoreAsk {
    StoreAsk::Put(Put {
        record: record.bytes().to_vec(),
        stamp: stamp_of(record).to_bytes(),
        hops,
        spread,
    })
}

/// A record that is closer to two of these at least than to us, and one that is closest to us.
fn far_and_near(count: u64) -> (Record, Record) {
    let all: Vec<SeedId> = (1..count + 2).map(id).collect();
    let closest = |record: &Record| {
        let target = Position::of(&record.key().0);
        Network::closest(&all, target, all.len())
    };
    let mut records = (0..).map(|number| record(number, limit::DAY_MS));
    // Not every place in the order is possible: that depends on who shares how many bits.
    let far = records.find(|record| !closest(record)[..2].contains(&id(1)));
    let near = records.find(|record| closest(record)[0] == id(1));
    (far.unwrap(), near.unwrap())
}

#[test]
fn a_forwarder_passes_on_to_the_closest_and_never_back() {
    let (far, _) = far_and_near(8);
    let near = others(8, &far.key());
    let mut forwarder = Forwarder::linked_to(&near);
    // The closest of all brings it: the next closest is who gets it.
    forwarder.ask(near[0], 7, &put(&far, 2, 5));
    let asked = forwarder.take_asked();
    let [(to, number, ask)] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!((*to, ask.clone()), (near[1], put(&far, 3, 5)));
    assert_eq!(forwarder.writes, 0, "what is passed on is not kept");
    let StoreAnswer::Kept(mut receipts) = promise(near[1], &far) else {
        panic!()
    };
    // A forwarder passes receipts on as they are, good or not.
    receipts.push(Receipt {
        signature: vec![3; 64],
        seed: near[2],
        ..receipts[0].clone()
    });
    let answer = StoreAnswer::Kept(receipts);
    forwarder.reply(near[1], *number, &answer);
    assert_eq!(forwarder.only_answer(), (near[0], 7, answer));
    assert_eq!(forwarder.machine.stats().records, 0);
}

#[test]
fn at_the_end_of_the_way_the_record_is_kept_and_placed_around() {
    let (_, record) = far_and_near(8);
    let near = others(8, &record.key());
    let mut forwarder = Forwarder::linked_to(&near);
    let author = near[1];
    forwarder.ask(author, 7, &put(&record, 0, 3));
    let asked = forwarder.take_asked();
    let to: Vec<SeedId> = asked.iter().map(|(to, ..)| *to).collect();
    assert_eq!(
        to,
        [near[0], near[2], near[3]],
        "not the one who brought it"
    );
    assert!(asked.iter().all(|(.., ask)| *ask == put(&record, 1, 0)));
    assert_eq!(forwarder.writes, 1);
    let full = StoreAnswer::Rejected(Rejection::Full);
    forwarder.reply(to[0], asked[0].1, &full);
    let instead = forwarder.take_asked();
    assert_eq!(instead[0].0, near[4], "the next closest in its place");
    for (seed, number, _) in asked[1..].iter().chain(&instead) {
        assert!(forwarder.answers.is_empty());
        forwarder.reply(*seed, *number, &promise(*seed, &record));
    }
    let (to, 7, StoreAnswer::Kept(receipts)) = forwarder.only_answer() else {
        panic!("no receipts")
    };
    assert_eq!(to, author);
    let signed: BTreeSet<SeedId> = receipts.iter().map(|receipt| receipt.seed).collect();
    let wanted = [id(1), near[2], near[3], near[4]];
    assert_eq!(signed, wanted.into_iter().collect());
    for receipt in &receipts {
        let good = receipt::check(receipt, &record.key(), record.expires_h(), &receipt.seed);
        assert_eq!(good, Ok(()));
    }
}

#[test]
fn who_is_silent_at_the_end_of_the_way_is_not_waited_for() {
    let (_, record) = far_and_near(4);
    let near = others(4, &record.key());
    let mut forwarder = Forwarder::linked_to(&near);
    forwarder.ask(near[3], 7, &put(&record, 0, 2));
    let asked = forwarder.take_asked();
    assert_eq!(asked.len(), 2);
    forwarder.reply(asked[0].0, asked[0].1, &promise(asked[0].0, &record));
    forwarder.wait(limit::FORWARD_SLOW_MS);
    let instead = forwarder.take_asked();
    assert_eq!(instead[0].0, near[2]);
    forwarder.wait(limit::FORWARD_SLOW_MS);
    let last = forwarder.take_asked();
    assert_eq!(last[0].0, near[3], "who brought it comes last");
    forwarder.wait(limit::FORWARD_SLOW_MS);
    let (_, 7, StoreAnswer::Kept(receipts)) = forwarder.only_answer() else {
        panic!("no receipts")
    };
    assert_eq!(receipts.len(), 2);
}

#[test]
fn a_broken_link_is_gone_around_and_a_no_is_passed_back() {
    let (far, _) = far_and_near(8);
    let near = others(8, &far.key());
    let mut forwarder = Forwarder::linked_to(&near);
    forwarder.ask(near[7], 7, &put(&far, 2, 5));
    assert_eq!(forwarder.take_asked()[0].0, near[0]);
    forwarder.give(Input::Unlinked(Link::Seed(near[0])));
    let around = forwarder.take_asked();
    assert_eq!(around[0].0, near[1]);
    let full = StoreAnswer::Rejected(Rejection::Full);
    forwarder.reply(near[1], around[0].1, &full);
    assert_eq!(forwarder.only_answer(), (near[7], 7, full));
    assert!(forwarder.take_asked().is_empty());
}

#[test]
fn a_question_is_passed_on_until_its_hops_are_used_up() {
    let (far, near_us) = far_and_near(8);
    let near = others(8, &far.key());
    let mut forwarder = Forwarder::linked_to(&near);
    let get = |key, hops| StoreAsk::Get(Get { key, hops });
    forwarder.ask(near[7], 1, &get(far.key(), 4));
    let asked = forwarder.take_asked();
    assert_eq!(
        (asked[0].0, asked[0].2.clone()),
        (near[0], get(far.key(), 5))
    );
    // Other bytes go no farther than here, and count as no answer.
    let wrong = StoreAnswer::Record(near_us.bytes().to_vec().into());
    forwarder.reply(near[0], asked[0].1, &wrong);
    let around = forwarder.take_asked();
    assert_eq!(around[0].0, near[1]);
    let right = StoreAnswer::Record(far.bytes().to_vec().into());
    forwarder.reply(near[1], around[0].1, &right);
    assert_eq!(forwarder.only_answer(), (near[7], 1, right));

    forwarder.ask(near[7], 2, &get(far.key(), limit::HOPS_MAX));
    let none = StoreAnswer::Rejected(Rejection::NoRecord);
    assert_eq!(forwarder.only_answer(), (near[7], 2, none.clone()));
    assert!(forwarder.take_asked().is_empty());

    // At the end of its way the neighbours are asked for what they hold themselves.
    forwarder.ask(near[7], 3, &get(near_us.key(), 0));
    let mut asked = forwarder.take_asked();
    assert_eq!(asked.len(), limit::FETCH_PARALLEL);
    let mut known = BTreeSet::from([near[7]]);
    while let Some((seed, number, ask)) = asked.pop() {
        assert_eq!(ask, get(near_us.key(), limit::HOPS_MAX));
        assert!(known.insert(seed), "nobody twice, and not who asks");
        forwarder.reply(seed, number, &none);
        asked.extend(forwarder.take_asked());
    }
    assert_eq!(known.len(), 8);
    assert_eq!(forwarder.only_answer(), (near[7], 3, none));
}

#[test]
fn that_there_is_nothing_is_believed_of_nobody_who_is_closer() {
    let (far, _) = far_and_near(60);
    let near = others(60, &far.key());
    let get = |hops| {
        let key = far.key();
        StoreAsk::Get(Get { key, hops })
    };
    let here = get(limit::HOPS_MAX);
    for code in [Rejection::NoRecord, Rejection::Released, Rejection::Busy] {
        let none = StoreAnswer::Rejected(code);
        let mut forwarder = Forwarder::linked_to(&near);
        forwarder.ask(near[59], 1, &get(4));
        let mut asked = forwarder.take_asked();
        assert_eq!((asked[0].0, &asked[0].2), (near[0], &get(5)));
        let mut known = BTreeSet::from([near[59]]);
        while let Some((seed, number, ask)) = asked.pop() {
            assert!(known.len() == 1 || ask == here, "goes no farther");
            assert!(known.insert(seed), "nobody twice, and not who asks");
            forwarder.reply(seed, number, &none);
            asked.extend(forwarder.take_asked());
            assert!(asked.len() <= limit::AROUND.1);
        }
        // Who asks, who was believed to be closest, and those around.
        assert_eq!(known.len(), 2 + limit::AROUND.0);
        let nothing = StoreAnswer::Rejected(Rejection::NoRecord);
        assert_eq!(forwarder.only_answer(), (near[59], 1, nothing));

        forwarder.ask(near[59], 2, &get(4));
        let (seed, number, _) = forwarder.take_asked().remove(0);
        forwarder.reply(seed, number, &none);
        let (seed, number, _) = forwarder.take_asked().remove(0);
        let record = StoreAnswer::Record(far.bytes().to_vec().into());
        forwarder.reply(seed, number, &record);
        assert_eq!(forwarder.only_answer(), (near[59], 2, record));
    }
}

#[test]
fn who_keeps_silent_about_a_record_is_gone_around_and_may_still_have_it() {
    let (far, _) = far_and_near(8);
    let near = others(8, &far.key());
    let mut forwarder = Forwarder::linked_to(&near);
    let (key, hops) = (far.key(), 4);
    forwarder.ask(near[7], 1, &StoreAsk::Get(Get { key, hops }));
    let (silent, late, _) = forwarder.take_asked().remove(0);
    assert_eq!(silent, near[0]);
    let patience = limit::FORWARD_MS_MAX - limit::FORWARD_HOP_MS * u64::from(hops);
    forwarder.wait(patience / 2 - 1);
    assert!(forwarder.take_asked().is_empty());
    forwarder.wait(1);
    let around: Vec<SeedId> = forwarder.take_asked().iter().map(|(to, ..)| *to).collect();
    assert_eq!(around, near[1..=limit::AROUND.1]);
    let record = StoreAnswer::Record(far.bytes().to_vec().into());
    forwarder.reply(silent, late, &record);
    assert_eq!(forwarder.only_answer(), (near[7], 1, record));
}

#[test]
fn a_forwarder_answers_in_time_and_earlier_the_farther_it_is() {
    for hops in [0, 3, 15] {
        let (far, _) = far_and_near(8);
        let near = others(8, &far.key());
        let mut forwarder = Forwarder::linked_to(&near);
        forwarder.ask(near[7], 7, &put(&far, hops, 5));
        let patience = limit::FORWARD_MS_MAX - limit::FORWARD_HOP_MS * u64::from(hops);
        forwarder.wait(patience - 1);
        assert!(forwarder.answers.is_empty());
        forwarder.wait(1);
        let late = StoreAnswer::Rejected(Rejection::TimedOut);
        assert_eq!(forwarder.only_answer(), (near[7], 7, late));
    }
}

#[test]
fn the_same_wish_again_makes_no_copy_more() {
    let (_, record) = far_and_near(8);
    let near = others(8, &record.key());
    let mut forwarder = Forwarder::linked_to(&near);
    for (number, asker) in [(1, near[6]), (2, near[7]), (3, near[7])] {
        forwarder.ask(asker, number, &put(&record, 0, 2));
    }
    let asked = forwarder.take_asked();
    assert_eq!(asked.len(), 2);
    for (seed, number, _) in asked {
        forwarder.reply(seed, number, &promise(seed, &record));
    }
    forwarder.ask(near[5], 4, &put(&record, 0, 2));
    assert!(forwarder.take_asked().is_empty());
    let answers = core::mem::take(&mut forwarder.answers);
    assert_eq!(answers.len(), 4);
    assert!(answers.iter().all(|(.., answer)| *answer == answers[0].2));
}

#[test]
fn floods_of_wishes_are_refused_by_code() {
    let (far, _) = far_and_near(8);
    let near = others(8, &far.key());
    let mut forwarder = Forwarder::linked_to(&near);
    let mallory = near[7];
    let malformed = StoreAnswer::Rejected(Rejection::Malformed);
    for ask in [
        put(&far, 0, u8::try_from(limit::HOLDERS).unwrap()),
        put(&far, 0, u8::MAX),
        put(&far, limit::HOPS_MAX + 1, 3),
    ] {
        forwarder.ask(mallory, 1, &ask);
        assert_eq!(forwarder.only_answer(), (mallory, 1, malformed.clone()));
    }
    let wishes = limit::FORWARDED_PER_LINK_MAX as u64 + 5;
    for number in 0..wishes {
        forwarder.ask(mallory, number, &put(&record(number, limit::DAY_MS), 0, 11));
    }
    let busy = StoreAnswer::Rejected(Rejection::Busy);
    let refused = forwarder
        .answers
        .iter()
        .filter(|(.., answer)| *answer == busy);
    assert_eq!(refused.count(), 5);
    forwarder.answers.clear();
    // What mallory does to one link harms no other, and all of it is over in time.
    forwarder.ask(near[6], 900, &put(&far, 0, 1));
    assert!(forwarder.answers.iter().all(|(.., answer)| *answer != busy));
    forwarder.wait(limit::FORWARD_MS_MAX);
    forwarder.wait(limit::FORWARD_REMEMBER_MS);
    forwarder.answers.clear();
    forwarder.ask(mallory, 901, &put(&record(1_000, limit::DAY_MS), 0, 11));
    assert!(forwarder.answers.iter().all(|(.., answer)| *answer != busy));
}

#[test]
fn what_has_expired_goes_no_farther() {
    let (far, _) = far_and_near(8);
    let near = others(8, &far.key());
    let mut forwarder = Forwarder::linked_to(&near);
    forwarder.now = later(2 * limit::DAY_MS);
    forwarder.ask(near[7], 7, &put(&far, 2, 5));
    let expired = StoreAnswer::Rejected(Rejection::Expired);
    assert_eq!(forwarder.only_answer(), (near[7], 7, expired));
    assert!(forwarder.take_asked().is_empty());
}

#[test]
fn far_from_the_key_the_way_does_not_end() {
    // Everyone around the forwarder is far from the record, and nobody is closer than it is.
    let all: Vec<SeedId> = (2..300).map(id).collect();
    let around = Network::closest(&all, id(1).position(), limit::NEIGHBOURHOOD_CLOSE + 1);
    let mut records = (0..).map(|number| record(number, limit::DAY_MS));
    let far = records.find(|record| {
        let target = Position::of(&record.key().0);
        let distance = |seed: &SeedId| seed.position().distance(&target);
        let shared = id(1).position().distance(&target).leading_zeros();
        shared == 0 && around.iter().all(|seed| distance(seed) > distance(&id(1)))
    });
    let far = far.unwrap();
    let mut forwarder = Forwarder::linked_to(&around);
    forwarder.give(Input::Command(Command::Join(Vec::new())));
    forwarder.wait(limit::LOOKUP_MS_MAX);
    let too_far = StoreAnswer::Rejected(Rejection::TooFar);
    forwarder.ask(around[0], 7, &put(&far, 2, 5));
    assert_eq!(forwarder.only_answer(), (around[0], 7, too_far.clone()));
    assert_eq!(forwarder.writes, 0);
    let key = far.key();
    forwarder.ask(around[0], 8, &StoreAsk::Get(Get { key, hops: 2 }));
    // Those around are even farther from it than this: nobody is asked.
    assert!(forwarder.take_asked().is_empty());
    assert_eq!(forwarder.only_answer(), (around[0], 8, too_far));
    // Asked for one copy of its own, it keeps it.
    forwarder.ask(around[0], 9, &put(&far, 2, 0));
    assert!(matches!(forwarder.only_answer().2, StoreAnswer::Kept(_)));
}

#[test]
fn an_author_whose_way_ends_too_early_takes_another_at_once() {
    let record = record(1, limit::DAY_MS);
    let near = others(12, &record.key());
    let mut author = Forwarder::linked_to(&near);
    author.give(Input::Command(Command::Store {
        id: 1,
        record: record.clone(),
        copies: 1 + limit::FORWARDS,
        stamp: Some(stamp_of(&record)),
    }));
    let too_far = StoreAnswer::Rejected(Rejection::TooFar);
    for next in &near[..limit::FORWARDS_MAX] {
        let asked = author.take_asked();
        let [(seed, number, _)] = asked[..] else {
            panic!("{asked:?}");
        };
        assert_eq!(seed, *next, "those that lead closest come first");
        author.reply(seed, number, &too_far);
    }
    // After so many somebody else is looked for, and asked for a copy of its own.
    let mut spreads = author
        .take_asked()
        .into_iter()
        .map(|(_, _, ask)| match ask {
            StoreAsk::Put(put) => put.spread,
            other => panic!("{other:?}"),
        });
    assert!(spreads.all(|spread| spread == 0));
}
