//! What was written and is not yet in the hands of the recipient's pod.
//!
//! A message is written down first, then its recipient's certificate is asked for, then it is
//! sealed, stored at the pod and among the seeds, and told of. Each step is repeated until it
//! succeeds, is refused for good, or the message expires.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Draft, Seed, Status, Then,
    line::{Asked, Said},
    row::{self, ContentKind, MessageRow, OutboxRow},
    watch::{Watch, Watches},
};
use crate::{
    custody,
    envelope::{record::Record, stamp::Stamp},
    limit,
    machine::{Batch, Kept, Table, Write},
    name::{Alias, MessageId},
    rejection::{Rejection, Retry},
    session::Version,
    time::Time,
    wire::channel::ToPod,
};

/// A message on its way, as it is now.
pub(super) struct Outgoing {
    pub(super) row: OutboxRow,
    pub(super) stage: Stage,
    /// When to try again, on the monotonic clock.
    pub(super) due: u64,
    pub(super) pause_ms: u64,
    /// The application waits for the outcome, until then.
    pub(super) waiting: Option<(u64, u64)>,
    /// Custody is placing the record among the seeds.
    pub(super) placing: Placing,
    /// How often it did so.
    pub(super) placings: u32,
    /// Receipts came that are not written down yet.
    pub(super) dirty: bool,
    /// It may go straight to the recipient's pod, and is tried again while ours is away.
    pub(super) straight: bool,
    /// When it is counted who holds it.
    pub(super) watch: Watch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Idle,
    /// The first row is being written.
    Noting,
    /// The pod was asked for the recipient's certificate.
    Asking,
    /// The sealed record is being written down.
    Sealing,
    /// A stamp is being looked for.
    Stamping,
    /// The pod was asked to keep the record.
    Replicating,
    /// The pod was asked to notify.
    Notifying,
    /// The pod hands the notification over to the recipient's pod.
    Forwarded,
    /// The recipient's pod was asked to take it from us.
    Posting,
    /// Nothing more to do.
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    NotYet,
    UnderWay,
    /// Fewer holders than wanted were found; looked for again at this moment.
    Again(u64),
    Done,
}

#[derive(Default)]
pub(super) struct Outbox {
    pub(super) messages: BTreeMap<MessageId, Outgoing>,
    /// Custody's request number → which message.
    pub(super) placing: BTreeMap<u64, MessageId>,
    /// Custody's request number → which message waits for a stamp.
    pub(super) stamping: BTreeMap<u64, MessageId>,
    /// What was posted straight to another pod → which message.
    pub(super) posting: BTreeMap<u64, MessageId>,
    /// When receipts that came are written down.
    pub(super) flush_at: Option<u64>,
    pub(super) watches: Watches,
}

impl Outgoing {
    pub(super) fn loaded(row: OutboxRow) -> Self {
        let stage = if row.status >= Status::Notified {
            Stage::Done
        } else {
            Stage::Idle
        };
        // The record is given up once enough hold it, or there is nobody else to ask.
        let placing = match stage {
            Stage::Done if row.record.is_empty() => Placing::Done,
            Stage::Done => Placing::Again(0),
            _ => Placing::NotYet,
        };
        Self {
            row,
            stage,
            due: 0,
            pause_ms: limit::SEND_RETRY_MS.0,
            waiting: None,
            placing,
            placings: 0,
            dirty: false,
            straight: false,
            watch: Watch::default(),
        }
    }

    /// How many seeds are to hold it.
    pub(super) const fn copies(&self) -> usize {
        if self.row.silent {
            limit::RECEIPT_COPIES
        } else {
            limit::HOLDERS
        }
    }

    fn deadline(&self, online: bool) -> Option<u64> {
        let tried = online || self.straight;
        let retry = (tried && self.stage == Stage::Idle).then_some(self.due);
        let again = match self.placing {
            Placing::Again(at) if online => Some(at),
            _ => None,
        };
        let waiting = self.waiting.map(|(_, until)| until);
        crate::time::earliest(crate::time::earliest(retry, again), waiting)
    }
}

impl Outbox {
    pub(super) fn deadline(&self, online: bool, may_count: bool) -> Option<u64> {
        let of_messages = self
            .messages
            .values()
            .filter_map(|m| m.deadline(online))
            .min();
        let watches = self.watches.deadline(may_count, self.messages.values());
        let of_messages = crate::time::earliest(of_messages, watches);
        crate::time::earliest(of_messages, self.flush_at)
    }
}

impl Seed {
    /// The application wants to send something.
    pub(super) fn send(&mut self, now: Time, id: u64, draft: Draft) {
        let refusal = if draft.body.len() > limit::BODY_BYTES_MAX {
            Some(Rejection::TooLarge)
        } else if self.config.identity.is_none() {
            Some(Rejection::NoIdentity)
        } else if self.settings.alias.is_none() {
            Some(Rejection::AliasRequired)
        } else if self
            .contacts
            .get(&draft.to)
            .is_some_and(|contact| !contact.offered.is_empty())
        {
            Some(Rejection::KeyChanged)
        } else if self
            .outbox
            .messages
            .values()
            .filter(|m| m.stage != Stage::Done)
            .count()
            >= limit::OUTBOX_MAX
        {
            Some(Rejection::Full)
        } else {
            None
        };
        match (refusal, self.own_alias()) {
            (None, Some(from)) => self.note_down(now, Some(id), from, draft, ContentKind::Message),
            (refusal, _) => self.done(id, Err(refusal.unwrap_or(Rejection::AliasRequired))),
        }
    }

    /// Writes down what is to be sent, before anything else happens to it.
    pub(super) fn note_down(
        &mut self,
        now: Time,
        request: Option<u64>,
        from: Alias,
        draft: Draft,
        kind: ContentKind,
    ) {
        let message = MessageId(self.random());
        let mut writes = Vec::new();
        if kind == ContentKind::Message {
            let shown = MessageRow {
                id: message,
                from,
                to: draft.to.clone(),
                outgoing: true,
                sent_ms: now.wall_ms,
                at_ms: now.wall_ms,
                arrival: 0,
                content_type: draft.content_type.clone(),
                body: draft.body.clone(),
                reply_to: draft.reply_to,
                verified: true,
                newer: false,
                receipt: true,
            };
            writes.push(self.contact_touched(&shown));
            writes.push(row::put(Table::Message, shown.key(), &shown));
        }
        let mut outgoing = Outgoing::loaded(OutboxRow::new(draft, kind, now.wall_ms));
        outgoing.stage = Stage::Noting;
        outgoing.waiting = request.map(|id| (id, u64::MAX));
        writes.push(row::put(Table::Outbox, message.0.to_vec(), &outgoing.row));
        self.outbox.messages.insert(message, outgoing);
        self.keep(
            Batch {
                needs: Vec::new(),
                writes,
            },
            Then::Noted(message),
        );
    }

    /// The first row of a message was written, or was not.
    pub(super) fn noted(&mut self, now: Time, message: MessageId, kept: Kept) {
        if kept == Kept::Ok {
            self.set_stage(message, Stage::Idle);
            self.tell_delivery(message);
            return self.push_on(now, message);
        }
        let Some(outgoing) = self.outbox.messages.remove(&message) else {
            return;
        };
        self.owe_again(now, &outgoing.row);
        if let Some((id, _)) = outgoing.waiting {
            let full = kept == Kept::Full;
            self.done(
                id,
                Err(if full {
                    Rejection::Full
                } else {
                    Rejection::StorageFailed
                }),
            );
        }
    }

    /// Takes the next step of a message, if it is time.
    pub(super) fn push_on(&mut self, now: Time, message: MessageId) {
        let online = self.line.identified;
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        if outgoing.stage != Stage::Idle {
            return;
        }
        if !online && outgoing.due <= now.mono_ms && self.post_straight(now, message) {
            return;
        }
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        if !online {
            if let Some((id, _)) = outgoing.waiting.take() {
                let view = outgoing.row.view(message);
                self.done(id, Ok(super::Done::Delivery(view)));
            }
            return;
        }
        if outgoing.due > now.mono_ms {
            return;
        }
        if outgoing.row.is_over(now) {
            return self.give_up(message, Rejection::Expired);
        }
        if outgoing.row.content.is_some() {
            let alias = outgoing.row.to.clone();
            outgoing.stage = Stage::Asking;
            return self.ask(now, Asked::Recipient(message), |id| ToPod::Resolve {
                id,
                alias,
            });
        }
        if self.stamp_first(now, message) {
            return;
        }
        self.hand_in(now, message);
    }

    /// Gives a record to our pod and to the seeds, and has its recipient told of it.
    fn hand_in(&mut self, now: Time, message: MessageId) {
        let (pod, stamps) = (self.config.pod.seed, self.pod_reads_stamps());
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        let promised = outgoing
            .row
            .key
            .filter(|_| outgoing.row.pods.contains(&pod));
        if let Some(key) = promised {
            // The pod has promised to keep the record: it need not be given it twice.
            self.place(now, message);
            return self.tell_of(now, message, key);
        }
        outgoing.stage = Stage::Replicating;
        let record = outgoing.row.record.clone();
        let stamp = outgoing.stamp().filter(|_| stamps);
        let stamp = stamp.map(Stamp::to_bytes).unwrap_or_default();
        self.place(now, message);
        self.ask(now, Asked::Replica(message), |id| ToPod::Store {
            id,
            record,
            stamp,
        });
    }

    /// The pod answered whose the recipient's alias is.
    pub(super) fn recipient_known(
        &mut self,
        now: Time,
        message: MessageId,
        said: Result<Said, Rejection>,
    ) {
        let alias = match self.outbox.messages.get(&message) {
            Some(outgoing) => outgoing.row.to.clone(),
            None => return,
        };
        let believed = match said {
            // Their pod does not answer: the certificate that is known will do.
            Err(code) if is_absence(code) && self.is_believed(now, &alias) => Ok(()),
            said => said.and_then(|said| self.believe(now, &alias, said)),
        };
        let sealed = believed.and_then(|()| self.seal(now, message, &alias));
        match sealed {
            Ok(writes) => {
                self.set_stage(message, Stage::Sealing);
                self.keep(
                    Batch {
                        needs: Vec::new(),
                        writes,
                    },
                    Then::Sealed(message),
                );
            }
            Err(code) => self.refused(now, message, code),
        }
    }

    /// Seals a message for the certificate that is believed to be its recipient's.
    pub(super) fn seal(
        &mut self,
        now: Time,
        message: MessageId,
        to: &Alias,
    ) -> Result<Vec<Write>, Rejection> {
        let outgoing = self
            .outbox
            .messages
            .get(&message)
            .ok_or(Rejection::Closed)?;
        let content = outgoing.row.content.clone().ok_or(Rejection::Closed)?;
        let (record, contact) = self.seal_for(now, message, to, &content)?;
        let outgoing = self
            .outbox
            .messages
            .get_mut(&message)
            .ok_or(Rejection::Closed)?;
        outgoing.row.key = Some(record.key());
        outgoing.row.expires_ms = record.expires_ms();
        outgoing.row.deletion_hash = record.deletion_hash().to_vec();
        outgoing.row.record = record.into_bytes();
        outgoing.row.stamp = Vec::new();
        outgoing.row.content = None;
        let outbox = row::put(Table::Outbox, message.0.to_vec(), &outgoing.row);
        Ok(alloc::vec![outbox, contact])
    }

    /// The sealed record is written down, or is not.
    pub(super) fn sealed(&mut self, now: Time, message: MessageId, kept: Kept) {
        self.set_stage(message, Stage::Idle);
        if kept == Kept::Ok {
            self.push_on(now, message);
        } else {
            self.retry_later(now, message, Some(Rejection::StorageFailed));
        }
    }

    /// Looks for more holders of a message that too few hold.
    fn place_again(&mut self, now: Time, message: MessageId) {
        let again = |m: &Outgoing| matches!(m.placing, Placing::Again(_));
        if self.line.identified && self.outbox.messages.get(&message).is_some_and(again) {
            self.place(now, message);
        }
    }

    /// Whether the pod places our records among the seeds.
    pub(super) const fn has_pod_place(&self) -> bool {
        matches!(
            (self.config.hidden, self.version),
            (
                true,
                Version::Second | Version::Third | Version::Fourth | Version::Fifth
            )
        )
    }

    /// Has the record placed among the seeds, if that is due: by custody, or by the pod once it
    /// holds it.
    pub(super) fn place(&mut self, now: Time, message: MessageId) {
        let (hidden, by_pod) = (self.config.hidden, self.has_pod_place());
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        let due = match outgoing.placing {
            Placing::NotYet => true,
            Placing::Again(at) => at <= now.mono_ms,
            Placing::UnderWay | Placing::Done => false,
        };
        if !due || (hidden && outgoing.row.pods.is_empty()) {
            return;
        }
        if hidden && !by_pod {
            // The pod's replica is all there will be.
            outgoing.placing = Placing::Done;
            return self.drop_record(message);
        }
        let Ok(record) = Record::parse(&outgoing.row.record) else {
            return self.give_up(message, Rejection::Malformed);
        };
        outgoing.placing = Placing::UnderWay;
        outgoing.placings = outgoing.placings.saturating_add(1);
        let (copies, stamp) = (outgoing.copies(), outgoing.stamp());
        let id = self.next_id();
        self.outbox.placing.insert(id, message);
        if by_pod {
            let key = record.key();
            let copies = u8::try_from(copies).unwrap_or(u8::MAX);
            let question = ToPod::Place { id, key, copies };
            return self.ask_as(now, id, Asked::Copies(id), &question);
        }
        let store = custody::Command::Store {
            id,
            record,
            stamp,
            copies,
        };
        self.custody_command(now, store);
    }

    /// A step was refused: for now, or for good.
    pub(super) fn refused(&mut self, now: Time, message: MessageId, code: Rejection) {
        self.set_stage(message, Stage::Idle);
        if code == Rejection::NoRecord {
            // Whatever our pod promised, it is given the record once more.
            let pod = self.config.pod.seed;
            if let Some(outgoing) = self.outbox.messages.get_mut(&message) {
                outgoing.row.pods.retain(|holder| *holder != pod);
            }
        }
        let asked_for = self
            .outbox
            .messages
            .get(&message)
            .is_some_and(|m| m.waiting.is_some());
        if code == Rejection::KeyChanged && !asked_for {
            // It waits until the person decides about the new key.
            if let Some(outgoing) = self.outbox.messages.get_mut(&message) {
                outgoing.due = u64::MAX;
                outgoing.row.reason = Some(code);
            }
            self.write_outgoing(message);
            self.tell_delivery(message);
        } else if code.retry() == Retry::Later || code == Rejection::NoRecord {
            self.retry_later(now, message, Some(code));
        } else {
            self.give_up(message, code);
        }
    }

    pub(super) fn retry_later(&mut self, now: Time, message: MessageId, reason: Option<Rejection>) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.due = now.after(outgoing.pause_ms);
        // Who is only too fast need not become slower and slower.
        if reason != Some(Rejection::RateLimited) {
            outgoing.pause_ms = outgoing
                .pause_ms
                .saturating_mul(2)
                .min(limit::SEND_RETRY_MS.1);
        }
        outgoing.row.forwarding = false;
        outgoing.row.reason = reason;
        // The application learns that it is queued; the rest comes as events.
        if let Some((id, _)) = outgoing.waiting.take() {
            let view = outgoing.row.view(message);
            self.done(id, Ok(super::Done::Delivery(view)));
        }
        self.tell_delivery(message);
    }

    /// It will not arrive. If the application still waits, nothing is left of it but the error.
    pub(super) fn give_up(&mut self, message: MessageId, code: Rejection) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.stage = Stage::Done;
        outgoing.row.forwarding = false;
        outgoing.row.reason = Some(code);
        outgoing.row.status = Status::Lost;
        if let Some((id, _)) = outgoing.waiting.take() {
            if let Some(outgoing) = self.outbox.messages.remove(&message) {
                self.forget_unsent(message, &outgoing.row);
            }
            return self.done(id, Err(code));
        }
        self.settle(message);
        self.tell_delivery(message);
    }

    pub(super) fn outbox_online(&mut self, now: Time) {
        let all: Vec<MessageId> = self.outbox.messages.keys().copied().collect();
        for message in all {
            if let Some(outgoing) = self.outbox.messages.get_mut(&message) {
                outgoing.due = 0;
                outgoing.pause_ms = limit::SEND_RETRY_MS.0;
                // How the handover went while we were away is told when we ask again.
                if outgoing.stage == Stage::Forwarded {
                    outgoing.stage = Stage::Idle;
                }
            }
            self.push_on(now, message);
        }
    }

    pub(super) fn outbox_offline(&mut self, now: Time) {
        let idle = |outgoing: &Outgoing| outgoing.stage == Stage::Idle;
        let messages = self.outbox.messages.iter();
        let idle: Vec<MessageId> = messages
            .filter(|(_, outgoing)| idle(outgoing))
            .map(|(id, _)| *id)
            .collect();
        for message in idle {
            // What cannot go without the pod is answered as it is.
            self.push_on(now, message);
        }
    }

    pub(super) fn outbox_tick(&mut self, now: Time) {
        let all: Vec<MessageId> = self.outbox.messages.keys().copied().collect();
        let flush = self.outbox.flush_at.is_some_and(|at| at <= now.mono_ms);
        if flush {
            self.outbox.flush_at = None;
        }
        for message in all {
            self.answer_waiting(now, message);
            self.push_on(now, message);
            self.place_again(now, message);
            let dirty = self.outbox.messages.get(&message).is_some_and(|m| m.dirty);
            if flush && dirty {
                self.write_outgoing(message);
            }
        }
    }

    pub(super) fn set_stage(&mut self, message: MessageId, stage: Stage) {
        if let Some(outgoing) = self.outbox.messages.get_mut(&message) {
            outgoing.stage = stage;
        }
    }
}

/// Whether a person's pod could not be asked.
const fn is_absence(code: Rejection) -> bool {
    matches!(
        code,
        Rejection::PodUnreachable
            | Rejection::NoSuchPod
            | Rejection::PodDishonest
            | Rejection::TimedOut
    )
}
