//! Every record that was ever stored in a world, and how many copies of it there are.

use std::collections::HashMap;

use muttr_core::{envelope::record::Record, limit, name::RecordKey, time::Time};

use crate::sample;

/// How far into a message or a row a record is looked for.
const WITHIN: usize = 128;
/// Where the deletion hash stands in a record; each record has another.
const MARK: std::ops::Range<usize> = 10..18;

/// One record.
#[derive(Debug)]
pub(super) struct Sheet {
    record: Record,
    pub(super) key: RecordKey,
    pub(super) stored_ms: u64,
    pub(super) expires_ms: u64,
    /// The pods of the author and of the reader.
    pub(super) pods: (u32, u32),
    /// Seeds that promised to keep it, as its author was told.
    pub(super) promised: Vec<u32>,
    pub(super) placings: u32,
    /// Disks of people who may come back on which it lies, pods excepted.
    pub(super) copies: u32,
    /// Those of them that are online.
    pub(super) online: u32,
}

impl Sheet {
    pub(super) fn bytes(&self) -> &[u8] {
        self.record.bytes()
    }

    pub(super) fn record(&self) -> Record {
        self.record.clone()
    }
}

/// All of them, by number.
#[derive(Debug, Default)]
pub(super) struct Records {
    sheets: Vec<Sheet>,
    marks: HashMap<[u8; 8], u32>,
}

impl Records {
    /// Makes another one; its number.
    pub(super) fn write(
        &mut self,
        integer: u64,
        (now, stored_ms): (Time, u64),
        pods: (u32, u32),
    ) -> u32 {
        let record = sample::record(integer, now, 0, limit::RECORD_LIFE_DEFAULT_MS);
        let number = u32::try_from(self.sheets.len()).expect("fewer records than that");
        let mark = record.bytes()[MARK].try_into().expect("eight bytes");
        self.marks.insert(mark, number);
        self.sheets.push(Sheet {
            key: record.key(),
            stored_ms,
            expires_ms: u64::from(record.expires_h()) * limit::HOUR_MS,
            pods,
            promised: Vec::new(),
            placings: 0,
            copies: 0,
            online: 0,
            record,
        });
        number
    }

    pub(super) fn len(&self) -> u32 {
        self.sheets.len() as u32
    }

    pub(super) fn at(&self, number: u32) -> &Sheet {
        &self.sheets[number as usize]
    }

    pub(super) fn at_mut(&mut self, number: u32) -> &mut Sheet {
        &mut self.sheets[number as usize]
    }

    pub(super) fn all(&self) -> &[Sheet] {
        &self.sheets
    }

    /// The record within these bytes, where it begins and where it ends.
    pub(super) fn within(&self, bytes: &[u8]) -> Option<(u32, usize, usize)> {
        let smallest = limit::RECORD_CLASSES_BYTES[0];
        let last = bytes.len().checked_sub(smallest)?.min(WITHIN);
        let from = (0..=last).find(|from| bytes[*from..].starts_with(b"MUT1"))?;
        let mark = bytes[from..].get(MARK)?;
        let number = *self.marks.get(mark)?;
        let whole = self.at(number).bytes();
        let is_whole = bytes[from..].starts_with(whole);
        is_whole.then_some((number, from, from + whole.len()))
    }
}
