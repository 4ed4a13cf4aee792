//! What becomes of a message between its recipient's being told and its being opened.
//!
//! While we are online we count who holds it, soon after it was sent and then again and again, so
//! that the application can say how many copies there were a moment ago. Where too few seeds have
//! it, it is placed again, from a copy that was read back: our own was given up once it was stored.
//! While we are away the pod does the same, and tells us what it could not save.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use rand_core::RngCore;

use super::{
    Seed, Status, Then,
    line::Asked,
    outbox::{Outgoing, Stage},
    row,
};
use crate::{
    custody::{self, Tally},
    envelope::record::Record,
    limit,
    machine::{Batch, Table},
    name::{Hash, MessageId, RecordKey},
    rejection::Rejection,
    session::Version,
    time::Time,
    wire::channel::ToPod,
};

/// How many seeds are to hold a message.
const HOLDERS: u8 = limit::HOLDERS as u8;

/// Counts under way, and when the next may begin.
#[derive(Default)]
pub(super) struct Watches {
    /// What is being counted, and under which number.
    under_way: Option<(u64, MessageId)>,
    /// Custody's request number → which message is being read back.
    recalling: BTreeMap<u64, MessageId>,
    /// Custody's numbers of what is being placed again.
    placing: BTreeSet<u64>,
    next_at_ms: u64,
}

/// Where a message stands with being counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Watch {
    /// When it is counted next, monotonic; nothing while it is, and before it is sent.
    due_ms: Option<u64>,
    /// It is not placed again before then, and after that not for so long.
    place_at_ms: u64,
    place_pause_ms: u64,
}

impl Watches {
    pub(super) fn deadline<'a>(
        &self,
        may_count: bool,
        all: impl Iterator<Item = &'a Outgoing>,
    ) -> Option<u64> {
        let may_count = may_count && self.under_way.is_none();
        let due = all.filter(|it| it.is_watched());
        let due = due.filter_map(|it| it.watch.due_ms).min();
        due.filter(|_| may_count)
            .map(|at_ms| at_ms.max(self.next_at_ms))
    }
}

impl Outgoing {
    /// Whether it lies somewhere and waits to be opened. What was sent before it was noted how
    /// a release is recognised is not counted.
    fn is_watched(&self) -> bool {
        self.row.status == Status::Notified && !self.row.silent && self.row.hash().is_some()
    }

    /// It is counted in a while.
    pub(super) fn watch_from(&mut self, now: Time) {
        self.watch.due_ms = Some(now.after(limit::COUNT_FIRST_MS));
    }
}

impl Seed {
    /// Counts the one that is due longest.
    pub(super) fn watch_tick(&mut self, now: Time) {
        let watches = &self.outbox.watches;
        let idle = watches.under_way.is_none() && watches.next_at_ms <= now.mono_ms;
        if !self.may_count() || !idle {
            return;
        }
        let when = |it: &Outgoing| it.watch.due_ms.filter(|at_ms| *at_ms <= now.mono_ms);
        let all = self.outbox.messages.iter();
        let watched = all.filter(|(_, it)| it.is_watched());
        let due = watched.filter_map(|(id, it)| when(it).map(|at_ms| (at_ms, *id)));
        let Some((_, message)) = due.min() else {
            return;
        };
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.watch.due_ms = None;
        let row = &outgoing.row;
        let (Some(key), Some(deletion_hash)) = (row.key, row.hash()) else {
            return;
        };
        if row.is_over(now) {
            return;
        }
        let pods = row.pods.clone();
        let id = self.next_id();
        self.outbox.watches.under_way = Some((id, message));
        self.outbox.watches.next_at_ms = now.after(limit::COUNT_PAUSE_MS);
        if self.config.hidden {
            let deletion_hash = Hash(deletion_hash);
            let question = ToPod::Count {
                id,
                key,
                deletion_hash,
            };
            return self.ask_as(now, id, Asked::Count(message), &question);
        }
        let count = custody::Command::Count {
            id,
            key,
            deletion_hash,
            pods,
        };
        self.custody_command(now, count);
    }

    /// Whether there is anybody to ask: others over our links, or a pod that asks them for us.
    pub(super) const fn may_count(&self) -> bool {
        let by_pod = matches!(self.version, Version::Fourth | Version::Fifth);
        self.line.identified && (!self.config.hidden || by_pod)
    }

    /// Custody has counted who holds a message.
    pub(super) fn counted(&mut self, now: Time, id: u64, result: Result<Tally, Rejection>) {
        if let Some((counting, message)) = self.outbox.watches.under_way
            && counting == id
        {
            self.tallied(now, message, result);
        }
    }

    /// It was counted who holds a message.
    pub(super) fn tallied(
        &mut self,
        now: Time,
        message: MessageId,
        result: Result<Tally, Rejection>,
    ) {
        self.outbox.watches.under_way = None;
        let jitter_ms = u64::from(self.rng.next_u32()) % (limit::COUNT_MS / 2);
        let pause_ms = (limit::COUNT_MS / 4)
            .saturating_mul(3)
            .saturating_add(jitter_ms);
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        outgoing.watch.due_ms = Some(now.after(pause_ms));
        let Ok(tally) = result else { return };
        if !outgoing.is_watched() {
            return;
        }
        let gone = |key, hash| {
            let gone = tally.gone.as_ref();
            gone.is_some_and(|it| custody::is_released_by(it, key, hash))
        };
        if let (Some(key), Some(hash)) = (outgoing.row.key, outgoing.row.hash())
            && gone(&key, &hash)
        {
            // The token is inside: whoever showed it has opened the message.
            outgoing.row.status = Status::Fetched;
            self.write_outgoing(message);
            return self.tell_delivery(message);
        }
        if !tally.seeds.is_empty() || !tally.pods.is_empty() {
            outgoing.row.seeds.clone_from(&tally.seeds);
            outgoing.row.pods = tally.pods;
            outgoing.row.confirmed_ms = now.wall_ms;
            self.write_outgoing(message);
            self.tell_delivery(message);
        }
        self.mend(now, message, tally.seeds.len(), tally.record);
    }

    /// Places a message again that too few seeds have.
    fn mend(&mut self, now: Time, message: MessageId, seeds: usize, record: Option<Record>) {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        let watch = &mut outgoing.watch;
        if seeds >= limit::REPAIR_BELOW {
            (watch.place_at_ms, watch.place_pause_ms) = (0, 0);
            return;
        }
        if watch.place_at_ms > now.mono_ms {
            return;
        }
        // Where there are no more seeds, placing again and again moves bytes and helps nobody.
        watch.place_at_ms = now.after(watch.place_pause_ms);
        let longer_ms = watch.place_pause_ms.saturating_mul(2);
        watch.place_pause_ms = longer_ms.clamp(limit::COUNT_MS, limit::PLACE_PAUSE_MS_MAX);
        let Some(key) = outgoing.row.key else { return };
        match record {
            Some(record) => self.place_anew(now, message, record),
            None if self.config.hidden => {
                let (id, copies) = (self.next_id(), HOLDERS);
                self.outbox.watches.placing.insert(id);
                self.outbox.placing.insert(id, message);
                let question = ToPod::Place { id, key, copies };
                self.ask_as(now, id, Asked::Copies(id), &question);
            }
            None => {
                let id = self.next_id();
                self.outbox.watches.recalling.insert(id, message);
                self.custody_command(now, custody::Command::Fetch { id, key });
            }
        }
    }

    /// A message of ours was read back, or was not; false if nobody here wanted it.
    pub(super) fn read_back(
        &mut self,
        now: Time,
        id: u64,
        result: &Result<Record, Rejection>,
    ) -> bool {
        let Some(message) = self.outbox.watches.recalling.remove(&id) else {
            return false;
        };
        if let Ok(record) = result {
            self.place_anew(now, message, record.clone());
        }
        true
    }

    fn place_anew(&mut self, now: Time, message: MessageId, record: Record) {
        let (id, copies) = (self.next_id(), limit::HOLDERS);
        // The one it was sent with; what was sent without gets one now.
        let stamp = self.outbox.messages.get(&message).and_then(Outgoing::stamp);
        self.outbox.watches.placing.insert(id);
        self.outbox.placing.insert(id, message);
        let store = custody::Command::Store {
            id,
            record,
            stamp,
            copies,
        };
        self.custody_command(now, store);
    }

    /// Custody has done what it could; true if that was for something placed again.
    pub(super) fn is_placed_anew(&mut self, id: u64) -> bool {
        self.outbox.watches.placing.remove(&id)
    }

    /// The pod says that nobody has a message any more. It says so until it is told that this is
    /// written down.
    pub(super) fn lost(&mut self, now: Time, key: RecordKey) {
        let waits = |it: &Outgoing| match it.row.status {
            Status::Stored | Status::Notified => true,
            // Told before, and perhaps not written down.
            Status::Lost => it.row.reason == Some(Rejection::Lost),
            Status::Queued | Status::Fetched | Status::Read => false,
        };
        let of_key = |it: &Outgoing| it.row.key == Some(key) && !it.row.silent;
        let mut all = self.outbox.messages.iter_mut();
        let found = all.find(|(_, it)| of_key(it) && waits(it));
        let Some((message, outgoing)) = found.map(|(id, it)| (*id, it)) else {
            // Opened meanwhile, or nothing that anybody waits for.
            return self.say(&ToPod::Heard { key });
        };
        if !outgoing.row.record.is_empty() {
            // We still have it ourselves: the pod is given it once more.
            let pod = self.config.pod.seed;
            outgoing.row.pods.retain(|holder| *holder != pod);
            if matches!(outgoing.stage, Stage::Forwarded | Stage::Done) {
                (outgoing.stage, outgoing.due) = (Stage::Idle, now.mono_ms);
            }
            self.push_on(now, message);
            return self.say(&ToPod::Heard { key });
        }
        outgoing.row.status = Status::Lost;
        outgoing.row.reason = Some(Rejection::Lost);
        outgoing.row.forwarding = false;
        outgoing.row.seeds.clear();
        outgoing.row.pods.clear();
        outgoing.stage = Stage::Done;
        let write = row::put(Table::Outbox, message.0.to_vec(), &outgoing.row);
        let (needs, writes) = (Vec::new(), [write].into());
        self.keep(Batch { needs, writes }, Then::Lost(key));
        self.tell_delivery(message);
    }
}
