//! What is under way, for a shell that wants to leave at a good moment.

use super::{Seed, inbox::Stage as Arriving, outbox::Stage as Leaving};

/// See [`Seed::under_way`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Notifications that are being written down, fetched or opened.
    pub arriving: usize,
    /// Messages and receipts that are being sent.
    pub leaving: usize,
}

impl Seed {
    /// What is being done at this moment. What could not be had or sent, and waits for its next
    /// attempt, is not among it: that may take days.
    #[must_use]
    pub fn under_way(&self) -> UnderWay {
        let arriving = self.inbox.pending.values().filter(|pending| {
            let untried = pending.stage == Arriving::Waiting && pending.due == 0;
            untried || !matches!(pending.stage, Arriving::Waiting | Arriving::SetAside)
        });
        let leaving = self.outbox.messages.values().filter(|outgoing| {
            let untried = outgoing.stage == Leaving::Idle && outgoing.due == 0;
            // What was handed to our pod is on its way without us.
            let rests = matches!(
                outgoing.stage,
                Leaving::Idle | Leaving::Forwarded | Leaving::Done
            );
            untried || !rests
        });
        let owed = self.inbox.receipts.values().flatten();
        UnderWay {
            arriving: self.inbox.unwritten().saturating_add(arriving.count()),
            leaving: owed.count().saturating_add(leaving.count()),
        }
    }
}
