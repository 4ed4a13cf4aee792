//! Stamps between pods.

use super::{
    super::stamps::{age, store_with, unusual},
    *,
};

fn stamps(street: &Street) -> Vec<Vec<u8>> {
    let notified = street.calls.iter().filter_map(|call| match call {
        Call::Notify(body) => Some(body),
        _ => None,
    });
    let read = |body: &Vec<u8>| -> SignedHandover {
        wire::decode(body, limit::HANDOVER_BYTES_MAX).unwrap()
    };
    notified.map(|body| read(body).stamp).collect()
}

#[test]
fn a_handover_without_a_stamp_is_refused_and_nothing_is_kept() {
    let mut street = Street::new();
    street.elm.settle("bob");
    let good = forged(&street, |_, _| {});
    let good: SignedHandover = wire::decode(&good, limit::HANDOVER_BYTES_MAX).unwrap();
    for (stamp, code) in [
        (Vec::new(), Rejection::NoStamp),
        (stamp_of(&RecordKey([9; 32])), Rejection::NoStamp),
        (vec![1; 7], Rejection::Malformed),
    ] {
        let body = wire::encode(&SignedHandover {
            stamp,
            ..good.clone()
        });
        street.elm.hand(body);
        street.carry();
        let answer = street.elm.answer_to(street.elm.given).unwrap();
        assert_eq!(answer.err(), Some(code));
    }
    assert_eq!(street.elm.pod.stats().records, 0);
    street.elm.handed(wire::encode(&good)).unwrap();
}

#[test]
fn a_record_goes_to_the_other_pod_with_the_stamp_its_author_gave_it() {
    let mut street = Street::new();
    let alice = street.oak.settle("alice");
    street.elm.settle("bob");
    let record = record(street.oak.now, 1, limit::RECORD_LIFE_DEFAULT_MS);
    let (key, expires_h) = (record.key(), record.expires_h());
    let stamp = unusual(&key);
    let store = store_with(3, &record, stamp.to_bytes());
    street.oak.ask(alice, &store);
    street.tells(alice, &notify(4, "bob@elm.example", key, expires_h));
    taken(street.oak.hear(alice));
    assert_eq!(stamps(&street), [stamp.to_bytes()]);
    assert_eq!(street.elm.pod.custody.stamp(&key), Some(stamp));
}

#[test]
fn what_is_from_before_there_were_stamps_has_to_come_again_before_it_is_handed_over() {
    let mut street = Street::new();
    let alice = street.oak.settle("alice");
    street.elm.settle("bob");
    let old = record(street.oak.now, 1, limit::RECORD_LIFE_DEFAULT_MS);
    let (key, expires_h) = (old.key(), old.expires_h());
    street.oak.ask(alice, &store(3, old.clone()));
    age(&mut street.oak, &old);
    let alice = street.oak.enter(&person("alice"));
    let notification = notify(4, "bob@elm.example", key, expires_h);
    street.tells(alice, &notification);
    assert_eq!(obstacle(street.oak.hear(alice)), Rejection::NoRecord);
    assert!(stamps(&street).is_empty(), "it was not even tried");
    street.oak.ask(alice, &store(5, old));
    street.tells(alice, &notification);
    taken(street.oak.hear(alice));
}

#[test]
fn a_pod_older_than_stamps_is_told_once_more_without() {
    let mut street = Street::new();
    let alice = street.oak.settle("alice");
    street.elm.settle("bob");
    street.cut = true;
    street.writes(alice, 1);
    street.cut = false;
    let stamped = |body: &[u8]| {
        let signed: SignedHandover = wire::decode(body, limit::HANDOVER_BYTES_MAX).unwrap();
        !signed.stamp.is_empty()
    };
    let mut told = Vec::new();
    for _ in 0..60 {
        street.oak.pass_awake(1_000);
        for event in core::mem::take(&mut street.oak.events) {
            let Event::Call { id, call, .. } = event else {
                continue;
            };
            let result = match &call {
                // As such a pod answers, which elm is not.
                Call::Notify(body) => {
                    told.push(stamped(body));
                    Err(Rejection::Malformed)
                }
                _ => street.elm.answer(call).unwrap(),
            };
            street.oak.answered(id, result, false);
        }
    }
    assert_eq!(told, [true, false], "and no third time");
    let heard = core::iter::from_fn(|| street.oak.hear(alice));
    assert_eq!(obstacle(heard.last()), Rejection::Malformed);
}
