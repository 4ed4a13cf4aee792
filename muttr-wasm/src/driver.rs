//! The loop that drives a seed in a tab.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::{
    FutureExt as _, StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender},
    future,
};
use futures_timer::Delay;
use muttr_core::{
    limit,
    machine::{Frame, Input, Link, Machine, Output, Traits, Write},
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
    /// Have the seed do this.
    Command(Command),
    /// Write this down.
    Note(Write),
    /// The page is shown again, or the network is back.
    Wake,
    /// Do this with the network.
    #[cfg(feature = "test-handles")]
    Network(Box<dyn FnOnce(&mut Network)>),
}

/// A seed and the world it lives in.
pub(crate) struct Driver {
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    /// None for a seed that no other seed shall see: then there is no libp2p here at all.
    pub(crate) network: Option<Network>,
    pub(crate) line: Line,
    /// The pod, where the line to it is not used and a link is all there is.
    pub(crate) pod: Option<SeedId>,
    pub(crate) wishes: UnboundedReceiver<Wish>,
    pub(crate) requests: UnboundedSender<Request>,
    pub(crate) outcomes: UnboundedReceiver<Outcome>,
    pub(crate) figures: Rc<RefCell<Figures>>,
    /// Told of every event, and of changed figures.
    pub(crate) tell: Box<dyn Fn(Told)>,
}

/// What a driver tells.
pub(crate) enum Told {
    /// The seed said so.
    Event(Event),
    /// The pod does not answer; another attempt follows.
    Unreachable,
    /// Everything is loaded; with the alias that is ours.
    Ready(Option<Alias>),
    /// The pod knows us, by this alias.
    Alias(Alias),
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
            let news = self.line.upkeep(now);
            self.hear(news);
            if let Some(network) = &mut self.network {
                network.upkeep(now);
            }
            self.drain();
            if self.figures.borrow_mut().take_changed() {
                (self.tell)(Told::Figures);
            }
            let mut timer = self.timer().fuse();
            futures::select_biased! {
                wish = self.wishes.next() => match wish {
                    Some(wish) => self.grant(wish),
                    None => return,
                },
                outcome = self.outcomes.select_next_some() => self.give(match outcome {
                    Outcome::Kept(ticket, kept) => Input::Kept(ticket, kept),
                    Outcome::Recalled(ticket, rows) => Input::Recalled(ticket, rows),
                }),
                news = self.line.next(self.clock).fuse() => self.hear(Some(news)),
                input = heard(&mut self.network, self.clock).fuse() => self.give(input),
                () = timer => self.give(Input::Tick),
            }
        }
    }

    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Command(command) => self.give(Input::Command(command)),
            Wish::Note(write) => {
                let _ = self.requests.unbounded_send(Request::Note(write));
            }
            #[cfg(feature = "test-handles")]
            Wish::Network(act) => {
                if let Some(network) = &mut self.network {
                    act(network);
                }
            }
            Wish::Wake => {
                let news = self.line.wake(self.clock.now());
                self.hear(news);
            }
        }
    }

    fn hear(&mut self, news: Option<News>) {
        self.give(match news {
            None => return,
            Some(News::Unreachable) => return (self.tell)(Told::Unreachable),
            Some(News::Up) => Input::Linked(CHANNEL, Traits::default()),
            Some(News::Down) => Input::Unlinked(CHANNEL),
            Some(News::Bytes(bytes)) => Input::Frame(CHANNEL, Frame::Channel(bytes)),
        });
    }

    fn give(&mut self, input: Input<Command>) {
        match &input {
            Input::Frame(_, frame) => self.figures.borrow_mut().received_bytes += bytes_of(frame),
            Input::Linked(Link::Seed(seed), _) => (self.tell)(Told::Linked(*seed, true)),
            Input::Unlinked(Link::Seed(seed)) => {
                (self.tell)(Told::Linked(*seed, false));
                if self.pod == Some(*seed) {
                    (self.tell)(Told::Unreachable);
                }
            }
            _ => {}
        }
        self.seed.handle(self.clock.now(), input);
    }

    /// Does all that the machine wants done, until it wants nothing more.
    fn drain(&mut self) {
        while let Some(output) = self.seed.poll() {
            if let Some(input) = self.perform(output) {
                self.give(input);
            }
        }
    }

    /// Does one thing; some things are answered at once.
    fn perform(&mut self, output: Output<Event>) -> Option<Input<Command>> {
        match output {
            Output::Link(seed, addresses) => self.network.as_mut()?.link(seed, addresses),
            Output::Unlink(Link::Seed(seed)) => {
                self.network.as_mut()?.unlink(seed);
                None
            }
            Output::Unlink(Link::Channel(_)) => {
                let news = self.line.hang_up(self.clock.now());
                self.hear(news);
                None
            }
            Output::Send(link, frame) => {
                self.figures.borrow_mut().sent_bytes += bytes_of(&frame);
                match (link, frame) {
                    (Link::Seed(seed), frame) => self.network.as_mut()?.send(seed, frame),
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
            Output::Event(event) => {
                self.on_event(event);
                None
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match &event {
            Event::State(State::Online) => {
                self.line.identified();
                if let Some(alias) = self.seed.alias() {
                    (self.tell)(Told::Alias(alias));
                }
            }
            Event::Held { records, bytes } => self.figures.borrow_mut().held(*records, *bytes),
            Event::Ready => (self.tell)(Told::Ready(self.seed.alias())),
            Event::Refused(_) => {
                let news = self.line.refuse();
                self.hear(news);
            }
            _ => {}
        }
        (self.tell)(Told::Event(event));
    }

    /// Sleeps until the machine, the line or the network has something to do.
    fn timer(&self) -> Delay {
        let network = self.network.as_ref().and_then(Network::deadline);
        let shell = earliest(self.line.deadline(), network);
        let deadline = earliest(self.seed.deadline(), shell);
        let now_ms = self.clock.now().mono_ms;
        // Browsers run a timer of more than 24 days at once.
        let longest_ms = limit::HOUR_MS;
        let pause_ms = deadline.map_or(longest_ms, |at_ms| at_ms.saturating_sub(now_ms));
        Delay::new(Duration::from_millis(pause_ms.min(longest_ms)))
    }
}

/// Waits for the next thing that concerns the machine; for ever where there is no network.
async fn heard(network: &mut Option<Network>, clock: Clock) -> Input<Command> {
    match network {
        Some(network) => network.next(clock).await,
        None => future::pending().await,
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
