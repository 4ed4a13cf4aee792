use super::*;

#[test]
fn alice_takes_an_alias_and_everyone_can_ask_whose_it_is() {
    let mut house = House::new();
    house.settle("alice");
    let bob = house.enter(&person("bob"));
    let answer = house.ask(
        bob,
        &ToPod::Resolve {
            id: 7,
            alias: alias("alice"),
        },
    );
    let Some(ToSeed::Resolved {
        id: 7,
        binding,
        certificate,
    }) = answer
    else {
        panic!()
    };
    assert_eq!(certificate, person("alice").certificate().bytes());
    assert!(binding::check(&binding, person("alice").certificate(), house.now).is_ok());

    house.give(Input::Command(Command::Resolve {
        id: 9,
        alias: alias("alice"),
    }));
    let Some(Event::Resolved {
        id: 9,
        result: Ok(found),
    }) = house.events.pop()
    else {
        panic!()
    };
    assert_eq!((found.binding, found.certificate), (binding, certificate));

    house.give(Input::Command(Command::Resolve {
        id: 10,
        alias: alias("carol"),
    }));
    let event = house.events.pop();
    assert!(matches!(
        event,
        Some(Event::Resolved {
            id: 10,
            result: Err(Rejection::NotFound)
        })
    ));
}

#[test]
fn aliases_that_cannot_be_asked_for_have_codes() {
    let mut house = House::new();
    let bob = house.enter(&person("bob"));
    let unknown = ToPod::Resolve {
        id: 2,
        alias: alias("alice"),
    };
    assert_eq!(house.refused(bob, &unknown), Rejection::NotFound);
}

#[test]
fn aliases_that_cannot_be_taken_have_codes() {
    let mut house = House::new();
    house.settle("alice");
    let who = person("mallory");
    let mallory = house.enter(&who);
    let register = |binding| ToPod::Register { id: 3, binding };

    let taken = house.bind(&who, "alice", None);
    assert_eq!(
        house.refused(mallory, &register(taken)),
        Rejection::AliasTaken
    );
    let reserved = house.bind(&who, "admin", None);
    assert_eq!(
        house.refused(mallory, &register(reserved)),
        Rejection::AliasReserved
    );
    let others = house.bind(&person("alice"), "dora", None);
    assert_eq!(
        house.refused(mallory, &register(others)),
        Rejection::BadSignature
    );
    let elm: Alias = "mallory@elm.example".parse().unwrap();
    let foreign = binding::sign(&who, &mut dice("b"), house.now, &elm, 1, None);
    assert_eq!(
        house.refused(mallory, &register(foreign)),
        Rejection::ForeignPod
    );
    let first = house.bind(&who, "mallory", None);
    let second = house.bind(&who, "mallory", Some((1, &first)));
    assert_eq!(
        house.refused(mallory, &register(second)),
        Rejection::BindingStale
    );
    let old = house.bind(&who, "mallory", None);
    house.pass_awake(limit::BINDING_LIFE_MAX_MS);
    assert_eq!(
        house.refused(mallory, &register(old)),
        Rejection::BindingExpired
    );
    assert_eq!(house.pod.stats().aliases, 1);
}

#[test]
fn a_person_has_only_so_many_aliases_and_one_mailbox() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let who = person("alice");
    let mut epochs = Vec::new();
    for label in ["a", "b", "c", "d"] {
        let binding = house.bind(&who, label, None);
        match house.ask(alice, &ToPod::Register { id: 4, binding }) {
            Some(ToSeed::Registered { epoch, .. }) => epochs.push(epoch),
            Some(ToSeed::Rejected { code, .. }) => assert_eq!(code, Rejection::AliasesExhausted),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        epochs,
        [house.epoch(&who); limit::ALIASES_PER_CERTIFICATE_MAX - 1]
    );
    assert_eq!(house.pod.stats().mailboxes, 1);
    house.restart();
    let (_, welcome) = house.enter_with(&who, "laptop", (0, 0));
    let labels: Vec<_> = welcome
        .aliases
        .iter()
        .map(|label| format!("{label}"))
        .collect();
    assert_eq!(labels, ["a", "alice", "b", "c"]);
}

#[test]
fn the_owner_renews_and_repeats_and_is_never_robbed() {
    let mut house = House::new();
    let who = person("alice");
    let alice = house.enter(&who);
    let first = house.bind(&who, "alice", None);
    let register = |id, binding: &SignedBinding| ToPod::Register {
        id,
        binding: binding.clone(),
    };
    for id in [1, 2] {
        let answer = house.ask(alice, &register(id, &first));
        assert!(
            matches!(answer, Some(ToSeed::Registered { .. })),
            "{answer:?}"
        );
    }
    house.pass_awake(limit::BINDING_RENEW_MS);
    let anew = house.bind(&who, "alice", None);
    assert_eq!(
        house.refused(alice, &register(3, &anew)),
        Rejection::BindingStale
    );
    let second = house.bind(&who, "alice", Some((1, &first)));
    let answer = house.ask(alice, &register(4, &second));
    assert!(
        matches!(answer, Some(ToSeed::Registered { .. })),
        "{answer:?}"
    );
    assert_eq!(
        house.refused(alice, &register(5, &first)),
        Rejection::BindingStale
    );

    // It runs out: others hear so, nobody else gets it, its owner can look it up and renew it.
    house.pass_awake(limit::BINDING_LIFE_MAX_MS + 1);
    let mallory = house.enter(&person("mallory"));
    let resolve = ToPod::Resolve {
        id: 6,
        alias: alias("alice"),
    };
    assert_eq!(house.refused(mallory, &resolve), Rejection::BindingExpired);
    let message = house.stored(mallory, "alice", 1, limit::RECORD_LIFE_DEFAULT_MS);
    assert_eq!(house.refused(mallory, &message), Rejection::BindingExpired);
    let robbed = house.bind(&person("mallory"), "alice", None);
    assert_eq!(
        house.refused(mallory, &register(7, &robbed)),
        Rejection::AliasTaken
    );
    house.restart();
    let alice = house.enter(&who);
    let answer = house.ask(alice, &resolve);
    assert!(matches!(&answer, Some(ToSeed::Resolved { binding, .. }) if *binding == second));
    let third = house.bind(&who, "alice", Some((2, &second)));
    let answer = house.ask(alice, &register(8, &third));
    assert!(
        matches!(answer, Some(ToSeed::Registered { .. })),
        "{answer:?}"
    );
}

#[test]
fn two_who_want_the_same_alias_at_once_do_not_both_get_it() {
    let mut house = House::new();
    let (alice, mallory) = (
        house.enter(&person("alice")),
        house.enter(&person("mallory")),
    );
    house.slow = Some(VecDeque::new());
    let binding = house.bind(&person("alice"), "carol", None);
    house.say(alice, &ToPod::Register { id: 1, binding });
    let binding = house.bind(&person("mallory"), "carol", None);
    assert_eq!(
        house.refused(mallory, &ToPod::Register { id: 1, binding }),
        Rejection::AliasTaken
    );
    let binding = house.bind(&person("alice"), "carla", None);
    assert_eq!(
        house.refused(alice, &ToPod::Register { id: 2, binding }),
        Rejection::Busy
    );
    assert!(
        house.hear(alice).is_none(),
        "acknowledged before it was durable"
    );
    assert!(house.write_one());
    assert!(matches!(
        house.hear(alice),
        Some(ToSeed::Registered { id: 1, .. })
    ));
}

#[test]
fn a_session_that_asks_too_much_is_told_so() {
    let quotas = Quotas {
        changes_burst: 3,
        changes_per_s: 1,
        ..generous()
    };
    let mut house = House::with(quotas);
    let bob = house.enter(&person("bob"));
    let key = RecordKey([1; 32]);
    let codes: Vec<_> = (1..=4)
        .map(|id| house.refused(bob, &notify(id, "alice", key, 0)))
        .collect();
    assert_eq!(codes[..3], [Rejection::NotFound; 3]);
    assert_eq!(codes[3], Rejection::RateLimited);
    house.pass(1_000);
    assert_eq!(
        house.refused(bob, &notify(5, "alice", key, 0)),
        Rejection::NotFound
    );
    assert_eq!(
        house.refused(bob, &notify(6, "alice", key, 0)),
        Rejection::RateLimited
    );
}

#[test]
fn who_moved_is_asked_for_and_not_written_to() {
    let mut house = House::new();
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    assert!(matches!(
        house.write(bob, "alice", 1),
        Some(ToSeed::Notified { .. })
    ));
    let who = person("alice");
    let first = house.bind(&who, "alice", None);
    let elm: Alias = "alice@elm.example".parse().unwrap();
    let chain = (2, Some(binding::hash(&first)));
    let moved = binding::sign_moved(
        &who,
        &mut dice("bind"),
        house.now,
        &alias("alice"),
        chain,
        &elm,
    );
    let register = ToPod::Register {
        id: 3,
        binding: moved.clone(),
    };
    while house.hear(alice).is_some() {}
    let answer = house.ask(alice, &register);
    assert!(
        matches!(answer, Some(ToSeed::Registered { id: 3, .. })),
        "{answer:?}"
    );
    for _ in 0..2 {
        let bob = house.enter(&person("bob"));
        let answer = house.ask(
            bob,
            &ToPod::Resolve {
                id: 7,
                alias: alias("alice"),
            },
        );
        let Some(ToSeed::Resolved { binding, .. }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(binding, moved);
        let second = house.stored(bob, "alice", 2, limit::RECORD_LIFE_DEFAULT_MS);
        assert_eq!(house.refused(bob, &second), Rejection::Moved);
        // It is durable.
        house.restart();
    }
    // What came before is still theirs, and they may come back.
    let (alice, _) = house.enter_with(&who, "laptop", (0, 0));
    assert!(matches!(
        house.hear(alice),
        Some(ToSeed::Notification { seq: 1, .. })
    ));
    let back = house.bind(&who, "alice", Some((2, &moved)));
    let register = ToPod::Register {
        id: 4,
        binding: back,
    };
    house.ask(alice, &register);
    let bob = house.enter(&person("bob"));
    assert!(matches!(
        house.write(bob, "alice", 3),
        Some(ToSeed::Notified { .. })
    ));
}
