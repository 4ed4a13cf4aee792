//! What a tab remembers: the tables of its machine, in IndexedDB.
//!
//! A [`Disk`] keeps and recalls; once [`attended`] it does so for a machine, one thing after another, and
//! puts all that waits to be written into one transaction, because the wait for the disk is what
//! a transaction costs.

#[cfg(feature = "test-haste")]
mod haste;
mod indexed;
mod memory;
mod schema;
#[cfg(test)]
mod tests;

use futures::{
    StreamExt as _,
    channel::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
        oneshot,
    },
};
use muttr_core::{
    machine::{Batch, Kept, Row, Scan, Ticket, Write},
    rejection::Rejection,
};
use wasm_bindgen_futures::spawn_local;

use self::{
    indexed::{Indexed, Trouble},
    memory::Memory,
};

/// Batches in one transaction.
const BATCHES_MAX: usize = 64;

/// Where tables lie.
pub(crate) struct Disk(Place);

enum Place {
    /// In IndexedDB.
    Indexed(Indexed),
    /// In memory: this platform has nothing better.
    Memory(Memory),
}

impl Disk {
    /// One that lasts as long as the program.
    pub(crate) fn in_memory() -> Self {
        Self(Place::Memory(Memory::default()))
    }

    /// Opens, and if need be creates or upgrades, the database of this name.
    ///
    /// # Errors
    /// `Full` or `StorageFailed`.
    pub(crate) async fn open(name: &str) -> Result<Self, Rejection> {
        let factory = js_sys::Reflect::get(&js_sys::global(), &"indexedDB".into());
        if !factory.is_ok_and(|factory| factory.is_object()) {
            return Ok(Self::in_memory());
        }
        match Indexed::open(name).await {
            Ok(indexed) => Ok(Self(Place::Indexed(indexed))),
            Err(Trouble::Full) => Err(Rejection::Full),
            Err(Trouble::Failed) => Err(Rejection::StorageFailed),
        }
    }

    /// Writes each batch or leaves it alone; resolves once what was written is durable.
    pub(crate) async fn keep(&mut self, batches: &[&Batch]) -> Vec<Kept> {
        let indexed = match &mut self.0 {
            Place::Memory(memory) => {
                return batches.iter().map(|batch| memory.keep(batch)).collect();
            }
            Place::Indexed(indexed) => indexed,
        };
        if batches.len() > 1
            && let Ok(kept) = indexed.keep(batches).await
        {
            return kept;
        }
        // If one of several was too much, the others shall not suffer for it.
        let mut kept = Vec::with_capacity(batches.len());
        for batch in batches {
            kept.push(match indexed.keep(&[*batch]).await {
                Ok(one) => one.first().copied().unwrap_or(Kept::Failed),
                Err(Trouble::Full) => Kept::Full,
                Err(Trouble::Failed) => Kept::Failed,
            });
        }
        kept
    }

    /// Reads rows; `None` when the disk failed.
    pub(crate) async fn recall(&mut self, scan: &Scan) -> Option<Vec<Row>> {
        match &mut self.0 {
            Place::Indexed(indexed) => indexed.recall(scan).await.ok(),
            Place::Memory(memory) => Some(memory.recall(scan)),
        }
    }
}

/// What a machine asks of its disk.
pub(crate) enum Request {
    /// [`muttr_core::machine::Output::Keep`]
    Keep(Ticket, Batch),
    /// [`muttr_core::machine::Output::Recall`]
    Recall(Ticket, Scan),
    /// A row that the shell itself wants written; nobody waits for it.
    Note(Write),
}

/// What came of it.
pub(crate) enum Outcome {
    /// [`muttr_core::machine::Input::Kept`]
    Kept(Ticket, Kept),
    /// [`muttr_core::machine::Input::Recalled`]
    Recalled(Ticket, Option<Vec<Row>>),
}

/// A disk with a task of its own.
pub(crate) struct Attended {
    pub(crate) requests: UnboundedSender<Request>,
    pub(crate) outcomes: UnboundedReceiver<Outcome>,
    /// Told once everything asked of it is done and nobody asks any more.
    pub(crate) ended: oneshot::Receiver<()>,
}

/// Gives a disk its task.
pub(crate) fn attended(disk: Disk) -> Attended {
    let (requests, requested) = unbounded();
    let (came_out, outcomes) = unbounded();
    let (end, ended) = oneshot::channel();
    spawn_local(async move {
        attend(disk, requested, came_out).await;
        let _ = end.send(());
    });
    Attended {
        requests,
        outcomes,
        ended,
    }
}

/// Serves requests in the order they come until nobody can ask any more.
async fn attend(
    mut disk: Disk,
    mut requests: UnboundedReceiver<Request>,
    outcomes: UnboundedSender<Outcome>,
) {
    let mut next = requests.next().await;
    while let Some(request) = next.take() {
        match request {
            Request::Recall(ticket, scan) => {
                let rows = disk.recall(&scan).await;
                let _ = outcomes.unbounded_send(Outcome::Recalled(ticket, rows));
            }
            Request::Note(write) => {
                let batch = Batch {
                    needs: Vec::new(),
                    writes: vec![write],
                };
                disk.keep(&[&batch]).await;
            }
            Request::Keep(ticket, batch) => {
                let mut tickets = vec![ticket];
                let mut batches = vec![batch];
                while batches.len() < BATCHES_MAX {
                    match requests.try_recv() {
                        Ok(Request::Keep(ticket, batch)) => {
                            tickets.push(ticket);
                            batches.push(batch);
                        }
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                #[cfg(feature = "test-haste")]
                if haste::is_wanted() {
                    for ticket in tickets.drain(..) {
                        let _ = outcomes.unbounded_send(Outcome::Kept(ticket, Kept::Ok));
                    }
                    haste::dawdle().await;
                }
                let kept = disk.keep(&batches.iter().collect::<Vec<_>>()).await;
                for (ticket, kept) in tickets.into_iter().zip(kept) {
                    let _ = outcomes.unbounded_send(Outcome::Kept(ticket, kept));
                }
            }
        }
        if next.is_none() {
            next = requests.next().await;
        }
    }
}
