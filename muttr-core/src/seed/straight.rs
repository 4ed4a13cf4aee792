//! Messages that go straight to the recipient's pod while our own is away: to people who gave us a
//! capability, which is all that their pod learns of us, beside an address.

use alloc::vec::Vec;

use super::{
    Event, Seed, Then,
    outbox::{Outgoing, Placing, Stage},
};
use crate::{
    custody, limit,
    machine::{Batch, Output},
    name::MessageId,
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::Notification,
        fed::{Handover, SignedHandover, Taken},
    },
};

impl Seed {
    /// Takes the next step of a message without our pod; false if it cannot go this way.
    pub(super) fn post_straight(&mut self, now: Time, message: MessageId) -> bool {
        let Some(outgoing) = self.outbox.messages.get(&message) else {
            return false;
        };
        let to = outgoing.row.to.clone();
        let capability = self.capability_for(&to);
        let possible = self.config.posts
            && !self.config.hidden
            && *to.host() != self.config.host
            && !capability.is_empty()
            && self.outbox.posting.len() < limit::POSTS_MAX;
        if !possible || outgoing.row.is_over(now) {
            return false;
        }
        if outgoing.row.content.is_some() {
            // Nobody can be asked whether the certificate that is known is still the right one.
            return self.is_believed(now, &to) && self.seal_straight(now, message);
        }
        if self.stamp_first(now, message) {
            return true;
        }
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return false;
        };
        let Some(key) = outgoing.row.key.filter(|_| !outgoing.row.record.is_empty()) else {
            return false;
        };
        let handover = Handover {
            from: None,
            to: to.clone(),
            notification: Notification {
                key,
                expires_h: outgoing.row.expires_h(),
                capability,
            },
            at_ms: now.wall_ms,
        };
        let body = wire::encode(&SignedHandover {
            handover: wire::encode(&handover),
            signature: Vec::new(),
            record: outgoing.row.record.clone(),
            stamp: outgoing.row.stamp.clone(),
        });
        outgoing.stage = Stage::Posting;
        outgoing.straight = true;
        let id = self.next_id();
        self.outbox.posting.insert(id, message);
        let host = to.host().clone();
        let post = Event::Post { id, host, body };
        self.out.push_back(Output::Event(post));
        true
    }

    fn seal_straight(&mut self, now: Time, message: MessageId) -> bool {
        let to = self
            .outbox
            .messages
            .get(&message)
            .map(|it| it.row.to.clone());
        let sealed = to.map(|to| self.seal(now, message, &to));
        let Some(Ok(writes)) = sealed else {
            return false;
        };
        self.set_stage(message, Stage::Sealing);
        let needs = Vec::new();
        self.keep(Batch { needs, writes }, Then::Sealed(message));
        true
    }

    /// The recipient's pod took it, or did not.
    pub(super) fn posted(&mut self, now: Time, id: u64, result: Result<Vec<u8>, Rejection>) {
        let Some(message) = self.outbox.posting.remove(&id) else {
            return;
        };
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        if outgoing.stage != Stage::Posting {
            return;
        }
        match result.and_then(|taken| outgoing.check_taken(&taken)) {
            Ok(taken) => {
                outgoing.count_pod(now, &taken.receipt);
                // The seeds get theirs once we are there again.
                if outgoing.placing == Placing::NotYet {
                    outgoing.placing = Placing::Again(now.mono_ms);
                }
                self.notified_at_last(now, message);
            }
            // Whatever it is, our own pod may find a way once it is back.
            Err(why) => {
                self.set_stage(message, Stage::Idle);
                self.retry_later(now, message, Some(why));
            }
        }
        if self.line.identified {
            self.outbox_online(now);
        } else {
            // Now there is room for another one.
            self.outbox_offline(now);
        }
    }
}

impl Outgoing {
    /// Whether a pod really promised to keep the record.
    fn check_taken(&self, taken: &[u8]) -> Result<Taken, Rejection> {
        let dishonest = |_| Rejection::PodDishonest;
        let taken: Taken = wire::decode(taken, limit::POD_ANSWER_BYTES_MAX).map_err(dishonest)?;
        let key = self.row.key.ok_or(Rejection::Closed)?;
        let receipt = &taken.receipt;
        custody::receipt::check(receipt, &key, self.row.expires_h(), &receipt.seed)
            .map_err(dishonest)?;
        Ok(taken)
    }
}
