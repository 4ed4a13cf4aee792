//! Telling an author that a message was fetched or read: small messages like any other.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::{
    Draft, Seed, Status,
    row::{ContentKind, OutboxRow},
};
use crate::{
    envelope::{Progress, ReadReceipt},
    limit,
    name::{Alias, MessageId},
    time::{self, Time},
    wire,
};

impl Seed {
    /// Notes that an author is to be told something, soon.
    pub(super) fn owe_receipt(&mut self, now: Time, to: Alias, id: MessageId, status: Status) {
        let owed = self.inbox.receipts.entry(to).or_default();
        let known = owed.entry(id).or_insert(status);
        *known = (*known).max(status);
        self.owe_by(now.after(limit::RECEIPT_DELAY_MS));
    }

    fn owe_by(&mut self, mono_ms: u64) {
        let before = self.inbox.receipts_at;
        self.inbox.receipts_at = time::earliest(before, Some(mono_ms));
    }

    /// Something to be sent could not be written down. If an author was to be told something, they
    /// still are.
    pub(super) fn owe_again(&mut self, now: Time, row: &OutboxRow) {
        let content = row.content.as_ref().filter(|_| row.silent);
        let receipt =
            content.map(|it| wire::decode::<ReadReceipt>(&it.body, limit::BODY_BYTES_MAX));
        let Some(Ok(receipt)) = receipt else { return };
        let status = match receipt.state {
            Progress::Read => Status::Read,
            Progress::Fetched => Status::Fetched,
        };
        for id in receipt.ids {
            self.owe_receipt(now, row.to.clone(), id, status);
        }
        self.inbox.receipts_at = Some(now.after(limit::MINUTE_MS));
    }

    /// Sends what is owed, one message for each author and state.
    pub(super) fn send_receipts(&mut self, now: Time) {
        self.inbox.receipts_at = None;
        let Some(from) = self.own_alias() else { return };
        for (to, owed) in core::mem::take(&mut self.inbox.receipts) {
            let mut by_state: BTreeMap<Status, Vec<MessageId>> = BTreeMap::new();
            for (id, state) in owed {
                by_state.entry(state).or_default().push(id);
            }
            for (status, ids) in by_state {
                let state = if status == Status::Read {
                    Progress::Read
                } else {
                    Progress::Fetched
                };
                for ids in ids.chunks(limit::READ_RECEIPT_IDS_MAX) {
                    let receipt = ReadReceipt {
                        ids: ids.to_vec(),
                        state,
                    };
                    let draft = Draft {
                        to: to.clone(),
                        content_type: String::new(),
                        body: wire::encode(&receipt),
                        reply_to: None,
                        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
                    };
                    self.note_down(now, None, from.clone(), draft, ContentKind::Receipt);
                }
            }
        }
    }
}
