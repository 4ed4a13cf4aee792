//! Copies of a record that are being placed at the end of its way.

use alloc::vec::Vec;

use crate::{
    custody::record_store,
    envelope::{record::Record, stamp::Stamp},
    name::RecordKey,
    rejection::Rejection,
    wire::store::{Receipt, StoreAnswer, Tombstone},
};

#[derive(Debug)]
pub(super) struct Spread {
    /// The record; given away once placed here.
    pub(super) record: Vec<u8>,
    /// It came with this, and goes on with it.
    pub(super) stamp: Stamp,
    pub(super) expires_h: u32,
    /// How many holders are wanted, ourselves included.
    pub(super) wanted: usize,
    pub(super) receipts: Vec<Receipt>,
    /// Our own disk has not answered yet.
    pub(super) writing: bool,
    /// Why we do not keep it ourselves.
    pub(super) refusal: Rejection,
}

impl Spread {
    /// Copies wanted beside that of whoever is asked.
    pub(super) fn more(&self) -> u8 {
        u8::try_from(self.wanted.saturating_sub(1)).unwrap_or(u8::MAX)
    }

    pub(super) fn answer(&mut self) -> StoreAnswer {
        if self.receipts.is_empty() {
            StoreAnswer::Rejected(self.refusal)
        } else {
            StoreAnswer::Kept(core::mem::take(&mut self.receipts))
        }
    }

    /// Whether this shows that the record was released.
    pub(super) fn is_gone(&self, tombstone: &Tombstone) -> bool {
        let record = Record::parse(&self.record);
        record.is_ok_and(|record| {
            record_store::is_of(tombstone, &record.key(), record.deletion_hash())
        })
    }

    /// Whether these are receipts for this record, as many as were asked for at most. Whether
    /// they hold is for the author to check.
    pub(super) fn fits(&self, key: &RecordKey, receipts: &[Receipt]) -> bool {
        let fits = |receipt: &Receipt| receipt.key == *key && receipt.expires_h == self.expires_h;
        !receipts.is_empty() && receipts.len() <= self.wanted && receipts.iter().all(fits)
    }
}
