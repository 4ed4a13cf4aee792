use super::*;

/// Bob registers, Alice stores three records and notifies him of each, and the power fails after
/// so many writes: with the next one lost, or done but unknown. Yields what was acknowledged.
fn until_the_power_fails(
    house: &mut House,
    writes_max: usize,
    one_more: bool,
) -> (bool, Vec<RecordKey>) {
    let (alice, bob) = (house.enter(&person("alice")), house.enter(&person("bob")));
    house.slow = Some(VecDeque::new());
    let binding = house.bind(&person("bob"), "bob", None);
    house.say(bob, &ToPod::Register { id: 1, binding });
    let records = (1..=3).map(|n| record(house.now, n, limit::DAY_MS));
    let mut records: VecDeque<_> = records.collect();
    let (mut registered, mut notified, mut telling) = (false, Vec::new(), None);
    for _ in 0..writes_max {
        house.write_one();
        registered |= matches!(house.hear(bob), Some(ToSeed::Registered { .. }));
        match house.hear(alice) {
            Some(ToSeed::Stored { receipt, .. }) => {
                house.say(alice, &notify(3, "bob", receipt.key, receipt.expires_h));
            }
            Some(ToSeed::Notified { .. }) => notified.extend(telling.take()),
            _ => {}
        }
        if registered
            && telling.is_none()
            && let Some(record) = records.pop_front()
        {
            telling = Some(record.key());
            house.say(alice, &store(2, record));
        }
    }
    if one_more && let Some((_, batch)) = house.slow.take().and_then(|mut slow| slow.pop_front()) {
        house.disk.keep(batch);
    }
    house.restart();
    (registered, notified)
}

#[test]
fn whatever_was_acknowledged_outlives_a_crash_at_any_write() {
    for writes_max in 0..16 {
        for one_more in [false, true] {
            let mut house = House::new();
            let (registered, notified) = until_the_power_fails(&mut house, writes_max, one_more);
            let (bob, welcome) = house.enter_with(&person("bob"), "laptop", (0, 0));
            assert!(
                !registered || welcome.aliases.len() == 1,
                "after {writes_max}"
            );
            let mut kept = Vec::new();
            while let Some(message) = house.hear(bob) {
                if let ToSeed::Notification { notification, .. } = message {
                    kept.push(notification.key);
                }
            }
            assert!(
                kept.starts_with(&notified),
                "after {writes_max}: {kept:?} {notified:?}"
            );
            assert!(writes_max < 15 || notified.len() == 3, "{notified:?}");
            for key in kept {
                let fetched = house.ask(bob, &ToPod::Fetch { id: 5, key });
                assert!(
                    matches!(fetched, Some(ToSeed::Fetched { .. })),
                    "after {writes_max}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_played_or_acknowledged_before_it_is_durable() {
    let mut house = House::new();
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let messages: Vec<_> = (1..=3)
        .map(|n| house.stored(alice, "bob", n, life))
        .collect();
    house.slow = Some(VecDeque::new());
    for message in &messages {
        house.say(alice, message);
    }
    assert!(house.hear(alice).is_none() && house.hear(bob).is_none());
    assert!(house.write_one());
    assert!(matches!(house.hear(alice), Some(ToSeed::Notified { .. })));
    assert_eq!(house.played(bob), [1]);
    // The other two came while the disk worked, and share one write.
    assert!(house.write_one());
    assert_eq!(house.played(bob), [2, 3]);
    assert!(!house.write_one());
    let epoch = house.epoch(&person("bob"));
    house.say(bob, &ToPod::Ack { epoch, seq: 3 });
    assert!(house.hear(bob).is_none(), "the cursor is not durable yet");
    assert!(house.write_one());
    assert_eq!(house.hear(bob), Some(ToSeed::Cursor { epoch, lowest: 3 }));
}

#[test]
fn a_disk_that_says_no_is_passed_on_by_code_and_nothing_is_left_behind() {
    let moods = [
        (Kept::Full, Rejection::Full),
        (Kept::Failed, Rejection::StorageFailed),
        (Kept::Conflict, Rejection::StorageFailed),
    ];
    for (mood, code) in moods {
        let mut house = House::new();
        let (alice, bob) = (house.settle("alice"), house.settle("bob"));
        let message = house.stored(alice, "bob", 1, limit::RECORD_LIFE_DEFAULT_MS);
        house.disk.moods.push_back(mood);
        assert_eq!(house.refused(alice, &message), code);
        assert!(house.played(bob).is_empty());
        assert!(matches!(
            house.ask(alice, &message),
            Some(ToSeed::Notified { .. })
        ));
        assert_eq!(house.played(bob), [2]);

        house.disk.moods.push_back(mood);
        let record = record(house.now, 2, limit::DAY_MS);
        assert_eq!(house.refused(alice, &store(3, record)), code);
    }
}

#[test]
fn a_registration_that_the_disk_refused_can_be_tried_again() {
    for (mood, code) in [
        (Kept::Full, Rejection::Full),
        (Kept::Failed, Rejection::StorageFailed),
    ] {
        let mut house = House::new();
        let who = person("alice");
        let alice = house.enter(&who);
        let binding = house.bind(&who, "alice", None);
        let register = ToPod::Register { id: 1, binding };
        house.disk.moods.push_back(mood);
        assert_eq!(house.refused(alice, &register), code);
        assert_eq!(house.pod.stats().aliases, 0);
        assert!(matches!(
            house.ask(alice, &register),
            Some(ToSeed::Registered { .. })
        ));
    }
}

#[test]
fn what_the_disk_has_counts_more_than_what_memory_has() {
    // The write happened though the disk said otherwise: the owner's next attempt succeeds.
    let mut house = House::new();
    let who = person("alice");
    let alice = house.settle("alice");
    let rows = house.disk.clone();
    let binding = match house.ask(
        alice,
        &ToPod::Resolve {
            id: 1,
            alias: alias("alice"),
        },
    ) {
        Some(ToSeed::Resolved { binding, .. }) => binding,
        other => panic!("{other:?}"),
    };
    let mut house = House::new();
    let (alice, mallory) = (house.enter(&who), house.enter(&person("mallory")));
    house.disk = rows;
    let theft = house.bind(&person("mallory"), "alice", None);
    let theft = ToPod::Register {
        id: 2,
        binding: theft,
    };
    assert_eq!(house.refused(mallory, &theft), Rejection::AliasTaken);

    let mut house = House {
        disk: house.disk,
        ..House::new()
    };
    let alice_again = house.enter(&who);
    let answer = house.ask(alice_again, &ToPod::Register { id: 3, binding });
    assert!(
        matches!(answer, Some(ToSeed::Registered { .. })),
        "{answer:?} {alice}"
    );
    assert!(matches!(
        house.write(alice_again, "alice", 1),
        Some(ToSeed::Notified { .. })
    ));
}

#[test]
fn a_disk_that_cannot_be_read_at_the_start_is_asked_again() {
    let mut house = House::new();
    house.settle("alice");
    house.pod = Pod::new(config([1; 32], Quotas::default()));
    house.events.clear();
    house.disk.deaf = 2;
    house.give(Input::Command(Command::Start));
    assert!(!house.pod.is_ready());
    house.pass(10_000);
    assert!(house.pod.is_ready());
    assert_eq!(house.pod.stats().aliases, 1);
    assert!(matches!(house.events[0], Event::ReadFailed));
}

#[test]
fn rows_that_make_no_sense_are_left_alone_and_counted() {
    let mut house = House::new();
    house.settle("alice");
    for table in [Table::Binding, Table::Mailbox, Table::Notification] {
        house
            .disk
            .rows
            .insert((table, b"x".to_vec()), b"y".to_vec());
    }
    house.events.clear();
    house.restart();
    assert!(matches!(house.events[0], Event::RowsUnreadable(3)));
    assert_eq!(house.pod.stats().aliases, 1);
    assert!(
        house
            .disk
            .rows
            .contains_key(&(Table::Binding, b"x".to_vec()))
    );
}

#[test]
fn a_pod_that_lost_notifications_begins_a_new_run_and_plays_everything() {
    let mut house = House::new();
    let (alice, who) = (house.settle("alice"), person("bob"));
    let bob = house.settle("bob");
    house.write(alice, "bob", 1);
    let backup = house.disk.clone();
    house.write(alice, "bob", 2);
    assert_eq!(house.played(bob), [1, 2]);
    let epoch = house.epoch(&who);
    house.say(bob, &ToPod::Ack { epoch, seq: 2 });

    house.disk = backup;
    house.restart();
    let (phone, welcome) = house.enter_with(&who, "phone", (0, 0));
    assert_eq!((welcome.epoch, house.played(phone)), (epoch, vec![1]));
    let (laptop, welcome) = house.enter_with(&who, "laptop", (epoch, 2));
    assert_ne!(welcome.epoch, epoch);
    assert_eq!(house.played(laptop), [1]);
    assert_eq!(house.played(phone), [1], "every device starts over");
    house.restart();
    let (_, again) = house.enter_with(&who, "laptop", (welcome.epoch, 1));
    assert_eq!(again.epoch, welcome.epoch);
}

#[test]
fn much_is_read_in_pages() {
    let quotas = Quotas {
        mailbox_strangers_max: 10_000,
        changes_burst: 100_000,
        ..generous()
    };
    let mut house = House::with(quotas);
    let (alice, _) = (house.settle("alice"), house.settle("bob"));
    for n in 0..600 {
        assert!(matches!(
            house.write(alice, "bob", n),
            Some(ToSeed::Notified { .. })
        ));
    }
    house.restart();
    assert_eq!(house.pod.stats().notifications, 600);
    assert_eq!(house.pod.stats().records, 600);
}

#[test]
fn a_failed_write_does_not_keep_those_behind_it_waiting() {
    let mut house = House::new();
    let (alice, bob) = (house.settle("alice"), house.settle("bob"));
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let messages: Vec<_> = (1..=2)
        .map(|n| house.stored(alice, "bob", n, life))
        .collect();
    house.slow = Some(VecDeque::new());
    house.disk.moods = [Kept::Failed].into();
    for message in &messages {
        house.say(alice, message);
    }
    assert!(house.write_one());
    let code = Rejection::StorageFailed;
    assert_eq!(house.hear(alice), Some(ToSeed::Rejected { id: 2001, code }));
    assert!(house.write_one());
    assert_eq!(house.hear(alice), Some(ToSeed::Notified { id: 2002 }));
    assert_eq!(house.played(bob), [2]);
}
