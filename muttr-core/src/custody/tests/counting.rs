//! Who holds a record now, and who only says so.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    holder::{self, ALICE, BOB, refused},
    network::{Network, Vice, holders},
    record,
    releasing::{releasable, tombstone},
    stamp_of,
};
use crate::{
    custody::{Command, Config, Event, Tally},
    envelope::record::Record,
    limit,
    machine::{Frame, Input, Link, Machine, Output, Protocol},
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    wire::{
        self,
        store::{Count, Get, Holder, StoreAnswer, StoreAsk},
    },
};

fn settled(count: u64) -> Network {
    let mut network = Network::joined(count);
    network.run(3 * limit::MINUTE_MS);
    network
}

fn store(network: &mut Network, author: SeedId, record: &Record) -> BTreeSet<SeedId> {
    network.take_events(author);
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

fn question(id: u64, record: &Record) -> Command {
    Command::Count {
        id,
        key: record.key(),
        deletion_hash: *record.deletion_hash(),
        pods: Vec::new(),
    }
}

fn ended(events: Vec<Event>) -> Vec<Result<Tally, Rejection>> {
    let ends = events.into_iter().filter_map(|event| match event {
        Event::Counted { result, .. } => Some(result),
        _ => None,
    });
    ends.collect()
}

fn count(network: &mut Network, asker: SeedId, record: &Record) -> Tally {
    network.take_events(asker);
    network.store_asks.clear();
    network.dials.clear();
    network.command(asker, question(7, record));
    let mut ends = Vec::new();
    for _ in 0..limit::COUNT_MS_MAX / 1_000 {
        network.run(1_000);
        ends.extend(ended(network.take_events(asker)));
        if !ends.is_empty() {
            break;
        }
    }
    assert_eq!(ends.len(), 1, "a count ends");
    ends.remove(0).unwrap()
}

/// Whom somebody asked to count.
fn asked_by(network: &Network, asker: SeedId) -> BTreeSet<SeedId> {
    let asks = network.store_asks.iter();
    let asks = asks.filter(|(from, _, ask)| *from == asker && matches!(ask, StoreAsk::Count(_)));
    asks.map(|(_, to, _)| *to).collect()
}

fn hold(network: &Network, record: &Record) -> BTreeSet<SeedId> {
    let holds = |seed: &&SeedId| network.seeds[*seed].machine.held(&record.key());
    network.ids.iter().filter(holds).copied().collect()
}

#[test]
fn a_count_names_those_who_hold_the_record_now_and_reads_one_of_them_back() {
    let mut network = settled(60);
    for number in 0..6 {
        let alice = network.ids[7 * number];
        let record = record(number as u64, limit::DAY_MS);
        assert_eq!(store(&mut network, alice, &record).len(), limit::HOLDERS);
        let tally = count(&mut network, alice, &record);
        let really = hold(&network, &record);
        assert!(tally.seeds.iter().all(|seed| really.contains(seed)));
        assert!(
            tally.seeds.len() >= limit::HOLDERS - 2,
            "{number}: {tally:?}"
        );
        assert!(!tally.seeds.contains(&alice));
        assert_eq!((tally.record.as_ref(), tally.gone), (Some(&record), None));
        let dialled = network.dials.iter().filter(|seed| **seed == alice);
        assert!(dialled.count() <= limit::FORWARDS, "who was not read back");
        let read = |(from, _, ask): &&(SeedId, SeedId, StoreAsk)| {
            *from == alice && matches!(ask, StoreAsk::Get(get) if get.hops == limit::HOPS_MAX)
        };
        let read = network.store_asks.iter().filter(read).count();
        assert!((1..=limit::FORWARDS).contains(&read), "{number}: {read}");
    }
}

#[test]
fn those_who_left_are_not_counted_any_more() {
    let mut network = settled(50);
    let alice = network.ids[3];
    let record = record(1, limit::DAY_MS);
    let promised = store(&mut network, alice, &record);
    let before = count(&mut network, alice, &record).seeds.len();
    for seed in promised.iter().take(9) {
        network.leave(*seed);
    }
    network.run(10_000);
    let tally = count(&mut network, alice, &record);
    let really = hold(&network, &record);
    assert!(tally.seeds.iter().all(|seed| really.contains(seed)));
    assert!(tally.seeds.len() < before && tally.seeds.len() <= really.len());
    // What nobody ever had, nobody has.
    let nothing = count(&mut network, alice, &super::record(2, limit::DAY_MS));
    assert_eq!(nothing, Tally::default());
}

#[test]
fn seeds_that_a_forwarder_makes_up_are_not_counted_and_it_is_blamed() {
    let mut network = settled(40);
    let record = record(1, limit::DAY_MS);
    let alice = network.ids[5];
    assert_eq!(store(&mut network, alice, &record).len(), limit::HOLDERS);
    // Mallory is everybody whom alice could ask.
    for seed in network.ids.clone() {
        network.sim(seed).vice = (seed != alice).then_some(Vice::Invents);
    }
    let mut liars = Vec::new();
    for _ in 0..=limit::FAULTS_MAX {
        let tally = count(&mut network, alice, &record);
        assert_eq!(tally, Tally::default(), "invented holders were believed");
        liars.push(asked_by(&network, alice));
    }
    // Who lies so often is not asked any more.
    let (first, last) = (liars.first().unwrap(), liars.last().unwrap());
    assert_eq!(first.len(), limit::FORWARDS);
    assert!(first.is_disjoint(last), "{liars:?}");
}

#[test]
fn one_forwarder_that_invents_does_not_spoil_what_the_other_says() {
    let mut network = settled(50);
    let record = record(4, limit::DAY_MS);
    let alice = network.ids[9];
    store(&mut network, alice, &record);
    let first = count(&mut network, alice, &record);
    let mallory = *asked_by(&network, alice).first().unwrap();
    network.sim(mallory).vice = Some(Vice::Invents);
    let tally = count(&mut network, alice, &record);
    let really = hold(&network, &record);
    assert!(tally.seeds.iter().all(|seed| really.contains(seed)));
    assert!(tally.seeds.len() + 2 >= first.seeds.len(), "{tally:?}");
}

#[test]
fn who_is_older_and_cannot_count_is_asked_like_a_neighbour() {
    let mut network = settled(40);
    let record = record(2, limit::DAY_MS);
    let alice = network.ids[5];
    let promised = store(&mut network, alice, &record);
    let target = Position::of(&record.key().0);
    for seed in Network::closest(&network.ids, target, 4) {
        network.sim(seed).vice = Some(Vice::Older);
    }
    let tally = count(&mut network, alice, &record);
    assert!(tally.seeds.len() >= limit::HOLDERS / 2, "{tally:?}");
    assert!(tally.seeds.iter().all(|seed| promised.contains(seed)));
}

#[test]
fn a_pod_speaks_for_itself_and_is_no_seed() {
    let mut network = Network::default();
    let pod = network.add(Config::pod(9, super::key(0), [0; 32]));
    for number in 1..20 {
        let seed = network.add(Config::seed(9, super::key(number), [number as u8; 32]));
        let contact = network.contact(0);
        network.command(seed, Command::Pod(pod));
        network.command(seed, Command::Join(vec![contact]));
        network.run(300);
    }
    network.run(3 * limit::MINUTE_MS);
    let alice = network.ids[4];
    let record = record(1, limit::DAY_MS);
    store(&mut network, alice, &record);
    let id = 2;
    let kept = Command::Keep {
        id,
        record: record.clone(),
        stamp: Some(stamp_of(&record)),
    };
    network.command(pod, kept);
    network.run(1_000);
    let tally = count(&mut network, alice, &record);
    assert_eq!(tally.pods, [pod]);
    assert!(tally.seeds.len() >= limit::HOLDERS - 2 && !tally.seeds.contains(&pod));
    // And the pod counts seeds like everybody else.
    let tally = count(&mut network, pod, &record);
    assert!(tally.seeds.len() >= limit::HOLDERS - 2, "{tally:?}");
    assert!(!tally.seeds.contains(&pod));
}

#[test]
fn what_was_released_is_counted_as_gone_and_the_own_copy_is_given_up() {
    let mut network = settled(40);
    let (alice, bob, pod) = (network.ids[3], network.ids[21], network.ids[30]);
    let record = releasable(3, limit::DAY_MS);
    let promised = store(&mut network, alice, &record);
    let kept = Command::Keep {
        id: 2,
        record: record.clone(),
        stamp: Some(stamp_of(&record)),
    };
    let release = Command::Release {
        id: 4,
        tombstone: tombstone(&record),
    };
    network.command(bob, release);
    network.run(2_000);
    // It was kept meanwhile by somebody who has not heard.
    network.command(pod, kept);
    network.run(100);
    for seed in [pod, alice] {
        let tally = count(&mut network, seed, &record);
        assert_eq!(tally.gone, Some(tombstone(&record)));
        assert!(!network.seeds[&seed].machine.held(&record.key()));
    }
    // Another token is no proof, and is held against those who show it.
    let other = Command::Count {
        id: 7,
        key: record.key(),
        deletion_hash: [3; 32],
        pods: Vec::new(),
    };
    let asker = *network
        .ids
        .iter()
        .find(|seed| {
            let machine = &network.seeds[*seed].machine;
            !promised.contains(seed) && !machine.records.is_released(&record.key())
        })
        .unwrap();
    network.take_events(asker);
    network.command(asker, other);
    network.run(limit::COUNT_MS_MAX);
    assert_eq!(
        ended(network.take_events(asker)),
        [Ok(Tally::default())],
        "a proof of something else was taken"
    );
}

#[test]
fn a_holder_that_cannot_ask_around_speaks_for_itself() {
    let mut holder = holder::Holder::started();
    let record = record(1, limit::DAY_MS);
    let ask = |hops| {
        let key = record.key();
        StoreAsk::Count(Count { key, hops })
    };
    holder.ask(BOB, &ask(limit::HOPS_MAX));
    assert_eq!(holder.only_answer(), StoreAnswer::Counted(Vec::new()));
    holder.put(ALICE, &record);
    holder.answers.clear();
    holder.ask(BOB, &ask(limit::HOPS_MAX));
    let me = holder.machine.me;
    let myself = Holder {
        seed: me,
        addresses: Vec::new(),
    };
    assert_eq!(holder.only_answer(), StoreAnswer::Counted(vec![myself]));
    holder.ask(BOB, &ask(limit::HOPS_MAX + 1));
    assert_eq!(holder.only_answer(), refused(Rejection::Malformed));
}

/// What alice's count comes to when the one seed that she is linked to answers this.
fn answered(answer: &StoreAnswer) -> (Tally, bool) {
    let mut holder = holder::Holder::started();
    holder.input(Input::Unlinked(BOB));
    let record = releasable(1, limit::DAY_MS);
    let (key, token) = (record.key(), *record.deletion_hash());
    let mut blamed = false;
    let mut last = Tally::default();
    for id in 0..u64::from(limit::FAULTS_MAX) {
        let count = Command::Count {
            id,
            key,
            deletion_hash: token,
            pods: Vec::new(),
        };
        holder.machine.handle(holder.now, Input::Command(count));
        while let Some(output) = holder.machine.poll() {
            match output {
                Output::Send(link, Frame::Ask(id, Protocol::Store, bytes)) => {
                    let ask = wire::decode(&bytes, limit::STORE_BYTES_MAX).unwrap();
                    let reply = match ask {
                        StoreAsk::Count(_) => answer.clone(),
                        StoreAsk::Get(Get { .. }) => StoreAnswer::Rejected(Rejection::NoRecord),
                        other => panic!("{other:?}"),
                    };
                    let frame = Frame::Answer(id, wire::encode(&reply));
                    holder.machine.handle(holder.now, Input::Frame(link, frame));
                }
                Output::Unlink(Link::Seed(_)) => blamed = true,
                Output::Event(Event::Counted { result, .. }) => last = result.unwrap(),
                _ => {}
            }
        }
    }
    (last, blamed)
}

#[test]
fn answers_that_are_none_are_held_against_whoever_gives_them() {
    let named = |seed: [u8; 32], addresses: usize, bytes: usize| Holder {
        seed: SeedId(seed),
        addresses: vec![vec![1; bytes].into(); addresses],
    };
    let number = |at: usize| named([u8::try_from(at).unwrap(); 32], 0, 0);
    let many: Vec<Holder> = (0..=limit::COUNTED_MAX).map(number).collect();
    let alice = named([0xa1; 32], 0, 0);
    let most = (limit::COUNTED_ADDRESSES_MAX, limit::ADDRESS_BYTES_MAX);
    let wrong = releasable(2, limit::DAY_MS);
    for bad in [
        StoreAnswer::Counted(many),
        StoreAnswer::Counted(vec![number(1), number(1)]),
        StoreAnswer::Counted(vec![named([2; 32], most.0 + 1, 4)]),
        StoreAnswer::Counted(vec![named([2; 32], 1, most.1 + 1)]),
        // It has not got the record either.
        StoreAnswer::Counted(vec![alice]),
        StoreAnswer::Gone(tombstone(&wrong)),
        StoreAnswer::Have(vec![true]),
        StoreAnswer::Released,
    ] {
        assert_eq!(answered(&bad), (Tally::default(), true), "{bad:?}");
    }
    for fair in [
        StoreAnswer::Counted(Vec::new()),
        StoreAnswer::Rejected(Rejection::Busy),
        StoreAnswer::Rejected(Rejection::Unsupported),
    ] {
        assert_eq!(answered(&fair), (Tally::default(), false), "{fair:?}");
    }
}

#[test]
fn counts_are_bounded() {
    let mut holder = holder::Holder::started();
    for number in 0..=limit::COUNTS_MAX {
        let count = Command::Count {
            id: number as u64,
            key: RecordKey([number as u8; 32]),
            deletion_hash: [0; 32],
            pods: Vec::new(),
        };
        holder.input(Input::Command(count));
    }
    let ends = ended(core::mem::take(&mut holder.events));
    assert_eq!(ends, [Err(Rejection::Busy)]);
}
