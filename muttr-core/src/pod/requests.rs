//! What identified sessions ask for.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Asker, Errand, Event, Mailbox, Pod, Registration, Resolved,
    registry::{BindingRow, Plan},
};
use crate::{
    custody,
    envelope::{
        record::Record,
        stamp::{self, Stamp},
    },
    limit,
    machine::{Batch, Input, Kept, Need, Row, Scan, Table, Write},
    name::{Alias, Fingerprint, RecordKey},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::{SignedBinding, ToPod, ToSeed},
        store::Receipt,
    },
};

impl Pod {
    pub(super) fn message(&mut self, now: Time, channel: u64, message: ToPod) {
        match message {
            ToPod::Identify(_) => self.dismiss(now, channel, Rejection::Malformed),
            ToPod::Pong { .. } => {}
            ToPod::Ack { epoch, seq } => self.ack(now, channel, epoch, seq),
            ToPod::Heard { key } => self.lost_heard(channel, key),
            ToPod::Register { id, .. }
            | ToPod::Resolve { id, .. }
            | ToPod::Store { id, .. }
            | ToPod::Fetch { id, .. }
            | ToPod::Place { id, .. }
            | ToPod::Grant { id, .. }
            | ToPod::Revoke { id, .. }
            | ToPod::Count { id, .. }
            | ToPod::Notify { id, .. } => self.request(now, channel, id, message),
        }
    }

    fn request(&mut self, now: Time, channel: u64, id: u64, message: ToPod) {
        if id == 0 {
            return self.dismiss(now, channel, Rejection::Malformed);
        }
        let changes = match &message {
            // Another pod is troubled with it.
            ToPod::Resolve { alias, .. } => *alias.host() != self.config.host,
            message => !matches!(message, ToPod::Fetch { .. }),
        };
        let asker = Asker::Channel(channel, id);
        let admitted = self.admit(now, channel, changes);
        let result = admitted.and_then(|()| match message {
            ToPod::Register { binding, .. } => self.register(now, channel, asker, binding),
            ToPod::Resolve { alias, .. } => {
                let who = self
                    .who(channel)
                    .map(|(certificate, _)| certificate.fingerprint());
                self.resolve(now, asker, &alias, who)
            }
            ToPod::Store { record, stamp, .. } => self.store(now, asker, &record, &stamp),
            ToPod::Fetch { key, .. } => {
                self.fetch(now, asker, key);
                Ok(())
            }
            ToPod::Place { key, copies, .. } => self.place(now, asker, key, copies),
            ToPod::Notify {
                to, notification, ..
            } => self.notify(now, channel, asker, &to, notification),
            ToPod::Grant { hash, .. } => self.grant(channel, asker, hash),
            ToPod::Revoke { hash, .. } => self.revoke(channel, asker, hash),
            ToPod::Count {
                key, deletion_hash, ..
            } => {
                self.count_for(now, asker, key, deletion_hash);
                Ok(())
            }
            ToPod::Identify(_) | ToPod::Pong { .. } | ToPod::Ack { .. } | ToPod::Heard { .. } => {
                Ok(())
            }
        });
        if let Err(why) = result {
            self.reject(asker, why);
        }
    }

    /// Whose an alias of this pod is.
    pub(super) fn owner_of(&self, now: Time, alias: &Alias) -> Result<Fingerprint, Rejection> {
        if *alias.host() != self.config.host {
            return Err(Rejection::ForeignPod);
        }
        self.registry.current(now, alias.label())
    }

    /// Looks an alias up. Its owner may see a binding that ran out: renewing it needs the old one.
    /// Where somebody moved to stands in the binding.
    pub(super) fn resolve(
        &mut self,
        now: Time,
        asker: Asker,
        alias: &Alias,
        who: Option<Fingerprint>,
    ) -> Result<(), Rejection> {
        if *alias.host() != self.config.host && matches!(asker, Asker::Channel(..)) {
            return self.resolve_elsewhere(now, asker, alias);
        }
        match self.owner_of(now, alias) {
            Err(Rejection::BindingExpired)
                if who.is_some() && who == self.registry.owner(alias.label()) => {}
            Err(Rejection::Moved) => {}
            other => drop(other?),
        }
        let scan = Scan::one(Table::Binding, alias.label().as_str().as_bytes());
        self.recall(Errand::Resolve(asker), scan);
        Ok(())
    }

    pub(super) fn resolve_recalled(&mut self, asker: Asker, rows: Option<Vec<Row>>) {
        match (asker, only_row(rows)) {
            (asker, Err(why)) => self.reject(asker, why),
            (Asker::Pod(_), Ok(_)) => {}
            (Asker::Channel(..), Ok(row)) => {
                self.answer(asker, Ok(row), |id, row| ToSeed::Resolved {
                    id,
                    binding: row.signed,
                    certificate: row.certificate,
                })
            }
            (Asker::Shell(id), Ok(row)) => {
                let found = Resolved {
                    binding: row.signed,
                    certificate: row.certificate,
                };
                self.tell_shell(Event::Resolved {
                    id,
                    result: Ok(Box::new(found)),
                });
            }
        }
    }

    fn register(
        &mut self,
        now: Time,
        channel: u64,
        asker: Asker,
        signed: SignedBinding,
    ) -> Result<(), Rejection> {
        let (certificate, _) = self.who(channel).ok_or(Rejection::Unidentified)?;
        let owner = certificate.fingerprint();
        let (label, plan) = self
            .registry
            .plan(now, &self.config.host, certificate, &signed)?;
        let row = BindingRow {
            signed,
            certificate: certificate.bytes().to_vec(),
        };
        let (owned, renews) = match plan {
            Plan::Already(_) if self.mailboxes.contains_key(&owner) => {
                let epoch = self.mailboxes.get(&owner).map_or(0, Mailbox::epoch);
                self.answer(asker, Ok(epoch), |id, epoch| ToSeed::Registered {
                    id,
                    epoch,
                });
                return Ok(());
            }
            Plan::Take(owned) => (owned, false),
            // The same again brings back a mailbox whose row was lost.
            Plan::Already(owned) | Plan::Renew(owned) => (owned, true),
        };
        self.registry.begin(&label, owner);
        let mailbox = (!self.mailboxes.contains_key(&owner)).then(|| Mailbox::new(self.draw()));
        let registration = Registration {
            asker,
            owner,
            label,
            owned,
            row,
            mailbox,
        };
        if renews {
            let scan = Scan::one(Table::Binding, registration.key());
            self.recall(Errand::Renew(Box::new(registration)), scan);
        } else {
            let need = Need::Absent(Table::Binding, registration.key().to_vec());
            self.bind(registration, need);
        }
        Ok(())
    }

    fn bind(&mut self, registration: Registration, need: Need) {
        let key = registration.key().to_vec();
        let row = Row {
            key,
            value: wire::encode(&registration.row),
        };
        let mut writes = Vec::from([Write::Put(Table::Binding, row)]);
        if let Some(mailbox) = &registration.mailbox {
            writes.push(mailbox.state_row(&registration.owner));
        }
        self.keep(
            Errand::Bind(Box::new(registration)),
            Batch {
                needs: [need].into(),
                writes,
            },
        );
    }

    /// The row that a renewal replaces: it must not change until the new one is written.
    pub(super) fn renew_recalled(
        &mut self,
        registration: Box<Registration>,
        rows: Option<Vec<Row>>,
    ) {
        match rows.and_then(|rows| rows.into_iter().next()) {
            Some(row) => {
                let need = Need::Equal(Table::Binding, row.key, row.value);
                self.bind(*registration, need);
            }
            None => {
                self.registry.end(&registration.label, None);
                self.reject(registration.asker, Rejection::StorageFailed);
            }
        }
    }

    pub(super) fn bind_kept(&mut self, now: Time, registration: Box<Registration>, kept: Kept) {
        let why = match kept {
            Kept::Ok => return self.bound(now, *registration),
            Kept::Full => Rejection::Full,
            Kept::Failed => Rejection::StorageFailed,
            Kept::Conflict => {
                // What we know of this alias is older than what is written; look again.
                let scan = Scan::one(Table::Binding, registration.key());
                return self.recall(Errand::Reread(registration), scan);
            }
        };
        self.registry.end(&registration.label, None);
        self.reject(registration.asker, why);
    }

    fn bound(&mut self, now: Time, registration: Registration) {
        let Registration {
            asker,
            owner,
            label,
            owned,
            mailbox,
            ..
        } = registration;
        self.registry.end(&label, Some(owned));
        if let Some(mut mailbox) = mailbox {
            mailbox.state_kept();
            self.mailboxes.entry(owner).or_insert(mailbox);
            for (device, _) in self.sessions_of(owner) {
                // A new mailbox has room for everyone who is there, or else they come later.
                let _ = self.enter(now, owner, device, (0, 0));
            }
        }
        let epoch = self.mailboxes.get(&owner).map_or(0, Mailbox::epoch);
        self.answer(asker, Ok(epoch), |id, epoch| ToSeed::Registered {
            id,
            epoch,
        });
    }

    pub(super) fn reread(&mut self, registration: Box<Registration>, rows: Option<Vec<Row>>) {
        self.registry.end(&registration.label, None);
        let row = rows.and_then(|rows| rows.into_iter().next());
        let Registration {
            asker,
            owner,
            label,
            owned,
            row: ours,
            mailbox,
        } = *registration;
        let why = match row {
            // An earlier attempt was written after all, though the disk said otherwise.
            Some(row) if BindingRow::read(&row.value).as_ref() == Ok(&ours) => {
                let registration = Registration {
                    asker,
                    owner,
                    label,
                    owned,
                    row: ours,
                    mailbox,
                };
                self.registry.begin(&registration.label, owner);
                let need = Need::Equal(Table::Binding, row.key, row.value);
                return self.bind(registration, need);
            }
            Some(row) => {
                let loaded = self.registry.load(&row).is_ok();
                let others = loaded && self.registry.owner(&label) != Some(owner);
                if others {
                    Rejection::AliasTaken
                } else {
                    Rejection::BindingStale
                }
            }
            None => Rejection::StorageFailed,
        };
        self.reject(asker, why);
    }

    fn store(
        &mut self,
        now: Time,
        asker: Asker,
        record: &[u8],
        stamp: &[u8],
    ) -> Result<(), Rejection> {
        let record = Record::parse(record)?;
        record.check_time(now)?;
        let stamp = Some(self.check_stamp(&record.key(), stamp)?);
        let id = self.errand(Errand::Store(asker, *record.deletion_hash()));
        let keep = custody::Command::Keep { id, record, stamp };
        self.in_custody(now, Input::Command(keep));
        Ok(())
    }

    /// Whether this is a good stamp for a record.
    pub(super) fn check_stamp(&self, key: &RecordKey, bytes: &[u8]) -> Result<Stamp, Rejection> {
        stamp::check(self.config.custody.stamp_bits, key, bytes)
    }

    /// A record that one of our people handed over is durable.
    pub(super) fn stored(
        &mut self,
        now: Time,
        asker: Asker,
        receipt: &Receipt,
        deletion_hash: [u8; 32],
    ) {
        let Asker::Channel(channel, _) = asker else {
            return;
        };
        if let Some((certificate, device)) = self.who(channel) {
            let who = (certificate.fingerprint(), device);
            self.watch(now, who, receipt, deletion_hash);
        }
    }

    /// The stamp of a record that somebody wants placed.
    fn stamp_for(&self, asker: Asker, key: &RecordKey) -> Option<Stamp> {
        let Asker::Channel(channel, _) = asker else {
            return None;
        };
        let (certificate, _) = self.who(channel)?;
        self.stamp_of(certificate.fingerprint(), key)
    }

    fn fetch(&mut self, now: Time, asker: Asker, key: RecordKey) {
        let id = self.errand(Errand::Fetch(asker));
        self.in_custody(now, Input::Command(custody::Command::Fetch { id, key }));
    }

    /// Places copies for somebody who has no links of their own. The record is looked for first,
    /// as for a fetch: as a rule it lies here.
    fn place(
        &mut self,
        now: Time,
        asker: Asker,
        key: RecordKey,
        copies: u8,
    ) -> Result<(), Rejection> {
        let copies = usize::from(copies);
        if copies == 0 || copies > limit::HOLDERS {
            return Err(Rejection::Malformed);
        }
        let id = self.errand(Errand::Place(asker, copies));
        self.in_custody(now, Input::Command(custody::Command::Fetch { id, key }));
        Ok(())
    }

    pub(super) fn place_fetched(
        &mut self,
        now: Time,
        asker: Asker,
        copies: usize,
        found: Result<Record, Rejection>,
    ) {
        let record = match found {
            Ok(record) => record,
            Err(why) => return self.reject(asker, why),
        };
        // Whoever had it kept here gave us its stamp. For others nothing is searched.
        let stamp = self.stamp_for(asker, &record.key());
        if stamp.is_none() {
            return self.reject(asker, Rejection::NoStamp);
        }
        let id = self.errand(Errand::Placing(asker));
        let store = custody::Command::Store {
            id,
            record,
            stamp,
            copies,
        };
        self.in_custody(now, Input::Command(store));
    }

    /// A placing was reported; for a while receipts may still follow.
    pub(super) fn placed(&mut self, now: Time, id: u64) {
        while let Some(&(until, over)) = self.placed.front()
            && until <= now.mono_ms
        {
            self.placed.pop_front();
            self.errands.remove(&over);
        }
        let Some(Errand::Placing(asker)) = self.errands.get(&id) else {
            return;
        };
        let asker = *asker;
        self.placed.push_back((now.after(limit::STORE_TAIL_MS), id));
        self.answer(asker, Ok(()), |id, ()| ToSeed::Placed { id });
    }
}

impl Registration {
    fn key(&self) -> &[u8] {
        self.label.as_str().as_bytes()
    }
}

fn only_row(rows: Option<Vec<Row>>) -> Result<BindingRow, Rejection> {
    let rows = rows.ok_or(Rejection::StorageFailed)?;
    let row = rows.first().ok_or(Rejection::NotFound)?;
    BindingRow::read(&row.value).map_err(|_| Rejection::StorageFailed)
}
