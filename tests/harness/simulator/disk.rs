//! A disk that writes in order, takes its time, and can lose power.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muttr_core::machine::{Batch, Kept, Need, Row, Scan, Table, Ticket, Write};

/// What a participant has stored, and what it asked for and has not been told of yet.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
    pending: VecDeque<Task>,
    /// Rows that were taken away behind the machine's back.
    stolen: BTreeSet<(Table, Vec<u8>)>,
    /// When the last pending task will be done.
    pub(super) busy_until_ms: u64,
    /// Bytes it can hold; `None` for as many as anyone likes.
    pub room: Option<usize>,
}

/// One storage request under way.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Keep(Ticket, Batch),
    Recall(Ticket, Scan),
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Finished {
    Kept(Ticket, Kept),
    Recalled(Ticket, Option<Vec<Row>>),
}

impl Disk {
    pub(super) fn push(&mut self, task: Task) {
        self.pending.push_back(task);
    }

    /// How many requests are under way.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Does the oldest pending task, or lets it fail.
    pub(super) fn finish(&mut self, fails: bool) -> Option<Finished> {
        Some(match self.pending.pop_front()? {
            Task::Keep(ticket, _) if fails => Finished::Kept(ticket, Kept::Failed),
            Task::Keep(ticket, batch) => Finished::Kept(ticket, self.keep(batch)),
            Task::Recall(ticket, _) if fails => Finished::Recalled(ticket, None),
            Task::Recall(ticket, scan) => Finished::Recalled(ticket, Some(self.recall(&scan))),
        })
    }

    /// Loses power: the first `survivors` of the pending tasks had just reached the platter, the
    /// others never happened. Nobody is told.
    pub(super) fn lose_power(&mut self, survivors: usize) {
        for _ in 0..survivors {
            self.finish(false);
        }
        self.pending.clear();
        self.busy_until_ms = 0;
    }

    /// The value of one row.
    #[must_use]
    pub fn row(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        self.tables.get(&table)?.get(key).map(Vec::as_slice)
    }

    /// Every row of a table.
    pub fn rows(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        let rows = self.tables.get(&table).into_iter().flatten();
        rows.map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Changes a row behind the machine's back.
    pub fn tamper(&mut self, table: Table, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(value) = self
            .tables
            .get_mut(&table)
            .and_then(|rows| rows.get_mut(key))
        {
            change(value);
        }
    }

    /// Removes rows behind the machine's back, which may go on believing that it has them.
    pub fn forget(&mut self, table: Table, mut which: impl FnMut(&[u8]) -> bool) {
        if let Some(rows) = self.tables.get_mut(&table) {
            let gone: Vec<_> = rows.keys().filter(|key| which(key)).cloned().collect();
            for key in gone {
                rows.remove(&key);
                self.stolen.insert((table, key));
            }
        }
    }

    /// Whether a row is missing because it was taken away behind the machine's back.
    #[must_use]
    pub fn was_robbed_of(&self, table: Table, key: &[u8]) -> bool {
        self.stolen.contains(&(table, key.to_vec()))
    }

    fn bytes(&self) -> usize {
        let rows = self.tables.values().flatten();
        rows.map(|(key, value)| key.len() + value.len()).sum()
    }

    fn keep(&mut self, batch: Batch) -> Kept {
        let held = |need: &Need| match need {
            Need::Absent(table, key) => self.row(*table, key).is_none(),
            Need::Equal(table, key, value) => self.row(*table, key) == Some(value),
        };
        if !batch.needs.iter().all(held) {
            return Kept::Conflict;
        }
        if let Some(room) = self.room {
            let added = batch.writes.iter().map(|write| match write {
                Write::Put(_, row) => row.key.len() + row.value.len(),
                Write::Delete(..) => 0,
            });
            if self.bytes() + added.sum::<usize>() > room {
                return Kept::Full;
            }
        }
        for write in batch.writes {
            match write {
                Write::Put(table, row) => {
                    self.tables
                        .entry(table)
                        .or_default()
                        .insert(row.key, row.value);
                }
                Write::Delete(table, key) => {
                    self.tables.entry(table).or_default().remove(&key);
                }
            }
        }
        Kept::Ok
    }

    fn recall(&self, scan: &Scan) -> Vec<Row> {
        let rows = self.tables.get(&scan.table).into_iter().flatten();
        let rows = rows.skip_while(|(key, _)| **key < scan.from);
        let rows = rows.take_while(|(key, _)| scan.to.is_empty() || **key < scan.to);
        let rows = rows.take(scan.rows_max as usize);
        rows.map(|(key, value)| Row {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
    }
}
