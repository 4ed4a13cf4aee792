//! Messages that go straight to the recipient's pod while one's own is away.

use super::*;
use crate::{
    custody::receipt,
    envelope::stamp,
    seed::row::ContactRow,
    wire::{
        self,
        fed::{Handover, SignedHandover, Taken},
    },
};

const CAPABILITY: &[u8] = b"come in";

fn bob() -> Alias {
    "bob@elm.example".parse().unwrap()
}

/// Alice knows bob of another pod, who gave her a capability; her own pod is away.
fn cut_off(capability: &[u8]) -> Room {
    let mut room = two_people();
    let seed = room.people.get_mut("alice").unwrap();
    let seed = seed.running.as_mut().unwrap();
    let contact = ContactRow {
        capability: capability.to_vec(),
        accepted: true,
        ..ContactRow::known(cast::bob().certificate())
    };
    seed.contacts.insert(bob(), contact);
    room.give("alice", Input::Unlinked(Link::Channel(0)));
    room
}

fn writes(room: &mut Room, text: &str) {
    let draft = Box::new(Draft {
        to: bob(),
        content_type: "text/plain".to_string(),
        body: text.as_bytes().to_vec(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    });
    room.give("alice", Input::Command(Command::Send { id: 2, draft }));
    room.finds_stamps("alice");
}

fn posts_of(room: &mut Room) -> Vec<(u64, Vec<u8>)> {
    let events = &mut room.people.get_mut("alice").unwrap().events;
    let mut posts = Vec::new();
    events.retain(|event| match event {
        Event::Post { id, host, body } => {
            assert_eq!(*host, *bob().host());
            posts.push((*id, body.clone()));
            false
        }
        _ => true,
    });
    posts
}

fn status(room: &Room) -> (Status, Option<Rejection>) {
    let seed = room.people["alice"].running.as_ref().unwrap();
    let outgoing = seed.outbox.messages.values().next().unwrap();
    (outgoing.row.status, outgoing.row.reason)
}

#[test]
fn a_contact_is_told_by_their_own_pod_and_that_learns_of_nobody() {
    let mut room = cut_off(CAPABILITY);
    writes(&mut room, "are you there?");
    let posts = posts_of(&mut room);
    let [(id, body)] = posts.as_slice() else {
        panic!("{} posts", posts.len());
    };
    let signed: SignedHandover = wire::decode(body, limit::HANDOVER_BYTES_MAX).unwrap();
    let handover: Handover = wire::decode(&signed.handover, 4_096).unwrap();
    assert_eq!((handover.from, handover.to), (None, bob()));
    assert_eq!(handover.notification.capability, CAPABILITY);
    let stamp = stamp::check(limit::STAMP_BITS, &handover.notification.key, &signed.stamp);
    assert!(stamp.is_ok(), "{stamp:?}");
    assert!(signed.signature.is_empty());
    let names = |needle: &[u8]| body.windows(needle.len()).any(|part| part == needle);
    assert!(!names(b"alice") && !names(cast::alice().fingerprint().as_bytes()));

    // A promise that is none changes nothing; it is tried again.
    let key = key_of("elm");
    let mut lie = Taken {
        receipt: receipt::sign(
            &key,
            handover.notification.key,
            handover.notification.expires_h,
        ),
        run: 1,
    };
    let promise = wire::encode(&lie);
    lie.receipt.expires_h += 6;
    let posted = |id, taken| Input::Command(Command::Posted { id, result: taken });
    room.give("alice", posted(*id, Ok(wire::encode(&lie))));
    assert_eq!(status(&room).1, Some(Rejection::PodDishonest));
    room.pass(limit::SEND_RETRY_MS.0 + 100);
    let again = posts_of(&mut room);
    let [(again, _)] = again.as_slice() else {
        panic!("{} posts", again.len());
    };
    room.give("alice", posted(*again, Ok(promise)));
    assert_eq!(status(&room), (Status::Notified, None));
}

#[test]
fn without_a_capability_it_waits_for_our_own_pod() {
    let mut room = cut_off(b"");
    writes(&mut room, "are you there?");
    assert!(posts_of(&mut room).is_empty());
    assert_eq!(status(&room).0, Status::Queued);
}

#[test]
fn what_the_other_pod_refuses_waits_for_our_own_pod() {
    let mut room = cut_off(CAPABILITY);
    writes(&mut room, "are you there?");
    let (id, _) = posts_of(&mut room).remove(0);
    let result = Err(Rejection::Unidentified);
    room.give("alice", Input::Command(Command::Posted { id, result }));
    assert_eq!(
        status(&room),
        (Status::Queued, Some(Rejection::Unidentified))
    );
    room.connect("alice");
    room.pass(1_000);
    // Elm cannot be asked in this room; but it is our pod that says so.
    assert!(posts_of(&mut room).is_empty());
    assert_eq!(status(&room).0, Status::Stored);
}
