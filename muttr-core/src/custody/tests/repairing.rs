//! What neighbours tell each other of what they hold, and copies where too few do.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    START,
    forwarder::{Forwarder, id, others, promise},
    key,
    network::{Network, holders},
    record,
    releasing::{releasable, tombstone},
    stamp_of,
};
use crate::{
    custody::{Command, Config, repair::place_of},
    envelope::record::Record,
    limit,
    machine::{Frame, Input, Link, Machine, Protocol},
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        store::{Digest, Digested, Put, StoreAnswer, StoreAsk, Tombstone},
    },
};

/// A network in which a record was stored, and who keeps it.
fn kept(count: u64, record: &Record) -> (Network, BTreeSet<SeedId>) {
    let mut network = Network::joined(count);
    network.run(3 * limit::MINUTE_MS);
    let alice = network.ids[3];
    network.take_events(alice);
    let store = Command::Store {
        id: 1,
        record: record.clone(),
        stamp: None,
        copies: limit::HOLDERS,
    };
    network.command(alice, store);
    network.run(limit::STORE_MS_MAX);
    let promised = holders(&network.take_events(alice));
    assert_eq!(promised.len(), limit::HOLDERS);
    (network, promised)
}

fn online_holders(network: &Network, key: &RecordKey) -> usize {
    let holds = |seed: &&SeedId| network.seeds[*seed].machine.held(key);
    network.ids.iter().filter(holds).count()
}

fn puts(network: &Network) -> usize {
    let put = |ask: &&(SeedId, SeedId, StoreAsk)| matches!(ask.2, StoreAsk::Put(_));
    network.store_asks.iter().filter(put).count()
}

#[test]
fn where_too_few_are_left_copies_are_made() {
    let record = record(1, 3 * limit::DAY_MS);
    let (mut network, promised) = kept(50, &record);
    network.run(2 * limit::REPAIR_MS);
    for holder in promised.iter().skip(1) {
        network.leave(*holder);
    }
    let left = online_holders(&network, &record.key());
    assert!(left < limit::REPAIR_BELOW, "{left} are left");
    network.store_asks.clear();
    network.run(4 * limit::REPAIR_MS);
    let now = online_holders(&network, &record.key());
    assert!(now >= limit::REPAIR_BELOW, "{now} hold it");
    // No more than were missing, and one where two guardians acted at once.
    assert!(now <= limit::REPAIR_BELOW + 2, "{now} hold it");
    let moved = puts(&network);
    assert!(
        moved <= limit::REPAIR_BELOW + 2,
        "{moved} copies were moved"
    );
}

#[test]
fn while_enough_hold_it_nothing_is_moved_and_little_is_said() {
    let (mut network, _) = kept(40, &record(1, 3 * limit::DAY_MS));
    let alice = network.ids[3];
    for number in 2..40 {
        let record = record(number, 3 * limit::DAY_MS);
        let store = Command::Store {
            id: number,
            record,
            stamp: None,
            copies: limit::HOLDERS,
        };
        network.command(alice, store);
        network.run(1_000);
    }
    network.run(3 * limit::REPAIR_MS);
    network.store_asks.clear();
    network.run(4 * limit::REPAIR_MS);
    assert_eq!(puts(&network), 0);
    let said = network
        .store_asks
        .iter()
        .map(|(.., ask)| wire::encode(ask).len());
    let said = said.sum::<usize>();
    // Names alone would come to ten times that, told to every neighbour at every round.
    assert!(said < 100_000, "{said} bytes were said");
}

#[test]
fn a_seed_that_comes_back_after_five_days_revives_nothing() {
    let record = releasable(1, 14 * limit::DAY_MS);
    let (mut network, promised) = kept(40, &record);
    let bob = network.ids[20];
    let away = *promised
        .iter()
        .find(|seed| **seed != bob && **seed != network.ids[0])
        .unwrap();
    let number = (0..40).find(|number| id(*number) == away).unwrap();
    network.leave(away);
    let release = Command::Release {
        id: 4,
        tombstone: tombstone(&record),
    };
    network.command(bob, release);
    network.run(2_000);
    assert_eq!(online_holders(&network, &record.key()), 0);
    network.slept_ms = 5 * limit::DAY_MS;
    network.run(3 * limit::REPAIR_MS);

    network.come_back(Config::seed(9, key(number), [77; 32]));
    network.run(1_000);
    assert_eq!(online_holders(&network, &record.key()), 1);
    network.run(3 * limit::REPAIR_MS);
    assert_eq!(
        online_holders(&network, &record.key()),
        0,
        "it was shown the token"
    );
}

// One seed by itself, linked to neighbours that say what the test wants.

/// A record that is closest to the seed itself among these neighbours.
fn guarded(count: u64, number: u64) -> (Record, Vec<SeedId>) {
    let all: Vec<SeedId> = (1..count + 2).map(id).collect();
    let mut records = (number..).map(|number| releasable(number, 14 * limit::DAY_MS));
    let is_closest =
        |record: &Record| Network::closest(&all, Position::of(&record.key().0), 1) == [id(1)];
    let record = records.find(is_closest).unwrap();
    let near = others(count, &record.key());
    (record, near)
}

fn digest(base: u64, add: &[&Record]) -> Digest {
    let places = add
        .iter()
        .map(|record| place_of(&Position::of(&record.key().0)));
    Digest {
        base,
        add: places.flat_map(u64::to_be_bytes).collect(),
        drop: Vec::new(),
        want: Vec::new(),
    }
}

impl Forwarder {
    fn keep(&mut self, record: &Record) {
        let record = record.clone();
        let stamp = Some(stamp_of(&record));
        let keep = Command::Keep {
            id: 1,
            record,
            stamp,
        };
        self.give(Input::Command(keep));
    }

    /// Time passes, every deadline kept; questions of repair are answered as a neighbour would
    /// that holds nothing. Gives back what was put, and to whom.
    fn go_on(&mut self, ms: u64) -> Vec<(SeedId, Put)> {
        let end_ms = self.now.mono_ms + ms;
        let mut put_to = Vec::new();
        while let Some(at_ms) = self.machine.deadline().filter(|at_ms| *at_ms <= end_ms) {
            let passed_ms = at_ms.saturating_sub(self.now.mono_ms);
            self.now = Time {
                mono_ms: self.now.mono_ms + passed_ms,
                wall_ms: self.now.wall_ms + passed_ms,
            };
            self.give(Input::Tick);
            while let Some((seed, number, ask)) = self.asked.pop() {
                let answer = match ask {
                    StoreAsk::Digest(_) => StoreAnswer::Digest(Digested {
                        again: false,
                        gone: Vec::new(),
                    }),
                    StoreAsk::Put(put) => {
                        let record = Record::parse(&put.record).unwrap();
                        put_to.push((seed, put));
                        promise(seed, &record)
                    }
                    other => panic!("{other:?}"),
                };
                self.reply(seed, number, &answer);
            }
        }
        put_to
    }
}

#[test]
fn the_closest_guardian_makes_as_many_copies_as_are_missing() {
    let (record, near) = guarded(8, 0);
    let mut guardian = Forwarder::idle(&near);
    guardian.keep(&record);
    guardian.ask(near[2], 1, &StoreAsk::Digest(digest(0, &[&record])));
    let taken = StoreAnswer::Digest(Digested {
        again: false,
        gone: Vec::new(),
    });
    assert_eq!(guardian.only_answer(), (near[2], 1, taken));
    let put_to = guardian.go_on(4 * limit::REPAIR_MS);
    let missing = limit::REPAIR_BELOW - 2;
    assert_eq!(put_to.len(), missing, "{put_to:?}");
    for (seed, put) in &put_to {
        assert_eq!((put.spread, &put.record[..]), (0, record.bytes()));
        assert_ne!(*seed, near[2], "who has it gets no copy");
    }
    // What was given counts, although nobody has reported it.
    assert!(guardian.go_on(4 * limit::REPAIR_MS).is_empty());
    // One of them leaves.
    guardian.give(Input::Unlinked(Link::Seed(put_to[0].0)));
    assert_eq!(guardian.go_on(4 * limit::REPAIR_MS).len(), 1);
}

#[test]
fn a_guardian_that_lacks_a_record_wants_it_of_one_who_has_it() {
    let (record, near) = guarded(8, 0);
    let mut guardian = Forwarder::idle(&near);
    guardian.go_on(limit::REPAIR_SETTLE_MS);
    guardian.ask(near[2], 1, &StoreAsk::Digest(digest(0, &[&record])));
    guardian.wait(2 * limit::REPAIR_MS);
    let wants = guardian.take_asked().into_iter();
    let wants: Vec<_> = wants
        .filter_map(|(seed, _, ask)| match ask {
            StoreAsk::Digest(digest) => Some((seed, digest.want)),
            _ => None,
        })
        .collect();
    let place = Position::of(&record.key().0).0[..8].to_vec();
    assert_eq!(wants, [(near[2], place)]);
}

#[test]
fn what_is_wanted_is_put_once_and_what_is_unknown_is_not() {
    let (record, near) = guarded(8, 0);
    let mut holder = Forwarder::idle(&near);
    holder.keep(&record);
    let place = &Position::of(&record.key().0).0[..8];
    let want = Digest {
        want: [place, &[9; 8], place].concat(),
        ..digest(0, &[])
    };
    holder.ask(near[1], 1, &StoreAsk::Digest(want));
    let asked = holder.take_asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0, near[1]);
    assert!(matches!(&asked[0].2, StoreAsk::Put(put) if put.record == record.bytes()));
}

#[test]
fn digests_out_of_bounds_are_refused_by_code() {
    let (record, near) = guarded(8, 0);
    let mut guardian = Forwarder::idle(&near);
    let good = digest(0, &[&record]);
    let bad = [
        Digest {
            add: vec![1; 7],
            ..good.clone()
        },
        Digest {
            drop: vec![1; 9],
            ..good.clone()
        },
        Digest {
            want: vec![1; 12],
            ..good.clone()
        },
        Digest {
            add: vec![1; 8 * (limit::DIGEST_KEYS_MAX + 1)],
            ..good.clone()
        },
        Digest {
            want: vec![1; 8 * (limit::DIGEST_WANTS_MAX + 1)],
            ..good.clone()
        },
    ];
    for digest in bad {
        guardian.ask(near[0], 1, &StoreAsk::Digest(digest));
        let malformed = StoreAnswer::Rejected(Rejection::Malformed);
        assert_eq!(guardian.only_answer(), (near[0], 1, malformed));
    }
    // Another base than ours: begin anew.
    guardian.ask(near[1], 2, &StoreAsk::Digest(Digest { base: 5, ..good }));
    let again = StoreAnswer::Digest(Digested {
        again: true,
        gone: Vec::new(),
    });
    assert_eq!(guardian.only_answer(), (near[1], 2, again));
    // A neighbour may have us remember so much, and no more.
    let (mut base, mut next, mut full) = (0_u64, 0_u64, false);
    for _ in 0..=limit::DIGEST_KEYS_PER_LINK_MAX / limit::DIGEST_KEYS_MAX {
        let places = next..next + limit::DIGEST_KEYS_MAX as u64;
        next = places.end;
        let more = Digest {
            add: places.clone().flat_map(u64::to_be_bytes).collect(),
            ..digest(base, &[])
        };
        base = places.fold(base + limit::DIGEST_KEYS_MAX as u64, u64::wrapping_add);
        guardian.ask(near[1], 3, &StoreAsk::Digest(more));
        let (.., answer) = guardian.only_answer();
        full |= answer == StoreAnswer::Rejected(Rejection::Full);
    }
    assert!(full);
}

#[test]
fn a_liar_is_one_holder_at_the_most() {
    let (record, near) = guarded(8, 0);
    let mut guardian = Forwarder::idle(&near);
    guardian.keep(&record);
    let mallory = near[3];
    // She reports it twice in one digest, and again.
    guardian.ask(
        mallory,
        1,
        &StoreAsk::Digest(digest(0, &[&record, &record])),
    );
    let base = place_of(&Position::of(&record.key().0)).wrapping_add(1);
    guardian.ask(mallory, 2, &StoreAsk::Digest(digest(base, &[&record])));
    guardian.answers.clear();
    let put_to = guardian.go_on(4 * limit::REPAIR_MS);
    assert_eq!(put_to.len(), limit::REPAIR_BELOW - 2);
    assert!(put_to.iter().all(|(seed, _)| *seed != mallory));
}

#[test]
fn a_false_release_in_an_answer_releases_nothing() {
    let (record, near) = guarded(8, 0);
    let mut holder = Forwarder::idle(&near);
    holder.keep(&record);
    holder.wait(2 * limit::REPAIR_LINK_MS);
    let asked = holder.take_asked();
    let (seed, number, _) = asked.first().expect("somebody is told").clone();
    let false_one = Tombstone {
        token: vec![9; limit::TOKEN_BYTES],
        ..tombstone(&record)
    };
    let lie = StoreAnswer::Digest(Digested {
        again: false,
        gone: vec![false_one],
    });
    holder.reply(seed, number, &lie);
    assert!(holder.machine.held(&record.key()));
}

#[test]
fn who_takes_no_part_is_not_asked_twice() {
    let (record, near) = guarded(4, 0);
    let mut holder = Forwarder::idle(&near);
    holder.keep(&record);
    holder.wait(2 * limit::REPAIR_LINK_MS);
    let mut mute = BTreeSet::new();
    for _ in 0..near.len() + 1 {
        for (seed, number, ask) in holder.take_asked() {
            let told = matches!(ask, StoreAsk::Digest(_));
            assert!(!told || mute.insert(seed), "{seed:?} is told twice");
            let older = StoreAnswer::Rejected(Rejection::Malformed);
            holder.reply(seed, number, &older);
        }
        holder.wait(2 * limit::REPAIR_MS);
    }
    assert!(!mute.is_empty());
    assert_eq!(holder.machine.stats().records, 1);
}

#[test]
fn a_pod_takes_no_part() {
    let (record, near) = guarded(4, 0);
    let mut pod = Forwarder::idle(&near);
    pod.machine = crate::custody::Custody::new(Config::pod(9, key(1), [1; 32]));
    pod.now = START;
    pod.give(Input::Command(Command::Start));
    let question = wire::encode(&StoreAsk::Digest(digest(0, &[&record])));
    let frame = Frame::Ask(1, Protocol::Store, question);
    pod.give(Input::Frame(Link::Seed(near[0]), frame));
    let unwilling = StoreAnswer::Rejected(Rejection::Unwilling);
    assert_eq!(pod.only_answer(), (near[0], 1, unwilling));
}
