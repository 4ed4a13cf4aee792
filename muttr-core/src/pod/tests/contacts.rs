//! Whoever shows a capability is a contact, and has a share of the mailbox of their own.

use super::*;
use crate::name::Hash;

fn hash(capability: &[u8]) -> Hash {
    Hash(Sha256::digest(capability).into())
}

/// The same notification, with a capability.
fn with(message: ToPod, capability: &[u8]) -> ToPod {
    let ToPod::Notify {
        id,
        to,
        notification,
    } = message
    else {
        panic!("no notification")
    };
    let notification = Notification {
        capability: capability.to_vec(),
        ..notification
    };
    ToPod::Notify {
        id,
        to,
        notification,
    }
}

fn is_request(message: Option<ToSeed>) -> bool {
    match message {
        Some(ToSeed::Notification {
            request,
            notification,
            ..
        }) => {
            assert!(
                notification.capability.is_empty(),
                "it stays with whoever may use it"
            );
            request
        }
        other => panic!("not notified but {other:?}"),
    }
}

#[test]
fn who_was_given_a_capability_is_no_stranger_until_it_is_revoked() {
    let mut house = House::new();
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    let grant = ToPod::Grant {
        id: 5,
        hash: hash(b"come in"),
    };
    assert_eq!(house.ask(bob, &grant), Some(ToSeed::Granted { id: 5 }));
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    for (n, shown, request) in [(1, &b"come in"[..], false), (2, b"let me in", true)] {
        let message = with(house.stored(alice, "bob", n, life), shown);
        house.say(alice, &message);
        assert_eq!(is_request(house.hear(bob)), request);
        assert!(matches!(house.hear(alice), Some(ToSeed::Notified { .. })));
    }
    // It is durable.
    house.restart();
    let alice = house.enter(&person("alice"));
    let message = with(house.stored(alice, "bob", 3, life), b"come in");
    house.ask(alice, &message);
    let (bob, _) = house.enter_with(&person("bob"), "phone", (0, 0));
    let requests: Vec<bool> = (0..3).map(|_| is_request(house.hear(bob))).collect();
    assert_eq!(requests, [false, true, false]);

    let revoke = ToPod::Revoke {
        id: 6,
        hash: hash(b"come in"),
    };
    assert_eq!(house.ask(bob, &revoke), Some(ToSeed::Granted { id: 6 }));
    let message = with(house.stored(alice, "bob", 4, life), b"come in");
    house.ask(alice, &message);
    assert!(is_request(house.hear(bob)));
}

#[test]
fn strangers_do_not_fill_the_contacts_share_nor_contacts_the_strangers() {
    let quotas = Quotas {
        mailbox_strangers_max: 4,
        mailbox_entries_max: 4,
        ..generous()
    };
    let mut house = House::with(quotas);
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    let grant = ToPod::Grant {
        id: 5,
        hash: hash(b"come in"),
    };
    house.ask(bob, &grant);
    house.give(Input::Unlinked(Link::Channel(bob)));
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let mut codes = |from: u32, shown: &[u8]| -> Vec<Option<Rejection>> {
        let answers = (from..from + 6).map(|n| {
            let message = with(house.stored(alice, "bob", n, life), shown);
            match house.ask(alice, &message) {
                Some(ToSeed::Rejected { code, .. }) => Some(code),
                Some(ToSeed::Notified { .. }) => None,
                other => panic!("{other:?}"),
            }
        });
        answers.collect()
    };
    let full = Some(Rejection::StrangersFull);
    assert_eq!(codes(10, b""), [None, None, full, full, full, full]);
    let full = Some(Rejection::MailboxFull);
    assert_eq!(codes(20, b"come in"), [None, None, None, None, full, full]);
}

#[test]
fn people_who_write_too_fast_are_told_so_and_may_go_on_in_a_while() {
    let quotas = Quotas {
        notify_burst: 3,
        notify_per_minute: 60,
        ..Quotas::default()
    };
    let mut house = House::with(quotas);
    let (alice, _) = (house.settle("alice"), house.settle("bob"));
    for n in 1..=3 {
        assert!(matches!(
            house.write(alice, "bob", n),
            Some(ToSeed::Notified { .. })
        ));
    }
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let fourth = house.stored(alice, "bob", 4, life);
    assert_eq!(house.refused(alice, &fourth), Rejection::RateLimited);
    // Another session of the same person is the same person.
    let (phone, _) = house.enter_with(&person("alice"), "phone", (0, 0));
    assert_eq!(house.refused(phone, &fourth), Rejection::RateLimited);
    house.pass(1_000);
    assert!(matches!(
        house.ask(alice, &fourth),
        Some(ToSeed::Notified { .. })
    ));
}
