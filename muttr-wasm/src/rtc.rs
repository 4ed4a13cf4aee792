//! Tabs talk to tabs: libp2p's `/webrtc` (specs/webrtc/webrtc.md) over the browser's
//! `RTCPeerConnection`.
//!
//! What can go wrong by logic (who says what when, framing, bounds) is `muttr_core::rtc`. Here is
//! what touches the browser:
//!
//! - [`Transport`] and [`Introductions`], a pair like libp2p's relay client: the behaviour opens
//!   and accepts signalling streams on circuits, the transport makes connections of them;
//! - a handshake, which carries the core's actions out on an `RTCPeerConnection`;
//! - [`Connection`], a stream multiplexer, and [`Stream`], one data channel.
//!
//! Handlers are set before anything can happen and unset when their owner is dropped, so that
//! the browser never calls into what is gone. Handlers only note and wake; tasks do the work.

mod connection;
mod handshake;
mod introductions;
mod peer;
mod stream;
mod transport;

use std::{cell::Cell, fmt, rc::Rc};

use futures::channel::mpsc;
use libp2p::PeerId;
use muttr_core::{limit, rtc::handshake::Failure};

pub(crate) use connection::Connection;
pub(crate) use introductions::Introductions;
pub(crate) use stream::Stream;
pub(crate) use transport::{Transport, local_address};

use crate::{clock::Clock, log::Refusals};

/// Signalling between two tabs, over a circuit.
const SIGNALLING: libp2p::StreamProtocol = libp2p::StreamProtocol::new("/webrtc-signaling/0.0.1");
/// The channel by which the offer gets something to offer; it carries nothing.
const INIT: &str = "init";

/// What both halves of the pair are made with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The one STUN server, `stun:HOST:PORT`, if the pod has one.
    pub(crate) stun: Option<String>,
    pub(crate) clock: Clock,
    /// Where to note what others did wrong.
    pub(crate) refusals: Refusals,
}

/// Whether this platform has WebRTC: browsers' windows do, workers and Node do not.
pub(crate) fn is_there() -> bool {
    js_sys::Reflect::has(&js_sys::global(), &"RTCPeerConnection".into()).unwrap_or(false)
}

/// A transport that makes direct connections, and the behaviour that gets it the introductions.
pub(crate) fn new(me: PeerId, config: Config) -> (Transport, Introductions) {
    let (ask, asked) = mpsc::channel(limit::RTC_HANDSHAKES_MAX);
    let (arrive, arrived) = mpsc::channel(limit::RTC_HANDSHAKES_MAX);
    let registry = connection::Registry::default();
    let (clock, refusals) = (config.clock, config.refusals.clone());
    let transport = Transport::new(config, ask, arrived, registry.clone());
    let introductions = Introductions::new(me, clock, refusals, asked, arrive, registry);
    (transport, introductions)
}

/// Why there is no connection, or none any more.
#[derive(Debug)]
pub(crate) enum Error {
    /// The other tab could not be reached through its pod.
    Unreachable,
    /// It does not speak the protocol, or would not.
    Refused,
    /// Too many handshakes are under way.
    Busy,
    /// The handshake failed.
    Handshake(Failure),
    /// The browser gave up the connection, or it was closed.
    Lost,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the seed cannot be reached through its pod",
            Self::Refused => "the seed does not take direct connections",
            Self::Busy => "too many handshakes are under way",
            Self::Handshake(Failure::TimedOut) => "the direct connection took too long",
            Self::Handshake(Failure::Malformed) => "malformed signalling, handshake refused",
            Self::Handshake(Failure::TooMuch) => "too much signalling, handshake refused",
            Self::Handshake(_) => "the direct connection could not be agreed on",
            Self::Lost => "the direct connection is lost",
        })
    }
}

impl std::error::Error for Error {}

/// Counts what is under way, as long as it is held.
struct Turn(Rc<Cell<usize>>);

impl Turn {
    /// One more, unless there are `max` already.
    fn take(count: &Rc<Cell<usize>>, max: usize) -> Option<Self> {
        (count.get() < max).then(|| {
            count.set(count.get() + 1);
            Self(Rc::clone(count))
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
