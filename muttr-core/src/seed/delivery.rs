//! How far sent messages came: receipts of holders, the pod's word, and what the application is
//! told of it.

use alloc::vec::Vec;

use super::{
    Event, Seed, Status,
    line::{Asked, Said},
    outbox::{Outgoing, Placing, Stage},
    row,
};
use crate::{
    custody, limit,
    machine::{Batch, Output, Table, Write},
    name::{Alias, MessageId, RecordKey},
    rejection::Rejection,
    time::Time,
    wire::{
        channel::{HandoverState, Notification, ToPod},
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
        if self.is_placed_anew(placing) {
            return;
        }
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
            Err(Rejection::NoStamp) if !self.pod_reads_stamps() => {
                return self.pod_wants_stamps(now, message);
            }
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
        // It is not given the record again in a later life.
        outgoing.dirty = true;
        let soon = now.after(limit::RECEIPT_FLUSH_MS);
        self.outbox.flush_at = crate::time::earliest(self.outbox.flush_at, Some(soon));
        self.tell_delivery(message);
        if self.config.hidden {
            self.place(now, message);
        }
        self.tell_of(now, message, key);
    }

    /// Has the recipient told of a record that our pod holds.
    pub(super) fn tell_of(&mut self, now: Time, message: MessageId, key: RecordKey) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.stage = Stage::Notifying;
        let (to, expires_h) = (outgoing.row.to.clone(), outgoing.row.expires_h());
        let notification = Notification {
            key,
            expires_h,
            capability: self.capability_for(&to),
        };
        self.ask(now, Asked::Notify(message), |id| ToPod::Notify {
            id,
            to,
            notification,
        });
    }

    /// The recipient's pod took the notification, or did not; or ours goes on trying.
    pub(super) fn notification_taken(
        &mut self,
        now: Time,
        message: MessageId,
        said: Result<Said, Rejection>,
    ) {
        match said {
            Err(code) => self.refused(now, message, code),
            Ok(Said::Forwarding) => self.forwarded(now, message, None),
            Ok(_) => self.notified_at_last(now, message),
        }
    }

    /// Our pod keeps the notification and hands it over when it can.
    fn forwarded(&mut self, now: Time, message: MessageId, obstacle: Option<Rejection>) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.stage = Stage::Forwarded;
        outgoing.row.forwarding = true;
        outgoing.row.reason = obstacle;
        outgoing.wait_until(now.after(limit::STORE_MS_MAX));
        self.tell_delivery(message);
    }

    pub(super) fn notified_at_last(&mut self, now: Time, message: MessageId) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.row.status = outgoing.row.status.max(Status::Notified);
        outgoing.row.forwarding = false;
        outgoing.row.reason = None;
        if outgoing.placing == Placing::Done {
            outgoing.row.record = Vec::new();
        }
        outgoing.stage = Stage::Done;
        outgoing.watch_from(now);
        outgoing.wait_until(now.after(limit::STORE_MS_MAX));
        self.settle(message);
        self.tell_delivery(message);
        self.answer_waiting(now, message);
    }

    /// Our pod tells how handing over a notification to another pod goes.
    pub(super) fn handover(
        &mut self,
        now: Time,
        to: &Alias,
        key: &RecordKey,
        state: HandoverState,
    ) {
        let ours = |outgoing: &Outgoing| {
            outgoing.row.key == Some(*key)
                && outgoing.row.to == *to
                && outgoing.row.status < Status::Notified
                && matches!(outgoing.stage, Stage::Forwarded | Stage::Notifying)
        };
        let messages = self.outbox.messages.iter();
        let found = messages
            .filter(|(_, outgoing)| ours(outgoing))
            .map(|(id, _)| *id)
            .next();
        let Some(message) = found else { return };
        match state {
            HandoverState::Waiting(why) => self.forwarded(now, message, Some(why)),
            HandoverState::Refused(why) => self.refused(now, message, why),
            HandoverState::Taken(receipt) => {
                if let Some(outgoing) = self.outbox.messages.get_mut(&message) {
                    outgoing.count_pod(now, &receipt);
                }
                self.notified_at_last(now, message);
            }
        }
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
        // Also where the way was begun anew since: a moment that has passed is not waited for again.
        let over = outgoing
            .waiting
            .is_some_and(|(_, until)| until <= now.mono_ms);
        if outgoing.row.status < Status::Notified && !over {
            return;
        }
        let enough = matches!(outgoing.placing, Placing::Done | Placing::Again(_))
            || outgoing.row.seeds.len() >= limit::HOLDERS
            || over;
        if enough && let Some((id, _)) = outgoing.waiting.take() {
            let view = outgoing.row.view(message);
            self.done(id, Ok(super::Done::Delivery(view)));
        }
    }

    /// The recipient told us that they fetched or read these; what is to be written about it,
    /// together with that it came.
    pub(super) fn receipts_from(
        &mut self,
        from: &Alias,
        ids: &[MessageId],
        status: Status,
    ) -> Vec<Write> {
        let mut writes = Vec::new();
        for id in ids {
            let Some(outgoing) = self.outbox.messages.get_mut(id) else {
                continue;
            };
            let known = outgoing.row.status;
            // What was thought to be lost may still arrive.
            let is_news = known < status || known == Status::Lost;
            // What is no news may not have been written down.
            if outgoing.row.to != *from || !(is_news || known == status) {
                continue;
            }
            outgoing.row.status = status;
            outgoing.row.reason = None;
            outgoing.stage = Stage::Done;
            writes.push(row::put(Table::Outbox, id.0.to_vec(), &outgoing.row));
            if is_news {
                self.tell_delivery(*id);
            }
        }
        writes
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

impl Outgoing {
    /// Whoever waits for the outcome has waited long enough then.
    fn wait_until(&mut self, mono_ms: u64) {
        if let Some((_, until)) = self.waiting.as_mut() {
            *until = (*until).min(mono_ms);
        }
    }

    /// Another pod promised to keep the record.
    pub(super) fn count_pod(&mut self, now: Time, receipt: &Receipt) {
        let Some(key) = self.row.key else { return };
        let good =
            custody::receipt::check(receipt, &key, self.row.expires_h(), &receipt.seed).is_ok();
        if good && !self.row.pods.contains(&receipt.seed) {
            self.row.pods.push(receipt.seed);
            self.row.confirmed_ms = now.wall_ms;
        }
    }
}
