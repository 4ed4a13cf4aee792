//! Opening what was fetched: journalled before it begins, durable before it is told of.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Event, Seed, Status, Then,
    inbox::{Author, Stage},
    line::{Asked, Said},
    row::{self, ContactRow, MessageRow},
};
use crate::{
    envelope::{self, Fault, Opened, Progress},
    keyring::Certificate,
    limit,
    machine::{Batch, Kept, Output, Table, Write},
    name::{Alias, Fingerprint, MessageId},
    rejection::{Rejection, Retry},
    time::Time,
    wire::channel::ToPod,
};

impl Seed {
    /// Writes down that opening begins; one message at a time, so that whoever reads the entry
    /// after a crash knows whose opening did not end.
    pub(super) fn journal(&mut self, pending: &[u8]) {
        let Some(entry) = self.inbox.pending.get_mut(pending) else {
            return;
        };
        if self.inbox.opening.is_some() {
            entry.stage = Stage::Ready;
            return;
        }
        entry.stage = Stage::Journalling;
        self.inbox.opening = Some(pending.to_vec());
        let value = serde_bytes::ByteBuf::from(pending.to_vec());
        let write = row::put(Table::Setting, row::setting::OPENING.to_vec(), &value);
        let batch = Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        };
        self.keep(batch, Then::Journalled(pending.to_vec()));
    }

    /// The journal entry is durable: open.
    pub(super) fn journalled(&mut self, now: Time, pending: &[u8], kept: Kept) {
        if kept == Kept::Ok {
            self.open(now, pending);
        } else {
            self.wait(now, pending);
        }
    }

    /// Opening ended, whatever it came to: take the entry out of the journal, open the next.
    pub(super) fn opening_ended(&mut self, pending: &[u8]) {
        if self.inbox.opening.as_deref() != Some(pending) {
            return;
        }
        self.inbox.opening = None;
        let write = Write::Delete(Table::Setting, row::setting::OPENING.to_vec());
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        });
        let ready = self
            .inbox
            .pending
            .iter()
            .find(|(_, p)| p.stage == Stage::Ready);
        if let Some(next) = ready.map(|(key, _)| key.clone()) {
            self.journal(&next);
        }
    }

    pub(super) fn open(&mut self, now: Time, pending: &[u8]) {
        let Some(entry) = self.inbox.pending.get(pending) else {
            return;
        };
        let (Some(record), Some(identity)) = (&entry.record, &self.config.identity) else {
            return;
        };
        let contacts = &self.contacts;
        let known = |fingerprint: &Fingerprint| match &entry.author {
            Author::Named(author) if author.fingerprint() == *fingerprint => {
                Some(author.as_ref().clone())
            }
            _ => {
                let contact = contacts.values().find(|c| c.fingerprint == *fingerprint)?;
                Certificate::parse(&contact.certificate, now).ok()
            }
        };
        match envelope::open(now, identity, record, &known) {
            Ok(opened) => self.opened(now, pending, opened),
            Err(Fault::UnknownSender { alias, .. }) if entry.author == Author::Unasked => {
                self.ask_author(now, pending, alias);
            }
            Err(fault) => self.set_aside(pending, fault.code()),
        }
    }

    pub(super) fn ask_author(&mut self, now: Time, pending: &[u8], alias: Alias) {
        if let Some(entry) = self.inbox.pending.get_mut(pending) {
            entry.stage = Stage::Asking;
        }
        self.opening_ended(pending);
        let asked = Asked::Author(pending.to_vec(), alias.clone());
        self.ask(now, asked, |id| ToPod::Resolve { id, alias });
    }

    /// Whose key signed it is known; whether the pod binds the author's alias to that key may
    /// still have to be asked.
    pub(super) fn opened(&mut self, now: Time, pending: &[u8], opened: Opened) {
        if let Some(entry) = self.inbox.pending.get_mut(pending) {
            entry.token = Some(opened.payload.deletion_token);
        }
        let from = opened.payload.from.alias.clone();
        let fingerprint = opened.sender.fingerprint();
        if self.inbox.seen.contains_key(&opened.payload.id) {
            return self.finish(
                now,
                pending,
                Vec::new(),
                None,
                Then::Forgotten(pending.to_vec(), None),
            );
        }
        let contact = self
            .contacts
            .get(&from)
            .filter(|c| !c.certificate.is_empty());
        if let Some(pinned) = contact.map(|contact| contact.fingerprint) {
            return self.take_in(now, pending, opened, pinned == fingerprint);
        }
        // First contact: the pod's binding is what there is to go by.
        let author = self
            .inbox
            .pending
            .get(pending)
            .map(|entry| entry.author.clone());
        match author {
            Some(Author::Unasked) => self.ask_author(now, pending, from),
            Some(Author::Named(author)) if author.fingerprint() == fingerprint => {
                let contact = ContactRow::known(&author);
                self.contacts.entry(from).or_insert(contact);
                self.take_in(now, pending, opened, true);
            }
            Some(Author::Named(_) | Author::Nobody) => self.take_in(now, pending, opened, false),
            None => {}
        }
    }

    pub(super) fn author_known(
        &mut self,
        now: Time,
        pending: &[u8],
        alias: &Alias,
        said: Result<Said, Rejection>,
    ) {
        let Some(entry) = self.inbox.pending.get_mut(pending) else {
            return;
        };
        match said.and_then(|said| super::people::named_by(now, alias, said)) {
            Ok(named) => entry.author = Author::Named(Box::new(named.certificate)),
            // Their pod may be back soon; but who wrote nothing else is not kept back for days.
            Err(code) if code.retry() == Retry::Later => {
                entry.author_asked = entry.author_asked.saturating_add(1);
                if entry.author_asked < limit::AUTHOR_ASKS_MAX || !self.line.identified {
                    return self.wait(now, pending);
                }
                entry.author = Author::Nobody;
            }
            // Nobody vouches for the alias: shown, but not as verified.
            Err(_) => entry.author = Author::Nobody,
        }
        self.journal(pending);
    }

    /// A message is open and signed: write it down, then tell of it.
    pub(super) fn take_in(&mut self, now: Time, pending: &[u8], opened: Opened, verified: bool) {
        let payload = opened.payload;
        let id = payload.id;
        let forget_ms = now.wall_ms.saturating_add(limit::SEEN_MS);
        let mut writes = alloc::vec![row::put(Table::Seen, id.0.to_vec(), &forget_ms)];
        if payload.kind == envelope::Kind::Receipt {
            if verified && let Ok(receipt) = payload.read_receipt() {
                let read = receipt.state == Progress::Read;
                let status = if read { Status::Read } else { Status::Fetched };
                writes.extend(self.receipts_from(&payload.from.alias, &receipt.ids, status));
            }
            return self.finish(
                now,
                pending,
                writes,
                Some((id, forget_ms)),
                Then::Forgotten(pending.to_vec(), Some(id)),
            );
        }
        let blocked = self
            .contacts
            .get(&payload.from.alias)
            .is_some_and(|contact| contact.blocked);
        if blocked {
            return self.finish(
                now,
                pending,
                writes,
                Some((id, forget_ms)),
                Then::Forgotten(pending.to_vec(), Some(id)),
            );
        }
        if verified
            && !payload.capability.is_empty()
            && let Some(contact) = self.contacts.get_mut(&payload.from.alias)
        {
            contact.capability = payload.capability;
        }
        let arrival = self.settings.arrival.saturating_add(1);
        self.settings.arrival = arrival;
        let message = MessageRow {
            id,
            from: payload.from.alias,
            to: payload.to.alias,
            outgoing: false,
            sent_ms: payload.sent_ms,
            at_ms: now.wall_ms,
            arrival,
            content_type: payload.content_type,
            body: payload.body,
            reply_to: payload.reply_to,
            verified,
            newer: matches!(payload.kind, envelope::Kind::Unknown(_)),
            receipt: payload.wants_receipt,
        };
        writes.push(self.contact_touched(&message));
        writes.push(row::put(Table::Message, message.key(), &message));
        let pointer = serde_bytes::ByteBuf::from(message.key());
        writes.push(row::put(Table::Inbox, row::arrival_key(arrival), &pointer));
        writes.push(row::put(
            Table::Setting,
            row::setting::ARRIVAL.to_vec(),
            &arrival,
        ));
        self.finish(
            now,
            pending,
            writes,
            Some((id, forget_ms)),
            Then::Arrived(pending.to_vec(), Box::new(message)),
        );
    }

    /// Writes what opening came to and takes the notification off the list, in one batch.
    pub(super) fn finish(
        &mut self,
        now: Time,
        pending: &[u8],
        mut writes: Vec<Write>,
        seen: Option<(MessageId, u64)>,
        then: Then,
    ) {
        if let Some((id, forget_ms)) = seen {
            self.inbox.seen.insert(id, forget_ms);
        }
        if let Some(entry) = self.inbox.pending.get_mut(pending) {
            entry.stage = Stage::Keeping;
        }
        writes.push(Write::Delete(Table::Inbox, pending.to_vec()));
        writes.extend(self.release_write(now, pending));
        self.keep(
            Batch {
                needs: Vec::new(),
                writes,
            },
            then,
        );
    }

    /// A message is durable, or is not.
    pub(super) fn arrived(&mut self, now: Time, pending: &[u8], message: MessageRow, kept: Kept) {
        if kept != Kept::Ok {
            self.inbox.seen.remove(&message.id);
            return self.wait(now, pending);
        }
        let release = self.release_write(now, pending);
        self.owe_release(now, release);
        self.inbox.pending.remove(pending);
        self.opening_ended(pending);
        let contact = self.contacts.get(&message.from);
        if message.receipt && contact.is_some_and(|contact| contact.accepted) {
            self.owe_receipt(now, message.from.clone(), message.id, Status::Fetched);
        }
        let contact = self.contacts.get(&message.from).cloned();
        let view = message.view(contact.as_ref(), None);
        self.out
            .push_back(Output::Event(Event::Message(Box::new(view))));
        self.fetch_next(now);
    }

    /// Something that is not shown was dealt with, or was not.
    pub(super) fn forgotten(
        &mut self,
        now: Time,
        pending: &[u8],
        seen: Option<MessageId>,
        kept: Kept,
    ) {
        if kept == Kept::Ok {
            let release = self.release_write(now, pending);
            self.owe_release(now, release);
            self.inbox.pending.remove(pending);
            self.opening_ended(pending);
            self.fetch_next(now);
        } else {
            if let Some(id) = seen {
                self.inbox.seen.remove(&id);
            }
            self.wait(now, pending);
        }
    }

    /// Opening this one did not end the last time.
    pub(super) fn crashed_on(&mut self, pending: &[u8]) {
        let Some(entry) = self.inbox.pending.get_mut(pending) else {
            return;
        };
        entry.row.attempts = entry.row.attempts.saturating_add(1);
        let writes = alloc::vec![
            row::put(Table::Inbox, pending.to_vec(), &entry.row),
            Write::Delete(Table::Setting, row::setting::OPENING.to_vec()),
        ];
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes,
        });
    }
}
