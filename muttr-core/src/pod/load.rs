//! How a pod gets up, and the hourly round through its mailboxes.

use alloc::vec::Vec;

use super::{Errand, Event, Mailbox, Pod};
use crate::{
    custody, limit,
    machine::{Input, Row, Scan, Table},
    name::Fingerprint,
    session,
    time::Time,
};

/// Rows read at once.
const PAGE_ROWS: u32 = 512;
/// Pause before the disk is asked again.
const RETRY_MS: u64 = 1_000;
/// The tables read at the start, in this order: a notification needs its mailbox.
const TABLES: [Table; 8] = [
    Table::Setting,
    Table::Binding,
    Table::Mailbox,
    Table::Notification,
    Table::Capability,
    Table::Pod,
    Table::Outgoing,
    Table::Watch,
];
/// Mailboxes looked through in one go, and the pause between two goes.
const SWEEP_MAILBOXES: usize = 256;
const SWEEP_PAUSE_MS: u64 = 1_000;

/// How far the start came.
#[derive(Debug)]
pub(super) enum Stage {
    /// Not begun.
    Idle,
    /// Reading one of [`TABLES`], from a key on.
    Loading(Progress),
    /// The same, after the disk failed; to go on at a time.
    Waiting(Progress, u64),
    /// Custody reads what it holds.
    Custody,
    /// Serving.
    Ready,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    table: usize,
    from: Vec<u8>,
    unreadable: usize,
}

impl Stage {
    pub(super) const fn deadline(&self) -> Option<u64> {
        match self {
            Self::Waiting(_, at) => Some(*at),
            _ => None,
        }
    }
}

/// Where the hourly round stands.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    next_ms: Option<u64>,
    from: Option<Fingerprint>,
}

impl Sweep {
    pub(super) const fn deadline(&self) -> Option<u64> {
        self.next_ms
    }
}

impl Pod {
    pub(super) fn start(&mut self, now: Time) {
        if !matches!(self.stage, Stage::Idle) {
            return;
        }
        let key = session::public_key(&self.config.noise_secret);
        let signed = session::pod_key_bytes(&self.config.host, &key);
        let identity = &self.config.identity;
        self.proof.signature = identity.prove(&mut self.rng, now, session::POD_KEY_LABEL, &signed);
        self.load(Progress::default(), now);
    }

    fn load(&mut self, progress: Progress, now: Time) {
        let Some(&table) = TABLES.get(progress.table) else {
            self.stage = Stage::Custody;
            if progress.unreadable > 0 {
                self.tell_shell(Event::RowsUnreadable(progress.unreadable));
            }
            return self.in_custody(now, Input::Command(custody::Command::Start));
        };
        let scan = Scan::all(table, progress.from.clone(), PAGE_ROWS);
        self.stage = Stage::Loading(progress);
        self.recall(Errand::Load, scan);
    }

    pub(super) fn loaded(&mut self, now: Time, rows: Option<Vec<Row>>) {
        let Stage::Loading(progress) = &mut self.stage else {
            return;
        };
        let mut progress = core::mem::take(progress);
        let Some(rows) = rows else {
            self.stage = Stage::Waiting(progress, now.after(RETRY_MS));
            return self.tell_shell(Event::ReadFailed);
        };
        for row in &rows {
            if self.load_row(now, progress.table, row).is_none() {
                progress.unreadable = progress.unreadable.saturating_add(1);
            }
        }
        match rows.last() {
            Some(last) if rows.len() >= PAGE_ROWS as usize => {
                progress.from = [last.key.as_slice(), &[0]].concat();
            }
            _ => {
                progress.table = progress.table.saturating_add(1);
                progress.from.clear();
            }
        }
        self.load(progress, now);
    }

    fn load_row(&mut self, now: Time, table: usize, row: &Row) -> Option<()> {
        match TABLES.get(table)? {
            Table::Setting => self.load_setting(row),
            Table::Capability => self.load_capability(row),
            Table::Pod => self.load_pod(now, row),
            Table::Outgoing => self.load_outgoing(now, row),
            Table::Watch => self.load_watch(row),
            Table::Binding => self.registry.load(row).ok(),
            Table::Mailbox => {
                let (owner, mailbox) = Mailbox::load(row).ok()?;
                self.mailboxes.insert(owner, mailbox);
                Some(())
            }
            _ => {
                let (owner, seq) = Mailbox::read_key(&row.key)?;
                self.mailboxes
                    .get_mut(&owner)?
                    .load_entry(seq, &row.value)
                    .ok()
            }
        }
    }

    pub(super) fn ready(&mut self, now: Time) {
        if matches!(self.stage, Stage::Custody) {
            self.stage = Stage::Ready;
            self.sweep.next_ms = Some(now.after(SWEEP_PAUSE_MS));
            self.federation_ready(now);
            self.watches_ready(now);
            self.tell_shell(Event::Ready);
        }
    }

    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    /// Does what has become due.
    pub(super) fn look_after(&mut self, now: Time) {
        if let Stage::Waiting(progress, at) = &mut self.stage
            && *at <= now.mono_ms
        {
            let progress = core::mem::take(progress);
            self.load(progress, now);
        }
        self.look_after_channels(now);
        self.look_after_pods(now);
        self.look_after_watches(now);
        if self.sweep.next_ms.is_some_and(|at| at <= now.mono_ms) {
            self.sweep(now);
        }
    }

    /// A part of the round: lets go of what mailboxes need no longer.
    fn sweep(&mut self, now: Time) {
        let present = self.sessions.keys();
        for (owner, device) in present {
            if let Some(mailbox) = self.mailboxes.get_mut(owner) {
                mailbox.seen(now, device);
            }
        }
        let from = self.sweep.from.take().unwrap_or(Fingerprint([0; 32]));
        let mut left = self.mailboxes.range_mut(from..);
        for (owner, mailbox) in left.by_ref().take(SWEEP_MAILBOXES) {
            mailbox.prune(now);
            self.touched.insert(*owner);
        }
        self.sweep.from = left.next().map(|(owner, _)| *owner);
        if self.sweep.from.is_none() {
            self.prune_outgoing(now);
            self.prune_watches(now);
            let rate = self.notify_rate();
            self.notifiers
                .retain(|_, allowance| !allowance.is_full(now, rate));
        }
        let pause = if self.sweep.from.is_some() {
            SWEEP_PAUSE_MS
        } else {
            limit::HOUR_MS
        };
        self.sweep.next_ms = Some(now.after(pause));
    }
}
