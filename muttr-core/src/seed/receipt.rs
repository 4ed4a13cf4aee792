//! Telling an author that a message was fetched or read: small messages like any other.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::{Draft, Seed, Status, row::ContentKind};
use crate::{
    envelope::{Progress, ReadReceipt},
    limit,
    name::{Alias, MessageId},
    time::Time,
    wire,
};

impl Seed {
    /// Notes that an author is to be told something, soon.
    pub(super) fn owe_receipt(&mut self, now: Time, to: Alias, id: MessageId, status: Status) {
        let owed = self.inbox.receipts.entry(to).or_default();
        let known = owed.entry(id).or_insert(status);
        *known = (*known).max(status);
        self.inbox
            .receipts_at
            .get_or_insert_with(|| now.after(limit::RECEIPT_DELAY_MS));
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
