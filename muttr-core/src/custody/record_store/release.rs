//! Released records: how they are given up, and the tombstones by which they are refused when
//! somebody brings them back.
//!
//! A tombstone stands in the place of the record, in the same row of the same table. One of a
//! record that was never here is hearsay: it costs a little memory, and harms nobody, since the
//! record itself shows whether the token is its own.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{Done, RecordStore, Waiter, Work, is_over, read_row};
use crate::{
    custody::repair::place_of,
    envelope::{deletion_hash, record::Record},
    limit,
    machine::{Kept, Output, Row, Scan, Table},
    name::{Position, RecordKey},
    rejection::Rejection,
    time::Time,
    wire::{self, store::Tombstone},
};

type Token = [u8; limit::TOKEN_BYTES];

/// What is left of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    token: Token,
    expires_h: u32,
}

/// What was released.
#[derive(Debug)]
pub(super) struct Released {
    most: usize,
    /// Records that were seen here, and whose own token it is.
    sure: BTreeMap<RecordKey, Rest>,
    by_expiry: BTreeSet<(u32, RecordKey)>,
    /// Records that were never here.
    hearsay: BTreeMap<RecordKey, Rest>,
    /// The first bytes of the position → one of either kind.
    places: BTreeMap<u64, RecordKey>,
    /// Being written.
    burying: BTreeSet<RecordKey>,
}

/// The value of a row of [`Table::Record`] once the record was released.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleasedRow {
    #[serde(with = "serde_bytes")]
    token: Vec<u8>,
    expires_h: u32,
}

/// Far more than such a row has.
const ROW_BYTES_MAX: usize = 128;

impl Rest {
    fn read(tombstone: &Tombstone) -> Option<Self> {
        let token = tombstone.token.as_slice().try_into().ok()?;
        let expires_h = tombstone.expires_h;
        Some(Self { token, expires_h })
    }

    fn is_of(&self, record: &Record) -> bool {
        deletion_hash(&self.token) == *record.deletion_hash()
    }

    fn tombstone(&self, key: RecordKey) -> Tombstone {
        Tombstone {
            key,
            token: self.token.to_vec(),
            expires_h: self.expires_h,
        }
    }
}

impl Released {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            sure: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            hearsay: BTreeMap::new(),
            places: BTreeMap::new(),
            burying: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sure.is_empty() && self.hearsay.is_empty()
    }

    pub(super) fn is_burying(&self, key: &RecordKey) -> bool {
        self.burying.contains(key)
    }

    /// Rows of tombstones that have served their time.
    pub(super) fn over(&self, now: Time) -> impl Iterator<Item = &RecordKey> {
        let by_expiry = self.by_expiry.iter();
        by_expiry
            .take_while(move |(expires_h, _)| is_over(now, *expires_h))
            .map(|(_, key)| key)
    }

    pub(super) fn forget(&mut self, key: &RecordKey) {
        if let Some(rest) = self.sure.remove(key) {
            self.by_expiry.remove(&(rest.expires_h, *key));
            self.places.remove(&place(key));
        }
    }

    /// Remembers what cannot be checked yet.
    fn hear(&mut self, key: RecordKey, rest: Rest) {
        self.hearsay.insert(key, rest);
        self.places.insert(place(&key), key);
        if self.hearsay.len() > limit::HEARSAY_MAX
            && let Some((first, _)) = self.hearsay.pop_first()
        {
            // Keys are hashes: whichever comes first is as good as any.
            self.places.remove(&place(&first));
        }
    }

    /// Takes hearsay back.
    fn unhear(&mut self, key: &RecordKey) -> Option<Rest> {
        let rest = self.hearsay.remove(key)?;
        self.places.remove(&place(key));
        Some(rest)
    }

    /// Remembers a tombstone; gives back the key of one that made room for it.
    fn remember(&mut self, key: RecordKey, rest: Rest) -> Option<RecordKey> {
        self.hearsay.remove(&key);
        self.places.insert(place(&key), key);
        if self.sure.insert(key, rest).is_none() {
            self.by_expiry.insert((rest.expires_h, key));
        }
        if self.sure.len() <= self.most {
            return None;
        }
        let (_, soonest) = *self.by_expiry.first()?;
        self.forget(&soonest);
        Some(soonest)
    }

    /// Whether a record was released whose position begins like this.
    pub(super) fn knows(&self, place: u64) -> bool {
        let key = self.places.get(&place);
        key.is_some_and(|key| self.sure.contains_key(key))
    }

    fn tombstone(&self, key: &RecordKey) -> Option<Tombstone> {
        self.sure.get(key).map(|rest| rest.tombstone(*key))
    }
}

impl RecordStore {
    /// Takes in a row that is no record; true when it is a tombstone.
    pub(super) fn load_tombstone(&mut self, key: RecordKey, value: &[u8]) -> bool {
        let Ok(row) = wire::decode::<ReleasedRow>(value, ROW_BYTES_MAX) else {
            return false;
        };
        let Ok(token) = row.token.try_into() else {
            return false;
        };
        let expires_h = row.expires_h;
        self.remember(key, Rest { token, expires_h });
        true
    }

    fn remember(&mut self, key: RecordKey, rest: Rest) {
        if let Some(forgotten) = self.released.remember(key, rest) {
            self.damaged.insert(forgotten.0.to_vec());
        }
    }

    /// Tombstones of records whose positions begin like these, hearsay included: whoever holds
    /// the record sees whether it is true.
    pub(in crate::custody) fn tombstones_of(&self, places: &[u64]) -> Vec<Tombstone> {
        let Released { sure, hearsay, .. } = &self.released;
        let keys = places.iter().filter_map(|it| self.released.places.get(it));
        let rest = |key| sure.get(key).or_else(|| hearsay.get(key));
        keys.filter_map(|key| Some(rest(key)?.tombstone(*key)))
            .collect()
    }

    /// Whether a record was released, as its own token says.
    pub(in crate::custody) fn is_released(&self, key: &RecordKey) -> bool {
        self.released.sure.contains_key(key)
    }

    /// The tombstone that stands in the place of a record.
    pub(in crate::custody) fn tombstone_at(&self, key: &RecordKey) -> Option<Tombstone> {
        self.released.tombstone(key)
    }

    /// How many releases of records that were never here are remembered.
    #[cfg(test)]
    pub(in crate::custody) fn hearsay(&self) -> usize {
        self.released.hearsay.len()
    }

    /// The tombstone of a record that somebody brings back.
    pub(in crate::custody) fn tombstone_of(&mut self, record: &Record) -> Option<Tombstone> {
        let key = record.key();
        if let Some(rest) = self.released.unhear(&key)
            && rest.is_of(record)
        {
            // Now it is certain, and worth a row.
            self.bury(key, rest, None);
            return Some(rest.tombstone(key));
        }
        self.released.tombstone(&key)
    }

    /// Remembers that a record was released which is not here, until it comes and shows whether
    /// that is so.
    pub(in crate::custody) fn hear_of(&mut self, now: Time, tombstone: &Tombstone) {
        let key = tombstone.key;
        let Some(rest) = Rest::read(tombstone) else {
            return;
        };
        let life_ms = limit::RECORD_LIFE_MAX_MS.saturating_add(limit::RECORD_EXPIRY_STEP_MS);
        let latest_ms = now.wall_ms.saturating_add(life_ms);
        let expires_ms = u64::from(rest.expires_h).saturating_mul(limit::HOUR_MS);
        let known = self.held.contains_key(&key) || self.is_released(&key);
        if known || is_over(now, rest.expires_h) || expires_ms > latest_ms {
            return;
        }
        self.released.hear(key, rest);
    }

    /// Gives up a record, if the token is its own; ends in [`Done::Released`].
    pub(in crate::custody) fn give_up(&mut self, now: Time, tombstone: &Tombstone, waiter: Waiter) {
        let key = tombstone.key;
        let result = match Rest::read(tombstone) {
            None => Err(Rejection::Malformed),
            Some(_) if !self.loaded => Err(Rejection::Busy),
            Some(rest) if self.is_released(&key) => match self.released.sure.get(&key) {
                Some(known) if known.token == rest.token => Ok(()),
                _ => Err(Rejection::WrongToken),
            },
            Some(_) if self.writing.contains_key(&key) || self.released.is_burying(&key) => {
                Err(Rejection::Busy)
            }
            Some(rest) if self.held.contains_key(&key) => {
                self.wait(waiter);
                let work = Work::Examine { key, rest, waiter };
                let ticket = self.ticket(work);
                let scan = Scan::one(Table::Record, &key.0);
                return self.outputs.push_back(Output::Recall(ticket, scan));
            }
            Some(_) => {
                self.hear_of(now, tombstone);
                Err(Rejection::NoRecord)
            }
        };
        self.done.push_back(Done::Released(waiter, result));
    }

    /// The record that is to be given up was read.
    pub(super) fn examined(
        &mut self,
        key: RecordKey,
        rest: Rest,
        waiter: Waiter,
        rows: Option<Vec<Row>>,
    ) {
        let read = |row: &Row| read_row(&row.value).map(|(record, _)| record);
        let record = rows.map(|rows| rows.first().and_then(read));
        let result = match record {
            None => Err(Rejection::StorageFailed),
            Some(None) => Err(Rejection::NoRecord),
            Some(Some(record)) if record.key() == key && rest.is_of(&record) => {
                let expires_h = record.expires_h();
                return self.bury(key, Rest { expires_h, ..rest }, Some(waiter));
            }
            Some(Some(_)) => Err(Rejection::WrongToken),
        };
        self.release(waiter);
        self.done.push_back(Done::Released(waiter, result));
    }

    /// Writes a tombstone in the place of the record.
    fn bury(&mut self, key: RecordKey, rest: Rest, waiter: Option<Waiter>) {
        self.released.burying.insert(key);
        let row = ReleasedRow {
            token: rest.token.to_vec(),
            expires_h: rest.expires_h,
        };
        let ticket = self.ticket(Work::Bury { key, rest, waiter });
        self.put_row(ticket, &key, wire::encode(&row));
    }

    /// A tombstone is durable, or is not.
    pub(super) fn buried(
        &mut self,
        key: RecordKey,
        rest: Rest,
        waiter: Option<Waiter>,
        kept: Kept,
    ) {
        self.released.burying.remove(&key);
        if kept == Kept::Ok {
            self.unindex(&key);
            self.remember(key, rest);
        } else if !self.held.contains_key(&key) {
            self.released.hear(key, rest);
        }
        let result = match kept {
            Kept::Ok => Ok(()),
            Kept::Full => Err(Rejection::Full),
            Kept::Conflict | Kept::Failed => Err(Rejection::StorageFailed),
        };
        if let Some(waiter) = waiter {
            self.release(waiter);
            self.done.push_back(Done::Released(waiter, result));
        }
    }
}

fn place(key: &RecordKey) -> u64 {
    place_of(&Position::of(&key.0))
}

/// Whether a tombstone is that of the record with this key and deletion hash.
pub(in crate::custody) fn is_of(tombstone: &Tombstone, key: &RecordKey, hash: &[u8; 32]) -> bool {
    let rest = Rest::read(tombstone);
    tombstone.key == *key && rest.is_some_and(|rest| deletion_hash(&rest.token) == *hash)
}
