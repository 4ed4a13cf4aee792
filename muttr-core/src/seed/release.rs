//! Releasing what was opened: its copies may go once every device of the person has had its time.
//!
//! What is to be released is written down together with the opened message. It waits until every
//! device has acknowledged the notification, and as long again as the pod keeps notifications that
//! all acknowledged: until then a new device may still ask for the record. A person without links
//! has nobody but the pod to tell, and lets records expire.

use alloc::{collections::BTreeMap, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Seed, row};
use crate::{
    custody, limit,
    machine::{Batch, Row, Table, Write},
    name::RecordKey,
    time::Time,
    wire::store::Tombstone,
};

/// A record that is to be released.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ReleaseRow {
    #[serde(with = "serde_bytes")]
    token: Vec<u8>,
    expires_h: u32,
    /// Run of the mailbox, and number in it, of the notification.
    epoch: u64,
    seq: u64,
    /// Not before, in milliseconds since 1970.
    not_before_ms: u64,
}

/// What is to be released, and how far all devices have come.
#[derive(Debug, Default)]
pub(super) struct Releases {
    waiting: BTreeMap<RecordKey, ReleaseRow>,
    /// Custody's request number → which record.
    under_way: BTreeMap<u64, RecordKey>,
    /// All devices have everything up to here: run of the mailbox, number in it.
    lowest: (u64, u64),
    /// When to look what is due.
    at_ms: Option<u64>,
}

impl ReleaseRow {
    const fn expires_ms(&self) -> u64 {
        (self.expires_h as u64).saturating_mul(limit::HOUR_MS)
    }
}

impl Releases {
    pub(super) const fn deadline(&self) -> Option<u64> {
        self.at_ms
    }

    fn is_due(&self, now: Time, row: &ReleaseRow) -> bool {
        self.is_had(row) && row.not_before_ms <= now.wall_ms
    }

    /// Whether every device has it.
    const fn is_had(&self, row: &ReleaseRow) -> bool {
        row.epoch == self.lowest.0 && row.seq <= self.lowest.1
    }

    /// Sets when to look again: what some device lacks waits until it expires.
    fn plan(&mut self, now: Time) {
        let next = self.waiting.values().map(|row| match self.is_had(row) {
            true => row.not_before_ms,
            false => row.expires_ms(),
        });
        self.at_ms = next.min().map(|at_ms| {
            let wait_ms = at_ms.saturating_sub(now.wall_ms);
            now.after(wait_ms.max(limit::RELEASE_PAUSE_MS))
        });
    }
}

impl Seed {
    /// What is written about a record that was opened, beside what it came to.
    pub(super) fn release_write(&self, now: Time, pending: &[u8]) -> Option<Write> {
        let entry = self.inbox.pending.get(pending)?;
        let (epoch, seq) = row::pending_of(pending)?;
        let token = entry.token.filter(|_| !self.config.hidden)?;
        let row = ReleaseRow {
            token: token.to_vec(),
            expires_h: entry.row.expires_h,
            epoch,
            seq,
            not_before_ms: now.wall_ms.saturating_add(limit::RELEASE_AFTER_MS),
        };
        Some(row::put(
            Table::Inbox,
            row::release_key(&entry.row.key),
            &row,
        ))
    }

    /// That has been written: remember it.
    pub(super) fn owe_release(&mut self, now: Time, write: Option<Write>) {
        if let Some(Write::Put(_, row)) = write {
            self.load_release(&row);
            self.inbox.releases.plan(now);
        }
    }

    /// A row of the inbox; true when it is about a release.
    pub(super) fn load_release(&mut self, row: &Row) -> bool {
        let Some(key) = row::released_of(&row.key) else {
            return false;
        };
        if let Some(release) = row::read::<ReleaseRow>(row) {
            self.inbox.releases.waiting.insert(key, release);
        }
        true
    }

    /// The pod told how far all devices have come.
    pub(super) fn all_devices_have(&mut self, now: Time, epoch: u64, lowest: u64) {
        self.inbox.releases.lowest = (epoch, lowest);
        self.inbox.releases.plan(now);
    }

    /// Releases what is due, and forgets what has expired by itself.
    pub(super) fn release_due(&mut self, now: Time) {
        if self
            .inbox
            .releases
            .at_ms
            .is_none_or(|at_ms| at_ms > now.mono_ms)
        {
            return;
        }
        let releases = &self.inbox.releases;
        let over = |row: &ReleaseRow| row.expires_ms() <= now.wall_ms;
        let waiting = releases.waiting.iter();
        let waiting = waiting.filter(|(_, row)| releases.is_due(now, row) || over(row));
        let waiting = waiting.take(limit::RELEASES_MAX);
        let due: Vec<_> = waiting
            .map(|(key, row)| (*key, row.clone(), over(row)))
            .collect();
        for (key, row, over) in due {
            if over {
                self.forget_release(&key);
                continue;
            }
            let later_ms = now.wall_ms.saturating_add(limit::RELEASE_RETRY_MS);
            if let Some(row) = self.inbox.releases.waiting.get_mut(&key) {
                row.not_before_ms = later_ms;
            }
            let id = self.next_id();
            self.inbox.releases.under_way.insert(id, key);
            let tombstone = Tombstone {
                key,
                token: row.token,
                expires_h: row.expires_h,
            };
            self.custody_command(now, custody::Command::Release { id, tombstone });
        }
        self.inbox.releases.plan(now);
    }

    /// Those who may hold a record were told of its release; if nobody heard it, they are told
    /// again later.
    pub(super) fn released(&mut self, id: u64, heard: usize) {
        if let Some(key) = self.inbox.releases.under_way.remove(&id)
            && heard > 0
        {
            self.forget_release(&key);
        }
    }

    fn forget_release(&mut self, key: &RecordKey) {
        self.inbox.releases.waiting.remove(key);
        let write = Write::Delete(Table::Inbox, row::release_key(key));
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        });
    }
}
