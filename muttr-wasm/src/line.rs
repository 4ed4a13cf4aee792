//! Keeps the private channel open: one socket at a time, a pause after each that closed.

use futures::{StreamExt as _, future};
use muttr_core::{limit, time::Time};

use crate::{
    backoff::Backoff,
    channel::{Happened, Socket},
    clock::Clock,
};

/// The line to the pod.
pub(crate) struct Line {
    url: String,
    state: State,
    retry: Backoff,
}

enum State {
    /// No socket; the next one comes when [`Backoff`] says so.
    Down,
    /// Being opened, and given up at this moment.
    Opening(Socket, u64),
    /// Open; when something was last heard.
    Open(Socket, u64),
    /// The pod does not want to hear from this seed before something is changed, or there is
    /// nothing to say: who is nobody would be asked who they are, and hung up on.
    Refused,
}

/// What the machine is to know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The channel is open.
    Up,
    /// It was open.
    Down,
    /// A message.
    Bytes(Vec<u8>),
    /// It could not be opened; another attempt follows.
    Unreachable,
}

impl Line {
    /// To the channel at this `ws:` or `wss:` address; opened at the first
    /// [`upkeep`](Self::upkeep).
    pub(crate) fn new(url: String, now: Time) -> Self {
        let mut retry = Backoff::new(limit::RECONNECT_MS);
        retry.hurry(now);
        Self {
            url,
            state: State::Down,
            retry,
        }
    }

    /// That of a seed without a person: never opened.
    pub(crate) const fn unused() -> Self {
        Self {
            url: String::new(),
            state: State::Refused,
            retry: Backoff::new(limit::RECONNECT_MS),
        }
    }

    /// Waits for news.
    pub(crate) async fn next(&mut self, clock: Clock) -> News {
        loop {
            let socket = match &mut self.state {
                State::Opening(socket, _) | State::Open(socket, _) => socket,
                State::Down | State::Refused => return future::pending().await,
            };
            let happened = socket.next().await.unwrap_or(Happened::Closed);
            if let Some(news) = self.on_socket(clock.now(), happened) {
                return news;
            }
        }
    }

    fn on_socket(&mut self, now: Time, happened: Happened) -> Option<News> {
        match (happened, std::mem::replace(&mut self.state, State::Down)) {
            (Happened::Opened, State::Opening(socket, _)) => {
                self.state = State::Open(socket, now.mono_ms);
                Some(News::Up)
            }
            (Happened::Bytes(bytes), State::Open(socket, _)) => {
                self.state = State::Open(socket, now.mono_ms);
                Some(News::Bytes(bytes))
            }
            (Happened::Closed, State::Open(..)) => {
                self.retry.fail(now);
                Some(News::Down)
            }
            (Happened::Closed, State::Opening(..)) => {
                self.retry.fail(now);
                Some(News::Unreachable)
            }
            (_, state) => {
                self.state = state;
                None
            }
        }
    }

    /// Sends a message, if the channel is open.
    pub(crate) fn send(&self, bytes: &[u8]) {
        if let State::Open(socket, _) = &self.state {
            socket.send(bytes);
        }
    }

    /// Closes the socket because the machine wants it closed; another one is opened after a pause.
    pub(crate) fn hang_up(&mut self, now: Time) -> Option<News> {
        match self.state {
            State::Refused | State::Down => None,
            State::Opening(..) => {
                self.state = State::Down;
                self.retry.fail(now);
                None
            }
            State::Open(..) => {
                self.state = State::Down;
                self.retry.fail(now);
                Some(News::Down)
            }
        }
    }

    /// Stops for good.
    pub(crate) fn refuse(&mut self) -> Option<News> {
        let was = std::mem::replace(&mut self.state, State::Refused);
        matches!(was, State::Open(..)).then_some(News::Down)
    }

    /// The pod knows us: the next pause is a short one again.
    pub(crate) const fn identified(&mut self) {
        self.retry.succeed();
    }

    /// The page came back, or the network did: a socket that was silent for longer than the pod's
    /// pings allow is dead, whatever it says, and no pause is waited for.
    pub(crate) fn wake(&mut self, now: Time) -> Option<News> {
        let dead = match &self.state {
            State::Refused => return None,
            State::Down => true,
            State::Opening(..) => false,
            State::Open(_, heard_ms) => now.mono_ms.saturating_sub(*heard_ms) > 2 * limit::PING_MS,
        };
        if !dead {
            return None;
        }
        let news = self.hang_up(now);
        self.retry.hurry(now);
        news
    }

    /// When [`upkeep`](Self::upkeep) has something to do.
    pub(crate) const fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Down => self.retry.due_ms(),
            State::Opening(_, until_ms) => Some(until_ms),
            State::Open(..) | State::Refused => None,
        }
    }

    /// Opens a socket if it is time to, and gives up one that does not open.
    pub(crate) fn upkeep(&mut self, now: Time) -> Option<News> {
        match self.state {
            State::Down if self.retry.take_due(now) => {
                if let Some(socket) = Socket::open(&self.url) {
                    self.state = State::Opening(socket, now.after(limit::CONNECT_MS_MAX));
                    return None;
                }
            }
            State::Opening(_, until_ms) if until_ms <= now.mono_ms => self.state = State::Down,
            _ => return None,
        }
        self.retry.fail(now);
        Some(News::Unreachable)
    }
}
