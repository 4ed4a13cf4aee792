//! Giving up records: what has expired, what no longer fits, and rows that make no sense.

use alloc::vec::Vec;

use super::{RecordStore, Work, is_over};
use crate::{
    limit,
    machine::{Batch, Kept, Output, Table, Write},
    name::RecordKey,
    time::Time,
};

impl RecordStore {
    /// Changes how much is kept.
    pub(in crate::custody) fn set_quota(&mut self, now: Time, bytes_max: u64) {
        self.bytes_max = bytes_max;
        // What is still being read counts for as much as there may be.
        self.shrinking = !self.loaded || self.bytes > bytes_max;
        if self.shrinking {
            self.clean_at_ms = Some(now.mono_ms);
        }
    }

    pub(in crate::custody) fn tick(&mut self, now: Time) {
        if self.load_at_ms.is_some_and(|at_ms| at_ms <= now.mono_ms) {
            self.load();
        }
        let due = self.clean_at_ms.is_some_and(|at_ms| at_ms <= now.mono_ms);
        if due && self.loaded && self.deleting.is_empty() {
            self.clean(now);
        }
    }

    /// Deletes some of what makes no sense, has expired, or no longer fits.
    fn clean(&mut self, now: Time) {
        let mut rows: Vec<Vec<u8>> = self
            .damaged
            .iter()
            .take(limit::DELETE_ROWS_MAX)
            .cloned()
            .collect();
        let mut bytes = self.bytes;
        for (expires_h, key) in &self.by_expiry {
            let is_surplus = self.shrinking && bytes > self.bytes_max;
            if rows.len() >= limit::DELETE_ROWS_MAX || !(is_over(now, *expires_h) || is_surplus) {
                break;
            }
            let held = self.held.get(key).map_or(0, |held| held.bytes);
            bytes = bytes.saturating_sub(held);
            rows.push(key.0.to_vec());
        }
        let room = limit::DELETE_ROWS_MAX.saturating_sub(rows.len());
        let over = self.released.over(now).take(room);
        rows.extend(over.map(|key| key.0.to_vec()));
        if rows.is_empty() {
            self.shrinking = false;
            let again = now.after(limit::EXPIRE_MS);
            let nothing = self.held.is_empty() && self.released.is_empty();
            self.clean_at_ms = (!nothing).then_some(again);
            return;
        }
        self.clean_at_ms = None;
        self.deleting = rows.iter().cloned().collect();
        let writes = rows
            .iter()
            .map(|key| Write::Delete(Table::Record, key.clone()))
            .collect();
        let ticket = self.ticket(Work::Delete { rows });
        self.outputs.push_back(Output::Keep(
            ticket,
            Batch {
                needs: Vec::new(),
                writes,
            },
        ));
    }

    pub(super) fn deleted(&mut self, now: Time, rows: &[Vec<u8>], kept: Kept) {
        self.deleting.clear();
        if kept != Kept::Ok {
            self.clean_at_ms = Some(now.after(limit::DISK_RETRY_MS));
            return;
        }
        for row in rows {
            self.damaged.remove(row);
            if let Ok(key) = RecordKey::from_slice(row) {
                self.unindex(&key);
                self.released.forget(&key);
            }
        }
        self.clean_at_ms = Some(now.mono_ms);
    }
}
