//! Loading what was written down before, table by table, before anything else happens.

use alloc::{string::String, vec::Vec};

use super::{
    Event, Seed, Status, Then,
    inbox::Pending,
    line::PodRow,
    outbox::Outgoing,
    row::{self, ContactRow, OutboxRow, PendingRow, setting},
};
use crate::{
    custody, limit,
    machine::{Batch, Output, Row, Scan, Table, Write},
    name::{Alias, Fingerprint, MessageId},
    time::Time,
};

/// The table being read.
#[derive(Clone, Copy)]
pub(super) struct Step(Table);

/// In which order; what a seed keeps for others is custody's to load.
const ORDER: [Table; 5] = [
    Table::Setting,
    Table::Contact,
    Table::Outbox,
    Table::Inbox,
    Table::Seen,
];

impl Seed {
    pub(super) fn load(&mut self, now: Time) {
        self.custody_command(now, custody::Command::Start);
        self.read_table(Step(Table::Setting), Vec::new());
    }

    fn read_table(&mut self, step: Step, from: Vec<u8>) {
        let scan = Scan::all(step.0, from, limit::ROWS_PAGE);
        self.recall(scan, Then::Load(step));
    }

    /// A page of a table came. A disk that cannot be read is read again: to start empty would
    /// be to forget.
    pub(super) fn loaded(&mut self, now: Time, step: Step, rows: Option<Vec<Row>>) {
        let Some(rows) = rows else {
            self.out.push_back(Output::Event(Event::SetAside(
                crate::rejection::Rejection::StorageFailed,
            )));
            return self.read_table(step, Vec::new());
        };
        for row in &rows {
            self.load_row(now, step.0, row);
        }
        let full = rows.len() >= usize::try_from(limit::ROWS_PAGE).unwrap_or(usize::MAX);
        if let (true, Some(last)) = (full, rows.last()) {
            return self.read_table(step, [last.key.as_slice(), &[0]].concat());
        }
        let next = ORDER.iter().skip_while(|table| **table != step.0).nth(1);
        match next {
            Some(table) => self.read_table(Step(*table), Vec::new()),
            None => self.own_tables_loaded(now),
        }
    }

    fn load_row(&mut self, now: Time, table: Table, row: &Row) {
        match table {
            Table::Setting => self.load_setting(row),
            Table::Contact => {
                let alias = core::str::from_utf8(&row.key)
                    .ok()
                    .and_then(|s| s.parse::<Alias>().ok());
                if let (Some(alias), Some(contact)) = (alias, row::read::<ContactRow>(row)) {
                    self.contacts.insert(alias, contact);
                }
            }
            Table::Outbox => {
                let id = MessageId::from_slice(&row.key).ok();
                if let (Some(id), Some(outgoing)) = (id, row::read::<OutboxRow>(row)) {
                    self.load_outgoing(now, id, outgoing);
                }
            }
            Table::Inbox => {
                if self.load_release(row) {
                    // It is looked at once the pod tells how far all devices have come.
                } else if let Some(arrival) = row::arrival_of(&row.key) {
                    self.arrivals.insert(arrival);
                } else if let Some(pending) = row::read::<PendingRow>(row) {
                    self.inbox
                        .pending
                        .insert(row.key.clone(), Pending::loaded(pending));
                }
            }
            Table::Seen => {
                let id = MessageId::from_slice(&row.key).ok();
                if let (Some(id), Some(forget_ms)) = (id, row::read::<u64>(row)) {
                    self.load_seen(now, id, forget_ms);
                }
            }
            Table::Record
            | Table::Binding
            | Table::Mailbox
            | Table::Notification
            | Table::Capability
            | Table::Outgoing
            | Table::Pod
            | Table::Watch
            | Table::Message => {}
        }
    }

    /// How far a message came is shown for as long as its id is remembered on the other side.
    fn load_outgoing(&mut self, now: Time, id: MessageId, row: OutboxRow) {
        let over = row.status >= Status::Notified
            && row.expires_ms.saturating_add(limit::SEEN_MS) <= now.wall_ms;
        if over {
            let write = Write::Delete(Table::Outbox, id.0.to_vec());
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes: alloc::vec![write],
            });
        } else {
            let mut outgoing = Outgoing::loaded(row);
            outgoing.watch_from(now);
            self.outbox.messages.insert(id, outgoing);
        }
    }

    fn load_seen(&mut self, now: Time, id: MessageId, forget_ms: u64) {
        if forget_ms > now.wall_ms {
            self.inbox.seen.insert(id, forget_ms);
        } else {
            let write = Write::Delete(Table::Seen, id.0.to_vec());
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes: alloc::vec![write],
            });
        }
    }

    fn load_setting(&mut self, row: &Row) {
        match row.key.as_slice() {
            setting::DEVICE => {
                if let Some(device) = row::read(row) {
                    self.settings.device = device;
                }
            }
            setting::CURSOR => self.inbox.cursor = row::read(row).unwrap_or_default(),
            setting::POD => {
                let pod: Option<PodRow> = row::read(row);
                self.settings.pod = pod.map(|pod| -> Fingerprint { pod.fingerprint });
            }
            setting::ALIAS => {
                let label: Option<String> = row::read(row);
                self.settings.alias = label.and_then(|label| label.parse().ok());
            }
            setting::ARRIVAL => self.settings.arrival = row::read(row).unwrap_or_default(),
            setting::OPENING => {
                let pending: Option<serde_bytes::ByteBuf> = row::read(row);
                self.crashed = pending.map(serde_bytes::ByteBuf::into_vec);
            }
            // Rows of the shell's own.
            _ => {}
        }
    }

    fn own_tables_loaded(&mut self, now: Time) {
        if self.settings.device.0 == [0; 16] {
            let (device, write) = self.make_device();
            self.settings.device = device;
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes: alloc::vec![write],
            });
        }
        if let Some(pending) = self.crashed.take() {
            self.crashed_on(&pending);
        }
        self.own_loaded = true;
        self.go(now);
    }

    /// Once everything is loaded: link to the pod, unless nobody shall see us, and take in what
    /// came meanwhile.
    pub(super) fn go(&mut self, now: Time) {
        if self.ready || !self.own_loaded || !self.custody_ready {
            return;
        }
        self.ready = true;
        self.out.push_back(Output::Event(Event::Ready));
        if self.config.hidden {
            // What an earlier run kept for others is let go.
            self.custody_command(now, custody::Command::Quota { bytes_max: 0 });
        } else {
            self.custody_command(now, custody::Command::Pod(self.config.pod.seed));
            self.link_pod();
        }
        while let Some(input) = self.early.pop_front() {
            self.take(now, input);
        }
    }
}
