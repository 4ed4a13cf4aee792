use super::*;
use crate::{pod::session::succession, session::refusal, wire::channel::Identify};

#[test]
fn alice_is_welcomed_with_the_pods_clock() {
    let mut house = House::new();
    let (alice, welcome) = house.enter_with(&person("alice"), "laptop", (0, 0));
    let wall_ms = house.now.wall_ms;
    assert_eq!(
        welcome,
        Welcome {
            wall_ms,
            aliases: vec![],
            epoch: 0,
            lowest: 0
        }
    );
    assert!(!house.is_closed(alice));
    assert_eq!(house.pod.stats().sessions, 1);
}

#[test]
fn another_host_has_its_own_code_on_both_sides() {
    let mut house = House::new();
    let alice = house.knock_at("elm.example", None);
    assert_eq!(house.visitors[&alice].fault, Some(Rejection::WrongHost));
    assert!(house.is_closed(alice));
    assert!(matches!(
        house.events.last(),
        Some(Event::Closed(Rejection::WrongHost))
    ));
    assert_eq!(house.pod.stats().channels, 0);
}

#[test]
fn a_pod_that_is_not_ready_says_busy() {
    let mut house = House::new();
    house.pod = Pod::new(config([1; 32], Quotas::default()));
    let alice = house.knock_at(HOST, None);
    assert_eq!(house.visitors[&alice].fault, Some(Rejection::Busy));
    // It cannot know whose an alias is, and says so.
    house.give(Input::Command(Command::Resolve {
        id: 9,
        alias: alias("alice"),
    }));
    let event = house.events.pop();
    assert!(matches!(
        event,
        Some(Event::Resolved {
            id: 9,
            result: Err(Rejection::Busy)
        })
    ));
}

#[test]
fn a_pinned_pod_must_be_the_same_or_have_been_succeeded() {
    let mut house = House::new();
    let oak = person("oak").fingerprint();
    let old = person("old oak");
    let same = house.knock_at(HOST, Some(oak));
    assert!(matches!(house.next_incoming(same), Some(Incoming::Ready(pod)) if !pod.succeeded));

    let changed = house.knock_at(HOST, Some(old.fingerprint()));
    assert_eq!(
        house.visitors[&changed].fault,
        Some(Rejection::PodKeyChanged)
    );

    let now = house.now;
    let mut start = |succession: Vec<u8>| {
        let config = Config {
            succession,
            ..config([1; 32], Quotas::default())
        };
        house.pod = Pod::new(config);
        house.give(Input::Command(Command::Start));
        let channel = house.knock_at(HOST, Some(old.fingerprint()));
        (house.next_incoming(channel), house.visitors[&channel].fault)
    };
    let signed = succession(&old, &mut dice("s"), now, &host(HOST), &oak);
    assert!(matches!(start(signed), (Some(Incoming::Ready(pod)), None) if pod.succeeded));
    let others = succession(&person("mallory"), &mut dice("s"), now, &host(HOST), &oak);
    assert_eq!(start(others).1, Some(Rejection::PodKeyChanged));
    let elsewhere = succession(&old, &mut dice("s"), now, &host("elm.example"), &oak);
    assert_eq!(start(elsewhere).1, Some(Rejection::PodKeyChanged));
}

#[test]
fn a_login_is_worth_nothing_in_another_session() {
    let mut house = House::new();
    let alice = person("alice");
    let first = house.knock();
    let frames = house.login(first, &alice, "laptop", (0, 0));
    // Mallory repeats the bytes themselves on a channel of her own.
    let second = house.knock();
    house.frame(second, frames[0].clone());
    assert!(house.is_closed(second));
    assert!(matches!(
        house.events.last(),
        Some(Event::Closed(Rejection::Tampered))
    ));

    // And she has the login in clear, from a pod of hers, and sends it as her own.
    let third = house.knock();
    let login = crate::session::login_bytes(&host(HOST), &device("laptop"), &[0; 32]);
    let label = crate::session::LOGIN_LABEL;
    let stolen = Identify {
        certificate: alice.certificate().bytes().to_vec(),
        device: device("laptop"),
        cursor: (0, 0),
        signature: alice.prove(&mut dice("x"), house.now, label, &login),
    };
    let code = house.refused(third, &ToPod::Identify(stolen));
    assert_eq!(code, Rejection::BadSignature);
    assert!(house.is_closed(third));
    assert_eq!(house.pod.stats().sessions, 0);
}

#[test]
fn nobody_asks_before_they_are_identified_or_twice_who_they_are() {
    let mut house = House::new();
    let stranger = house.knock();
    let resolve = ToPod::Resolve {
        id: 1,
        alias: alias("alice"),
    };
    assert_eq!(house.refused(stranger, &resolve), Rejection::Unidentified);
    assert!(house.is_closed(stranger));

    let alice = house.enter(&person("alice"));
    for frame in house.login(alice, &person("alice"), "laptop", (0, 0)) {
        house.frame(alice, frame);
    }
    assert!(house.is_closed(alice));
    let zero = house.enter(&person("alice"));
    let zero_id = ToPod::Resolve {
        id: 0,
        alias: alias("alice"),
    };
    assert_eq!(house.refused(zero, &zero_id), Rejection::Malformed);
    assert!(house.is_closed(zero));
}

#[test]
fn a_tampered_frame_ends_the_session_and_nothing_else() {
    let mut house = House::new();
    let alice = house.enter(&person("alice"));
    let bob = house.enter(&person("bob"));
    let mut frames = house.frames(alice, &ToPod::Pong { nonce: 1 });
    frames[0][5] ^= 1;
    house.frame(alice, frames.remove(0));
    let heard = house.hear(alice);
    assert!(matches!(
        heard,
        Some(ToSeed::Rejected {
            id: 0,
            code: Rejection::Tampered
        })
    ));
    assert!(house.is_closed(alice));
    assert!(!house.is_closed(bob));
    house.frame(alice, vec![1, 2, 3]);
    assert_eq!(house.pod.stats().sessions, 1);
}

#[test]
fn a_second_session_of_a_device_replaces_the_first() {
    let mut house = House::new();
    let alice = person("alice");
    let (first, _) = house.enter_with(&alice, "laptop", (0, 0));
    let (phone, _) = house.enter_with(&alice, "phone", (0, 0));
    let (second, _) = house.enter_with(&alice, "laptop", (0, 0));
    let heard = house.hear(first);
    assert!(matches!(
        heard,
        Some(ToSeed::Rejected {
            id: 0,
            code: Rejection::Replaced
        })
    ));
    assert!(house.is_closed(first));
    assert!(!house.is_closed(second) && !house.is_closed(phone));
    assert_eq!(house.pod.stats().sessions, 2);
}

#[test]
fn who_does_not_say_who_they_are_or_falls_silent_is_let_go() {
    let mut house = House::new();
    let stranger = house.knock();
    let alice = house.enter(&person("alice"));
    house.pass(limit::HANDSHAKE_MS_MAX - 1);
    assert!(!house.is_closed(stranger));
    house.pass(1);
    assert!(house.is_closed(stranger));

    house.pass(limit::PING_MS);
    let ping = house.next_incoming(alice);
    let wall_ms = EPOCH_MS + limit::PING_MS;
    let expected = ToSeed::Ping { nonce: 1, wall_ms };
    assert!(matches!(ping, Some(Incoming::Message(ping)) if ping == expected));
    house.say(alice, &ToPod::Pong { nonce: 1 });
    house.pass_awake(limit::HOUR_MS);
    assert!(!house.is_closed(alice));
    house.pass(limit::SILENCE_MS_MAX);
    assert!(house.is_closed(alice));
    assert_eq!(house.pod.stats().channels, 0);
}

#[test]
fn there_are_only_so_many_channels() {
    let mut house = House::with(Quotas {
        channels_max: 2,
        ..Quotas::default()
    });
    house.knock();
    house.knock();
    let third = house.knock_at(HOST, None);
    assert_eq!(house.visitors[&third].fault, Some(Rejection::Busy));
    assert_eq!(refusal(Rejection::Busy), [5]);
    assert!(house.is_closed(third));
}

/// Sends a first frame, a login or a request that is spoiled on its way; yields the channel.
fn send_spoiled(house: &mut House, round: u32, spoil: &dyn Fn(&mut Vec<u8>)) -> u64 {
    let mallory = person("mallory");
    let (channel, mut frame) = match round % 3 {
        0 => house.approach(HOST, None),
        1 => {
            let channel = house.knock();
            (
                channel,
                house.login(channel, &mallory, "tab", (0, 0)).remove(0),
            )
        }
        _ => {
            let (channel, _) = house.enter_with(&mallory, "tab", (0, 0));
            let message = ToPod::Resolve {
                id: 1,
                alias: alias("bob"),
            };
            (channel, house.frames(channel, &message).remove(0))
        }
    };
    spoil(&mut frame);
    house.frame(channel, frame);
    channel
}

#[test]
fn mutated_frames_close_channels_by_code_and_never_more() {
    let mut house = House::new();
    let mut rng = dice("mutations");
    let bob = house.settle("bob");
    let mut codes = BTreeMap::new();
    for round in 0..400_u32 {
        let at = rand_core::RngCore::next_u32(&mut rng) as usize;
        let spoil = |bytes: &mut Vec<u8>| match round % 4 {
            0 => bytes.truncate(at % (bytes.len() + 1)),
            1 => bytes.push(at as u8),
            2 => bytes.extend_from_within(..),
            _ => {
                let bit = 1 << (at % 8);
                let at = at % bytes.len();
                bytes[at] ^= bit;
            }
        };
        house.events.clear();
        let channel = send_spoiled(&mut house, round, &spoil);
        // A spoiled ephemeral key goes unnoticed until the seed reads the answer.
        if house.is_closed(channel) {
            let Some(Event::Closed(code)) = house.events.last() else {
                panic!("closed silently")
            };
            *codes.entry(*code).or_insert(0) += 1;
        } else {
            house.give(Input::Unlinked(Link::Channel(channel)));
        }
    }
    assert!(codes.contains_key(&Rejection::Tampered) && codes.contains_key(&Rejection::Malformed));
    assert!(!house.is_closed(bob));
    let answer = house.ask(
        bob,
        &ToPod::Resolve {
            id: 5,
            alias: alias("bob"),
        },
    );
    assert!(matches!(answer, Some(ToSeed::Resolved { id: 5, .. })));
    assert_eq!(house.pod.stats().channels, 1);
}

#[test]
fn well_sealed_nonsense_closes_the_session_and_nothing_else() {
    let mut house = House::new();
    let bob = house.settle("bob");
    let mut rng = dice("nonsense");
    let key = record(house.now, 1, limit::DAY_MS).key();
    let binding = house.bind(&person("mallory"), "mallory", None);
    let honest = [
        ToPod::Register { id: 1, binding },
        ToPod::Resolve {
            id: 2,
            alias: alias("bob"),
        },
        store(3, record(house.now, 1, limit::DAY_MS)),
        ToPod::Fetch { id: 4, key },
        notify(5, "bob", key, 400_000),
        ToPod::Ack { epoch: 7, seq: 8 },
    ];
    let mut closed = 0;
    let (mut mallory, _) = house.enter_with(&person("mallory"), "tab", (0, 0));
    for round in 0..2_000 {
        let mut bytes = crate::wire::encode(&honest[round % honest.len()]);
        for _ in 0..=round % 3 {
            let dice = rand_core::RngCore::next_u32(&mut rng) as usize;
            let at = dice % bytes.len();
            match dice % 5 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.insert(at, 0xff),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] ^= 1 << (dice % 8),
            }
            bytes.resize(bytes.len().max(1), 0);
        }
        let visitor = house.visitors.get_mut(&mallory).unwrap();
        for frame in visitor.session.send_raw(&bytes).unwrap() {
            house.frame(mallory, frame);
        }
        while let Some(message) = house.hear(mallory) {
            assert!(!matches!(message, ToSeed::Notification { .. }));
        }
        if house.is_closed(mallory) {
            closed += 1;
            mallory = house.enter_with(&person("mallory"), "tab", (0, 0)).0;
        }
    }
    assert!(closed > 1_000, "{closed}");
    assert!(!house.is_closed(bob));
    assert_eq!(house.pod.stats().sessions, 2);
}

#[test]
fn an_unidentified_seed_is_told_the_nearest_seeds() {
    let mut house = House::new();
    let link = Link::Seed(crate::name::SeedId([8; 32]));
    let traits = Traits {
        routes: true,
        stores: true,
        ..Default::default()
    };
    house.give(Input::Linked(link, traits));
    house.answers.clear();
    let find_node = [[0x08, 0x04, 0x12, 32].as_slice(), &[9; 32]].concat();
    let protocol = crate::machine::Protocol::Routing;
    house.give(Input::Frame(link, Frame::Ask(77, protocol, find_node)));
    let answers = &house.answers;
    assert!(
        matches!(answers.as_slice(), [.., (to, Frame::Answer(77, _))] if *to == link),
        "{answers:?}"
    );
    assert_eq!(house.pod.stats().links, 1);
}
