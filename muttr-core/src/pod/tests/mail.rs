use super::*;

#[test]
fn bob_is_notified_while_he_is_there_and_when_he_comes_back() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let bob = house.settle("bob");
    assert!(matches!(
        house.write(alice, "bob", 1),
        Some(ToSeed::Notified { .. })
    ));
    let Some(ToSeed::Notification {
        epoch,
        seq: 1,
        to,
        request: true,
        notification,
    }) = house.hear(bob)
    else {
        panic!("not notified")
    };
    assert_eq!(format!("{to}"), "bob");
    assert_eq!(
        notification.key,
        record(house.now, 1, limit::RECORD_LIFE_DEFAULT_MS).key()
    );
    let fetched = house.ask(
        bob,
        &ToPod::Fetch {
            id: 2,
            key: notification.key,
        },
    );
    assert!(matches!(fetched, Some(ToSeed::Fetched { id: 2, record }) if record.len() == 2048));

    house.say(bob, &ToPod::Ack { epoch, seq: 1 });
    assert_eq!(house.hear(bob), Some(ToSeed::Cursor { epoch, lowest: 1 }));
    house.give(Input::Unlinked(Link::Channel(bob)));
    house.write(alice, "bob", 2);
    let (bob, welcome) = house.enter_with(&person("bob"), "laptop", (epoch, 1));
    assert_eq!((welcome.epoch, welcome.lowest), (epoch, 1));
    assert_eq!(house.played(bob), [2]);
}

#[test]
fn notifications_that_are_not_taken_have_codes() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let unknown = house.stored(alice, "bob", 1, life);
    assert_eq!(house.refused(alice, &unknown), Rejection::NotFound);
    house.settle("bob");
    let absent = record(house.now, 2, life);
    let absent = notify(1, "bob", absent.key(), absent.expires_h());
    assert_eq!(house.refused(alice, &absent), Rejection::NoRecord);
    let short = house.stored(alice, "bob", 3, 1);
    house.pass_awake(limit::RECORD_EXPIRY_STEP_MS + 1);
    assert_eq!(house.refused(alice, &short), Rejection::Expired);
    let ToPod::Notify {
        id,
        to,
        mut notification,
    } = house.stored(alice, "bob", 4, life)
    else {
        panic!()
    };
    notification.expires_h += 6;
    let longer = ToPod::Notify {
        id,
        to: to.clone(),
        notification: notification.clone(),
    };
    assert_eq!(house.refused(alice, &longer), Rejection::Malformed);
    notification.capability = vec![0; limit::CAPABILITY_BYTES_MAX + 1];
    let large = ToPod::Notify {
        id,
        to,
        notification,
    };
    assert_eq!(house.refused(alice, &large), Rejection::TooLarge);
    let junk = ToPod::Store {
        id: 9,
        record: vec![1, 2, 3],
        stamp: Vec::new(),
    };
    assert_eq!(house.refused(alice, &junk), Rejection::Malformed);
    let late = store(10, record(house.now, 5, 1));
    house.pass_awake(limit::RECORD_EXPIRY_STEP_MS + 1);
    assert_eq!(house.refused(alice, &late), Rejection::Expired);
    assert_eq!(house.pod.stats().notifications, 0);
}

#[test]
fn the_same_notification_twice_is_one() {
    let mut house = House::new();
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    let message = house.stored(alice, "bob", 1, limit::RECORD_LIFE_DEFAULT_MS);
    house.slow = Some(VecDeque::new());
    house.say(alice, &message);
    house.say(alice, &message);
    assert!(house.hear(alice).is_none() && house.hear(bob).is_none());
    while house.write_one() {}
    assert!(matches!(house.hear(alice), Some(ToSeed::Notified { .. })));
    assert!(matches!(house.hear(alice), Some(ToSeed::Notified { .. })));
    assert!(matches!(
        house.ask(alice, &message),
        Some(ToSeed::Notified { .. })
    ));
    assert_eq!(house.played(bob), [1]);
    assert_eq!(house.disk.count(Table::Notification), 1);
}

#[test]
fn playback_keeps_order_and_window_for_each_device() {
    let mut house = House::new();
    let alice = house.settle("alice");
    let (who, window) = (person("bob"), limit::PLAYBACK_WINDOW as u64);
    let bob = house.settle("bob");
    house.give(Input::Unlinked(Link::Channel(bob)));
    let count = window + 10;
    for n in 1..=count {
        let answer = house.write(alice, "bob", n as u32);
        assert!(
            matches!(answer, Some(ToSeed::Notified { .. })),
            "{n} {answer:?}"
        );
    }
    let epoch = house.epoch(&who);
    let (laptop, _) = house.enter_with(&who, "laptop", (0, 0));
    assert_eq!(house.played(laptop), (1..=window).collect::<Vec<_>>());
    house.say(laptop, &ToPod::Ack { epoch, seq: 3 });
    assert_eq!(house.played(laptop), [window + 1, window + 2, window + 3]);
    // A device that the pod does not know starts at the oldest and holds the lowest cursor back.
    let (phone, welcome) = house.enter_with(&who, "phone", (epoch ^ 1, 50));
    assert_eq!(welcome.lowest, 3);
    let first = house.hear(phone);
    assert!(
        matches!(first, Some(ToSeed::Notification { seq: 1, .. })),
        "{first:?}"
    );
    assert_eq!(
        house.hear(laptop),
        Some(ToSeed::Cursor { epoch, lowest: 0 })
    );
}

#[test]
fn acks_that_fit_nothing_mean_nothing() {
    let mut house = House::new();
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    house.write(alice, "bob", 1);
    house.write(alice, "bob", 2);
    assert_eq!(house.played(bob), [1, 2]);
    let epoch = house.epoch(&person("bob"));
    for (epoch, seq) in [
        (epoch, 3),
        (epoch, u64::MAX),
        (epoch ^ 1, 2),
        (0, 1),
        (epoch, 0),
    ] {
        house.say(bob, &ToPod::Ack { epoch, seq });
        assert_eq!(house.hear(bob), None);
    }
    house.say(alice, &ToPod::Ack { epoch, seq: 2 });
    house.say(bob, &ToPod::Ack { epoch, seq: 2 });
    assert_eq!(house.hear(bob), Some(ToSeed::Cursor { epoch, lowest: 2 }));
    house.say(bob, &ToPod::Ack { epoch, seq: 1 });
    assert_eq!(house.hear(bob), None);
}

#[test]
fn a_notification_goes_a_day_after_every_device_has_it() {
    let mut house = House::new();
    let (alice, who) = (house.settle("alice"), person("bob"));
    let laptop = house.settle("bob");
    let (phone, _) = house.enter_with(&who, "phone", (0, 0));
    house.write(alice, "bob", 1);
    let epoch = house.epoch(&who);
    house.say(laptop, &ToPod::Ack { epoch, seq: 1 });
    house.pass_awake(2 * limit::DAY_MS);
    assert_eq!(
        house.disk.count(Table::Notification),
        1,
        "the phone does not have it"
    );
    house.say(phone, &ToPod::Ack { epoch, seq: 1 });
    assert!(house.played(phone).contains(&1));
    house.pass_awake(limit::DAY_MS - limit::HOUR_MS);
    assert_eq!(
        house.disk.count(Table::Notification),
        1,
        "a day has not passed"
    );
    house.pass_awake(3 * limit::HOUR_MS);
    assert_eq!(house.disk.count(Table::Notification), 0);
    assert_eq!(house.pod.stats().notifications, 0);
}

#[test]
fn a_device_that_is_silent_for_a_month_holds_nothing_back() {
    let mut house = House::new();
    let (alice, who) = (house.settle("alice"), person("bob"));
    let (phone, _) = house.enter_with(&who, "phone", (0, 0));
    let laptop = house.settle("bob");
    house.give(Input::Unlinked(Link::Channel(phone)));
    house.pass_awake(limit::DEVICE_SILENT_MS - limit::DAY_MS);
    house.write(alice, "bob", 1);
    let epoch = house.epoch(&who);
    house.say(laptop, &ToPod::Ack { epoch, seq: 1 });
    house.played(laptop);
    house.pass_awake(limit::DAY_MS - limit::HOUR_MS);
    assert_eq!(house.disk.count(Table::Notification), 1);
    for _ in 0..3 {
        house.pass_awake(limit::DAY_MS);
    }
    assert_eq!(house.disk.count(Table::Notification), 0);
}

#[test]
fn a_full_mailbox_says_so_and_loses_nothing() {
    let quotas = Quotas {
        mailbox_strangers_max: 6,
        ..generous()
    };
    let mut house = House::with(quotas);
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    house.slow = None;
    for n in 1..=3 {
        assert!(matches!(
            house.write(alice, "bob", n),
            Some(ToSeed::Notified { .. })
        ));
    }
    let fourth = house.stored(alice, "bob", 4, limit::RECORD_LIFE_DEFAULT_MS);
    assert_eq!(house.refused(alice, &fourth), Rejection::StrangersFull);
    assert_eq!(house.played(bob), [1, 2, 3]);
    // What one device has no longer counts as a stranger's.
    let epoch = house.epoch(&person("bob"));
    house.say(bob, &ToPod::Ack { epoch, seq: 1 });
    assert!(matches!(
        house.ask(alice, &fourth),
        Some(ToSeed::Notified { .. })
    ));

    for quotas in [
        Quotas {
            mailbox_entries_max: 4,
            ..generous()
        },
        Quotas {
            mailbox_bytes_max: 8 * 2048,
            ..generous()
        },
    ] {
        let mut house = House::with(quotas);
        let (alice, _) = (house.settle("alice"), house.settle("bob"));
        house.write(alice, "bob", 1);
        house.write(alice, "bob", 2);
        let third = house.stored(alice, "bob", 3, limit::RECORD_LIFE_DEFAULT_MS);
        assert_eq!(house.refused(alice, &third), Rejection::StrangersFull);
    }
}

#[test]
fn notifications_under_way_count_too() {
    let quotas = Quotas {
        mailbox_strangers_max: 4,
        ..generous()
    };
    let mut house = House::with(quotas);
    let (alice, _) = (house.settle("alice"), house.settle("bob"));
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let messages: Vec<_> = (1..=3)
        .map(|n| house.stored(alice, "bob", n, life))
        .collect();
    house.slow = Some(VecDeque::new());
    house.say(alice, &messages[0]);
    house.say(alice, &messages[1]);
    assert_eq!(house.refused(alice, &messages[2]), Rejection::StrangersFull);
}

#[test]
fn an_expired_notification_makes_room() {
    let quotas = Quotas {
        mailbox_strangers_max: 1,
        ..generous()
    };
    let mut house = House::with(quotas);
    let (alice, _) = (house.settle("alice"), house.settle("bob"));
    let short = house.stored(alice, "bob", 1, 1);
    assert!(matches!(
        house.ask(alice, &short),
        Some(ToSeed::Notified { .. })
    ));
    house.pass_awake(limit::RECORD_EXPIRY_STEP_MS + 1);
    assert!(matches!(
        house.write(alice, "bob", 2),
        Some(ToSeed::Notified { .. })
    ));
    assert_eq!(house.disk.count(Table::Notification), 1);
}

#[test]
fn more_requests_than_one_session_may_have_are_told_busy() {
    let mut house = House::new();
    let (alice, _) = (house.settle("alice"), house.settle("bob"));
    let message = house.stored(alice, "bob", 1, limit::RECORD_LIFE_DEFAULT_MS);
    house.slow = Some(VecDeque::new());
    for _ in 0..limit::REQUESTS_PER_SESSION_MAX {
        house.say(alice, &message);
    }
    assert_eq!(house.refused(alice, &message), Rejection::Busy);
    while house.write_one() {}
    let notified = (0..).take_while(|_| house.hear(alice).is_some()).count();
    assert_eq!(notified, limit::REQUESTS_PER_SESSION_MAX);
    house.slow = None;
    assert!(matches!(
        house.ask(alice, &message),
        Some(ToSeed::Notified { .. })
    ));
}

#[test]
fn a_record_that_nobody_has_is_not_found() {
    let mut house = House::new();
    let alice = house.settle("alice");
    house.say(
        alice,
        &ToPod::Fetch {
            id: 4,
            key: RecordKey([9; 32]),
        },
    );
    house.pass_awake(limit::FETCH_MS_MAX + 1_000);
    assert!(matches!(
        house.hear(alice),
        Some(ToSeed::Rejected {
            id: 4,
            code: Rejection::NoRecord | Rejection::TimedOut
        })
    ));
}

#[test]
fn a_mailbox_remembers_only_so_many_devices() {
    let mut house = House::new();
    let who = person("bob");
    let laptop = house.settle("bob");
    let mut phones = Vec::new();
    for n in 1..limit::DEVICES_MAX {
        phones.push(house.enter_with(&who, &format!("phone {n}"), (0, 0)).0);
    }
    // Everyone is there: one more is too many, until the longest silent can be forgotten.
    let late = house.knock();
    for frame in house.login(late, &who, "late", (0, 0)) {
        house.frame(late, frame);
    }
    let code = Rejection::Busy;
    assert_eq!(house.hear(late), Some(ToSeed::Rejected { id: 0, code }));
    assert!(house.is_closed(late));

    for channel in [phones[3], laptop] {
        house.pass_awake(1_000);
        house.give(Input::Unlinked(Link::Channel(channel)));
    }
    house.enter_with(&who, "late", (0, 0));
    let alice = house.settle("alice");
    house.write(alice, "bob", 1);
    let epoch = house.epoch(&who);
    // The laptop is still remembered, and holds the others back; the phone is not.
    let (_, welcome) = house.enter_with(&who, "late", (epoch, 1));
    assert_eq!(welcome.lowest, 0);
    assert_eq!(house.pod.stats().sessions, limit::DEVICES_MAX);
}
