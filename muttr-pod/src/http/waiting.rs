//! Questions of the API that the machine has not answered yet.

use std::{
    collections::HashMap,
    net::IpAddr,
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

use super::{Front, visitor::Visitor};
use crate::{allowance::household, driver::Happening, limits};

type Answer<T> = Result<T, Rejection>;

/// A waiting room for those who asked one kind of question.
pub(crate) struct Waiting<T> {
    begun: AtomicU64,
    waiting: Mutex<HashMap<u64, Sitting<T>>>,
    seats: usize,
    /// Of these, one address may have so many: whoever asks slowly keeps nobody else out.
    each: usize,
}

/// Somebody who waits.
struct Sitting<T> {
    household: IpAddr,
    sender: oneshot::Sender<Answer<T>>,
}

/// A place in it.
pub(super) struct Seat<T> {
    id: u64,
    answer: oneshot::Receiver<Answer<T>>,
}

impl<T> Waiting<T> {
    fn new(seats: usize, each: usize) -> Self {
        Self {
            begun: AtomicU64::new(0),
            waiting: Mutex::new(HashMap::new()),
            seats,
            each,
        }
    }

    /// A number for a question, and where its answer will come.
    pub(super) fn begin(&self, visitor: Visitor) -> Result<Seat<T>, Rejection> {
        let household = household(visitor.0);
        let (sender, answer) = oneshot::channel();
        let id = self.begun.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_room(&waiting, household) {
            waiting.retain(|_, sitting| !sitting.sender.is_closed());
        }
        if !self.has_room(&waiting, household) {
            return Err(Rejection::Busy);
        }
        waiting.insert(id, Sitting { household, sender });
        Ok(Seat { id, answer })
    }

    fn has_room(&self, waiting: &HashMap<u64, Sitting<T>>, household: IpAddr) -> bool {
        let same = waiting.values().filter(|it| it.household == household);
        waiting.len() < self.seats && same.count() < self.each
    }

    /// Hands an answer to whoever waits for it.
    pub(crate) fn end(&self, id: u64, answer: Answer<T>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sitting) = waiting.remove(&id) {
            // Fails when the asker has gone away.
            let _ = sitting.sender.send(answer);
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
            resolves: Waiting::new(limits::RESOLVES_MAX, limits::RESOLVES_EACH_MAX),
            handovers: Waiting::new(limits::HANDOVERS_MAX, limits::HANDOVERS_EACH_MAX),
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

    fn at(address: &str) -> Visitor {
        Visitor(address.parse().expect("an address"))
    }

    #[tokio::test]
    async fn who_went_away_leaves_a_seat() {
        let room: Waiting<u8> = Waiting::new(2, 2);
        let here = at("192.0.2.1");
        let alice = room.begin(here).expect("a seat");
        let bob = room.begin(here).expect("a seat");
        assert_eq!(room.begin(here).err(), Some(Rejection::Busy));
        drop(bob);
        let carol = room.begin(here).expect("a seat");
        assert_eq!(room.begin(here).err(), Some(Rejection::Busy));
        room.end(carol.id, Ok(3));
        room.end(alice.id, Err(Rejection::NotFound));
        room.end(alice.id, Ok(1));
        assert_eq!(carol.answer.await, Ok(Ok(3)));
        assert_eq!(alice.answer.await, Ok(Err(Rejection::NotFound)));
    }

    #[tokio::test]
    async fn who_takes_all_seats_they_can_get_leaves_some() {
        let room: Waiting<u8> = Waiting::new(4, 2);
        let mallory = ["2001:db8::1", "2001:db8::2"].map(|one| room.begin(at(one)));
        let third = room.begin(at("2001:db8::3"));
        assert_eq!(third.err(), Some(Rejection::Busy), "one network");
        let oak = room.begin(at("192.0.2.1")).expect("a seat");
        room.end(oak.id, Ok(1));
        drop(mallory);
        room.begin(at("2001:db8::3")).expect("a seat again");
    }
}
