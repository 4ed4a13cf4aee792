//! Two pods, and what passes between them.

use super::*;
use crate::{
    keyring::binding,
    pod::{Call, Count, Policy, Reply},
    wire::{
        self,
        channel::HandoverState,
        fed::{Handover, SignedDescription, SignedHandover},
    },
};

mod mallory;
mod stamps;

use mallory::forged;

const ELM: &str = "elm.example";

/// Two pods and the line between them.
struct Street {
    oak: House,
    elm: House,
    /// Nothing is heard of elm.
    cut: bool,
    /// Answers do not come back, though the question did.
    deaf: bool,
    calls: Vec<Call>,
    /// Counts answers that took a while.
    returned: usize,
}

impl Street {
    fn new() -> Self {
        Self {
            oak: House::named(HOST, generous()),
            elm: House::named(ELM, generous()),
            cut: false,
            deaf: false,
            calls: Vec::new(),
            returned: 0,
        }
    }

    /// Carries what the pods ask each other, until they ask nothing more.
    fn carry(&mut self) {
        loop {
            let before = self.calls.len() + self.returned;
            self.side(true);
            self.side(false);
            if self.calls.len() + self.returned == before {
                return;
            }
        }
    }

    /// One pod's questions to the other, and the answers that are there by now.
    fn side(&mut self, oak_asks: bool) {
        let (from, to) = if oak_asks {
            (&mut self.oak, &mut self.elm)
        } else {
            (&mut self.elm, &mut self.oak)
        };
        for event in core::mem::take(&mut from.events) {
            let Event::Call { id, host, call } = event else {
                from.kept_events.push(event);
                continue;
            };
            self.calls.push(call.clone());
            let result = if self.cut && oak_asks {
                Some(Err(Rejection::PodUnreachable))
            } else if host.as_str() != to.name {
                Some(Err(Rejection::NoSuchPod))
            } else {
                to.answer(call)
            };
            match result {
                Some(result) => from.answered(id, result, self.deaf && oak_asks),
                None => from.waiting.push((id, to.given)),
            }
        }
        for (id, given) in core::mem::take(&mut from.waiting) {
            match to.answer_to(given) {
                Some(result) => {
                    self.returned += 1;
                    from.answered(id, result.map(Reply::Taken), self.deaf && oak_asks);
                }
                None => from.waiting.push((id, given)),
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(1_000) {
            self.oak.pass_awake(1_000);
            self.elm.pass_awake(1_000);
            self.carry();
        }
    }

    /// Alice at oak writes to Bob at elm; how it goes is heard in her session.
    fn writes(&mut self, alice: u64, n: u32) -> Option<ToSeed> {
        while self.oak.hear(alice).is_some() {}
        let life = limit::RECORD_LIFE_DEFAULT_MS;
        let message = self.oak.stored(alice, "bob@elm.example", n, life);
        self.tells(alice, &message)
    }

    fn tells(&mut self, alice: u64, message: &ToPod) -> Option<ToSeed> {
        let answer = self.oak.ask(alice, message);
        self.carry();
        answer
    }
}

impl House {
    fn answered(&mut self, id: u64, result: Result<Reply, Rejection>, deaf: bool) {
        let result = match result {
            Ok(_) if deaf => Err(Rejection::TimedOut),
            result => result,
        };
        self.give(Input::Command(Command::Called { id, result }));
    }

    /// What this pod answers to another one, if it can say so at once.
    fn answer(&mut self, call: Call) -> Option<Result<Reply, Rejection>> {
        match call {
            Call::Describe => Some(Ok(Reply::Described(self.description()))),
            Call::Resolve(label) => {
                let alias = Alias::new(label, host(self.name));
                self.give(Input::Command(Command::Resolve { id: 7, alias }));
                let answer = self.events.iter().rev().find_map(|event| match event {
                    Event::Resolved { id: 7, result } => Some(result.clone()),
                    _ => None,
                });
                answer.map(|answer| answer.map(Reply::Resolved))
            }
            Call::Notify(body) => {
                self.hand(body);
                let answer = self.answer_to(self.given)?;
                Some(answer.map(Reply::Taken))
            }
        }
    }

    fn hand(&mut self, body: Vec<u8>) {
        self.given += 1;
        let id = self.given;
        self.give(Input::Command(Command::Notified { id, body }));
    }

    fn answer_to(&self, given: u64) -> Option<Result<Vec<u8>, Rejection>> {
        let events = self.events.iter().chain(&self.kept_events);
        let mut answers = events.filter_map(|event| match event {
            Event::Answered { id, result } if *id == given => Some(result.clone()),
            _ => None,
        });
        answers.next_back()
    }

    fn handed(&mut self, body: Vec<u8>) -> Result<Vec<u8>, Rejection> {
        self.hand(body);
        self.answer_to(self.given)
            .unwrap_or(Err(Rejection::TimedOut))
    }

    fn description(&self) -> Vec<u8> {
        let events = self.kept_events.iter().chain(&self.events);
        let mut described = events.filter_map(|event| match event {
            Event::Described(described) => Some(described.signed.clone()),
            _ => None,
        });
        described.next_back().unwrap()
    }

    fn counted(&self, wanted: Count) -> usize {
        let events = self.events.iter().chain(&self.kept_events);
        let is = |event: &&Event| matches!(event, Event::Counted(count) if *count == wanted);
        events.filter(is).count()
    }
}

#[track_caller]
fn taken(message: Option<ToSeed>) {
    let taken = matches!(
        &message,
        Some(ToSeed::Handover {
            state: HandoverState::Taken(_),
            ..
        })
    );
    assert!(taken, "{message:?}");
}

fn obstacle(message: Option<ToSeed>) -> Rejection {
    match message {
        Some(ToSeed::Handover {
            state: HandoverState::Waiting(why) | HandoverState::Refused(why),
            ..
        }) => why,
        other => panic!("no obstacle but {other:?}"),
    }
}

#[test]
fn a_notification_reaches_the_other_pod_with_its_record() {
    let mut street = Street::new();
    let (alice, bob) = (street.oak.settle("alice"), street.elm.settle("bob"));
    assert!(matches!(
        street.writes(alice, 1),
        Some(ToSeed::Forwarding { .. })
    ));
    taken(street.oak.hear(alice));
    let Some(ToSeed::Notification {
        request: true,
        notification,
        ..
    }) = street.elm.hear(bob)
    else {
        panic!("not notified")
    };
    let fetch = ToPod::Fetch {
        id: 3,
        key: notification.key,
    };
    assert!(matches!(
        street.elm.ask(bob, &fetch),
        Some(ToSeed::Fetched { .. })
    ));
    assert_eq!(street.oak.counted(Count::Delivered), 1);
    assert_eq!(street.elm.counted(Count::Taken), 1);
    // What the recipient's pod was told names the sender's pod and nobody else.
    let told = street.calls.iter().find_map(|call| match call {
        Call::Notify(body) => Some(body),
        _ => None,
    });
    let signed: SignedHandover = wire::decode(told.unwrap(), limit::HANDOVER_BYTES_MAX).unwrap();
    let handover: Handover = wire::decode(&signed.handover, 4_096).unwrap();
    assert_eq!(handover.from, Some(host(HOST)));
    let names = |needle: &[u8]| {
        told.unwrap()
            .windows(needle.len())
            .any(|part| part == needle)
    };
    assert!(!names(b"alice"));
    assert!(!names(person("alice").fingerprint().as_bytes()));
}

#[test]
fn what_was_accepted_survives_either_pod() {
    let mut street = Street::new();
    let (alice, _) = (street.oak.settle("alice"), street.elm.settle("bob"));
    street.cut = true;
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let message = street.oak.stored(alice, "bob@elm.example", 1, life);
    assert!(matches!(
        street.tells(alice, &message),
        Some(ToSeed::Forwarding { .. })
    ));
    assert_eq!(obstacle(street.oak.hear(alice)), Rejection::PodUnreachable);
    street.oak.restart();
    street.pass(20_000);
    street.elm.restart();
    street.cut = false;
    // The answer is lost on its way: it is handed over again, and is there once.
    street.deaf = true;
    street.pass(limit::POD_RETRY_MS.1);
    street.deaf = false;
    street.pass(limit::POD_RETRY_MS.1 + 1_000);
    assert_eq!(street.oak.counted(Count::Delivered), 1);
    assert_eq!(street.elm.disk.count(Table::Notification), 1);
    // Asked again by the author's device, the pod says how it went.
    let alice = street.oak.enter(&person("alice"));
    assert!(matches!(
        street.tells(alice, &message),
        Some(ToSeed::Notified { .. })
    ));
    street.oak.pass_awake(limit::RECORD_LIFE_MAX_MS);
    assert_eq!(
        street.oak.disk.count(Table::Outgoing),
        0,
        "it goes with its record"
    );
}

#[test]
fn a_refusal_is_told_and_another_persons_full_place_holds_up_nobody() {
    let mut street = Street::new();
    street.elm = House::named(
        ELM,
        Quotas {
            mailbox_strangers_max: 2,
            ..generous()
        },
    );
    let alice = street.oak.settle("alice");
    street.writes(alice, 1);
    assert_eq!(obstacle(street.oak.hear(alice)), Rejection::NotFound);
    assert!(matches!(
        street.writes(alice, 1),
        Some(ToSeed::Rejected {
            code: Rejection::NotFound,
            ..
        })
    ));
    let (bob, _) = (street.elm.settle("bob"), street.elm.settle("carol"));
    street.writes(alice, 2);
    taken(street.oak.hear(alice));
    street.writes(alice, 3);
    assert_eq!(obstacle(street.oak.hear(alice)), Rejection::StrangersFull);
    let life = limit::RECORD_LIFE_DEFAULT_MS;
    let message = street.oak.stored(alice, "carol@elm.example", 4, life);
    street.oak.ask(alice, &message);
    street.carry();
    taken(street.oak.hear(alice));
    // Bob's device takes what was there, and the next one finds room.
    let epoch = street.elm.epoch(&person("bob"));
    street.elm.say(bob, &ToPod::Ack { epoch, seq: 1 });
    street.pass(limit::SEND_RETRY_MS.0 * 8);
    taken(street.oak.hear(alice));
}

#[test]
fn a_pod_that_lost_what_it_had_taken_is_told_again() {
    let mut street = Street::new();
    let (alice, _) = (street.oak.settle("alice"), street.elm.settle("bob"));
    let backup = street.elm.disk.clone();
    street.writes(alice, 1);
    assert_eq!(street.elm.disk.count(Table::Notification), 1);
    let head = (street.elm.epoch(&person("bob")), 1);
    street.elm.disk = backup;
    street.elm.restart();
    // Bob's device has seen more than the pod knows of.
    street.elm.enter_with(&person("bob"), "laptop", head);
    assert_eq!(street.elm.disk.count(Table::Notification), 0);
    street.writes(alice, 2);
    street.carry();
    assert_eq!(street.elm.disk.count(Table::Notification), 2);
}

/// Elm took something from alice, was restored to what it was before, and has found out.
fn restored() -> Street {
    let mut street = Street::new();
    let (alice, _) = (street.oak.settle("alice"), street.elm.settle("bob"));
    let backup = street.elm.disk.clone();
    street.writes(alice, 1);
    let head = (street.elm.epoch(&person("bob")), 1);
    street.elm.disk = backup;
    street.elm.restart();
    street.elm.enter_with(&person("bob"), "laptop", head);
    street.elm.pass_awake(1_000);
    assert_eq!(street.elm.disk.count(Table::Notification), 0);
    street
}

impl Street {
    /// Goes by without anybody being asked anything, until it is over.
    fn pass_at_once(&mut self, ms: u64) {
        self.oak.pass_awake(ms);
        self.elm.pass_awake(ms);
        self.carry();
    }
}

#[test]
fn a_pod_that_lost_what_it_had_taken_is_found_out_within_the_hour() {
    let mut street = restored();
    street.pass_at_once(limit::DESCRIPTION_DOUBT_MS);
    assert_eq!(street.elm.disk.count(Table::Notification), 1);
    // Nothing new is no reason to say it once more.
    let calls = street.calls.len();
    street.pass_at_once(limit::DESCRIPTION_DOUBT_MS);
    assert_eq!(street.calls.len(), calls + 1, "{:?}", street.calls.last());
}

#[test]
fn a_pod_that_lost_what_it_had_taken_is_found_out_when_it_is_linked_again() {
    let mut street = restored();
    let elm = Link::Seed(config_of(ELM, [0; 32], generous()).custody.me);
    street.oak.pass_awake(limit::MINUTE_MS + 1_000);
    let linked = || Input::Linked(elm, Traits::default());
    street.oak.give(linked());
    street.carry();
    assert_eq!(street.elm.disk.count(Table::Notification), 1);
    // Who comes and goes all the time is not asked each time.
    let calls = street.calls.len();
    for _ in 0..5 {
        street.oak.give(Input::Unlinked(elm));
        street.oak.give(linked());
        street.carry();
    }
    assert_eq!(street.calls.len(), calls);
}

#[test]
fn a_pod_that_is_busy_itself_waits_before_it_reads_again() {
    let mut street = Street::new();
    let (alice, _) = (street.oak.settle("alice"), street.elm.settle("bob"));
    street.cut = true;
    street.writes(alice, 1);
    let rows = street.oak.disk.rows.keys();
    let mut keys = rows.filter(|(table, _)| *table == Table::Outgoing);
    let (_, key) = keys.next().unwrap().clone();
    street.cut = false;
    street.pass(limit::POD_RETRY_MS.0 * 2);
    assert_eq!(street.oak.counted(Count::Delivered), 1);
    // The same once more, but our own disk has no time for it.
    street.oak.restart();
    let now = street.oak.now;
    let busy = Err(Rejection::Busy);
    street.oak.pod.read_to_hand_over(now, &host(ELM), key, busy);
    let due = street.oak.pod.deadline().unwrap();
    assert!(due > now.mono_ms, "not at once, and again, and again");
}

#[test]
fn who_says_that_our_storage_is_old_is_believed_once() {
    let mut street = Street::new();
    let (alice, _) = (street.oak.settle("alice"), street.elm.settle("bob"));
    street.writes(alice, 1);
    let calls = |street: &Street| street.calls.len();
    for _ in 0..3 {
        let head = (street.elm.epoch(&person("bob")), 1_000);
        street.elm.enter_with(&person("bob"), "laptop", head);
    }
    street.writes(alice, 2);
    let before = calls(&street);
    for _ in 0..3 {
        let head = (street.elm.epoch(&person("bob")), 1_000);
        street.elm.enter_with(&person("bob"), "laptop", head);
    }
    street.writes(alice, 3);
    assert_eq!(calls(&street), before + 1, "nothing is told once more");
}

#[test]
fn one_pods_strangers_leave_room_for_anothers_and_contacts_post_by_themselves() {
    let mut street = Street::new();
    street.elm = House::named(
        ELM,
        Quotas {
            mailbox_strangers_max: 8,
            ..generous()
        },
    );
    let bob = street.elm.settle("bob");
    let grant = ToPod::Grant {
        id: 5,
        hash: crate::name::Hash(Sha256::digest(b"come in").into()),
    };
    street.elm.ask(bob, &grant);
    street.elm.give(Input::Unlinked(Link::Channel(bob)));
    let alice = street.oak.settle("alice");
    for n in 0..12 {
        street.writes(alice, n);
    }
    assert_eq!(
        street.oak.counted(Count::Delivered),
        4,
        "half of the places"
    );
    let carol = street.elm.settle("carol");
    let local = street
        .elm
        .stored(carol, "bob@elm.example", 50, limit::RECORD_LIFE_DEFAULT_MS);
    assert!(matches!(
        street.elm.ask(carol, &local),
        Some(ToSeed::Notified { .. })
    ));
    // No pod vouches, the capability does.
    let posted = forged(&street, |it, _| {
        it.from = None;
        it.notification.capability = b"come in".to_vec();
    });
    street.elm.handed(posted).unwrap();
}

#[test]
fn a_pod_describes_itself_and_whom_it_knows() {
    let mut street = Street::new();
    street
        .oak
        .give(Input::Command(Command::Meet(vec![host(ELM)])));
    street.carry();
    let signed: SignedDescription =
        wire::decode(&street.oak.description(), limit::DESCRIPTION_BYTES_MAX).unwrap();
    let own: wire::fed::Description = wire::decode(&signed.description, 65_536).unwrap();
    assert_eq!((own.host, own.knows), (host(HOST), vec![host(ELM)]));
    assert_eq!(street.oak.pod.stats().pods, 1);
    // It is remembered.
    street.oak.restart();
    assert_eq!(street.oak.pod.stats().pods, 1);
    let alias: Alias = "bob@elm.example".parse().unwrap();
    let bob = street.elm.settle("bob");
    let who = person("bob");
    let alice = street.oak.settle("alice");
    street.oak.say(
        alice,
        &ToPod::Resolve {
            id: 4,
            alias: alias.clone(),
        },
    );
    street.carry();
    let Some(ToSeed::Resolved {
        id: 4,
        binding,
        certificate,
    }) = street.oak.hear(alice)
    else {
        panic!("not resolved")
    };
    assert_eq!(certificate, who.certificate().bytes());
    let found = binding::check(&binding, who.certificate(), street.oak.now).unwrap();
    assert_eq!(found.alias, alias);
    let _ = bob;
}

#[test]
fn who_moved_away_is_not_handed_what_others_write_to_them() {
    let mut street = Street::new();
    let (alice, bob) = (street.oak.settle("alice"), street.elm.settle("bob"));
    let who = person("bob");
    let first = street.elm.bind(&who, "bob", None);
    let chain = (2, Some(binding::hash(&first)));
    let (old, new): (Alias, Alias) = (
        "bob@elm.example".parse().unwrap(),
        "bob@oak.example".parse().unwrap(),
    );
    let now = street.elm.now;
    let binding = binding::sign_moved(&who, &mut dice("bind"), now, &old, chain, &new);
    street.elm.ask(bob, &ToPod::Register { id: 3, binding });
    street.writes(alice, 1);
    assert_eq!(obstacle(street.oak.hear(alice)), Rejection::Moved);
    assert_eq!(street.elm.disk.count(Table::Notification), 0);
}
