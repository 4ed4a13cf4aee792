//! How far sent messages came: receipts of holders, the pod's word, and what the application is
//! told of it.

use alloc::vec::Vec;

use super::{
    Event, Seed, Status,
    line::{Asked, Said},
    outbox::{Placing, Stage},
    row,
};
use crate::{
    custody, limit,
    machine::{Batch, Output, Table, Write},
    name::{Alias, MessageId},
    rejection::Rejection,
    time::Time,
    wire::{
        channel::{Notification, ToPod},
        store::Receipt,
    },
};

impl Seed {
    /// The pod passes on what a seed signed for a record of ours.
    pub(super) fn promised(&mut self, now: Time, placing: u64, receipt: &Receipt) {
        let row = self
            .outbox
            .placing
            .get(&placing)
            .and_then(|message| self.outbox.messages.get(message))
            .map(|outgoing| &outgoing.row);
        let Some((row, key)) = row.and_then(|row| Some((row, row.key?))) else {
            return;
        };
        let holder = receipt.seed;
        // The pod's own promise counts once, as a pod's.
        let good = holder != self.config.pod.seed
            && custody::receipt::check(receipt, &key, row.expires_h(), &holder).is_ok();
        if good {
            self.seed_receipt(now, placing, receipt);
        }
    }

    /// A seed signed for a record of ours.
    pub(super) fn seed_receipt(&mut self, now: Time, placing: u64, receipt: &Receipt) {
        let Some(message) = self.outbox.placing.get(&placing).copied() else {
            return;
        };
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        if !outgoing.row.seeds.contains(&receipt.seed) {
            outgoing.row.seeds.push(receipt.seed);
        }
        outgoing.row.confirmed_ms = now.wall_ms;
        outgoing.row.status = outgoing.row.status.max(Status::Stored);
        outgoing.dirty = true;
        let soon = now.after(limit::RECEIPT_FLUSH_MS);
        self.outbox.flush_at = crate::time::earliest(self.outbox.flush_at, Some(soon));
        self.tell_delivery(message);
        self.answer_waiting(now, message);
    }

    /// Custody has done what it could for a record of ours.
    pub(super) fn placed(&mut self, now: Time, placing: u64) {
        // The entry stays: a few receipts may still follow.
        let Some(message) = self.outbox.placing.get(&placing).copied() else {
            return;
        };
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        let enough = outgoing.row.seeds.len() >= outgoing.copies();
        if enough || outgoing.row.silent || outgoing.placings >= limit::PLACINGS_MAX {
            outgoing.placing = Placing::Done;
            self.drop_record(message);
        } else {
            // A seed that has just joined knows few others; in a while it knows more.
            let pause_ms = limit::PLACE_AGAIN_MS.saturating_mul(1 << outgoing.placings.min(16));
            outgoing.placing = Placing::Again(now.after(pause_ms));
        }
        self.answer_waiting(now, message);
    }

    /// Gives up our own copy, once it is told of and placed.
    pub(super) fn drop_record(&mut self, message: MessageId) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        let told = outgoing.row.status >= Status::Notified;
        if told && outgoing.placing == Placing::Done && !outgoing.row.record.is_empty() {
            outgoing.row.record = Vec::new();
            self.write_outgoing(message);
        }
    }

    /// The pod keeps a replica, or does not.
    pub(super) fn replica_kept(
        &mut self,
        now: Time,
        message: MessageId,
        said: Result<Said, Rejection>,
    ) {
        let receipt = match said {
            Ok(Said::Stored(receipt)) => receipt,
            Ok(_) => return self.refused(now, message, Rejection::Malformed),
            Err(code) => return self.refused(now, message, code),
        };
        let pod = self.config.pod.seed;
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        let Some(key) = outgoing.row.key else { return };
        let expires_h = outgoing.row.expires_h();
        if custody::receipt::check(&receipt, &key, expires_h, &pod).is_err() {
            return self.refused(now, message, Rejection::BadSignature);
        }
        if !outgoing.row.pods.contains(&receipt.seed) {
            outgoing.row.pods.push(receipt.seed);
        }
        outgoing.row.confirmed_ms = now.wall_ms;
        outgoing.row.status = outgoing.row.status.max(Status::Stored);
        outgoing.stage = Stage::Notifying;
        let notification = Notification {
            key: receipt.key,
            expires_h: receipt.expires_h,
            capability: Vec::new(),
        };
        let to = outgoing.row.to.clone();
        self.tell_delivery(message);
        if self.config.hidden {
            self.place(now, message);
        }
        self.ask(now, Asked::Notify(message), |id| ToPod::Notify {
            id,
            to,
            notification,
        });
    }

    /// The recipient's pod took the notification, or did not.
    pub(super) fn notification_taken(
        &mut self,
        now: Time,
        message: MessageId,
        said: Result<Said, Rejection>,
    ) {
        if let Err(code) = said {
            return self.refused(now, message, code);
        }
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.row.status = outgoing.row.status.max(Status::Notified);
        outgoing.row.reason = None;
        if outgoing.placing == Placing::Done {
            outgoing.row.record = Vec::new();
        }
        outgoing.stage = Stage::Done;
        if let Some((_, until)) = outgoing.waiting.as_mut() {
            *until = now.after(limit::STORE_MS_MAX);
        }
        self.settle(message);
        self.tell_delivery(message);
        self.answer_waiting(now, message);
    }

    /// Writes down where a message came to an end; of a receipt nothing is kept.
    pub(super) fn settle(&mut self, message: MessageId) {
        let silent = self
            .outbox
            .messages
            .get(&message)
            .is_some_and(|m| m.row.silent);
        if silent {
            self.outbox.messages.remove(&message);
            let write = Write::Delete(Table::Outbox, message.0.to_vec());
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes: alloc::vec![write],
            });
        } else {
            self.write_outgoing(message);
        }
    }

    pub(super) fn answer_waiting(&mut self, now: Time, message: MessageId) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        if outgoing.row.status < Status::Notified {
            return;
        }
        let enough = matches!(outgoing.placing, Placing::Done | Placing::Again(_))
            || outgoing.row.seeds.len() >= limit::HOLDERS
            || outgoing
                .waiting
                .is_some_and(|(_, until)| until <= now.mono_ms);
        if enough && let Some((id, _)) = outgoing.waiting.take() {
            let view = outgoing.row.view(message);
            self.done(id, Ok(super::Done::Delivery(view)));
        }
    }

    /// The recipient told us that they fetched or read these.
    pub(super) fn receipts_from(&mut self, from: &Alias, ids: &[MessageId], status: Status) {
        for id in ids {
            let Some(outgoing) = self.outbox.messages.get_mut(id) else {
                continue;
            };
            if outgoing.row.to != *from || outgoing.row.status >= status {
                continue;
            }
            outgoing.row.status = status;
            outgoing.stage = Stage::Done;
            self.write_outgoing(*id);
            self.tell_delivery(*id);
        }
    }

    pub(super) fn write_outgoing(&mut self, message: MessageId) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.dirty = false;
        let write = row::put(Table::Outbox, message.0.to_vec(), &outgoing.row);
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        });
    }

    pub(super) fn tell_delivery(&mut self, message: MessageId) {
        let Some(outgoing) = self.outbox.messages.get(&message) else {
            return;
        };
        if !outgoing.row.silent {
            let view = outgoing.row.view(message);
            self.out.push_back(Output::Event(Event::Delivery(view)));
        }
    }
}
