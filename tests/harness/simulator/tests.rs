//! The simulator itself, shown with the smallest machine that has something to lose.

use muttr_core::{
    machine::{
        Batch, Frame, Input, Kept, Link, Machine, Output, Protocol, Row, Table, Ticket, Write,
    },
    name::SeedId,
    time::Time,
};

use super::*;
use crate::profile::{CALM, PHONES, STORM};

/// Writes down what it is asked to, and says so once it is written; or, if it is a liar, before.
struct Clerk {
    liar: bool,
    outputs: Vec<Output<Told>>,
    writing: BTreeMap<Ticket, (Link, u64)>,
    tickets: u64,
    tick_ms: Option<u64>,
}

enum Order {
    Link(SeedId, Vec<u8>),
    Ask(SeedId, Vec<u8>),
    Say(Vec<u8>),
    Alarm(u64),
}

#[derive(Debug, PartialEq)]
enum Told {
    Linked(Link),
    Unlinked(Link),
    Answer(Option<Vec<u8>>),
    Heard(Vec<u8>),
    Tick(u64),
}

impl Clerk {
    fn new(liar: bool) -> Self {
        Self {
            liar,
            outputs: Vec::new(),
            writing: BTreeMap::new(),
            tickets: 0,
            tick_ms: None,
        }
    }

    fn write(&mut self, link: Link, question: u64, bytes: Vec<u8>) {
        self.tickets += 1;
        let row = Row {
            key: bytes,
            value: vec![1],
        };
        let batch = Batch {
            needs: vec![],
            writes: vec![Write::Put(Table::Record, row)],
        };
        self.outputs.push(Output::Keep(Ticket(self.tickets), batch));
        if self.liar {
            self.outputs.push(Output::Send(
                link,
                Frame::Answer(question, b"kept".to_vec()),
            ));
        } else {
            self.writing.insert(Ticket(self.tickets), (link, question));
        }
    }

    fn frame(&mut self, link: Link, frame: Frame) {
        match frame {
            Frame::Ask(question, _, bytes) => self.write(link, question, bytes),
            Frame::Answer(_, bytes) => self.outputs.push(Output::Event(Told::Answer(Some(bytes)))),
            Frame::NoAnswer(_) => self.outputs.push(Output::Event(Told::Answer(None))),
            Frame::Channel(bytes) => {
                if link != Link::Channel(0) {
                    self.outputs
                        .push(Output::Send(link, Frame::Channel(bytes.clone())));
                }
                self.outputs.push(Output::Event(Told::Heard(bytes)));
            }
        }
    }
}

impl Machine for Clerk {
    type Command = Order;
    type Event = Told;

    fn handle(&mut self, now: Time, input: Input<Order>) {
        match input {
            Input::Command(Order::Link(seed, address)) => {
                self.outputs.push(Output::Link(seed, vec![address]));
            }
            Input::Command(Order::Ask(seed, bytes)) => {
                let ask = Frame::Ask(7, Protocol::Store, bytes);
                self.outputs.push(Output::Send(Link::Seed(seed), ask));
            }
            Input::Command(Order::Say(bytes)) => {
                self.outputs
                    .push(Output::Send(Link::Channel(0), Frame::Channel(bytes)));
            }
            Input::Command(Order::Alarm(delay_ms)) => self.tick_ms = Some(now.after(delay_ms)),
            Input::Linked(link, _) => self.outputs.push(Output::Event(Told::Linked(link))),
            Input::Unlinked(link) => self.outputs.push(Output::Event(Told::Unlinked(link))),
            Input::Frame(link, frame) => self.frame(link, frame),
            Input::Kept(ticket, kept) => {
                if let Some((link, question)) = self.writing.remove(&ticket) {
                    let frame = match kept {
                        Kept::Ok => Frame::Answer(question, b"kept".to_vec()),
                        _ => Frame::NoAnswer(question),
                    };
                    self.outputs.push(Output::Send(link, frame));
                }
            }
            Input::Recalled(..) => {}
            Input::Tick => {
                self.tick_ms = None;
                self.outputs.push(Output::Event(Told::Tick(now.mono_ms)));
            }
        }
    }

    fn poll(&mut self) -> Option<Output<Told>> {
        (!self.outputs.is_empty()).then(|| self.outputs.remove(0))
    }

    fn deadline(&self) -> Option<u64> {
        self.tick_ms
    }
}

/// "kept" may only be said while no write is under way.
struct Durable;

impl Oracle<Clerk> for Durable {
    fn sees(
        &mut self,
        world: &World<Clerk>,
        who: Who,
        output: &Output<Told>,
    ) -> Result<(), String> {
        match output {
            Output::Send(_, Frame::Answer(..)) if world.at(who).disk.pending() > 0 => Err(format!(
                "{} promised what it had not kept",
                world.at(who).name
            )),
            _ => Ok(()),
        }
    }
}

struct Village {
    world: World<Clerk>,
    oak: Who,
    alice: Who,
    bob: Who,
}

const fn seed(byte: u8) -> SeedId {
    SeedId([byte; 32])
}

/// A pod and two tabs, all of them running and the tabs linked to the pod.
fn village(integer: u64, profile: Profile) -> Village {
    let mut world = World::new(integer, profile, Box::new(Durable));
    let oak = world.add("oak", seed(1), Role::Pod);
    let tab = Role::Tab {
        pod: oak,
        manner: Manner::Storing,
    };
    let (alice, bob) = (
        world.add("alice", seed(2), tab),
        world.add("bob", seed(3), tab),
    );
    for who in [oak, alice, bob] {
        world.start(who, Clerk::new(false));
    }
    for who in [alice, bob] {
        world.command(who, Order::Link(seed(1), pod_address(oak)));
    }
    world.run_until(1_000).expect("no violation");
    Village {
        world,
        oak,
        alice,
        bob,
    }
}

impl Village {
    fn told(&mut self, who: Who) -> Vec<Told> {
        let told = self.world.take_told().into_iter();
        told.filter(|(_, at, _)| *at == who)
            .map(|(_, _, told)| told)
            .collect()
    }

    fn run(&mut self, ms: u64) {
        let until_ms = self.world.now_ms() + ms;
        self.world.run_until(until_ms).expect("no violation");
    }

    fn link_alice_to_bob(&mut self) {
        let way = circuit_address(self.oak, self.bob);
        self.world.command(self.alice, Order::Link(seed(3), way));
        self.run(1_000);
    }
}

#[test]
fn a_tab_reaches_a_tab_over_their_pod() {
    let mut v = village(1, CALM);
    v.link_alice_to_bob();
    assert!(v.world.linked(v.alice, v.bob));
    v.told(v.alice);
    v.world
        .command(v.alice, Order::Ask(seed(3), b"this".to_vec()));
    v.run(1_000);
    assert_eq!(v.told(v.alice), [Told::Answer(Some(b"kept".to_vec()))]);
    assert!(v.world.at(v.bob).disk.row(Table::Record, b"this").is_some());
}

#[test]
fn the_circuit_falls_with_the_pod() {
    let mut v = village(2, CALM);
    v.link_alice_to_bob();
    v.told(v.alice);
    v.world.kill(v.oak);
    v.run(1_000);
    let told = v.told(v.alice);
    assert!(told.contains(&Told::Unlinked(Link::Seed(seed(3)))));
    assert!(told.contains(&Told::Unlinked(Link::Channel(0))));
    v.world.start(v.oak, Clerk::new(false));
    v.run(60_000);
    assert!(
        v.told(v.alice).contains(&Told::Linked(Link::Channel(0))),
        "the shell came back"
    );
}

#[test]
fn an_unlinked_seed_gives_no_answer() {
    let mut v = village(3, CALM);
    v.told(v.alice);
    v.world
        .command(v.alice, Order::Ask(seed(3), b"this".to_vec()));
    v.run(1_000);
    assert_eq!(v.told(v.alice), [Told::Answer(None)]);
}

#[test]
fn a_channel_keeps_its_order_in_any_weather() {
    let mut v = village(
        4,
        Profile {
            broken: 0,
            undialled: 0,
            lazy: 0,
            ..STORM
        },
    );
    v.run(10_000);
    v.told(v.alice);
    for number in 0..50 {
        v.world.command(v.alice, Order::Say(vec![number]));
    }
    v.run(30_000);
    let heard: Vec<_> = (0..50).map(|number| Told::Heard(vec![number])).collect();
    assert_eq!(v.told(v.alice), heard);
}

#[test]
fn a_crash_takes_what_was_not_yet_kept() {
    let mut survived = 0;
    for integer in 0..40 {
        let mut v = village(
            integer,
            Profile {
                disk_ms: 50,
                ..CALM
            },
        );
        v.world
            .command(v.alice, Order::Ask(seed(1), b"one".to_vec()));
        v.world
            .command(v.alice, Order::Ask(seed(1), b"two".to_vec()));
        v.run(5);
        v.world.kill(v.oak);
        let disk = &v.world.at(v.oak).disk;
        let rows: Vec<_> = disk
            .rows(Table::Record)
            .map(|(key, _)| key.to_vec())
            .collect();
        assert_eq!(disk.pending(), 0);
        survived += rows.len();
    }
    assert!(
        (1..80).contains(&survived),
        "some writes reach the disk, some do not: {survived}"
    );
}

#[test]
fn the_oracle_hears_a_lie() {
    let mut v = village(5, CALM);
    v.world.kill(v.oak);
    v.world.start(v.oak, Clerk::new(true));
    v.world
        .command(v.alice, Order::Link(seed(1), pod_address(v.oak)));
    let until_ms = v.world.now_ms() + 500;
    v.world.run_until(until_ms).expect("no violation yet");
    v.world
        .command(v.alice, Order::Ask(seed(1), b"this".to_vec()));
    let objection = v.world.run_until(until_ms + 500).expect_err("a violation");
    assert!(
        objection.contains("oak promised what it had not kept"),
        "{objection}"
    );
}

#[test]
fn a_deadline_is_met_on_the_machines_own_clock() {
    let mut v = village(6, CALM);
    v.told(v.alice);
    v.world.command(v.alice, Order::Alarm(500));
    v.run(499);
    assert_eq!(v.told(v.alice), []);
    v.run(1);
    assert_eq!(v.told(v.alice), [Told::Tick(2_500)]);
}

#[test]
fn one_integer_decides_everything() {
    let play = |integer| {
        let mut v = village(integer, PHONES);
        for round in 0..20_u8 {
            v.link_alice_to_bob();
            v.world.command(v.alice, Order::Ask(seed(3), vec![round]));
            v.run(300);
        }
        v.world.fingerprint()
    };
    assert_eq!(play(81_723), play(81_723));
    assert_ne!(play(81_723), play(81_724));
}
