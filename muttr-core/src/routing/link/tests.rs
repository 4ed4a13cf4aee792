use alloc::vec;

use super::*;

const BOB: SeedId = SeedId([0xb0; 32]);

fn at(mono_ms: u64) -> Time {
    Time {
        mono_ms,
        wall_ms: 0,
    }
}

fn traits() -> Traits {
    Traits {
        addresses: vec![vec![4, 2]],
        routes: true,
        stores: false,
    }
}

fn ask(links: &mut Links, now: Time, seed: SeedId) {
    let (protocol, purpose) = (Protocol::Routing, Purpose::Outside(5));
    links.ask(now, seed, &[vec![4, 1]], protocol, vec![7], purpose);
}

/// What the shell is told to do: dials and closings by seed, questions by number.
#[derive(Debug, Default)]
struct Told {
    opened: Vec<(SeedId, Vec<Address>)>,
    closed: Vec<SeedId>,
    asked: Vec<u64>,
}

fn told(links: &mut Links) -> Told {
    let mut told = Told::default();
    while let Some(output) = links.poll() {
        match output {
            Output::Link(seed, addresses) => told.opened.push((seed, addresses)),
            Output::Unlink(Link::Seed(seed)) => told.closed.push(seed),
            Output::Send(Link::Seed(_), Frame::Ask(id, ..)) => told.asked.push(id),
            other => panic!("{other:?}"),
        }
    }
    told
}

fn ended(links: &mut Links) -> Option<Result<Vec<u8>, Silence>> {
    let reply = links.poll_reply()?;
    assert!(links.poll_reply().is_none(), "a question ends once");
    assert_eq!(reply.purpose, Purpose::Outside(5));
    Some(reply.outcome)
}

fn seed(number: u8) -> SeedId {
    SeedId([number; 32])
}

#[test]
fn a_question_waits_for_its_link() {
    let mut links = Links::new(3, 10);
    ask(&mut links, at(0), BOB);
    assert_eq!(told(&mut links).opened, [(BOB, vec![vec![4, 1]])]);
    ask(&mut links, at(1), BOB);
    assert!(told(&mut links).opened.is_empty(), "one link serves all");
    links.linked(at(2), BOB, traits());
    let asked = told(&mut links).asked;
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|id| id >> 56 == 3));
    links.answer(at(3), &seed(9), asked[0], vec![8]);
    assert_eq!(
        ended(&mut links),
        None,
        "another seed cannot answer for bob"
    );
    links.answer(at(3), &BOB, asked[0], vec![8]);
    assert_eq!(ended(&mut links), Some(Ok(vec![8])));
    links.answer(at(3), &BOB, asked[0], vec![9]);
    assert_eq!(ended(&mut links), None);
}

#[test]
fn a_link_that_cannot_be_made_ends_its_questions() {
    let mut links = Links::new(3, 10);
    ask(&mut links, at(0), BOB);
    links.unlinked(at(1), &BOB);
    assert_eq!(ended(&mut links), Some(Err(Silence::Unlinked)));
    assert!(links.peers.is_empty() && links.asks.is_empty() && links.deadlines.is_empty());
}

#[test]
fn a_link_that_breaks_is_made_again_and_the_question_asked_once_more() {
    let mut links = Links::new(3, 10);
    links.linked(at(0), BOB, traits());
    ask(&mut links, at(0), BOB);
    let first = told(&mut links).asked[0];
    assert!(links.unlinked(at(1), &BOB));
    assert_eq!(
        told(&mut links).opened,
        [(BOB, vec![vec![4, 2]])],
        "where it said it would be"
    );
    links.no_answer(at(1), &BOB, first);
    assert_eq!(
        ended(&mut links),
        None,
        "a late word about the first attempt"
    );
    links.linked(at(2), BOB, traits());
    let second = told(&mut links).asked[0];
    assert_ne!(first, second);
    links.unlinked(at(3), &BOB);
    assert_eq!(ended(&mut links), Some(Err(Silence::NoAnswer)));
}

#[test]
fn no_answer_is_asked_again_once() {
    let mut links = Links::new(3, 10);
    links.linked(at(0), BOB, traits());
    ask(&mut links, at(0), BOB);
    let first = told(&mut links).asked[0];
    links.no_answer(at(1), &BOB, first);
    let second = told(&mut links).asked[0];
    links.no_answer(at(2), &BOB, second);
    assert_eq!(ended(&mut links), Some(Err(Silence::NoAnswer)));
}

#[test]
fn silence_ends_in_time_and_a_foreign_protocol_at_once() {
    let mut links = Links::new(3, 10);
    links.linked(at(0), BOB, traits());
    ask(&mut links, at(0), BOB);
    links.tick(at(limit::ASK_MS_MAX - 1));
    assert_eq!(ended(&mut links), None);
    links.tick(at(limit::ASK_MS_MAX));
    assert_eq!(ended(&mut links), Some(Err(Silence::NoAnswer)));
    let purpose = Purpose::Outside(5);
    links.ask(at(0), BOB, &[], Protocol::Store, vec![7], purpose);
    assert_eq!(ended(&mut links), Some(Err(Silence::Unasked)));
}

#[test]
fn idle_links_of_ours_are_closed_outside_the_neighbourhood() {
    let mut links = Links::new(3, 10);
    let (near, far, theirs, pod) = (seed(1), seed(2), seed(3), seed(4));
    links.pin(pod);
    links.set_near([near].into());
    for seed in [near, far, pod] {
        ask(&mut links, at(0), seed);
    }
    for seed in [near, far, theirs, pod] {
        links.linked(at(1), seed, traits());
    }
    for id in told(&mut links).asked {
        for seed in [near, far, pod] {
            links.answer(at(2), &seed, id, vec![]);
        }
    }
    links.tick(at(2 + 2 * limit::LINK_IDLE_MS));
    assert_eq!(told(&mut links).closed, [far]);
    assert!(!links.unlinked(at(50_000), &far), "we closed it ourselves");
    assert_eq!(links.up(), 3);
}

#[test]
fn a_link_being_closed_is_opened_anew_only_once_it_is_gone() {
    let mut links = Links::new(3, 10);
    links.linked(at(0), BOB, traits());
    links.close(at(1), BOB);
    ask(&mut links, at(2), BOB);
    assert!(told(&mut links).opened.is_empty());
    links.unlinked(at(3), &BOB);
    assert_eq!(told(&mut links).opened.len(), 1);
}

#[test]
fn too_many_links_make_the_next_wait_until_one_idles() {
    let mut links = Links::new(3, 10);
    for number in 0..10 {
        ask(&mut links, at(0), seed(number));
        links.linked(at(1), seed(number), traits());
    }
    let asked = told(&mut links).asked;
    ask(&mut links, at(2), BOB);
    assert!(told(&mut links).opened.is_empty());
    links.answer(at(3), &seed(4), asked[4], vec![]);
    links.tick(at(3));
    let now_told = told(&mut links);
    assert_eq!(now_told.closed, [seed(4)]);
    assert_eq!(now_told.opened[0].0, BOB);
    let pod = seed(77);
    links.pin(pod);
    ask(&mut links, at(4), seed(50));
    ask(&mut links, at(4), pod);
    assert_eq!(
        told(&mut links).opened[0].0,
        pod,
        "there is always room for a pod"
    );
}

#[test]
fn whoever_was_never_tried_has_not_failed() {
    let mut links = Links::new(3, 8);
    for number in 0..8 {
        ask(&mut links, at(10), seed(number));
        links.linked(at(10), seed(number), traits());
    }
    ask(&mut links, at(0), BOB);
    links.tick(at(limit::ASK_MS_MAX));
    assert_eq!(ended(&mut links), Some(Err(Silence::Unasked)));
}

#[test]
fn a_shell_that_says_nothing_is_not_waited_for_for_ever() {
    let mut links = Links::new(3, 10);
    ask(&mut links, at(0), BOB);
    links.tick(at(limit::ASK_MS_MAX));
    assert_eq!(ended(&mut links), Some(Err(Silence::NoAnswer)));
    let mut now_ms = limit::ASK_MS_MAX;
    while let Some(at_ms) = links.deadline() {
        assert!(at_ms > now_ms && at_ms < limit::MINUTE_MS);
        now_ms = at_ms;
        links.tick(at(now_ms));
    }
    assert!(links.peers.is_empty());
}
