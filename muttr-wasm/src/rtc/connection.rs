//! A direct connection: many streams over one peer connection.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt as _;
use futures_timer::Delay;
use libp2p::{
    PeerId,
    core::{StreamMuxer, muxing::StreamMuxerEvent},
};
use muttr_core::limit;
use send_wrapper::SendWrapper;

use super::{
    Error, Stream,
    peer::{Peer, Shared},
    stream::Channel,
};
use crate::clock::Clock;

/// An established connection. Closed once dropped.
pub(crate) struct Connection(SendWrapper<Inner>);

struct Inner {
    peer: Peer,
    clock: Clock,
    /// Every data channel that is not over on both ends.
    channels: Vec<Rc<Channel>>,
    /// Until the next of them stops waiting for the far end, and when that is.
    timer: Option<(u64, Delay)>,
}

/// A connection as others may know of it.
pub(super) struct Entry {
    pub(super) peer: PeerId,
    /// It was we who dialled.
    pub(super) dialled: bool,
    shared: Weak<Shared>,
}

impl Entry {
    /// When a stream was last opened or closed on it; `None` when it is gone.
    pub(super) fn used_ms(&self) -> Option<u64> {
        self.shared.upgrade().map(|shared| shared.used_ms.get())
    }
}

/// The connections there are: written by the transport, read by the behaviour beside it.
#[derive(Clone, Default)]
pub(super) struct Registry(Rc<RefCell<Vec<Entry>>>);

impl Registry {
    /// Notes a connection, and forgets those that are gone.
    pub(super) fn enter(&self, peer: PeerId, dialled: bool, connection: &Connection) {
        let mut entries = self.0.borrow_mut();
        entries.retain(|entry| entry.used_ms().is_some());
        entries.push(Entry {
            peer,
            dialled,
            shared: Rc::downgrade(&connection.0.peer.shared),
        });
    }

    /// When the connection with this seed that we dialled, or did not, was last in use.
    pub(super) fn used_ms(&self, peer: &PeerId, dialled: bool) -> Option<u64> {
        let entries = self.0.borrow();
        let wanted = |entry: &&Entry| entry.peer == *peer && entry.dialled == dialled;
        entries.iter().filter(wanted).find_map(Entry::used_ms)
    }
}

impl Connection {
    pub(super) fn new(peer: Peer, clock: Clock) -> Self {
        peer.established();
        Self(SendWrapper::new(Inner {
            peer,
            clock,
            channels: Vec::new(),
            timer: None,
        }))
    }
}

impl Inner {
    fn stream(&mut self, channel: Rc<Channel>) -> Stream {
        self.channels.push(Rc::clone(&channel));
        Stream::new(channel)
    }

    /// Lets go of channels that are over, and of what the far end keeps waiting for too long.
    fn sweep(&mut self, cx: &mut Context<'_>) {
        let now_ms = self.clock.now().mono_ms;
        loop {
            for channel in &self.channels {
                if channel.deadline().is_some_and(|at_ms| at_ms <= now_ms) {
                    channel.tick(now_ms);
                }
            }
            self.channels.retain(|channel| !channel.is_done());
            let deadline = self
                .channels
                .iter()
                .filter_map(|channel| channel.deadline())
                .min();
            // A timer that is dropped wakes whoever waited for it: one that was made anew each time
            // would have this called again at once, for ever.
            if self.timer.as_ref().map(|(at_ms, _)| *at_ms) != deadline {
                self.timer = deadline.map(|at_ms| {
                    let wait_ms = at_ms.saturating_sub(now_ms) + 1;
                    (at_ms, Delay::new(Duration::from_millis(wait_ms)))
                });
            }
            let Some((_, timer)) = &mut self.timer else {
                return;
            };
            if timer.poll_unpin(cx).is_pending() {
                return;
            }
            self.timer = None;
        }
    }
}

impl StreamMuxer for Connection {
    type Substream = Stream;
    type Error = Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        let this = &mut *self.0;
        let channel = this.peer.shared.incoming.borrow_mut().pop_front();
        match channel {
            Some(channel) => Poll::Ready(Ok(this.stream(channel))),
            None => {
                this.peer.shared.wake_later(cx.waker());
                Poll::Pending
            }
        }
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stream, Error>> {
        let this = &mut *self.0;
        if this.peer.shared.lost.get() {
            return Poll::Ready(Err(Error::Lost));
        }
        if this.channels.len() >= limit::RTC_STREAMS_MAX {
            this.peer.shared.wake_later(cx.waker());
            return Poll::Pending;
        }
        // libp2p's streams have no name.
        let raw = this.peer.channel("").map_err(|_| Error::Lost)?;
        let channel = Channel::new(raw, this.clock, &this.peer.shared);
        Poll::Ready(Ok(this.stream(channel)))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.peer.close();
        Poll::Ready(Ok(()))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Error>> {
        let this = &mut *self.0;
        this.peer.shared.wake_later(cx.waker());
        if this.peer.shared.lost.get() {
            return Poll::Ready(Err(Error::Lost));
        }
        this.sweep(cx);
        Poll::Pending
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.peer.close();
        for channel in self.channels.drain(..) {
            channel.cut();
        }
    }
}
