//! What a seed holds for others: the index in memory, the bytes on disk, the promises between.
//!
//! A promise is made only after the disk said that the record is durable. The index is read
//! page by page at the start; a row that does not make sense is deleted, and the rest stands.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::convert::Infallible;

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use super::{door::Config, receipt};
use crate::{
    envelope::{
        record::Record,
        stamp::{self, Stamp},
    },
    limit,
    machine::{Batch, Kept, Link, Output, Row, Scan, Table, Ticket, Write},
    name::{Position, RecordKey},
    rejection::Rejection,
    time::Time,
    wire::{self, store::Receipt},
};

mod expiry;
mod release;

use release::Released;
pub(super) use release::is_of;

/// Who waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// Another seed, which asked over this link under this number.
    Peer(Link, u64),
    /// Ourselves, under a number of our own.
    Local(u64),
    /// Somebody whose wish we forward, under the number of that.
    Forward(u64),
}

/// What came of something asked of the record store.
#[derive(Debug)]
pub(super) enum Done {
    Loaded,
    Changed,
    Kept(Waiter, Result<Receipt, Rejection>),
    Got(Waiter, Result<Record, Rejection>),
    Released(Waiter, Result<(), Rejection>),
}

#[derive(Clone, Copy, Debug)]
struct Held {
    expires_h: u32,
    bytes: u64,
    /// The first bytes of its position.
    at: u64,
    /// What it came with, if it was good then and still is.
    stamp: Option<Stamp>,
}

/// What a ticket is for.
#[derive(Debug)]
enum Work {
    Load,
    Write {
        key: RecordKey,
        held: Held,
        waiters: Vec<Waiter>,
    },
    Read {
        key: RecordKey,
        waiter: Waiter,
    },
    Delete {
        rows: Vec<Vec<u8>>,
    },
    /// Reading a record to see whether a token is its own.
    Examine {
        key: RecordKey,
        rest: release::Rest,
        waiter: Waiter,
    },
    /// Writing a tombstone.
    Bury {
        key: RecordKey,
        rest: release::Rest,
        waiter: Option<Waiter>,
    },
}

/// The value of a row of [`Table::Record`]; its key is the record key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeldRow {
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
    receipted_ms: u64,
    /// Empty for what was taken in before there were stamps.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    stamp: Vec<u8>,
}

pub(super) struct RecordStore {
    key: SigningKey,
    stores: bool,
    bytes_max: u64,
    bytes_reserved: u64,
    records_max: usize,
    stamp_bits: u8,
    /// Top byte of the tickets.
    space: u64,
    next: u64,
    loaded: bool,
    held: BTreeMap<RecordKey, Held>,
    /// The first bytes of its position → what is held.
    places: BTreeMap<u64, RecordKey>,
    by_expiry: BTreeSet<(u32, RecordKey)>,
    released: Released,
    bytes: u64,
    /// Promised to writes that are under way.
    bytes_coming: u64,
    work: BTreeMap<u64, Work>,
    writing: BTreeMap<RecordKey, u64>,
    deleting: BTreeSet<Vec<u8>>,
    /// Rows that made no sense.
    damaged: BTreeSet<Vec<u8>>,
    /// The quota was lowered below what is held.
    shrinking: bool,
    waiting: BTreeMap<Link, usize>,
    waiting_all: usize,
    load_from: Vec<u8>,
    load_at_ms: Option<u64>,
    clean_at_ms: Option<u64>,
    done: VecDeque<Done>,
    outputs: VecDeque<Output<Infallible>>,
}

impl RecordStore {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            key: config.key.clone(),
            stores: config.stores,
            bytes_max: config.bytes_max,
            bytes_reserved: config.bytes_reserved,
            records_max: config.records_max,
            stamp_bits: config.stamp_bits,
            space: u64::from(config.space) << 56,
            next: 0,
            loaded: false,
            held: BTreeMap::new(),
            places: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            released: Released::new(config.tombstones_max),
            bytes: 0,
            bytes_coming: 0,
            work: BTreeMap::new(),
            writing: BTreeMap::new(),
            deleting: BTreeSet::new(),
            damaged: BTreeSet::new(),
            shrinking: false,
            waiting: BTreeMap::new(),
            waiting_all: 0,
            load_from: Vec::new(),
            load_at_ms: None,
            clean_at_ms: None,
            done: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output<Infallible>> {
        self.outputs.pop_front()
    }

    pub(super) fn poll_done(&mut self) -> Option<Done> {
        self.done.pop_front()
    }

    /// What a record that is held came with.
    pub(super) fn stamp(&self, key: &RecordKey) -> Option<Stamp> {
        self.held.get(key)?.stamp
    }

    pub(super) const fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Whether a record is held, durably; it may have expired a moment ago.
    pub(super) fn holds(&self, key: &RecordKey) -> bool {
        self.held.contains_key(key)
    }

    /// Expiry in hours since 1970 and length in bytes of a record that is held.
    pub(super) fn measure(&self, key: &RecordKey) -> Option<(u32, u64)> {
        self.held.get(key).map(|held| (held.expires_h, held.bytes))
    }

    /// Places of the records that will be here for a while, in order.
    pub(super) fn lasting(&self, now: Time) -> impl Iterator<Item = u64> {
        let until = now.wall_ms.saturating_add(limit::HOUR_MS);
        let lasts =
            move |held: &Held| u64::from(held.expires_h).saturating_mul(limit::HOUR_MS) > until;
        let places = self.places.iter();
        let lasting = places.filter(move |(_, key)| self.held.get(*key).is_some_and(lasts));
        lasting.map(|(place, _)| *place)
    }

    /// The record whose position begins like this, if it is held.
    pub(super) fn at_place(&self, place: u64) -> Option<RecordKey> {
        self.places.get(&place).copied()
    }

    /// Whether a record is not here whose position begins like this, and could be.
    pub(super) fn lacks(&self, place: u64) -> bool {
        let largest = u64::try_from(limit::RECORD_BYTES_MAX).unwrap_or(u64::MAX);
        let bytes = self.bytes.saturating_add(self.bytes_coming);
        let room = self.stores && bytes.saturating_add(largest) <= self.bytes_max;
        let known = self.places.contains_key(&place) || self.released.knows(place);
        room && !known && self.held.len() < self.records_max
    }

    /// Whether a record is held and can be handed over.
    pub(super) fn offers(&self, now: Time, key: &RecordKey) -> bool {
        self.held
            .get(key)
            .is_some_and(|held| !is_over(now, held.expires_h))
    }

    pub(super) fn held(&self) -> (usize, u64) {
        (self.held.len(), self.bytes)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        // One deletion at a time: the end of the one under way sets the time of the next.
        let may_clean = self.loaded && self.deleting.is_empty();
        let clean_at_ms = self.clean_at_ms.filter(|_| may_clean);
        crate::time::earliest(self.load_at_ms, clean_at_ms)
    }

    /// Whether one more question of this link may wait for the disk.
    pub(super) fn has_patience(&self, link: &Link) -> bool {
        let of_link = self.waiting.get(link).copied().unwrap_or_default();
        of_link < limit::ANSWERS_PER_LINK_MAX && self.waiting_all < limit::ANSWERS_MAX
    }

    fn wait(&mut self, waiter: Waiter) {
        if let Waiter::Peer(link, _) = waiter {
            let count = self.waiting.entry(link).or_default();
            *count = count.saturating_add(1);
            self.waiting_all = self.waiting_all.saturating_add(1);
        }
    }

    fn release(&mut self, waiter: Waiter) {
        let Waiter::Peer(link, _) = waiter else {
            return;
        };
        self.waiting_all = self.waiting_all.saturating_sub(1);
        if let Some(count) = self.waiting.get_mut(&link) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.waiting.remove(&link);
            }
        }
    }

    fn ticket(&mut self, work: Work) -> Ticket {
        self.next = self.next.wrapping_add(1) & (u64::MAX >> 8);
        let number = self.space | self.next;
        self.work.insert(number, work);
        Ticket(number)
    }

    // Reading everything at the start.

    pub(super) fn load(&mut self) {
        self.load_at_ms = None;
        let busy = self.work.values().any(|work| matches!(work, Work::Load));
        if self.loaded || busy {
            return;
        }
        let ticket = self.ticket(Work::Load);
        let scan = Scan::all(Table::Record, self.load_from.clone(), limit::LOAD_ROWS_MAX);
        self.outputs.push_back(Output::Recall(ticket, scan));
    }

    fn take_page(&mut self, now: Time, rows: Option<Vec<Row>>) {
        let Some(rows) = rows else {
            self.load_at_ms = Some(now.after(limit::DISK_RETRY_MS));
            return;
        };
        let is_last = rows.len() < usize::try_from(limit::LOAD_ROWS_MAX).unwrap_or(usize::MAX);
        for row in rows {
            self.load_from = [row.key.as_slice(), &[0]].concat();
            let key = RecordKey::from_slice(&row.key).ok();
            match (key, read_row(&row.value)) {
                (Some(key), Some((record, stamp))) => {
                    let stamp = stamp::check(self.stamp_bits, &key, &stamp).ok();
                    self.index(key, held(&key, &record, stamp));
                }
                (Some(key), None) if self.load_tombstone(key, &row.value) => {}
                // Past the bound they are found again at the next start.
                _ if self.damaged.len() < limit::OUTPUTS_MAX => {
                    self.damaged.insert(row.key);
                }
                _ => {}
            }
        }
        if !is_last {
            return self.load();
        }
        self.loaded = true;
        self.clean_at_ms = Some(now.mono_ms);
        self.done.push_back(Done::Loaded);
        self.done.push_back(Done::Changed);
    }

    fn index(&mut self, key: RecordKey, held: Held) {
        if self.held.insert(key, held).is_none() {
            self.places.insert(held.at, key);
            self.by_expiry.insert((held.expires_h, key));
            self.bytes = self.bytes.saturating_add(held.bytes);
        }
    }

    fn unindex(&mut self, key: &RecordKey) {
        if let Some(held) = self.held.remove(key) {
            self.places.remove(&held.at);
            self.by_expiry.remove(&(held.expires_h, *key));
            self.bytes = self.bytes.saturating_sub(held.bytes);
            self.done.push_back(Done::Changed);
        }
    }

    // Keeping.

    /// Keeps a record, for another seed or for ourselves; ends in [`Done::Kept`].
    pub(super) fn keep(&mut self, now: Time, record: Record, stamp: Option<Stamp>, waiter: Waiter) {
        if self.loaded && self.tombstone_of(&record).is_some() {
            let released = Err(Rejection::Released);
            return self.done.push_back(Done::Kept(waiter, released));
        }
        match self.admit(now, &record, stamp, waiter) {
            Ok(true) => self.write(now, record, stamp, waiter),
            Ok(false) => {
                let receipt = receipt::sign(&self.key, record.key(), record.expires_h());
                self.done.push_back(Done::Kept(waiter, Ok(receipt)));
            }
            Err(rejection) => self.done.push_back(Done::Kept(waiter, Err(rejection))),
        }
    }

    /// Whether a record may be kept, and whether it has to be written.
    fn admit(
        &self,
        now: Time,
        record: &Record,
        stamp: Option<Stamp>,
        waiter: Waiter,
    ) -> Result<bool, Rejection> {
        let is_local = matches!(waiter, Waiter::Local(_));
        if !is_local && (!self.stores || self.bytes_max == 0) {
            return Err(Rejection::Unwilling);
        }
        if !self.loaded {
            return Err(Rejection::Busy);
        }
        record.check_time(now)?;
        let key = record.key();
        if self.deleting.contains(key.as_bytes().as_slice()) || self.released.is_burying(&key) {
            return Err(Rejection::Busy);
        }
        if let Some(held) = self.held.get(&key) {
            // Once it has come with a stamp, copies of it may be made.
            return Ok(held.stamp.is_none() && stamp.is_some());
        }
        if self.writing.contains_key(&key) {
            return Ok(true);
        }
        let reserved = self.bytes_reserved.min(self.bytes_max / 2);
        let reserved = if is_local { 0 } else { reserved };
        let room = self.bytes_max.saturating_sub(reserved);
        let bytes = self
            .bytes
            .saturating_add(self.bytes_coming)
            .saturating_add(bytes_of(record));
        let records = self.held.len().saturating_add(self.writing.len());
        if bytes > room || records >= self.records_max {
            Err(Rejection::Full)
        } else {
            Ok(true)
        }
    }

    fn write(&mut self, now: Time, record: Record, stamp: Option<Stamp>, waiter: Waiter) {
        self.wait(waiter);
        let key = record.key();
        self.damaged.remove(key.as_bytes().as_slice());
        let under_way = self
            .writing
            .get(&key)
            .and_then(|ticket| self.work.get_mut(ticket));
        if let Some(Work::Write { waiters, .. }) = under_way {
            waiters.push(waiter);
            return;
        }
        let held = held(&key, &record, stamp);
        let ticket = self.ticket(Work::Write {
            key,
            held,
            waiters: [waiter].into(),
        });
        self.writing.insert(key, ticket.0);
        self.bytes_coming = self.bytes_coming.saturating_add(held.bytes);
        let row = HeldRow {
            record: record.into_bytes(),
            receipted_ms: now.wall_ms,
            stamp: stamp.map(Stamp::to_bytes).unwrap_or_default(),
        };
        self.put_row(ticket, &key, wire::encode(&row));
    }

    /// Has the row of a record written anew.
    fn put_row(&mut self, ticket: Ticket, key: &RecordKey, value: Vec<u8>) {
        let key = key.0.to_vec();
        let batch = Batch {
            needs: Vec::new(),
            writes: [Write::Put(Table::Record, Row { key, value })].into(),
        };
        self.outputs.push_back(Output::Keep(ticket, batch));
    }

    fn written(&mut self, key: RecordKey, held: Held, waiters: Vec<Waiter>, kept: Kept) {
        self.writing.remove(&key);
        self.bytes_coming = self.bytes_coming.saturating_sub(held.bytes);
        let result = match kept {
            Kept::Ok => Ok(receipt::sign(&self.key, key, held.expires_h)),
            Kept::Full => Err(Rejection::Full),
            Kept::Conflict | Kept::Failed => Err(Rejection::StorageFailed),
        };
        if result.is_ok() {
            self.index(key, held);
            self.done.push_back(Done::Changed);
        }
        for waiter in waiters {
            self.release(waiter);
            self.done.push_back(Done::Kept(waiter, result.clone()));
        }
    }

    pub(super) fn kept(&mut self, now: Time, ticket: Ticket, kept: Kept) {
        match self.work.remove(&ticket.0) {
            Some(Work::Write { key, held, waiters }) => {
                self.written(key, held, waiters, kept);
                if self.bytes > self.bytes_max {
                    // The quota was lowered while this was being written.
                    self.set_quota(now, self.bytes_max);
                }
            }
            Some(Work::Delete { rows }) => self.deleted(now, &rows, kept),
            Some(Work::Bury { key, rest, waiter }) => self.buried(key, rest, waiter, kept),
            Some(other) => {
                self.work.insert(ticket.0, other);
            }
            None => {}
        }
        let nothing = self.held.is_empty() && self.released.is_empty();
        if self.clean_at_ms.is_none() && !nothing {
            self.clean_at_ms = Some(now.after(limit::EXPIRE_MS));
        }
    }

    // Handing over.

    /// Reads a record; ends in [`Done::Got`].
    pub(super) fn get(&mut self, now: Time, key: RecordKey, waiter: Waiter) {
        let is_local = matches!(waiter, Waiter::Local(_));
        if !self.loaded && !is_local {
            self.done.push_back(Done::Got(waiter, Err(Rejection::Busy)));
        } else if self.loaded && !self.offers(now, &key) {
            self.done
                .push_back(Done::Got(waiter, Err(Rejection::NoRecord)));
        } else {
            self.wait(waiter);
            let ticket = self.ticket(Work::Read { key, waiter });
            self.outputs
                .push_back(Output::Recall(ticket, Scan::one(Table::Record, &key.0)));
        }
    }

    pub(super) fn recalled(&mut self, now: Time, ticket: Ticket, rows: Option<Vec<Row>>) {
        match self.work.remove(&ticket.0) {
            Some(Work::Load) => self.take_page(now, rows),
            Some(Work::Examine { key, rest, waiter }) => self.examined(key, rest, waiter, rows),
            Some(Work::Read { key, waiter }) => {
                self.release(waiter);
                let result = self.take_row(now, &key, rows);
                self.done.push_back(Done::Got(waiter, result));
            }
            Some(other) => {
                self.work.insert(ticket.0, other);
            }
            None => {}
        }
    }

    fn take_row(
        &mut self,
        now: Time,
        key: &RecordKey,
        rows: Option<Vec<Row>>,
    ) -> Result<Record, Rejection> {
        let rows = rows.ok_or(Rejection::StorageFailed)?;
        let Some(row) = rows.first() else {
            self.unindex(key);
            return Err(Rejection::NoRecord);
        };
        let record = read_row(&row.value).map(|(record, _)| record);
        match record.filter(|record| record.key() == *key) {
            Some(record) if is_over(now, record.expires_h()) => Err(Rejection::NoRecord),
            Some(record) => Ok(record),
            None => {
                self.unindex(key);
                self.damaged.insert(key.0.to_vec());
                self.clean_at_ms = Some(now.mono_ms);
                Err(Rejection::NoRecord)
            }
        }
    }
}

fn held(key: &RecordKey, record: &Record, stamp: Option<Stamp>) -> Held {
    Held {
        expires_h: record.expires_h(),
        bytes: bytes_of(record),
        at: super::repair::place_of(&Position::of(&key.0)),
        stamp,
    }
}

fn bytes_of(record: &Record) -> u64 {
    u64::try_from(record.bytes().len()).unwrap_or(u64::MAX)
}

fn is_over(now: Time, expires_h: u32) -> bool {
    u64::from(expires_h).saturating_mul(limit::HOUR_MS) <= now.wall_ms
}

/// The record in a row, and the stamp beside it.
fn read_row(value: &[u8]) -> Option<(Record, Vec<u8>)> {
    let row: HeldRow = wire::decode(value, limit::STORE_BYTES_MAX).ok()?;
    Some((Record::parse(&row.record).ok()?, row.stamp))
}
