//! What another pod hands over or answers that is not as it should be.

use super::*;

/// A handover as a pod would make it, with one thing wrong.
pub(super) fn forged(street: &Street, spoil: impl FnOnce(&mut Handover, &mut Vec<u8>)) -> Vec<u8> {
    let record = record(street.oak.now, 9, limit::RECORD_LIFE_DEFAULT_MS);
    let mut handover = Handover {
        from: Some(host(HOST)),
        to: "bob@elm.example".parse().unwrap(),
        notification: Notification {
            key: record.key(),
            expires_h: record.expires_h(),
            capability: Vec::new(),
        },
        at_ms: street.oak.now.wall_ms,
    };
    let mut bytes = record.into_bytes();
    spoil(&mut handover, &mut bytes);
    let stamp = stamp_of(&handover.notification.key);
    let handover = wire::encode(&handover);
    let label = wire::fed::HANDOVER_LABEL;
    let signature = person("oak").prove(&mut dice("forger"), street.oak.now, label, &handover);
    wire::encode(&SignedHandover {
        handover,
        signature,
        record: bytes,
        stamp,
    })
}

#[test]
fn handovers_that_are_not_as_they_should_be_are_refused_by_code() {
    let mut street = Street::new();
    street.elm.settle("bob");
    let day = limit::DAY_MS;
    let mut refused = |spoil: &dyn Fn(&mut Handover, &mut Vec<u8>)| {
        let body = forged(&street, |handover, record| spoil(handover, record));
        street.elm.hand(body);
        // Oak is asked who it is, unless that is known.
        street.carry();
        street.elm.answer_to(street.elm.given).unwrap().err()
    };
    assert_eq!(refused(&|_, _| {}), None);
    assert_eq!(
        refused(&|it, _| it.at_ms -= day),
        Some(Rejection::ClockWrong)
    );
    assert_eq!(
        refused(&|it, _| it.at_ms += day),
        Some(Rejection::ClockWrong)
    );
    assert_eq!(
        refused(&|_, record| record[100] ^= 1),
        Some(Rejection::WrongBytes)
    );
    assert_eq!(
        refused(&|it, _| it.from = Some(host("ash.example"))),
        Some(Rejection::NoSuchPod)
    );
    assert_eq!(
        refused(&|it, _| it.from = Some(host(ELM))),
        Some(Rejection::ForeignPod)
    );
    assert_eq!(
        refused(&|it, _| it.from = None),
        Some(Rejection::Unidentified)
    );
    let elsewhere: Alias = "bob@ash.example".parse().unwrap();
    assert_eq!(
        refused(&|it, _| it.to = elsewhere.clone()),
        Some(Rejection::ForeignPod)
    );
    let nobody: Alias = "nobody@elm.example".parse().unwrap();
    assert_eq!(
        refused(&|it, _| it.to = nobody.clone()),
        Some(Rejection::NotFound)
    );
    let mut tampered = forged(&street, |_, _| {});
    let last = tampered.len() / 8;
    tampered[last] ^= 1;
    street.elm.handed(tampered).unwrap_err();
    assert_eq!(street.elm.handed(vec![0; 100]), Err(Rejection::Malformed));
    let large = vec![0; limit::HANDOVER_BYTES_MAX + 1];
    assert_eq!(street.elm.handed(large), Err(Rejection::TooLarge));
    assert_eq!(street.elm.disk.count(Table::Notification), 1);
}

#[test]
fn a_forged_signature_or_another_pods_certificate_is_not_believed() {
    let mut street = Street::new();
    street.elm.settle("bob");
    let good = forged(&street, |_, _| {});
    let mut signed: SignedHandover = wire::decode(&good, limit::HANDOVER_BYTES_MAX).unwrap();
    let label = wire::fed::HANDOVER_LABEL;
    let now = street.oak.now;
    signed.signature = person("mallory").prove(&mut dice("m"), now, label, &signed.handover);
    street
        .elm
        .give(Input::Command(Command::Meet(vec![host(HOST)])));
    street.carry();
    let forged = street.elm.handed(wire::encode(&signed));
    assert_eq!(forged, Err(Rejection::BadSignature));

    // Oak is suddenly somebody else, and its old key knows nothing of it.
    let mut other = House::named(HOST, generous());
    let mut config = config_of(HOST, [9; 32], generous());
    config.identity = person("mallory");
    other.pod = Pod::new(config);
    other.events.clear();
    other.disk = Disk::default();
    other.give(Input::Command(Command::Start));
    street.oak = other;
    street.elm.pass_awake(limit::DESCRIPTION_RENEW_MS + 1);
    street
        .elm
        .give(Input::Command(Command::Meet(vec![host(HOST)])));
    street.carry();
    assert_eq!(
        street.elm.counted(Count::Failed(Rejection::PodKeyChanged)),
        1
    );
}

#[test]
fn a_listed_pod_deals_with_those_listed_and_a_fast_one_is_slowed() {
    let mut street = Street::new();
    let mut config = config_of(
        ELM,
        [3; 32],
        Quotas {
            handovers_burst: 2,
            handovers_per_s: 1,
            ..generous()
        },
    );
    config.policy = Policy {
        allow: Vec::new(),
        deny: vec![host("ash.example")],
    };
    street.elm.pod = Pod::new(config);
    street.elm.events.clear();
    street.elm.give(Input::Command(Command::Start));
    street.elm.settle("bob");
    let ash = forged(&street, |it, _| it.from = Some(host("ash.example")));
    assert_eq!(street.elm.handed(ash), Err(Rejection::ForeignPod));
    street
        .elm
        .give(Input::Command(Command::Meet(vec![host(HOST)])));
    street.carry();
    let again = forged(&street, |_, _| {});
    street.elm.handed(again.clone()).unwrap();
    street.elm.handed(again.clone()).unwrap();
    assert_eq!(
        street.elm.handed(again.clone()),
        Err(Rejection::RateLimited)
    );
    street.elm.pass_awake(1_000);
    street.elm.handed(again).unwrap();
    assert_eq!(
        street.elm.disk.count(Table::Notification),
        1,
        "the same is the same"
    );
}

#[test]
fn a_borrowed_name_uses_up_nothing_of_what_its_owner_may_do() {
    let mut street = Street::new();
    let few = Quotas {
        handovers_burst: 2,
        handovers_per_s: 1,
        ..generous()
    };
    street.elm = House::named(ELM, few);
    street.elm.settle("bob");
    let acquainted = Command::Meet(vec![host(HOST)]);
    street.elm.give(Input::Command(acquainted));
    street.carry();
    let good = forged(&street, |_, _| {});
    let mut borrowed: SignedHandover = wire::decode(&good, limit::HANDOVER_BYTES_MAX).unwrap();
    let label = wire::fed::HANDOVER_LABEL;
    let now = street.oak.now;
    borrowed.signature = person("mallory").prove(&mut dice("m"), now, label, &borrowed.handover);
    let borrowed = wire::encode(&borrowed);
    for _ in 0..10 {
        let refused = street.elm.handed(borrowed.clone());
        assert_eq!(refused, Err(Rejection::BadSignature));
    }
    street.elm.handed(good).unwrap();
}

#[test]
fn names_that_nobody_answers_to_leave_room_for_our_own_questions() {
    let mut street = Street::new();
    let bob = street.elm.settle("bob");
    for n in 0..limit::CALLS_MAX {
        let name = host(&alloc::format!("m{n}.example"));
        let body = forged(&street, |it, _| it.from = Some(name.clone()));
        street.elm.hand(body);
    }
    let asked = |call: &Call, events: &[Event]| {
        let is = |event: &&Event| matches!(event, Event::Call { call: other, .. } if other == call);
        events.iter().filter(is).count()
    };
    let describe = asked(&Call::Describe, &street.elm.events);
    assert_eq!(describe, limit::DESCRIBING_MAX);
    assert_eq!(
        street.elm.answer_to(street.elm.given),
        Some(Err(Rejection::Busy))
    );
    let alias: Alias = "alice@oak.example".parse().unwrap();
    let resolve = Call::Resolve(alias.label().clone());
    street.elm.say(bob, &ToPod::Resolve { id: 4, alias });
    assert_eq!(asked(&resolve, &street.elm.events), 1);
}

#[test]
fn a_pod_that_only_says_it_took_something_is_left_alone_longer_each_time() {
    let mut street = Street::new();
    let (alice, _) = (street.oak.settle("alice"), street.elm.settle("bob"));
    street
        .oak
        .give(Input::Command(Command::Meet(vec![host(ELM)])));
    street.carry();
    street.oak.kept_events.append(&mut street.oak.events);
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let message = street.oak.stored(alice, "bob@elm.example", 1, life);
    street.oak.say(alice, &message);
    let mut asked = 0;
    for _ in 0..600 {
        for event in core::mem::take(&mut street.oak.events) {
            if let Event::Call {
                id,
                call: Call::Notify(_),
                ..
            } = event
            {
                asked += 1;
                let lie = Reply::Taken(vec![0xA0]);
                street.oak.answered(id, Ok(lie), false);
            } else {
                street.oak.kept_events.push(event);
            }
        }
        street.oak.pass_awake(1_000);
    }
    let failed = Count::Failed(Rejection::PodDishonest);
    assert_eq!(street.oak.counted(failed), asked);
    assert!(
        (4..12).contains(&asked),
        "asked {asked} times in ten minutes"
    );
    let mut states = core::iter::from_fn(|| street.oak.hear(alice));
    let last = states.by_ref().last();
    assert_eq!(obstacle(last), Rejection::PodDishonest);
}

#[test]
fn a_description_that_does_not_hold_is_counted_and_not_asked_for_at_once_again() {
    let mut street = Street::new();
    street.elm.settle("bob");
    let mut asked = 0;
    for _ in 0..5 {
        let body = forged(&street, |_, _| {});
        street.elm.hand(body);
        for event in core::mem::take(&mut street.elm.events) {
            if let Event::Call {
                id,
                call: Call::Describe,
                ..
            } = event
            {
                asked += 1;
                let lie = Reply::Described(vec![0xA0]);
                street.elm.answered(id, Ok(lie), false);
            } else {
                street.elm.kept_events.push(event);
            }
        }
    }
    assert_eq!(asked, 1);
    let failed = Count::Failed(Rejection::PodDishonest);
    assert_eq!(street.elm.counted(failed), 1);
}
