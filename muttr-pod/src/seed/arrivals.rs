//! Messages one after another: those that wait, then those that come.

use std::collections::VecDeque;

use muttr_core::seed::{Event, Message};

use super::{Events, Failure, Running, Told};

/// See [`Running::arrivals`]. Each message is yielded once; what is not advanced past is yielded
/// again to the next one who asks, in this life of the seed or a later one.
#[derive(Debug)]
pub struct Arrivals<'a> {
    seed: &'a Running,
    events: Events,
    waiting: VecDeque<Message>,
    /// The number of the last one yielded.
    yielded: u64,
    /// What is on disk has to be looked at: at first, and when events were missed.
    look: bool,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(seed: &'a Running) -> Self {
        Self {
            seed,
            events: seed.events(),
            waiting: VecDeque::new(),
            yielded: 0,
            look: true,
        }
    }

    /// The next one that is here already, if any.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the disk failed, [`Failure::Stopped`]
    pub async fn waiting(&mut self) -> Result<Option<Message>, Failure> {
        if self.waiting.is_empty() {
            self.look = true;
        }
        self.read().await?;
        Ok(self.take())
    }

    /// Waits for the next one.
    ///
    /// # Errors
    /// As above.
    pub async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            self.read().await?;
            if let Some(message) = self.take() {
                return Ok(message);
            }
            match self.events.next().await.ok_or(Failure::Stopped)? {
                Told::Event(event) => {
                    if let Event::Message(message) = event.as_ref() {
                        self.waiting.push_back(message.as_ref().clone());
                    }
                }
                Told::Missed(_) => self.look = true,
            }
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        if self.look {
            self.waiting = self.seed.inbox().await?.into();
            self.look = false;
        }
        Ok(())
    }

    fn take(&mut self) -> Option<Message> {
        loop {
            let message = self.waiting.pop_front()?;
            if message.arrival > self.yielded {
                self.yielded = message.arrival;
                return Some(message);
            }
        }
    }
}
