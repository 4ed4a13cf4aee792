//! The private channel between a tab and its home pod: an ordered pipe of messages that can be
//! cut. The shell opens it, and opens it again.

use muttr_core::{
    limit,
    machine::{Frame, Input, Link, Machine, Traits},
};

use super::{
    World,
    participant::{Alive, Role},
};

/// The other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Far {
    /// Who is there.
    pub(super) at: Alive,
    /// The channel's number there.
    pub(super) number: u64,
    /// Names this one pipe, as numbers may be used again.
    pipe: u64,
    /// When the last message sent so far arrives there: none overtakes another.
    last_ms: u64,
}

/// What is to happen on channels.
#[derive(Debug)]
pub(super) enum Due {
    /// The shell dials.
    Open(Alive),
    /// The pod's shell takes a channel that was dialled.
    Opened { tab: Alive },
    /// A message arrives.
    Said {
        to: Alive,
        number: u64,
        pipe: u64,
        bytes: Vec<u8>,
    },
    /// One end learns that it was cut.
    Cut { at: Alive, number: u64, pipe: u64 },
}

/// Messages of a session that are remembered for whoever wants to repeat them.
const SAID_MAX: usize = 16;
/// A tab's own channel.
const OWN: u64 = 0;

impl<M: Machine> World<M> {
    /// Tells a tab's shell not to open the channel again.
    pub fn hang_up(&mut self, who: super::Who) {
        self.at_mut(who).reconnects = false;
    }

    /// What a tab said in its latest session, byte for byte.
    #[must_use]
    pub fn overheard(&self, who: super::Who) -> Vec<Vec<u8>> {
        self.at(who).said.clone()
    }

    /// Someone of no name opens a channel to a pod, says this, and hangs up.
    pub fn stranger_says(&mut self, pod: super::Who, frames: Vec<Vec<u8>>) {
        let Some(pod) = self.alive(pod) else { return };
        let number = self.at(pod.0).channel_next;
        self.at_mut(pod.0).channel_next += 1;
        let link = Link::Channel(number);
        self.give(pod, Input::Linked(link, Traits::default()));
        for frame in frames {
            self.give(pod, Input::Frame(link, Frame::Channel(frame)));
        }
        self.give(pod, Input::Unlinked(link));
    }

    pub(super) fn open_channel_soon(&mut self, tab: Alive, delay_ms: u64) {
        self.later(delay_ms, super::Due::Channel(Due::Open(tab)));
    }

    pub(super) fn channel_due(&mut self, due: Due) {
        match due {
            Due::Open(tab) => {
                if self.lives(tab) && self.at(tab.0).reconnects {
                    let takes_ms = self.way_ms() + self.way_ms();
                    self.later(takes_ms, super::Due::Channel(Due::Opened { tab }));
                }
            }
            Due::Opened { tab } => self.opened(tab),
            Due::Said {
                to,
                number,
                pipe,
                bytes,
            } => {
                if self.is_open(to, number, pipe) {
                    self.give(
                        to,
                        Input::Frame(Link::Channel(number), Frame::Channel(bytes)),
                    );
                }
            }
            Due::Cut { at, number, pipe } => self.cut(at, number, pipe),
        }
    }

    fn opened(&mut self, tab: Alive) {
        let Role::Tab { pod, .. } = self.at(tab.0).role else {
            return;
        };
        if !self.lives(tab) || self.at(tab.0).channels.contains_key(&OWN) {
            return;
        }
        let rate = self.profile.undialled;
        let fails = self.chance(rate);
        let fails = fails || self.are_apart(tab.0, pod);
        let Some(pod) = self.alive(pod).filter(|_| !fails) else {
            self.give(tab, Input::Unlinked(Link::Channel(OWN)));
            return self.reopen(tab);
        };
        let (last_ms, pipe) = (self.now_ms, self.due_next);
        let number = self.at(pod.0).channel_next;
        let at_pod = self.at_mut(pod.0);
        at_pod.channel_next += 1;
        at_pod.channels.insert(
            number,
            Far {
                at: tab,
                number: OWN,
                pipe,
                last_ms,
            },
        );
        let at_tab = self.at_mut(tab.0);
        at_tab.attempts = 0;
        at_tab.said.clear();
        at_tab.channels.insert(
            OWN,
            Far {
                at: pod,
                number,
                pipe,
                last_ms,
            },
        );
        self.give(pod, Input::Linked(Link::Channel(number), Traits::default()));
        self.give(tab, Input::Linked(Link::Channel(OWN), Traits::default()));
    }

    pub(super) fn say(&mut self, from: Alive, number: u64, frame: Frame) {
        let Frame::Channel(bytes) = frame else {
            let what = "a question was sent over a channel".to_owned();
            return self.object(Err(what));
        };
        let Some(far) = self.at(from.0).channels.get(&number).copied() else {
            return;
        };
        if number == OWN {
            let said = &mut self.at_mut(from.0).said;
            if said.len() < SAID_MAX {
                said.push(bytes.clone());
            }
        }
        if self.are_apart(from.0, far.at.0) {
            return;
        }
        let rate = self.profile.broken;
        if self.chance(rate) {
            return self.cut_both(from, number, 0);
        }
        let arrives_ms = far.last_ms.max(self.now_ms + self.way_ms());
        if let Some(far) = self.at_mut(from.0).channels.get_mut(&number) {
            far.last_ms = arrives_ms;
        }
        let due = Due::Said {
            to: far.at,
            number: far.number,
            pipe: far.pipe,
            bytes,
        };
        let delay_ms = arrives_ms - self.now_ms;
        self.later(delay_ms, super::Due::Channel(due));
    }

    /// A machine closes a channel: what it said before still arrives.
    pub(super) fn close_channel(&mut self, from: Alive, number: u64) {
        self.cut_both(from, number, 0);
    }

    /// Cuts every channel of one who stopped.
    pub(super) fn channels_lost(&mut self, (who, life): Alive, notice_ms: u64) {
        for number in self.at(who).channels.keys().copied().collect::<Vec<_>>() {
            self.cut_both((who, life), number, notice_ms);
        }
        self.at_mut(who).channels.clear();
    }

    fn cut_both(&mut self, from: Alive, number: u64, notice_ms: u64) {
        let Some(far) = self.at(from.0).channels.get(&number).copied() else {
            return;
        };
        let pipe = far.pipe;
        self.later(
            0,
            super::Due::Channel(Due::Cut {
                at: from,
                number,
                pipe,
            }),
        );
        let notice_ms = self.roll(notice_ms + 1);
        let arrives_ms = far.last_ms.max(self.now_ms + self.way_ms()) + notice_ms;
        let delay_ms = arrives_ms - self.now_ms;
        let due = Due::Cut {
            at: far.at,
            number: far.number,
            pipe,
        };
        self.later(delay_ms, super::Due::Channel(due));
    }

    /// Cuts every channel over which nothing passes any more; each end notices in its own time.
    pub(super) fn sever_channels(&mut self, notice_ms: u64) {
        let ends = self.everyone().flat_map(|(who, at)| {
            let channels = at.channels.iter();
            channels.map(move |(number, far)| (who, *number, *far))
        });
        let severed = ends.filter(|(who, _, far)| self.are_apart(*who, far.at.0));
        for (who, number, Far { pipe, .. }) in severed.collect::<Vec<_>>() {
            let delay_ms = self.roll(notice_ms + 1);
            if let Some(at) = self.alive(who) {
                let due = Due::Cut { at, number, pipe };
                self.later(delay_ms, super::Due::Channel(due));
            }
        }
    }

    fn is_open(&self, at: Alive, number: u64, pipe: u64) -> bool {
        let far = self.at(at.0).channels.get(&number);
        self.lives(at) && far.is_some_and(|far| far.pipe == pipe)
    }

    fn cut(&mut self, at: Alive, number: u64, pipe: u64) {
        if !self.is_open(at, number, pipe) {
            return;
        }
        self.at_mut(at.0).channels.remove(&number);
        self.give(at, Input::Unlinked(Link::Channel(number)));
        self.reopen(at);
    }

    /// A tab's shell tries again, after a pause that doubles.
    fn reopen(&mut self, tab: Alive) {
        if !self.lives(tab) || !matches!(self.at(tab.0).role, Role::Tab { .. }) {
            return;
        }
        let (first_ms, longest_ms) = limit::RECONNECT_MS;
        let at_tab = self.at_mut(tab.0);
        let pause_ms = (first_ms << at_tab.attempts.min(16)).min(longest_ms);
        at_tab.attempts += 1;
        let jitter_ms = self.roll(pause_ms / 2 + 1);
        self.open_channel_soon(tab, pause_ms + jitter_ms);
    }
}
