//! Custody, and what goes in and out of it looked at on the way. Through it questions of one's own
//! can be asked of whoever is linked, as custody itself would not ask them.

use std::collections::{BTreeMap, VecDeque};

use muttr_core::{
    custody::{Command, Custody, Event, Stats},
    envelope::record::key_of,
    machine::{Frame, Input, Link, Machine, Output, Protocol},
    name::{RecordKey, SeedId},
    time::Time,
    wire::{
        self,
        store::{StoreAsk, read_ask},
    },
};
use tokio::sync::oneshot;

/// Top byte of the numbers of our own questions; custody's is another.
const SPACE: u64 = 2 << 56;

/// What can be asked of it.
pub(crate) enum Wish {
    /// Something of custody.
    Custody(Command),
    /// Something of a linked seed; nothing comes back when the link goes first.
    Ask(SeedId, Box<StoreAsk>, oneshot::Sender<Vec<u8>>),
    /// How things stand.
    Look(oneshot::Sender<Stats>),
}

/// What it tells.
#[derive(Debug)]
pub(crate) enum News {
    /// Something of custody.
    Custody(Event),
    /// A seed is linked, or is not any more.
    Linked(SeedId, bool),
    /// A question to keep a record came from a seed, or went to one, with so many forwarders
    /// behind it.
    Put {
        came: bool,
        other: SeedId,
        key: RecordKey,
        hops: u8,
    },
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Overheard {
    custody: Custody,
    asked: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Vec<u8>>>,
    outputs: VecDeque<Output<News>>,
}

impl Overheard {
    pub(crate) const fn new(custody: Custody) -> Self {
        Self {
            custody,
            asked: SPACE,
            waiting: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    fn tell(&mut self, news: News) {
        self.outputs.push_back(Output::Event(news));
    }

    fn grant(&mut self, now: Time, wish: Wish) {
        match wish {
            Wish::Custody(command) => self.custody.handle(now, Input::Command(command)),
            Wish::Ask(seed, question, answer) => {
                self.asked += 1;
                self.waiting.insert(self.asked, answer);
                let bytes = wire::encode(&*question);
                let frame = Frame::Ask(self.asked, Protocol::Store, bytes);
                self.outputs
                    .push_back(Output::Send(Link::Seed(seed), frame));
            }
            // Whoever asked may be gone by now.
            Wish::Look(answer) => drop(answer.send(self.custody.stats())),
        }
    }

    /// Notes a record that is passed on or kept.
    fn overhear(&mut self, came: bool, link: Link, frame: &Frame) {
        if let (Link::Seed(other), Frame::Ask(_, Protocol::Store, bytes)) = (link, frame)
            && let Ok(StoreAsk::Put(put)) = read_ask(bytes)
        {
            let (key, hops) = (key_of(&put.record), put.hops);
            self.tell(News::Put {
                came,
                other,
                key,
                hops,
            });
        }
    }
}

impl Machine for Overheard {
    type Command = Wish;
    type Event = News;

    fn handle(&mut self, now: Time, input: Input<Wish>) {
        let input = match input {
            Input::Command(wish) => return self.grant(now, wish),
            Input::Frame(_, Frame::Answer(id, bytes)) if self.waiting.contains_key(&id) => {
                if let Some(answer) = self.waiting.remove(&id) {
                    let _ = answer.send(bytes);
                }
                return;
            }
            Input::Frame(_, Frame::NoAnswer(id)) if self.waiting.contains_key(&id) => {
                self.waiting.remove(&id);
                return;
            }
            Input::Frame(link, frame) => {
                self.overhear(true, link, &frame);
                Input::Frame(link, frame)
            }
            Input::Linked(link, traits) => {
                if let Link::Seed(seed) = link {
                    self.tell(News::Linked(seed, true));
                }
                Input::Linked(link, traits)
            }
            Input::Unlinked(link) => {
                if let Link::Seed(seed) = link {
                    self.tell(News::Linked(seed, false));
                }
                Input::Unlinked(link)
            }
            Input::Kept(ticket, kept) => Input::Kept(ticket, kept),
            Input::Recalled(ticket, rows) => Input::Recalled(ticket, rows),
            Input::Tick => Input::Tick,
        };
        self.custody.handle(now, input);
    }

    fn poll(&mut self) -> Option<Output<News>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let output = self.custody.poll()?;
        if let Output::Send(link, frame) = &output {
            self.overhear(false, *link, frame);
        }
        let lifted = output.lift();
        Some(lifted.unwrap_or_else(|event| Output::Event(News::Custody(event))))
    }

    fn deadline(&self) -> Option<u64> {
        self.custody.deadline()
    }
}
