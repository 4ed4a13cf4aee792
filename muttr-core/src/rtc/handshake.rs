//! How two tabs come to a direct connection: one machine for each side of one attempt.
//!
//! ```text
//! offerer                               answerer
//! Describe, Send(offer)        ─────▶   Apply, Describe
//! Apply                        ◀─────   Send(answer)
//! candidates                   ◀────▶   candidates, as they are found
//! Connected, `init` closed              Connected
//! Close, Done                           Close, Done
//! ```
//!
//! Where two dial each other at once there are two attempts, which know nothing of each other.

use alloc::{collections::VecDeque, string::String, vec::Vec};

use super::{Fault, sdp};
use crate::{
    limit,
    wire::signal::{self, Reader, Signal},
};

/// Something that happened.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes of the signalling stream.
    Received(Vec<u8>),
    /// The far end closed its direction of the signalling stream.
    Ended,
    /// The signalling stream was reset, or the connection that carried it went.
    Broken,
    /// Our description, made and set as the local one.
    Described(String),
    /// The far end's description was set as the remote one.
    Applied,
    /// A candidate of ours: the JSON of `RTCIceCandidate.toJSON()`. One that only says "no more"
    /// is not sent.
    Candidate(String),
    /// The browser's connection state became `connected`.
    Connected,
    /// Our channel `init` opened.
    InitOpened,
    /// Our channel `init` closed, whoever closed it.
    InitClosed,
    /// The browser refused a description, or its connection state became `failed` or `closed`. A
    /// candidate that it refuses is no failure: there are others.
    Failed,
    /// The deadline came.
    Tick,
}

impl core::fmt::Debug for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Received(bytes) => write!(f, "Received({} bytes)", bytes.len()),
            Self::Ended => f.write_str("Ended"),
            Self::Broken => f.write_str("Broken"),
            Self::Described(sdp) => write!(f, "Described({} bytes)", sdp.len()),
            Self::Applied => f.write_str("Applied"),
            Self::Candidate(json) => write!(f, "Candidate({} bytes)", json.len()),
            Self::Connected => f.write_str("Connected"),
            Self::InitOpened => f.write_str("InitOpened"),
            Self::InitClosed => f.write_str("InitClosed"),
            Self::Failed => f.write_str("Failed"),
            Self::Tick => f.write_str("Tick"),
        }
    }
}

/// Something to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Offerer: create a channel named `init`, make an offer, set it as local description.
    /// Answerer: make an answer and set it. Answered by [`Event::Described`].
    Describe,
    /// Set this as remote description. Answered by [`Event::Applied`].
    Apply(String),
    /// Add this candidate of the far end: JSON that passed [`sdp::check_candidate`].
    Add(String),
    /// Send bytes on the signalling stream.
    Send(Vec<u8>),
    /// Close the channel `init`. Answered by [`Event::InitClosed`].
    CloseInit,
    /// Close our direction of the signalling stream, after what was sent.
    Close,
    /// Reset the signalling stream.
    Reset,
    /// The last action: there is a connection, or there will be none.
    Done(Result<(), Failure>),
}

impl core::fmt::Debug for Action {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Describe => f.write_str("Describe"),
            Self::Apply(sdp) => write!(f, "Apply({} bytes)", sdp.len()),
            Self::Add(json) => write!(f, "Add({} bytes)", json.len()),
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::CloseInit => f.write_str("CloseInit"),
            Self::Close => f.write_str("Close"),
            Self::Reset => f.write_str("Reset"),
            Self::Done(result) => write!(f, "Done({result:?})"),
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It took longer than [`limit::RTC_HANDSHAKE_MS_MAX`].
    TimedOut,
    /// The far end said what is not of the protocol, or out of order.
    Malformed,
    /// The far end said more than the limits allow.
    TooMuch,
    /// The browser would not, or could not, connect.
    Refused,
    /// Signalling broke off too early.
    Lost,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Malformed,
            Fault::TooMuch => Self::TooMuch,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Offerer,
    Answerer,
}

/// How far the far end's description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Far {
    Awaited,
    Applying,
    Applied,
}

/// How far the offerer's channel `init` is. It is there so that the browser has something to
/// connect for, and is closed before the connection is used, so that its number is free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Init {
    Opening,
    Open,
    Closing,
    Closed,
}

/// One side of one attempt.
pub struct Handshake {
    role: Role,
    reader: Reader,
    actions: VecDeque<Action>,
    /// None once it is done.
    deadline: Option<u64>,
    /// Our description was sent.
    described: bool,
    far: Far,
    /// Candidates of ours that wait for our description to be sent.
    ours: Vec<String>,
    ours_count: usize,
    /// Candidates of theirs that wait for their description to be applied.
    theirs: Vec<String>,
    theirs_count: usize,
    /// The signalling stream is no more.
    broken: bool,
    connected: bool,
    init: Init,
}

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshake")
            .field("role", &self.role)
            .field("described", &self.described)
            .field("far", &self.far)
            .field("connected", &self.connected)
            .field("init", &self.init)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Handshake {
    /// The side that dials. The first action is [`Action::Describe`].
    #[must_use]
    pub fn offer(now_ms: u64) -> Self {
        let mut offerer = Self::new(now_ms, Role::Offerer);
        offerer.actions.push_back(Action::Describe);
        offerer
    }

    /// The side that is dialled. It waits for an offer.
    #[must_use]
    pub fn answer(now_ms: u64) -> Self {
        Self::new(now_ms, Role::Answerer)
    }

    fn new(now_ms: u64, role: Role) -> Self {
        Self {
            role,
            reader: Reader::default(),
            actions: VecDeque::new(),
            deadline: Some(now_ms.saturating_add(limit::RTC_HANDSHAKE_MS_MAX)),
            described: false,
            far: Far::Awaited,
            ours: Vec::new(),
            ours_count: 0,
            theirs: Vec::new(),
            theirs_count: 0,
            broken: false,
            connected: false,
            init: Init::Opening,
        }
    }

    /// Takes in one thing that happened. After the end everything is ignored.
    pub fn handle(&mut self, now_ms: u64, event: Event) {
        let Some(deadline) = self.deadline else {
            return;
        };
        if now_ms >= deadline {
            return self.fail(Failure::TimedOut);
        }
        match event {
            Event::Received(bytes) => self.receive(&bytes),
            Event::Ended => self.ended(),
            Event::Broken => {
                self.broken = true;
                if !self.is_settled() {
                    self.fail(Failure::Lost);
                }
            }
            Event::Described(sdp) => self.describe(sdp),
            Event::Applied => self.applied(),
            Event::Candidate(json) => self.trickle(json),
            Event::Connected => self.connected = true,
            Event::InitOpened if self.init == Init::Opening => self.init = Init::Open,
            Event::InitClosed => self.init = Init::Closed,
            Event::Failed => self.fail(Failure::Refused),
            Event::InitOpened | Event::Tick => {}
        }
        self.conclude();
    }

    /// The next thing to do, first in, first out.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call `handle` with [`Event::Tick`] if nothing else happens before, in monotonic
    /// milliseconds.
    #[must_use]
    pub const fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Both descriptions are where they have to be; from here on the browsers decide.
    fn is_settled(&self) -> bool {
        self.described && self.far == Far::Applied
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
        while self.deadline.is_some() {
            match self.reader.next() {
                Ok(Some(signal)) => {
                    if let Err(fault) = self.signal(signal) {
                        self.fail(fault.into());
                    }
                }
                Ok(None) => return,
                Err(fault) => self.fail(fault.into()),
            }
        }
    }

    fn signal(&mut self, signal: Signal) -> Result<(), Fault> {
        match (signal, self.role, self.far) {
            (Signal::Offer(sdp), Role::Answerer, Far::Awaited) => self.apply(sdp),
            (Signal::Answer(sdp), Role::Offerer, Far::Awaited) if self.described => self.apply(sdp),
            (Signal::Candidate(json), _, Far::Applying | Far::Applied) => {
                sdp::check_candidate(&json)?;
                if self.theirs_count >= limit::RTC_CANDIDATES_MAX {
                    return Err(Fault::TooMuch);
                }
                self.theirs_count = self.theirs_count.saturating_add(1);
                if self.far == Far::Applied {
                    self.actions.push_back(Action::Add(json));
                } else {
                    self.theirs.push(json);
                }
                Ok(())
            }
            _ => Err(Fault::Malformed),
        }
    }

    fn apply(&mut self, description: String) -> Result<(), Fault> {
        sdp::check_description(&description)?;
        self.far = Far::Applying;
        self.actions.push_back(Action::Apply(description));
        Ok(())
    }

    fn applied(&mut self) {
        if self.far != Far::Applying {
            return;
        }
        self.far = Far::Applied;
        if self.role == Role::Answerer {
            self.actions.push_back(Action::Describe);
        }
        let theirs = core::mem::take(&mut self.theirs);
        self.actions.extend(theirs.into_iter().map(Action::Add));
    }

    fn describe(&mut self, description: String) {
        let due = self.role == Role::Offerer || self.far == Far::Applied;
        if self.described || !due {
            return;
        }
        // What the far end will not take is not worth sending.
        if sdp::check_description(&description).is_err() {
            return self.fail(Failure::Refused);
        }
        self.described = true;
        self.send(&match self.role {
            Role::Offerer => Signal::Offer(description),
            Role::Answerer => Signal::Answer(description),
        });
        for json in core::mem::take(&mut self.ours) {
            self.send(&Signal::Candidate(json));
        }
    }

    /// A candidate of ours. What is beyond the limit is left out: the far end would hang up.
    fn trickle(&mut self, json: String) {
        let worthless = signal::ends_candidates(&json) || sdp::check_candidate(&json).is_err();
        if worthless || self.connected || self.ours_count >= limit::RTC_CANDIDATES_MAX {
            return;
        }
        self.ours_count = self.ours_count.saturating_add(1);
        if self.described {
            self.send(&Signal::Candidate(json));
        } else {
            self.ours.push(json);
        }
    }

    fn send(&mut self, signal: &Signal) {
        if !self.broken {
            self.actions.push_back(Action::Send(signal.encode()));
        }
    }

    /// The far end has nothing more to say. That is no failure when its description came.
    fn ended(&mut self) {
        if self.far == Far::Awaited {
            self.fail(Failure::Lost);
        } else if !self.reader.is_empty() && !self.is_settled() {
            self.fail(Failure::Malformed);
        }
    }

    /// Goes on to the end once there is a connection.
    fn conclude(&mut self) {
        if self.deadline.is_none() || !self.connected || !self.is_settled() {
            return;
        }
        if self.role == Role::Offerer {
            if self.init == Init::Open {
                self.init = Init::Closing;
                self.actions.push_back(Action::CloseInit);
            }
            if self.init != Init::Closed {
                return;
            }
        }
        if !self.broken {
            self.actions.push_back(Action::Close);
        }
        self.finish(Ok(()));
    }

    /// Whatever was still to be done is not worth it any more.
    fn fail(&mut self, failure: Failure) {
        if self.deadline.is_none() {
            return;
        }
        self.actions.clear();
        if !self.broken {
            self.actions.push_back(Action::Reset);
        }
        self.finish(Err(failure));
    }

    fn finish(&mut self, result: Result<(), Failure>) {
        self.deadline = None;
        self.reader = Reader::default();
        self.ours = Vec::new();
        self.theirs = Vec::new();
        self.actions.push_back(Action::Done(result));
    }
}

#[cfg(test)]
mod tests;
