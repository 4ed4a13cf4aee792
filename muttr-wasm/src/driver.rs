//! The loop that drives a seed in a tab.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::{
    FutureExt as _, StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender},
};
use futures_timer::Delay;
use muttr_core::{
    limit,
    machine::{Frame, Input, Link, Machine, Output, Traits},
    name::{Alias, SeedId},
    seed::{Command, Event, Seed, State},
    time::earliest,
};

use crate::{
    clock::Clock,
    figures::Figures,
    line::{Line, News},
    network::Network,
    store::{Outcome, Request},
};

/// A seed's own channel.
const CHANNEL: Link = Link::Channel(0);

/// What the facade wants of a driver. A driver ends when nobody can want anything any more.
pub(crate) enum Wish {
    /// Have the machine do this.
    Command(Command),
    /// The page is shown again, or the network is back.
    Wake,
}

/// A seed and the world it lives in.
pub(crate) struct Driver {
    pub(crate) machine: Seed,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) line: Line,
    pub(crate) wishes: UnboundedReceiver<Wish>,
    pub(crate) requests: UnboundedSender<Request>,
    pub(crate) outcomes: UnboundedReceiver<Outcome>,
    pub(crate) figures: Rc<RefCell<Figures>>,
    /// Told of every event, and of changed figures.
    pub(crate) tell: Box<dyn Fn(Told)>,
}

/// What a driver tells.
pub(crate) enum Told {
    /// The machine said so.
    Event(Event),
    /// Everything is loaded; with the alias that is ours.
    Ready(Option<Alias>),
    /// Links, addresses or holdings changed.
    Figures,
    /// A seed is linked, or no longer.
    Linked(SeedId, bool),
}

impl Driver {
    /// Drives until every sender of wishes is gone.
    pub(crate) async fn run(mut self) {
        self.give(Input::Command(Command::Start));
        loop {
            let now = self.clock.now();
            self.line.upkeep(now);
            self.network.upkeep(now);
            self.drain();
            if self.figures.borrow_mut().take_changed() {
                (self.tell)(Told::Figures);
            }
            let mut timer = self.timer().fuse();
            let input = futures::select_biased! {
                wish = self.wishes.next() => match wish {
                    Some(Wish::Command(command)) => Some(Input::Command(command)),
                    Some(Wish::Wake) => self.line.wake(self.clock.now()).map(input_of),
                    None => return,
                },
                outcome = self.outcomes.select_next_some() => Some(match outcome {
                    Outcome::Kept(ticket, kept) => Input::Kept(ticket, kept),
                    Outcome::Recalled(ticket, rows) => Input::Recalled(ticket, rows),
                }),
                news = self.line.next(self.clock).fuse() => Some(input_of(news)),
                input = self.network.next(self.clock).fuse() => Some(input),
                () = timer => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.give(input);
            }
        }
    }

    fn give(&mut self, input: Input<Command>) {
        match &input {
            Input::Frame(_, frame) => self.figures.borrow_mut().received_bytes += bytes_of(frame),
            Input::Linked(Link::Seed(seed), _) => (self.tell)(Told::Linked(*seed, true)),
            Input::Unlinked(Link::Seed(seed)) => (self.tell)(Told::Linked(*seed, false)),
            _ => {}
        }
        self.machine.handle(self.clock.now(), input);
    }

    /// Does all that the machine wants done, until it wants nothing more.
    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            if let Some(input) = self.perform(output) {
                self.give(input);
            }
        }
    }

    /// Does one thing; some things are answered at once.
    fn perform(&mut self, output: Output<Event>) -> Option<Input<Command>> {
        match output {
            Output::Link(seed, addresses) => self.network.link(seed, addresses),
            Output::Unlink(Link::Seed(seed)) => {
                self.network.unlink(seed);
                None
            }
            Output::Unlink(Link::Channel(_)) => self.line.hang_up(self.clock.now()).map(input_of),
            Output::Send(link, frame) => {
                self.figures.borrow_mut().sent_bytes += bytes_of(&frame);
                match (link, frame) {
                    (Link::Seed(seed), frame) => self.network.send(seed, frame),
                    (Link::Channel(_), Frame::Channel(bytes)) => {
                        self.line.send(&bytes);
                        None
                    }
                    (Link::Channel(_), _) => None,
                }
            }
            Output::Keep(ticket, batch) => {
                let _ = self.requests.unbounded_send(Request::Keep(ticket, batch));
                None
            }
            Output::Recall(ticket, scan) => {
                let _ = self.requests.unbounded_send(Request::Recall(ticket, scan));
                None
            }
            Output::Event(event) => self.on_event(event),
        }
    }

    fn on_event(&mut self, event: Event) -> Option<Input<Command>> {
        let news = match &event {
            Event::State(State::Online) => {
                self.line.identified();
                None
            }
            Event::Refused(_) => self.line.refuse(),
            Event::Ready => {
                (self.tell)(Told::Ready(self.machine.alias()));
                None
            }
            Event::Held { records, bytes } => {
                self.figures.borrow_mut().held(*records, *bytes);
                None
            }
            _ => None,
        };
        (self.tell)(Told::Event(event));
        news.map(input_of)
    }

    /// Sleeps until the machine, the line or the network has something to do.
    fn timer(&self) -> Delay {
        let shell = earliest(self.line.deadline(), self.network.deadline());
        let deadline = earliest(self.machine.deadline(), shell);
        let now_ms = self.clock.now().mono_ms;
        // Browsers run a timer of more than 24 days at once.
        let longest_ms = limit::HOUR_MS;
        let pause_ms = deadline.map_or(longest_ms, |at_ms| at_ms.saturating_sub(now_ms));
        Delay::new(Duration::from_millis(pause_ms.min(longest_ms)))
    }
}

fn input_of(news: News) -> Input<Command> {
    match news {
        News::Up => Input::Linked(CHANNEL, Traits::default()),
        News::Down => Input::Unlinked(CHANNEL),
        News::Bytes(bytes) => Input::Frame(CHANNEL, Frame::Channel(bytes)),
    }
}

const fn bytes_of(frame: &Frame) -> u64 {
    match frame {
        Frame::Ask(_, _, bytes) | Frame::Answer(_, bytes) | Frame::Channel(bytes) => {
            bytes.len() as u64
        }
        Frame::NoAnswer(_) => 0,
    }
}
