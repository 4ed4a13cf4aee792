//! What is known of a running seed at this moment, for those who wait for something.

use std::{io, sync::Arc};

use muttr_core::{
    machine::{Input, Machine, Output},
    name::Alias,
    rejection::Rejection,
    seed::{Command, Event, Seed, State, UnderWay},
    time::Time,
};
use tokio::sync::watch;

/// A seed at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Everything stored is loaded.
    pub ready: bool,
    /// The pod answers, and knows who we are if we are someone.
    pub online: bool,
    /// The alias that is ours.
    pub alias: Option<Alias>,
    /// What is being fetched, opened and sent.
    pub under_way: UnderWay,
    /// What is kept for others: records, and their bytes.
    pub held: (u64, u64),
    /// Why the channel could not be opened at the last attempt, while it is not open.
    pub unreachable: Option<io::ErrorKind>,
    /// The pod will not talk to this seed again until something is changed.
    pub refused: Option<Rejection>,
    identifications: u64,
}

/// Where the parts of a seed write down how it is, and others look it up.
#[derive(Debug)]
pub(super) struct Board(watch::Sender<View>);

impl Board {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(View::default()))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<View> {
        self.0.subscribe()
    }

    pub(super) fn view(&self) -> View {
        self.0.borrow().clone()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.0.borrow().refused.is_some()
    }

    /// How often the pod came to know us.
    pub(super) fn identifications(&self) -> u64 {
        self.0.borrow().identifications
    }

    /// The channel could not be opened.
    pub(super) fn unreachable(&self, why: io::ErrorKind) {
        self.0.send_modify(|view| view.unreachable = Some(why));
    }

    /// The machine told something.
    pub(super) fn on_event(&self, event: &Event) {
        match event {
            Event::Ready => self.0.send_modify(|view| view.ready = true),
            Event::State(State::Online) => self.0.send_modify(|view| {
                view.identifications += 1;
                view.unreachable = None;
            }),
            Event::Held { records, bytes } => {
                self.0.send_modify(|view| view.held = (*records, *bytes));
            }
            Event::Refused(code) => self.0.send_modify(|view| view.refused = Some(*code)),
            _ => {}
        }
    }

    fn look_at(&self, seed: &Seed) {
        let (online, alias) = (seed.state() == State::Online, seed.alias());
        let under_way = seed.under_way();
        self.0.send_if_modified(|view| {
            let same = view.online == online && view.under_way == under_way && view.alias == alias;
            (view.online, view.under_way, view.alias) = (online, under_way, alias);
            !same
        });
    }
}

/// The machine of a seed, looked at after every step.
pub(super) struct Watched {
    seed: Seed,
    board: Arc<Board>,
}

impl Watched {
    pub(super) const fn new(seed: Seed, board: Arc<Board>) -> Self {
        Self { seed, board }
    }
}

impl Machine for Watched {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<Command>) {
        self.seed.handle(now, input);
        self.board.look_at(&self.seed);
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.seed.poll()
    }

    fn deadline(&self) -> Option<u64> {
        self.seed.deadline()
    }
}
