//! Joining, finding, storing and fetching when everybody means well.

use alloc::{vec, vec::Vec};

use super::{
    key,
    network::{Network, holders},
    record, stamp_of,
};
use crate::{
    custody::{Command, Config, Event, receipt},
    envelope::record::Record,
    limit,
    machine::{Frame, Input, Link, Machine, Output, Protocol},
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::wire::Message,
    wire::store::StoreAsk,
};

fn fetch(network: &mut Network, seed: SeedId, key: RecordKey) -> Option<Result<Record, Rejection>> {
    network.take_events(seed);
    network.command(seed, Command::Fetch { id: 5, key });
    network.run(limit::FETCH_MS_MAX + 1);
    let events = network.take_events(seed);
    let mut results = events.into_iter().filter_map(|event| match event {
        Event::Fetched { id: 5, result } => Some(result),
        _ => None,
    });
    let result = results.next();
    assert!(results.next().is_none(), "a fetch ends once");
    result
}

#[test]
fn fifty_seeds_join_through_one_and_know_their_neighbours() {
    let mut network = Network::joined(50);
    network.run(2 * limit::REFRESH_MS);
    for seed in network.ids.clone() {
        let others: Vec<SeedId> = network
            .ids
            .iter()
            .copied()
            .filter(|id| *id != seed)
            .collect();
        let close = limit::NEIGHBOURHOOD_CLOSE;
        let neighbours = Network::closest(&others, seed.position(), close);
        let known: Vec<SeedId> = network.seeds[&seed]
            .machine
            .seeds()
            .iter()
            .map(|listed| listed.contact.seed)
            .collect();
        assert_eq!(
            known[..close],
            neighbours,
            "what {seed:?} knows of its neighbourhood"
        );
    }
}

#[test]
fn twelve_of_the_closest_promise_and_the_record_outlives_its_author() {
    let mut network = Network::joined(50);
    let (alice, bob) = (network.ids[7], network.ids[31]);
    let record = record(1, limit::RECORD_LIFE_DEFAULT_MS);
    network.take_events(alice);
    network.command(
        alice,
        Command::Store {
            id: 3,
            record: record.clone(),
            stamp: None,
            copies: limit::HOLDERS,
        },
    );
    network.run(limit::STORE_MS_MAX);
    let events = network.take_events(alice);

    let others: Vec<SeedId> = network
        .ids
        .iter()
        .copied()
        .filter(|id| *id != alice)
        .collect();
    let closest = Network::closest(&others, Position::of(&record.key().0), limit::HOLDERS);
    assert_eq!(holders(&events), closest.iter().copied().collect());
    for event in &events {
        if let Event::Receipt { receipt, .. } = event {
            assert_eq!(
                receipt::check(receipt, &record.key(), record.expires_h(), &receipt.seed),
                Ok(())
            );
            assert!(network.seeds[&receipt.seed].machine.held(&record.key()));
        }
    }
    assert!(events.iter().any(|event| matches!(
        event,
        Event::Stored {
            id: 3,
            receipts: 12
        }
    )));

    network.leave(alice);
    for holder in closest.into_iter().filter(|holder| *holder != bob).take(6) {
        network.leave(holder);
    }
    assert_eq!(fetch(&mut network, bob, record.key()), Some(Ok(record)));
}

#[test]
fn an_author_among_the_closest_is_no_holder() {
    let mut network = Network::joined(5);
    let alice = network.ids[2];
    network.command(
        alice,
        Command::Store {
            id: 1,
            record: record(9, limit::DAY_MS),
            stamp: None,
            copies: limit::HOLDERS,
        },
    );
    network.run(limit::STORE_MS_MAX);
    let events = network.take_events(alice);
    assert_eq!(holders(&events).len(), 4);
    assert!(!holders(&events).contains(&alice));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Stored { receipts: 4, .. }))
    );
}

#[test]
fn a_pod_is_asked_first_and_never_counts_as_a_holder() {
    let mut network = Network::joined(12);
    let (pod, alice) = (network.ids[0], network.ids[4]);
    network.command(alice, Command::Pod(pod));
    let placed = record(2, limit::DAY_MS);
    network.command(
        alice,
        Command::Store {
            id: 1,
            record: placed,
            stamp: None,
            copies: limit::HOLDERS,
        },
    );
    network.run(limit::STORE_MS_MAX);
    let events = network.take_events(alice);
    assert_eq!(holders(&events).len(), 10);
    assert!(!holders(&events).contains(&pod));

    let kept = record(3, limit::DAY_MS);
    network.command(
        pod,
        Command::Keep {
            id: 8,
            record: kept.clone(),
            stamp: Some(stamp_of(&kept)),
        },
    );
    network.run(100);
    let promised = network.take_events(pod).into_iter().any(|event| {
        matches!(event, Event::Kept { id: 8, result: Ok(receipt) }
            if receipt::check(&receipt, &kept.key(), kept.expires_h(), &pod) == Ok(()))
    });
    assert!(promised);
    network.store_asks.clear();
    network.command(
        alice,
        Command::Fetch {
            id: 5,
            key: kept.key(),
        },
    );
    network.run(500);
    let get = |ask: &&(SeedId, SeedId, StoreAsk)| matches!(ask.2, StoreAsk::Get(_));
    let asked: Vec<SeedId> = network
        .store_asks
        .iter()
        .filter(get)
        .map(|ask| ask.1)
        .collect();
    assert_eq!(asked, [pod], "one question, to the pod");
    let fetched = network.take_events(alice);
    assert!(fetched.iter().any(|event| matches!(
        event,
        Event::Fetched {
            id: 5,
            result: Ok(_)
        }
    )));
}

#[test]
fn what_is_held_here_needs_no_network() {
    let mut network = Network::default();
    let alice = network.add(Config::seed(9, key(1), [1; 32]));
    let record = record(4, limit::DAY_MS);
    network.run(100);
    network.command(
        alice,
        Command::Keep {
            id: 1,
            record: record.clone(),
            stamp: Some(stamp_of(&record)),
        },
    );
    network.run(100);
    assert_eq!(fetch(&mut network, alice, record.key()), Some(Ok(record)));
    assert_eq!(network.asks_sent, 0);
}

#[test]
fn what_nobody_has_is_not_found_and_alone_one_stores_nothing() {
    let mut network = Network::joined(20);
    let bob = network.ids[3];
    assert_eq!(
        fetch(&mut network, bob, RecordKey([3; 32])),
        Some(Err(Rejection::NoRecord))
    );

    let mut alone = Network::default();
    let alice = alone.add(Config::seed(9, key(1), [1; 32]));
    assert_eq!(
        fetch(&mut alone, alice, RecordKey([3; 32])),
        Some(Err(Rejection::NoRecord))
    );
    let record = record(4, limit::DAY_MS);
    alone.command(
        alice,
        Command::Store {
            id: 2,
            record,
            stamp: None,
            copies: 12,
        },
    );
    assert!(matches!(
        alone.take_events(alice)[..],
        [Event::Stored { id: 2, receipts: 0 }]
    ));
}

#[test]
fn short_lived_links_are_no_deaths_and_stay_few() {
    let mut network = Network::joined(60);
    network.link_life_ms = Some(limit::RELAY.circuit_ms_max);
    for _ in 0..10 {
        network.run(limit::MINUTE_MS);
        // The first one is everybody's contact, as a pod is.
        for seed in network.ids.iter().skip(1) {
            let links = network.links_of(*seed);
            assert!(
                links <= limit::RELAY.circuits_per_seed_max,
                "{seed:?} has {links} links"
            );
        }
    }
    let alice = network.ids[20];
    let before = network.seeds[&alice].machine.seeds().len();
    assert!(before >= limit::BUCKET_SEEDS_MAX, "{before} seeds known");
    network.take_events(alice);
    let record = record(6, limit::DAY_MS);
    network.command(
        alice,
        Command::Store {
            id: 1,
            record: record.clone(),
            stamp: None,
            copies: limit::HOLDERS,
        },
    );
    network.run(limit::STORE_MS_MAX);
    assert_eq!(holders(&network.take_events(alice)).len(), limit::HOLDERS);
    let bob = network.ids[40];
    assert_eq!(fetch(&mut network, bob, record.key()), Some(Ok(record)));
}

#[test]
fn those_who_left_are_forgotten_and_those_who_come_back_are_known() {
    let mut network = Network::joined(30);
    let gone: Vec<SeedId> = network.ids[10..20].to_vec();
    for seed in &gone {
        network.leave(*seed);
    }
    network.run(15 * limit::MINUTE_MS);
    let alice = network.ids[5];
    let known = network.seeds[&alice].machine.seeds();
    assert!(
        known
            .iter()
            .all(|listed| !gone.contains(&listed.contact.seed))
    );
    assert!(known.len() >= 12, "{} seeds known", known.len());

    let back = network.add(Config::seed(9, key(15), [4; 32]));
    assert_eq!(back, gone[5]);
    let contact = network.contact(0);
    network.command(back, Command::Join(vec![contact]));
    network.run(limit::MINUTE_MS);
    let knows = network.seeds[&network.ids[0]].machine.seeds();
    assert!(
        knows
            .iter()
            .any(|listed| listed.contact.seed == back && listed.linked)
    );
}

#[test]
fn whoever_cannot_reach_the_contact_tries_again() {
    let mut network = Network::default();
    let pod = network.add(Config::pod(9, key(0), [0; 32]));
    let contact = network.contact(0);
    network.leave(pod);
    let alice = network.add(Config::seed(9, key(1), [1; 32]));
    network.command(alice, Command::Join(vec![contact]));
    network.run(20_000);
    assert!(network.seeds[&alice].machine.seeds().is_empty());
    network.add(Config::pod(9, key(0), [0; 32]));
    network.run(30_000);
    assert_eq!(network.seeds[&alice].machine.seeds().len(), 1);
}

#[test]
fn a_pod_that_comes_back_with_nothing_is_found_again() {
    let mut network = Network::joined(30);
    let pod = network.ids[0];
    network.leave(pod);
    network.run(20_000);
    network.add(Config::pod(9, key(0), [9; 32]));
    network.run(limit::MINUTE_MS);
    let known = network.seeds[&pod].machine.seeds();
    let linked = known.iter().filter(|listed| listed.linked).count();
    assert!(linked >= 25, "{linked} of 29 came back");
}

#[test]
fn many_links_already_there_hold_no_store_up() {
    let mut network = Network::joined(50);
    network.run(3 * limit::MINUTE_MS);
    for number in 0..16 {
        let alice = network.ids[3 * number + 1];
        network.take_events(alice);
        let record = record(number as u64, limit::DAY_MS);
        network.command(
            alice,
            Command::Store {
                id: 1,
                record,
                stamp: None,
                copies: limit::HOLDERS,
            },
        );
        network.run(2_500);
        let promised = holders(&network.take_events(alice)).len();
        assert_eq!(promised, limit::HOLDERS, "store {number}");
    }
}

#[test]
fn a_pod_names_nobody_whose_tab_was_closed() {
    let mut network = Network::joined(20);
    let pod = network.add(Config::pod(9, key(77), [7; 32]));
    let contact = network.contact(20);
    for seed in network.ids.clone() {
        network.command(seed, Command::Join(vec![contact.clone()]));
    }
    network.run(5_000);
    let gone = network.ids[4];
    network.leave(gone);
    network.run(100);
    let asker = network.ids[5];
    let question = Message::find_node(&gone.to_peer_id()).encode();
    let now = network.now();
    let frame = Frame::Ask(1, Protocol::Routing, question);
    let machine = &mut network.sim(pod).machine;
    machine.handle(now, Input::Frame(Link::Seed(asker), frame));
    let answer = core::iter::from_fn(|| machine.poll()).find_map(|output| match output {
        Output::Send(_, Frame::Answer(1, bytes)) => Message::decode(&bytes).ok(),
        _ => None,
    });
    let named: Vec<SeedId> = answer
        .unwrap()
        .contacts()
        .iter()
        .map(|named| named.seed)
        .collect();
    assert_eq!(
        named.len(),
        18,
        "all but the pod, the one who asks and the one who left"
    );
    assert!(!named.contains(&gone));
}
