//! Seeds that lie, stall or babble, and bytes that mean nothing.

use alloc::{vec, vec::Vec};

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use super::{
    START, key, later,
    network::{JUNK, NEWER, Network, Vice, holders},
    record, stamp_of,
};
use crate::{
    custody::{Command, Config, Custody, Event},
    envelope::record::{Record, key_of},
    limit,
    machine::{Frame, Input, Kept, Link, Machine, Output, Protocol, Row, Traits, Write},
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::wire::{Message, Peer},
    time::Time,
    wire::{
        self,
        store::{Digest, Digested, Get, Put, Receipt, Release, StoreAnswer, StoreAsk, Tombstone},
    },
};

/// Gives a vice to every third of the seeds closest to a record; says who is left honest.
fn corrupt(network: &mut Network, key: RecordKey, vices: &[Vice]) -> Vec<SeedId> {
    let closest = Network::closest(&network.ids, Position::of(&key.0), 2 * vices.len());
    for (seed, vice) in closest.iter().step_by(2).zip(vices) {
        network.sim(*seed).vice = Some(*vice);
    }
    network
        .ids
        .iter()
        .copied()
        .filter(|id| network.seeds[id].vice.is_none())
        .collect()
}

const VICES: [Vice; 6] = [
    Vice::Forges,
    Vice::Babbles,
    Vice::Silent,
    Vice::Refuses,
    Vice::Forges,
    Vice::Silent,
];

#[test]
fn the_next_closest_take_the_places_of_those_who_lie() {
    let mut network = Network::joined(40);
    let record = record(1, limit::DAY_MS);
    let honest = corrupt(&mut network, record.key(), &VICES);
    let (alice, bob) = (honest[0], honest[1]);
    network.take_events(alice);
    network.command(
        alice,
        Command::Store {
            id: 1,
            record: record.clone(),
            stamp: None,
            copies: limit::HOLDERS,
        },
    );
    network.run(limit::STORE_MS_MAX + limit::STORE_TAIL_MS);
    let events = network.take_events(alice);
    let promised = holders(&events);
    assert!(promised.iter().all(|seed| honest.contains(seed)));
    assert_eq!(promised.len(), limit::HOLDERS);
    let ends = events
        .iter()
        .filter(|event| matches!(event, Event::Stored { .. }));
    assert_eq!(ends.count(), 1);

    network.command(
        bob,
        Command::Fetch {
            id: 2,
            key: record.key(),
        },
    );
    network.run(limit::FETCH_MS_MAX);
    let fetched = network
        .take_events(bob)
        .into_iter()
        .find_map(|event| match event {
            Event::Fetched { id: 2, result } => Some(result),
            _ => None,
        });
    assert_eq!(fetched, Some(Ok(record)));
}

/// Of how many a record is found when, after it was stored, those who have nothing become the
/// closest, and how many looked for it.
fn found_in_spite_of_ground_ids(doubts: bool) -> (usize, usize) {
    let mut network = Network::default();
    let config = |number: u64| Config {
        doubts,
        ..Config::seed(9, key(number), [number as u8; 32])
    };
    // A pod that forwards, and has no room for replicas.
    let pod = network.add(Config {
        doubts,
        bytes_max: 0,
        ..Config::pod(9, key(0), [0; 32])
    });
    let join = |network: &mut Network, number| {
        let seed = network.add(config(number));
        let contact = network.contact(0);
        network.command(seed, Command::Pod(pod));
        network.command(seed, Command::Join(vec![contact]));
        network.run(300);
        seed
    };
    for number in 1..60 {
        join(&mut network, number);
    }
    network.run(limit::MINUTE_MS);
    let honest = network.ids.split_off(1);
    network.ids = [&[pod][..], &honest].concat();
    let record = record(1, limit::DAY_MS);
    let store = Command::Store {
        id: 1,
        record: record.clone(),
        stamp: None,
        copies: limit::HOLDERS,
    };
    network.command(honest[20], store);
    network.run(limit::STORE_MS_MAX);
    let promised = holders(&network.take_events(honest[20]));
    assert_eq!(promised.len(), limit::HOLDERS);

    // Only now can ids be looked for that are closer to it than those of its holders.
    let target = Position::of(&record.key().0);
    let mut ground: Vec<u64> = (1_000..4_000).collect();
    ground.sort_by_cached_key(|number| {
        let seed = SeedId(key(*number).verifying_key().to_bytes());
        seed.position().distance(&target)
    });
    for number in &ground[..3 * limit::BUCKET_SEEDS_MAX] {
        let seed = join(&mut network, *number);
        network.sim(seed).vice = Some(Vice::Refuses);
    }
    network.run(limit::MINUTE_MS);
    let readers = honest.iter().filter(|seed| !promised.contains(seed));
    let readers: Vec<_> = readers.copied().collect();
    for reader in &readers {
        let key = record.key();
        network.command(*reader, Command::Fetch { id: 2, key });
    }
    network.run(limit::FETCH_MS_MAX);
    let found = readers.iter().filter(|reader| {
        let mut events = network.take_events(**reader).into_iter();
        events.any(|event| matches!(event, Event::Fetched { result: Ok(_), .. }))
    });
    (found.count(), readers.len())
}

#[test]
fn ids_that_are_closer_than_any_holder_and_have_nothing_hide_nothing() {
    let (found, looked) = found_in_spite_of_ground_ids(true);
    assert_eq!(found, looked);
    // What they came for: there is something to doubt.
    let (found, looked) = found_in_spite_of_ground_ids(false);
    assert!(found < looked, "all {looked} found it");
}

#[test]
fn seeds_that_do_not_exist_lead_nobody_astray() {
    let mut network = Network::joined(40);
    let record = record(1, limit::DAY_MS);
    let honest = corrupt(&mut network, record.key(), &[Vice::Misleads; 6]);
    let (alice, bob) = (honest[3], honest[4]);
    network.take_events(alice);
    let store = Command::Store {
        id: 1,
        record: record.clone(),
        stamp: None,
        copies: limit::HOLDERS,
    };
    network.command(alice, store);
    network.run(limit::STORE_MS_MAX);
    let events = network.take_events(alice);
    assert_eq!(holders(&events).len(), limit::HOLDERS);
    network.command(
        bob,
        Command::Fetch {
            id: 2,
            key: record.key(),
        },
    );
    network.run(limit::FETCH_MS_MAX);
    let fetched = network.take_events(bob).into_iter();
    let mut fetched = fetched.filter(|event| matches!(event, Event::Fetched { result: Ok(_), .. }));
    assert!(fetched.next().is_some());
}

#[test]
fn a_fetch_from_the_silent_ends_in_time() {
    let mut network = Network::joined(30);
    for seed in network.ids.clone() {
        network.sim(seed).vice = Some(Vice::Silent);
    }
    let bob = network.ids[3];
    network.command(
        bob,
        Command::Fetch {
            id: 2,
            key: RecordKey([9; 32]),
        },
    );
    network.run(limit::FETCH_MS_MAX);
    let ended = network.take_events(bob).into_iter().any(|event| {
        matches!(
            event,
            Event::Fetched {
                id: 2,
                result: Err(Rejection::NoRecord | Rejection::TimedOut)
            }
        )
    });
    assert!(ended);
    assert_eq!(network.seeds[&bob].machine.stats().jobs, 0);
}

#[test]
fn bytes_that_lie_under_their_key_and_are_no_record_end_the_fetch() {
    for (vice, bytes, why) in [
        (Vice::Litters, JUNK, Rejection::Malformed),
        (Vice::Advances, NEWER, Rejection::Unsupported),
    ] {
        let mut network = Network::joined(10);
        let (bob, mallory) = (network.ids[3], network.ids[4]);
        network.sim(mallory).vice = Some(vice);
        for (id, key) in [(2, key_of(bytes)), (3, RecordKey([9; 32]))] {
            network.command(bob, Command::Fetch { id, key });
        }
        network.run(limit::FETCH_MS_MAX);
        let events = network.take_events(bob).into_iter();
        let mut ends: Vec<_> = events
            .filter_map(|event| match event {
                Event::Fetched { id, result } => Some((id, result)),
                _ => None,
            })
            .collect();
        ends.sort_by_key(|(id, _)| *id);
        // The same bytes under another key are nobody's last word.
        assert_eq!(ends, [(2, Err(why)), (3, Err(Rejection::NoRecord))]);
        assert_eq!(network.seeds[&bob].machine.stats().jobs, 0);
    }
}

#[test]
fn seeds_that_keep_nothing_are_passed_over() {
    let mut network = Network::default();
    for number in 0..20 {
        let seed = network.add(Config::seed(9, key(number), [number as u8; 32]));
        network.sim(seed).stores = number % 2 == 0;
        let contact = network.contact(0);
        network.command(seed, Command::Join(vec![contact]));
        network.run(300);
    }
    network.run(5_000);
    let alice = network.ids[1];
    network.command(
        alice,
        Command::Store {
            id: 1,
            record: record(1, limit::DAY_MS),
            stamp: None,
            copies: limit::HOLDERS,
        },
    );
    network.run(limit::STORE_MS_MAX);
    let promised = holders(&network.take_events(alice));
    assert_eq!(promised.len(), 10);
    assert!(promised.iter().all(|seed| network.seeds[seed].stores));
}

const MALLORY: SeedId = SeedId([0x66; 32]);

/// Alice's machine, started with an empty disk, with mallory linked to it.
fn alice() -> Custody {
    let mut alice = Custody::new(Config::seed(9, key(1), [1; 32]));
    alice.handle(START, Input::Command(Command::Start));
    let traits = Traits {
        addresses: vec![vec![4]],
        routes: true,
        stores: true,
    };
    alice.handle(START, Input::Linked(Link::Seed(MALLORY), traits));
    answer_disk(&mut alice);
    alice
}

/// Answers everything asked of the disk; gives back what was sent.
fn answer_disk(machine: &mut Custody) -> Vec<Frame> {
    let mut sent = Vec::new();
    while let Some(output) = machine.poll() {
        match output {
            Output::Recall(ticket, _) => {
                machine.handle(START, Input::Recalled(ticket, Some(Vec::new())))
            }
            Output::Keep(ticket, _) => machine.handle(START, Input::Kept(ticket, Kept::Ok)),
            Output::Send(_, frame) => sent.push(frame),
            _ => {}
        }
    }
    sent
}

#[test]
fn breaches_of_the_protocol_are_answered_by_code_and_in_the_end_by_closing() {
    let mut alice = alice();
    let mut closed = 0;
    for id in 0..u64::from(limit::FAULTS_MAX) {
        let frame = Frame::Ask(id, Protocol::Store, vec![0x80]);
        alice.handle(START, Input::Frame(Link::Seed(MALLORY), frame));
        while let Some(output) = alice.poll() {
            match output {
                Output::Send(_, Frame::Answer(answered, bytes)) => {
                    assert_eq!(answered, id);
                    let refused = StoreAnswer::Rejected(Rejection::Malformed);
                    assert_eq!(wire::decode::<StoreAnswer>(&bytes, 100), Ok(refused));
                }
                Output::Unlink(Link::Seed(MALLORY)) => closed += 1,
                _ => {}
            }
        }
    }
    assert_eq!(closed, 1);
    assert!(alice.seeds().is_empty());
}

#[test]
fn a_routing_question_that_means_nothing_gets_no_answer() {
    let mut alice = alice();
    let put_value = Message {
        kind: 0,
        ..Message::find_node(b"x")
    }
    .encode();
    let newer = Message {
        kind: 77,
        ..Message::find_node(b"x")
    }
    .encode();
    for bytes in [
        vec![0xff; 9],
        put_value,
        newer,
        vec![0; limit::ROUTING_BYTES_MAX + 1],
    ] {
        let frame = Frame::Ask(4, Protocol::Routing, bytes);
        alice.handle(START, Input::Frame(Link::Seed(MALLORY), frame));
        assert_eq!(answer_disk(&mut alice), [Frame::NoAnswer(4)]);
    }
}

#[test]
fn who_asks_for_the_way_is_told_of_others_and_not_of_itself() {
    let mut alice = alice();
    let bob = SeedId([0xb0; 32]);
    let traits = Traits {
        addresses: vec![vec![4, 1]],
        routes: true,
        stores: false,
    };
    alice.handle(START, Input::Linked(Link::Seed(bob), traits));
    let question = Message::find_node(&MALLORY.to_peer_id()).encode();
    let frame = Frame::Ask(4, Protocol::Routing, question);
    alice.handle(START, Input::Frame(Link::Seed(MALLORY), frame));
    let sent = answer_disk(&mut alice);
    let [Frame::Answer(4, bytes)] = &sent[..] else {
        panic!("{sent:?}")
    };
    let answer = Message::decode(bytes).unwrap();
    let told = Peer {
        id: bob.to_peer_id(),
        addresses: vec![vec![4, 1]],
        connection: 1,
    };
    assert_eq!(answer.closer, [told]);
    assert_eq!(answer.kind, 4);
}

#[test]
fn nobody_takes_our_outputs_and_memory_stays_bounded() {
    let mut alice = alice();
    let question = wire::encode(&StoreAsk::Have(vec![RecordKey([1; 32])]));
    for id in 0..4 * limit::OUTPUTS_MAX as u64 {
        let frame = Frame::Ask(id, Protocol::Store, question.clone());
        alice.handle(START, Input::Frame(Link::Seed(MALLORY), frame));
    }
    let mut answers = Vec::new();
    while let Some(output) = alice.poll() {
        if let Output::Send(_, Frame::Answer(_, bytes)) = output {
            answers.push(wire::decode::<StoreAnswer>(&bytes, 100).unwrap());
        }
    }
    assert!(answers.len() <= 2 * limit::OUTPUTS_MAX);
    assert!(answers.contains(&StoreAnswer::Rejected(Rejection::Busy)));
    assert!(answers.contains(&StoreAnswer::Have(vec![false])));
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut alice = alice();
    for id in [0, 1, 9 << 56, (9 << 56) | 1, u64::MAX] {
        for frame in [
            Frame::Answer(id, vec![1, 2]),
            Frame::NoAnswer(id),
            Frame::Channel(vec![3]),
        ] {
            alice.handle(START, Input::Frame(Link::Seed(SeedId([5; 32])), frame));
        }
    }
    assert!(answer_disk(&mut alice).is_empty());
}

fn mutate(rng: &mut ChaCha20Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.next_u32() % 3 {
        let at = rng.next_u32() as usize % (bytes.len() + 1);
        match rng.next_u32() % 5 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.next_u32() as u8),
            2 if at < bytes.len() => bytes[at] ^= 1 << (rng.next_u32() % 8),
            3 if at < bytes.len() => {
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.next_u32() as usize % 5]
            }
            _ => bytes.extend_from_within(at.saturating_sub(4)..at),
        }
    }
}

/// A good message of each kind that others send unasked.
fn questions(record: &Record) -> Vec<(Protocol, Vec<u8>)> {
    let bytes = record.bytes().to_vec();
    let put = Put {
        record: bytes,
        stamp: stamp_of(record).to_bytes(),
        hops: 0,
        spread: 0,
    };
    let get = Get {
        key: record.key(),
        hops: 1,
    };
    let spread = Put {
        spread: 3,
        hops: 2,
        ..put.clone()
    };
    let release = Release {
        tombstone: a_tombstone(record),
        hops: 3,
    };
    let digest = Digest {
        base: 0,
        add: record.key().0[..16].to_vec(),
        drop: vec![1; 8],
        want: record.key().0[..8].to_vec(),
    };
    vec![
        (Protocol::Store, wire::encode(&StoreAsk::Put(put))),
        (Protocol::Store, wire::encode(&StoreAsk::Put(spread))),
        (Protocol::Store, wire::encode(&StoreAsk::Release(release))),
        (Protocol::Store, wire::encode(&StoreAsk::Digest(digest))),
        (Protocol::Store, wire::encode(&StoreAsk::Get(get))),
        (
            Protocol::Store,
            wire::encode(&StoreAsk::Have(vec![record.key(); 3])),
        ),
        (Protocol::Routing, a_way().encode()),
    ]
}

fn a_tombstone(record: &Record) -> Tombstone {
    Tombstone {
        key: record.key(),
        token: vec![5; limit::TOKEN_BYTES],
        expires_h: record.expires_h(),
    }
}

/// A good message of each kind that others answer with, and a good row.
fn answers(record: &Record) -> Vec<Vec<u8>> {
    let (key, expires_h) = (record.key(), record.expires_h());
    let receipt = Receipt {
        key,
        expires_h,
        seed: MALLORY,
        signature: vec![3; 64],
    };
    let mut holder = alice();
    let (_, put) = &questions(record)[0];
    let frame = Frame::Ask(1, Protocol::Store, put.clone());
    holder.handle(START, Input::Frame(Link::Seed(MALLORY), frame));
    let kept = core::iter::from_fn(|| holder.poll()).find_map(|output| match output {
        Output::Keep(_, batch) => batch.writes.into_iter().next(),
        _ => None,
    });
    let Some(Write::Put(_, row)) = kept else {
        panic!("nothing was kept")
    };
    let bytes = record.bytes().to_vec().into();
    let gone = vec![a_tombstone(record)];
    vec![
        wire::encode(&StoreAnswer::Released),
        wire::encode(&StoreAnswer::Gone(a_tombstone(record))),
        wire::encode(&StoreAnswer::Digest(Digested { again: false, gone })),
        wire::encode(&StoreAnswer::Kept(vec![receipt])),
        wire::encode(&StoreAnswer::Record(bytes)),
        a_way().encode(),
        row.value,
    ]
}

fn a_way() -> Message {
    let id = SeedId([9; 32]).to_peer_id();
    let peer = Peer {
        id,
        addresses: vec![vec![4]],
        connection: 1,
    };
    Message {
        closer: vec![peer; 3],
        ..Message::find_node(&MALLORY.to_peer_id())
    }
}

/// Answers whatever alice wants with something that was once good.
fn answer_badly(alice: &mut Custody, now: Time, rng: &mut ChaCha20Rng, answers: &[Vec<u8>]) {
    while let Some(output) = alice.poll() {
        let mut bytes = answers[rng.next_u32() as usize % answers.len()].clone();
        mutate(rng, &mut bytes);
        let input = match output {
            Output::Send(link, Frame::Ask(id, ..)) => Input::Frame(link, Frame::Answer(id, bytes)),
            Output::Recall(ticket, scan) => {
                let row = Row {
                    key: scan.from,
                    value: bytes,
                };
                Input::Recalled(ticket, Some(vec![row]))
            }
            Output::Keep(ticket, _) if rng.next_u32().is_multiple_of(2) => {
                Input::Kept(ticket, Kept::Ok)
            }
            Output::Keep(ticket, _) => Input::Kept(ticket, Kept::Failed),
            Output::Link(seed, _) => Input::Unlinked(Link::Seed(seed)),
            Output::Unlink(link) => Input::Unlinked(link),
            Output::Send(..) | Output::Event(_) => continue,
        };
        alice.handle(now, input);
    }
}

#[test]
fn mutated_bytes_at_every_door_do_no_harm() {
    let record = record(1, limit::DAY_MS);
    let (questions, answers) = (questions(&record), answers(&record));
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut alice = alice();
    for round in 0..20_000_u64 {
        let now = later(round * 20);
        let (protocol, mut bytes) = questions[rng.next_u32() as usize % questions.len()].clone();
        mutate(&mut rng, &mut bytes);
        let traits = Traits {
            addresses: vec![vec![4]],
            routes: true,
            stores: true,
        };
        alice.handle(now, Input::Linked(Link::Seed(MALLORY), traits));
        let frame = Frame::Ask(round, protocol, bytes);
        alice.handle(now, Input::Frame(Link::Seed(MALLORY), frame));
        if round % 50 == 0 {
            let fetch = Command::Fetch {
                id: round,
                key: record.key(),
            };
            alice.handle(now, Input::Command(fetch));
            let store = Command::Store {
                id: round,
                record: record.clone(),
                stamp: None,
                copies: 2,
            };
            alice.handle(now, Input::Command(store));
        }
        answer_badly(&mut alice, now, &mut rng, &answers);
    }
    alice.handle(later(limit::DAY_MS), Input::Tick);
    alice.handle(later(limit::DAY_MS + limit::FETCH_MS_MAX), Input::Tick);
    assert_eq!(alice.stats().jobs, 0);
}
