//! What goes well.

use super::*;

#[test]
fn a_message_arrives_once_signed_and_verified() {
    let mut room = two_people();
    let delivery = room.writes("alice", "bob", "hello").unwrap();
    assert!(delivery.status >= Status::Notified);
    assert_eq!(
        (delivery.pods, delivery.seeds),
        (1, 1),
        "the pod, and bob's own seed"
    );
    room.pass(5_000);
    let read = room.reads("bob");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].body, b"hello");
    assert_eq!(
        (&read[0].from, &read[0].to),
        (&alias("alice"), &alias("bob"))
    );
    assert!(
        read[0].verified && read[0].request,
        "signed by alice, who is a stranger yet"
    );
}

#[test]
fn whoever_wants_to_leave_can_see_what_is_under_way() {
    let mut room = two_people();
    // Whom one wrote to is told when their messages arrive.
    room.writes("bob", "alice", "hello").unwrap();
    room.pass(5_000);
    assert_eq!(room.seed("bob").under_way(), UnderWay::default());
    room.writes("alice", "bob", "hello yourself").unwrap();
    let owes = UnderWay {
        arriving: 0,
        leaving: 1,
    };
    assert_eq!(room.seed("bob").under_way(), owes, "a receipt");
    room.pass(5_000);
    assert_eq!(room.seed("bob").under_way(), UnderWay::default());
    room.pod_dies();
    room.writes("alice", "bob", "later").unwrap();
    assert_eq!(room.seed("alice").under_way().leaving, 1);
}

#[test]
fn it_waits_in_the_network_while_both_are_away() {
    let mut room = two_people();
    for holder in ["h1", "h2", "h3", "h4"] {
        room.joins(holder);
    }
    room.pass(2_000);
    room.leaves("bob");
    let delivery = room.writes("alice", "bob", "hello").unwrap();
    assert!(delivery.seeds >= 4, "{delivery:?}");
    room.leaves("alice");
    // Even the pod's copy is not needed.
    room.pod_dies();
    room.pod_disk
        .rows
        .retain(|(table, _), _| *table != Table::Record);
    room.pod_starts();
    room.pass(10_000);
    room.joins("bob");
    room.pass(30_000);
    let read = room.reads("bob");
    assert_eq!(read.len(), 1);
    assert!(read[0].verified);
}

#[test]
fn what_is_written_offline_is_sent_when_the_pod_is_back() {
    let mut room = two_people();
    room.pod_dies();
    let delivery = room.writes("alice", "bob", "later").unwrap();
    assert_eq!(delivery.status, Status::Queued);
    room.pod_starts();
    room.pass(60_000);
    assert_eq!(room.reads("bob").len(), 1);
    room.pass(60_000);
    assert_eq!(room.reads("bob").len(), 0);
}

#[test]
fn an_answer_makes_a_contact_and_receipts_tell_how_far_a_message_came() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(3_000);
    let hello = room.reads("bob").remove(0);
    room.writes("bob", "alice", "hello yourself").unwrap();
    room.pass(10_000);
    let answer = room.reads("alice").remove(0);
    assert!(
        answer.verified && !answer.request,
        "alice wrote to bob first"
    );
    let delivery = room.writes("alice", "bob", "how are you?").unwrap();
    room.pass(20_000);
    let second = room.reads("bob").remove(0);
    assert!(!second.request && second.id == delivery.id && second.id != hello.id);
    room.ask(
        "bob",
        Command::MarkRead {
            id: 5,
            with: alias("alice"),
        },
    )
    .unwrap();
    room.pass(20_000);
    let messages = room.page("alice", "bob");
    assert_eq!(messages.len(), 3, "newest first, and no receipt among them");
    assert_eq!(messages[0].delivery.as_ref().unwrap().status, Status::Read);
    assert_eq!(messages[1].body, b"hello yourself");
    let Done::Conversations(all) = room.ask("bob", Command::Conversations { id: 7 }).unwrap()
    else {
        panic!()
    };
    assert_eq!((all.len(), all[0].unread), (1, 0));
    assert_eq!(
        room.people["alice"].disk.count(Table::Outbox),
        2,
        "receipts leave nothing behind"
    );
}

#[test]
fn who_answers_before_looking_has_looked_at_everything_afterwards() {
    let mut room = two_people();
    room.writes("bob", "alice", "welcome").unwrap();
    for text in ["one", "two"] {
        room.writes("alice", "bob", text).unwrap();
        room.pass(10_000);
    }
    // More answers than two messages and as many again.
    for answer in ["1", "2", "3", "4", "5"] {
        room.writes("bob", "alice", answer).unwrap();
    }
    let (id, with) = (5, alias("alice"));
    room.ask("bob", Command::MarkRead { id, with }).unwrap();
    room.pass(20_000);
    let messages = room.page("alice", "bob");
    let own = messages.iter().filter(|message| message.outgoing);
    let statuses: Vec<Status> = own.map(|it| it.delivery.as_ref().unwrap().status).collect();
    assert_eq!(statuses, [Status::Read, Status::Read]);
}

#[test]
fn a_closed_profile_forgets_nothing_and_shows_nothing_twice() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    room.pass(3_000);
    assert_eq!(room.reads("bob").len(), 1);
    room.leaves("bob");
    room.joins("bob");
    room.pass(10_000);
    assert_eq!(room.reads("bob").len(), 0);
    assert_eq!(room.seed("bob").own_alias(), Some(alias("bob")));
    let Done::Messages(waiting) = room.ask("bob", Command::Inbox { id: 3 }).unwrap() else {
        panic!()
    };
    assert_eq!(waiting.len(), 1, "the application has not advanced past it");
    room.give(
        "bob",
        Input::Command(Command::Advance {
            arrival: waiting[0].arrival,
        }),
    );
    let Done::Messages(waiting) = room.ask("bob", Command::Inbox { id: 4 }).unwrap() else {
        panic!()
    };
    assert_eq!(waiting.len(), 0);
}

#[test]
fn who_sends_right_after_joining_finds_the_holders_a_little_later() {
    let mut room = two_people();
    room.writes("alice", "bob", "hello").unwrap();
    for holder in ["h1", "h2", "h3"] {
        room.joins(holder);
    }
    room.pass(60_000);
    let messages = room.page("alice", "bob");
    assert_eq!(
        messages[0].delivery.as_ref().unwrap().seeds,
        4,
        "bob and the three"
    );
    let outbox = &room.people["alice"].disk.rows;
    let record = outbox
        .iter()
        .find(|((table, _), _)| *table == Table::Outbox)
        .unwrap();
    assert!(
        record.1.len() < limit::RECORD_CLASSES_BYTES[0],
        "our own copy is given up"
    );
}
