//! What the pod told us lies in the network for us, until it is opened and durable here.
//!
//! A notification is written down and only then acknowledged. Opening is journalled before it
//! begins, so that a message that crashes whoever opens it is set aside instead of coming back
//! for ever. What cannot be fetched waits and blocks nobody.

use alloc::{boxed::Box, collections::BTreeMap, collections::VecDeque, vec::Vec};

use super::{
    Event, Seed, Status, Then,
    line::{Asked, Said},
    release::Releases,
    row::{self, PendingRow},
};
use crate::{
    custody,
    envelope::record::{self, Record},
    keyring::Certificate,
    limit,
    machine::{Batch, Kept, Output, Table},
    name::{Alias, Label, MessageId},
    rejection::Rejection,
    time::Time,
    wire::channel::{Notification, ToPod},
};

/// A notification as it is now.
pub(super) struct Pending {
    pub(super) row: PendingRow,
    pub(super) stage: Stage,
    pub(super) due: u64,
    pub(super) pause_ms: u64,
    /// The record, once it is here.
    pub(super) record: Option<Record>,
    pub(super) author: Author,
    /// What releases the record; known once it was opened.
    pub(super) token: Option<[u8; limit::TOKEN_BYTES]>,
    /// How often the pod was asked in vain who the author is.
    pub(super) author_asked: u32,
}

/// What the pod says of the alias that a message claims to be from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Author {
    Unasked,
    Named(Box<Certificate>),
    Nobody,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Fetching,
    /// The record is here; another one is being opened.
    Ready,
    /// The journal entry is being written.
    Journalling,
    /// The pod was asked who the author is.
    Asking,
    /// The opened message is being written down.
    Keeping,
    SetAside,
}

#[derive(Default)]
pub(super) struct Inbox {
    pub(super) pending: BTreeMap<Vec<u8>, Pending>,
    /// All up to here is durably pending: run of the mailbox, number in it.
    pub(super) cursor: (u64, u64),
    /// Came, and is not being written down yet.
    arriving: VecDeque<(u64, u64, PendingRow)>,
    /// A batch of them is being written down.
    keeping: bool,
    /// The one being opened.
    pub(super) opening: Option<Vec<u8>>,
    /// Custody's request number → which notification.
    fetching: BTreeMap<u64, Vec<u8>>,
    /// Message ids that were opened before, with when each may be forgotten.
    pub(super) seen: BTreeMap<MessageId, u64>,
    /// Messages to be told of as fetched or read, by author.
    pub(super) receipts: BTreeMap<Alias, BTreeMap<MessageId, Status>>,
    pub(super) receipts_at: Option<u64>,
    pub(super) releases: Releases,
}

impl Pending {
    pub(super) fn loaded(row: PendingRow) -> Self {
        let stage = match row.set_aside {
            Some(_) => Stage::SetAside,
            None => Stage::Waiting,
        };
        Self {
            row,
            stage,
            due: 0,
            pause_ms: limit::FETCH_RETRY_MS.0,
            record: None,
            author: Author::Unasked,
            token: None,
            author_asked: 0,
        }
    }
}

impl Inbox {
    pub(super) fn deadline(&self, online: bool) -> Option<u64> {
        let waiting = self
            .pending
            .values()
            .filter(|p| online && p.stage == Stage::Waiting);
        let busy = self.busy() >= limit::FETCHES_MAX;
        let next = if busy {
            None
        } else {
            waiting.map(|p| p.due).min()
        };
        let releases = self.releases.deadline().filter(|_| online);
        crate::time::earliest(next, crate::time::earliest(self.receipts_at, releases))
    }

    /// What came and is not durable yet; a batch that is being written down counts as one.
    pub(super) fn unwritten(&self) -> usize {
        self.arriving.len().saturating_add(self.keeping.into())
    }

    fn busy(&self) -> usize {
        let busy = |p: &&Pending| !matches!(p.stage, Stage::Waiting | Stage::SetAside);
        self.pending.values().filter(busy).count()
    }
}

impl Seed {
    /// The pod told us of a message.
    pub(super) fn notified(&mut self, epoch: u64, seq: u64, to: Label, what: &Notification) {
        let row = PendingRow {
            key: what.key,
            expires_h: what.expires_h,
            to,
            attempts: 0,
            set_aside: None,
        };
        self.inbox.arriving.push_back((epoch, seq, row));
        self.keep_arriving();
    }

    /// Writes down what came, one batch at a time, so that an acknowledgement never overtakes
    /// what it covers.
    fn keep_arriving(&mut self) {
        if self.inbox.keeping || self.inbox.arriving.is_empty() {
            return;
        }
        let arriving: Vec<_> = self.inbox.arriving.drain(..).collect();
        let Some(cursor) = arriving.last().map(|(epoch, seq, _)| (*epoch, *seq)) else {
            return;
        };
        let mut writes = Vec::new();
        let mut rows = Vec::new();
        for (epoch, seq, row) in arriving {
            let known = self
                .inbox
                .pending
                .values()
                .any(|pending| pending.row.key == row.key)
                || rows
                    .iter()
                    .any(|(_, other): &(_, PendingRow)| other.key == row.key);
            if !known {
                let key = row::pending_key(epoch, seq);
                writes.push(row::put(Table::Inbox, key.clone(), &row));
                rows.push((key, row));
            }
        }
        writes.push(row::put(
            Table::Setting,
            row::setting::CURSOR.to_vec(),
            &cursor,
        ));
        self.inbox.keeping = true;
        self.keep(
            Batch {
                needs: Vec::new(),
                writes,
            },
            Then::Pending(cursor, rows),
        );
    }

    /// The batch is durable, or is not; then the pod keeps what it has and will say it again.
    pub(super) fn pending_kept(
        &mut self,
        now: Time,
        cursor: (u64, u64),
        rows: Vec<(Vec<u8>, PendingRow)>,
        kept: Kept,
    ) {
        self.inbox.keeping = false;
        if kept == Kept::Ok {
            self.inbox.cursor = cursor;
            for (key, row) in rows {
                self.inbox.pending.insert(key, Pending::loaded(row));
            }
            self.say(&ToPod::Ack {
                epoch: cursor.0,
                seq: cursor.1,
            });
            self.fetch_next(now);
            self.keep_arriving();
        } else {
            // What came after it must not be acknowledged in its place: let the pod begin again
            // from the cursor.
            self.inbox.arriving.clear();
            self.hang_up(now, Rejection::StorageFailed);
        }
    }

    /// Starts fetching what is due, a few at a time.
    pub(super) fn fetch_next(&mut self, now: Time) {
        // Who has nobody but the pod to ask waits for it.
        if self.config.hidden && !self.line.identified {
            return;
        }
        let room = limit::FETCHES_MAX.saturating_sub(self.inbox.busy());
        let due: Vec<Vec<u8>> = self
            .inbox
            .pending
            .iter()
            .filter(|(_, p)| p.stage == Stage::Waiting && p.due <= now.mono_ms)
            .map(|(key, _)| key.clone())
            .take(room)
            .collect();
        for key in due {
            self.fetch(now, key);
        }
    }

    fn fetch(&mut self, now: Time, pending: Vec<u8>) {
        let Some(entry) = self.inbox.pending.get_mut(&pending) else {
            return;
        };
        if entry.row.attempts >= limit::OPEN_ATTEMPTS_MAX {
            return self.set_aside(&pending, Rejection::Unreadable);
        }
        if u64::from(entry.row.expires_h).saturating_mul(limit::HOUR_MS) <= now.wall_ms {
            return self.set_aside(&pending, Rejection::Expired);
        }
        if entry.record.is_some() {
            return self.journal(&pending);
        }
        entry.stage = Stage::Fetching;
        let key = entry.row.key;
        if self.config.hidden {
            return self.ask(now, Asked::Record(pending), |id| ToPod::Fetch { id, key });
        }
        let id = self.next_id();
        self.inbox.fetching.insert(id, pending);
        self.custody_command(now, custody::Command::Fetch { id, key });
    }

    /// Custody found the record, or did not; then the pod is asked as a last resort.
    pub(super) fn fetched(&mut self, now: Time, id: u64, result: Result<Record, Rejection>) {
        let Some(pending) = self.inbox.fetching.remove(&id) else {
            return;
        };
        let Some(entry) = self.inbox.pending.get_mut(&pending) else {
            return;
        };
        match result {
            Ok(record) => {
                entry.record = Some(record);
                self.journal(&pending);
            }
            Err(why) if is_final(why) => self.set_aside(&pending, as_fault(why)),
            Err(_) => {
                let key = entry.row.key;
                self.ask(now, Asked::Record(pending), |id| ToPod::Fetch { id, key });
            }
        }
    }

    pub(super) fn record_fetched(
        &mut self,
        now: Time,
        pending: &[u8],
        said: Result<Said, Rejection>,
    ) {
        let Some(entry) = self.inbox.pending.get_mut(pending) else {
            return;
        };
        let record = match said {
            Ok(Said::Fetched(bytes)) => record::parse_as(&entry.row.key, &bytes),
            _ => Err(Rejection::NoRecord),
        };
        match record {
            Ok(record) => {
                entry.record = Some(record);
                self.journal(pending);
            }
            Err(why) if is_final(why) => self.set_aside(pending, as_fault(why)),
            Err(_) => self.wait(now, pending),
        }
    }

    /// Puts off what cannot be had now.
    pub(super) fn wait(&mut self, now: Time, pending: &[u8]) {
        if let Some(entry) = self.inbox.pending.get_mut(pending) {
            entry.stage = Stage::Waiting;
            entry.due = now.after(entry.pause_ms);
            entry.pause_ms = entry
                .pause_ms
                .saturating_mul(2)
                .min(limit::FETCH_RETRY_MS.1);
        }
        self.opening_ended(pending);
        self.fetch_next(now);
    }

    /// Keeps a notification for the record, but tries it no more.
    pub(super) fn set_aside(&mut self, pending: &[u8], code: Rejection) {
        let Some(entry) = self.inbox.pending.get_mut(pending) else {
            return;
        };
        entry.stage = Stage::SetAside;
        entry.record = None;
        entry.row.set_aside = Some(code);
        let write = row::put(Table::Inbox, pending.to_vec(), &entry.row);
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        });
        self.out.push_back(Output::Event(Event::SetAside(code)));
        self.opening_ended(pending);
    }

    pub(super) fn inbox_online(&mut self, now: Time) {
        for entry in self.inbox.pending.values_mut() {
            entry.due = 0;
            entry.pause_ms = limit::FETCH_RETRY_MS.0;
        }
        self.fetch_next(now);
    }

    pub(super) fn inbox_tick(&mut self, now: Time) {
        // Written down without the pod, too: the tab may be gone before it is back.
        if self.inbox.receipts_at.is_some_and(|at| at <= now.mono_ms) {
            self.send_receipts(now);
        }
        if self.line.identified {
            self.fetch_next(now);
            self.release_due(now);
        }
    }
}

/// Whether what lies under a key is no record that can be opened here, whoever is asked.
const fn is_final(why: Rejection) -> bool {
    matches!(
        why,
        Rejection::Malformed | Rejection::Unsupported | Rejection::TooLarge
    )
}

/// What the person is told of it: the same as of any other record that cannot be opened.
const fn as_fault(why: Rejection) -> Rejection {
    match why {
        Rejection::Unsupported => why,
        _ => Rejection::Unreadable,
    }
}
