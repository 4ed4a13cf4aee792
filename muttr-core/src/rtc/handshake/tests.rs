use alloc::{vec, vec::Vec};

use super::*;
use crate::rtc::tests::{Dice, candidate, chromium, firefox};

mod network;

const DONE: Action = Action::Done(Ok(()));

fn failed(failure: Failure) -> Vec<Action> {
    vec![Action::Reset, Action::Done(Err(failure))]
}

/// What she wants done after this happened.
fn tell(machine: &mut Handshake, event: Event) -> Vec<Action> {
    machine.handle(1, event);
    core::iter::from_fn(|| machine.poll()).collect()
}

fn said(signal: Signal) -> Event {
    Event::Received(signal.encode())
}

fn sends(signal: Signal) -> Action {
    Action::Send(signal.encode())
}

fn offer() -> Signal {
    Signal::Offer(chromium(1))
}

fn answer() -> Signal {
    Signal::Answer(firefox(2))
}

fn trickle(number: usize) -> Signal {
    Signal::Candidate(candidate(number))
}

/// Alice dials and has sent her offer.
fn offered() -> Handshake {
    let mut alice = Handshake::offer(0);
    assert_eq!(alice.poll(), Some(Action::Describe));
    let sent = tell(&mut alice, Event::Described(chromium(1)));
    assert_eq!(sent, [sends(offer())]);
    alice
}

/// Alice dials, and both descriptions are where they belong.
fn agreed() -> Handshake {
    let mut alice = offered();
    assert_eq!(
        tell(&mut alice, said(answer())),
        [Action::Apply(firefox(2))]
    );
    assert_eq!(tell(&mut alice, Event::Applied), []);
    alice
}

/// Bob was dialled, and has sent his answer.
fn answered() -> Handshake {
    let mut bob = Handshake::answer(0);
    assert_eq!(tell(&mut bob, said(offer())), [Action::Apply(chromium(1))]);
    assert_eq!(tell(&mut bob, Event::Applied), [Action::Describe]);
    let sent = tell(&mut bob, Event::Described(firefox(2)));
    assert_eq!(sent, [sends(answer())]);
    bob
}

#[test]
fn alice_dials_as_the_specification_tells_it() {
    let mut alice = agreed();
    assert_eq!(
        tell(&mut alice, Event::Candidate(candidate(1))),
        [sends(trickle(1))]
    );
    assert_eq!(
        tell(&mut alice, said(trickle(2))),
        [Action::Add(candidate(2))]
    );
    assert_eq!(tell(&mut alice, Event::Connected), []);
    assert_eq!(
        tell(&mut alice, Event::Candidate(candidate(3))),
        [],
        "too late to matter"
    );
    assert_eq!(tell(&mut alice, Event::InitOpened), [Action::CloseInit]);
    assert_eq!(tell(&mut alice, Event::InitClosed), [Action::Close, DONE]);
    assert_eq!(alice.deadline(), None);
}

#[test]
fn bob_answers_and_has_nothing_to_do_with_init() {
    let mut bob = answered();
    assert_eq!(
        tell(&mut bob, said(trickle(1))),
        [Action::Add(candidate(1))]
    );
    assert_eq!(
        tell(&mut bob, Event::Candidate(candidate(2))),
        [sends(trickle(2))]
    );
    assert_eq!(tell(&mut bob, Event::Connected), [Action::Close, DONE]);
}

#[test]
fn candidates_wait_for_descriptions() {
    let mut bob = Handshake::answer(0);
    assert_eq!(tell(&mut bob, Event::Candidate(candidate(9))), []);
    let mut bytes = offer().encode();
    bytes.extend(trickle(1).encode());
    bytes.extend(trickle(2).encode());
    assert_eq!(
        tell(&mut bob, Event::Received(bytes)),
        [Action::Apply(chromium(1))]
    );
    let adds = [candidate(1), candidate(2)].map(Action::Add);
    let [first, second] = adds;
    assert_eq!(
        tell(&mut bob, Event::Applied),
        [Action::Describe, first, second]
    );
    let sent = tell(&mut bob, Event::Described(firefox(2)));
    assert_eq!(
        sent,
        [sends(answer()), sends(trickle(9))],
        "the answer goes first"
    );
}

#[test]
fn candidates_that_say_nothing_are_neither_sent_nor_added() {
    let mut alice = agreed();
    for nothing in ["", "null", "\"\""] {
        assert_eq!(tell(&mut alice, Event::Candidate(nothing.into())), []);
        assert_eq!(
            tell(&mut alice, said(Signal::Candidate(nothing.into()))),
            []
        );
    }
}

/// js-libp2p's listener closes its direction as soon as it is connected, and `init` as soon as it
/// has a muxer. Both may be seen by a dialler who is not connected yet.
#[test]
fn a_js_listener_closes_first() {
    let mut alice = agreed();
    assert_eq!(tell(&mut alice, Event::Ended), []);
    assert_eq!(tell(&mut alice, Event::InitOpened), []);
    assert_eq!(tell(&mut alice, Event::InitClosed), []);
    assert_eq!(tell(&mut alice, Event::Broken), []);
    assert_eq!(
        tell(&mut alice, Event::Connected),
        [DONE],
        "there is no stream to close"
    );
}

/// js-libp2p's dialler sends its offer before its browser has it, candidates right after, and
/// closes the stream when it is connected and `init` is closed. It reads nothing after that.
#[test]
fn a_js_dialler_closes_first() {
    let mut bob = Handshake::answer(0);
    tell(&mut bob, said(offer()));
    assert_eq!(tell(&mut bob, said(trickle(1))), []);
    tell(&mut bob, Event::Applied);
    tell(&mut bob, Event::Described(firefox(2)));
    assert_eq!(tell(&mut bob, Event::Ended), []);
    assert_eq!(tell(&mut bob, Event::Connected), [Action::Close, DONE]);
}

#[test]
fn the_order_of_what_browsers_report_does_not_matter() {
    let events = [
        Event::Connected,
        Event::InitOpened,
        Event::InitClosed,
        Event::Ended,
    ];
    let mut dice = Dice::new(11);
    for _ in 0..100 {
        let (mut alice, mut left) = (agreed(), events.to_vec());
        let mut actions = Vec::new();
        while !left.is_empty() {
            let event = left.swap_remove(dice.below(left.len()));
            actions.extend(tell(&mut alice, event));
        }
        actions.retain(|action| *action != Action::CloseInit);
        assert_eq!(actions, [Action::Close, DONE]);
    }
}

#[test]
fn an_end_before_the_descriptions_is_a_failure() {
    for event in [Event::Ended, Event::Broken] {
        let mut alice = offered();
        let actions = tell(&mut alice, event);
        assert_eq!(actions.last(), Some(&Action::Done(Err(Failure::Lost))));
    }
    let mut bob = Handshake::answer(0);
    assert_eq!(tell(&mut bob, Event::Ended), failed(Failure::Lost));
    let mut bob = Handshake::answer(0);
    tell(&mut bob, said(offer()));
    assert_eq!(
        tell(&mut bob, Event::Broken),
        [Action::Done(Err(Failure::Lost))]
    );
    // Whoever said all there was to say may close; bob's browser is just slow.
    let mut bob = Handshake::answer(0);
    tell(&mut bob, said(offer()));
    assert_eq!(tell(&mut bob, Event::Ended), []);
    assert_eq!(tell(&mut bob, Event::Applied), [Action::Describe]);
    // But a message cut in the middle was not all.
    let mut bob = Handshake::answer(0);
    let mut bytes = offer().encode();
    bytes.extend(&trickle(1).encode()[..20]);
    tell(&mut bob, Event::Received(bytes));
    assert_eq!(tell(&mut bob, Event::Ended), failed(Failure::Malformed));
}

#[test]
fn whoever_never_answers_is_not_waited_for() {
    for (mut machine, name) in [
        (Handshake::offer(1_000), "a dialler"),
        (Handshake::answer(1_000), "a dialled one"),
    ] {
        let deadline = 1_000 + limit::RTC_HANDSHAKE_MS_MAX;
        assert_eq!(machine.deadline(), Some(deadline), "{name}");
        machine.handle(deadline - 1, Event::Tick);
        assert_eq!(machine.deadline(), Some(deadline), "{name}");
        machine.handle(deadline, Event::Tick);
        let actions: Vec<_> = core::iter::from_fn(|| machine.poll()).collect();
        assert_eq!(actions, failed(Failure::TimedOut), "{name}");
        assert_eq!(machine.deadline(), None, "{name}");
    }
    // Trickling candidates does not buy time, nor does an `init` that never closes.
    let mut alice = agreed();
    tell(&mut alice, Event::Connected);
    tell(&mut alice, Event::InitOpened);
    alice.handle(limit::RTC_HANDSHAKE_MS_MAX, said(trickle(1)));
    assert_eq!(alice.poll(), Some(Action::Reset));
    assert_eq!(alice.poll(), Some(Action::Done(Err(Failure::TimedOut))));
}

#[test]
fn what_is_not_due_ends_it() {
    let malformed = failed(Failure::Malformed);
    let early = Handshake::offer(0);
    for (mut machine, signal, name) in [
        (offered(), offer(), "alice gets an offer"),
        (
            offered(),
            trickle(1),
            "alice gets a candidate before the answer",
        ),
        (early, answer(), "alice gets an answer before she asked"),
        (agreed(), answer(), "alice gets a second answer"),
        (agreed(), offer(), "alice gets an offer after the answer"),
        (Handshake::answer(0), answer(), "bob gets an answer"),
        (
            Handshake::answer(0),
            trickle(1),
            "bob gets a candidate before the offer",
        ),
        (answered(), offer(), "bob gets a second offer"),
        (answered(), answer(), "bob gets an answer after the offer"),
        (
            offered(),
            Signal::Answer("v=0".into()),
            "alice gets no description",
        ),
        (
            Handshake::answer(0),
            Signal::Offer(String::new()),
            "bob gets nothing",
        ),
        (
            agreed(),
            Signal::Candidate("[]".into()),
            "alice gets no candidate",
        ),
    ] {
        assert_eq!(tell(&mut machine, said(signal)), malformed, "{name}");
    }
}

#[test]
fn mallory_sends_ten_thousand_candidates() {
    let mut alice = agreed();
    let (mut adds, mut end) = (0, Vec::new());
    for number in 0..10_000 {
        for action in tell(&mut alice, said(trickle(number))) {
            match action {
                Action::Add(_) => adds += 1,
                other => end.push(other),
            }
        }
    }
    assert_eq!(adds, limit::RTC_CANDIDATES_MAX);
    assert_eq!(end, failed(Failure::TooMuch));
    // All at once, and before bob's browser has taken the offer.
    let mut bob = Handshake::answer(0);
    let mut bytes = offer().encode();
    (0..10_000).for_each(|number| bytes.extend(trickle(number).encode()));
    assert_eq!(
        tell(&mut bob, Event::Received(bytes)),
        failed(Failure::TooMuch)
    );
    assert!(bob.theirs.is_empty());
}

#[test]
fn our_own_candidates_stay_below_the_limit_of_others() {
    let mut alice = Handshake::offer(0);
    (0..100).for_each(|number| alice.handle(0, Event::Candidate(candidate(number))));
    assert_eq!(alice.ours.len(), limit::RTC_CANDIDATES_MAX);
    tell(&mut alice, Event::Described(chromium(1)));
    assert_eq!(tell(&mut alice, Event::Candidate(candidate(1))), []);
}

#[test]
fn a_failure_leaves_nothing_to_do_and_nothing_follows() {
    let mut bob = Handshake::answer(0);
    bob.handle(0, said(offer()));
    bob.handle(0, Event::Failed);
    let actions: Vec<_> = core::iter::from_fn(|| bob.poll()).collect();
    assert_eq!(
        actions,
        failed(Failure::Refused),
        "the offer is not applied any more"
    );
    for event in [
        Event::Failed,
        Event::Broken,
        Event::Connected,
        Event::Applied,
        Event::Described(chromium(1)),
        said(offer()),
        Event::Tick,
    ] {
        assert_eq!(tell(&mut bob, event), []);
    }
}

#[test]
fn what_our_browser_describes_is_checked_too() {
    let mut alice = Handshake::offer(0);
    alice.poll();
    let camera = chromium(1) + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
    assert_eq!(
        tell(&mut alice, Event::Described(camera)),
        failed(Failure::Refused)
    );
}

#[test]
fn no_spoiled_signalling_makes_it_panic_or_grow() {
    let mut dice = Dice::new(12);
    let (mut connected, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let mut bytes = offer().encode();
        (0..10).for_each(|number| bytes.extend(trickle(number).encode()));
        dice.spoil(&mut bytes);
        let mut bob = Handshake::answer(0);
        let mut actions = Vec::new();
        for part in bytes.chunks(1 + dice.below(900)) {
            actions.extend(tell(&mut bob, Event::Received(part.to_vec())));
            assert!(bob.theirs.len() <= limit::RTC_CANDIDATES_MAX);
        }
        actions.extend(tell(&mut bob, Event::Applied));
        actions.extend(tell(&mut bob, Event::Described(firefox(2))));
        actions.extend(tell(&mut bob, Event::Connected));
        actions.extend(tell(&mut bob, Event::Failed));
        let dones: Vec<_> = actions
            .iter()
            .filter(|action| matches!(action, Action::Done(_)))
            .collect();
        assert_eq!(dones.len(), 1);
        match dones[0] {
            Action::Done(Ok(())) => connected += 1,
            _ => refused += 1,
        }
        assert!(matches!(actions.last(), Some(Action::Done(_))));
    }
    assert!(connected > 50 && refused > 50, "{connected} and {refused}");
}
