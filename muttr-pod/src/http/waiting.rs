//! Questions of the API that the machine has not answered yet.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use muttr_core::{
    limit,
    pod::{Command, Resolved},
    rejection::Rejection,
};
use tokio::sync::oneshot;

use super::Front;
use crate::{driver::Happening, limits};

type Answer<T> = Result<T, Rejection>;

/// A waiting room for those who asked one kind of question.
pub(crate) struct Waiting<T> {
    begun: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer<T>>>>,
    seats: usize,
}

/// A place in it.
pub(super) struct Seat<T> {
    id: u64,
    answer: oneshot::Receiver<Answer<T>>,
}

impl<T> Waiting<T> {
    fn new(seats: usize) -> Self {
        Self {
            begun: AtomicU64::new(0),
            waiting: Mutex::new(HashMap::new()),
            seats,
        }
    }

    /// A number for a question, and where its answer will come.
    pub(super) fn begin(&self) -> Result<Seat<T>, Rejection> {
        let (sender, answer) = oneshot::channel();
        let id = self.begun.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.seats {
            waiting.retain(|_, sender| !sender.is_closed());
        }
        if waiting.len() >= self.seats {
            return Err(Rejection::Busy);
        }
        waiting.insert(id, sender);
        Ok(Seat { id, answer })
    }

    /// Hands an answer to whoever waits for it.
    pub(crate) fn end(&self, id: u64, answer: Answer<T>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.remove(&id) {
            // Fails when the asker has gone away.
            let _ = sender.send(answer);
        }
    }
}

/// All waiting rooms.
pub(crate) struct Rooms {
    pub(crate) resolves: Waiting<Box<Resolved>>,
    pub(crate) handovers: Waiting<Vec<u8>>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            resolves: Waiting::new(limits::RESOLVES_MAX),
            handovers: Waiting::new(limits::HANDOVERS_MAX),
        }
    }
}

impl Front {
    /// Puts a question to the machine and waits for what it says.
    pub(super) async fn ask<T>(
        &self,
        seat: Seat<T>,
        question: impl FnOnce(u64) -> Command,
    ) -> Answer<T> {
        let command = Happening::Command(question(seat.id));
        let told = self.happenings.send(command).await;
        told.map_err(|_| Rejection::Busy)?;
        let patience = Duration::from_millis(limit::REQUEST_MS_MAX);
        match tokio::time::timeout(patience, seat.answer).await {
            Ok(answer) => answer.unwrap_or(Err(Rejection::Busy)),
            Err(_) => Err(Rejection::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_went_away_leaves_a_seat() {
        let room: Waiting<u8> = Waiting::new(2);
        let alice = room.begin().expect("a seat");
        let bob = room.begin().expect("a seat");
        assert_eq!(room.begin().err(), Some(Rejection::Busy));
        drop(bob);
        let carol = room.begin().expect("a seat");
        assert_eq!(room.begin().err(), Some(Rejection::Busy));
        room.end(carol.id, Ok(3));
        room.end(alice.id, Err(Rejection::NotFound));
        room.end(alice.id, Ok(1));
        assert_eq!(carol.answer.await, Ok(Ok(3)));
        assert_eq!(alice.answer.await, Ok(Err(Rejection::NotFound)));
    }
}
