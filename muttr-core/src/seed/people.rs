//! Own aliases, and what is known of the people we write to and hear from.

use alloc::vec::Vec;

use rand_chacha::ChaCha20Rng;

use super::{
    ContactView, Done, Judgement, Seed, Then, Trust,
    line::{Asked, Said},
    row::{self, ContactRow, Content, ContentKind, MessageRow, OutboxRow},
};
use crate::{
    envelope::{self, Correspondence, Payload, ReadReceipt, record::Record},
    keyring::{Certificate, binding},
    limit,
    machine::{Batch, Kept, Table, Write},
    name::{Alias, Fingerprint, Label, MessageId},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::{Binding, ToPod},
    },
};

impl ContactRow {
    /// Someone of whom nothing is known yet but the alias.
    const fn unknown() -> Self {
        Self {
            certificate: Vec::new(),
            fingerprint: Fingerprint([0; 32]),
            trust: Trust::Unverified,
            offered: Vec::new(),
            accepted: false,
            blocked: false,
            sent: 0,
            previous: Vec::new(),
            unread: 0,
            last_ms: 0,
            last: Vec::new(),
            given: Vec::new(),
            granted: false,
            capability: Vec::new(),
            moved_to: None,
        }
    }

    pub(super) fn known(certificate: &Certificate) -> Self {
        let fingerprint = certificate.fingerprint();
        Self {
            certificate: certificate.bytes().to_vec(),
            fingerprint,
            ..Self::unknown()
        }
    }

    /// What the application sees. A key that is offered and not believed shows as a change.
    pub(super) fn view(&self, alias: &Alias) -> ContactView {
        let trust = if self.offered.is_empty() {
            self.trust
        } else {
            Trust::KeyChanged
        };
        ContactView {
            alias: alias.clone(),
            fingerprint: self.fingerprint,
            trust,
            accepted: self.accepted,
            blocked: self.blocked,
            moved_to: self.moved_to.clone(),
        }
    }
}

impl Seed {
    /// Our own alias with its host, once we have one.
    #[must_use]
    pub fn own_alias(&self) -> Option<Alias> {
        let label = self.settings.alias.clone()?;
        Some(Alias::new(label, self.config.host.clone()))
    }

    /// The application wants an alias.
    pub(super) fn register(&mut self, now: Time, id: u64, label: Label) {
        if self.config.identity.is_none() {
            return self.done(id, Err(Rejection::NoIdentity));
        }
        if label.is_reserved() {
            return self.done(id, Err(Rejection::AliasReserved));
        }
        self.begin_binding(now, Some(id), label, None);
    }

    /// The application leaves an alias that is ours for another one.
    pub(super) fn move_away(&mut self, now: Time, id: u64, label: Label, to: Alias) {
        if self.config.identity.is_none() {
            return self.done(id, Err(Rejection::NoIdentity));
        }
        if Alias::new(label.clone(), self.config.host.clone()) == to {
            return self.done(id, Err(Rejection::AliasInvalid));
        }
        if self.line.identified && !self.line.aliases.contains(&label) {
            return self.done(id, Err(Rejection::NotFound));
        }
        self.begin_binding(now, Some(id), label, Some(to));
    }

    /// A binding builds on the one before it, so that one has to be known first.
    fn begin_binding(&mut self, now: Time, id: Option<u64>, label: Label, to: Option<Alias>) {
        if !self.line.aliases.contains(&label) {
            return self.send_binding(now, id, label, (1, None), to.as_ref());
        }
        let alias = Alias::new(label.clone(), self.config.host.clone());
        self.ask(now, Asked::OwnBinding(id, label, to), |id| ToPod::Resolve {
            id,
            alias,
        });
    }

    pub(super) fn own_binding(
        &mut self,
        now: Time,
        id: Option<u64>,
        label: Label,
        to: Option<Alias>,
        said: Result<Said, Rejection>,
    ) {
        let current = match said {
            Ok(Said::Resolved { binding, .. }) => binding,
            // Expired, but ours: the pod says so in the welcome. Its chain starts anew.
            Err(Rejection::BindingExpired | Rejection::NotFound) => {
                return self.send_binding(now, id, label, (1, None), to.as_ref());
            }
            Ok(_) => return self.failed(id, Rejection::Malformed),
            Err(code) => return self.failed(id, code),
        };
        let decoded = wire::decode::<Binding>(&current.binding, limit::CERTIFICATE_BYTES_MAX);
        let Ok(fields) = decoded else {
            return self.failed(id, Rejection::Malformed);
        };
        let fresh_until = fields
            .not_after_ms
            .saturating_sub(limit::BINDING_LIFE_MAX_MS)
            .saturating_add(limit::BINDING_RENEW_MS);
        let same = self.config.identity.as_ref().is_some_and(|identity| {
            fields.certificate_hash.as_slice() == identity.certificate().hash().as_slice()
        });
        let before = binding::moved_to(&fields);
        // Who has moved stays so until they say otherwise; a renewal is none of their doing.
        let to = if id.is_none() { before.clone() } else { to };
        if same && to == before && now.wall_ms < fresh_until {
            let alias = Alias::new(label, self.config.host.clone());
            return self.registered(id, alias, Ok(Said::Registered));
        }
        let chain = (fields.seq.saturating_add(1), Some(binding::hash(&current)));
        self.send_binding(now, id, label, chain, to.as_ref());
    }

    fn send_binding(
        &mut self,
        now: Time,
        id: Option<u64>,
        label: Label,
        (seq, previous): (u64, Option<[u8; 32]>),
        to: Option<&Alias>,
    ) {
        let alias = Alias::new(label, self.config.host.clone());
        let Some(identity) = self.config.identity.as_ref() else {
            return self.failed(id, Rejection::NoIdentity);
        };
        let rng = &mut self.rng;
        let binding = match to {
            Some(to) => binding::sign_moved(identity, rng, now, &alias, (seq, previous), to),
            None => binding::sign(identity, rng, now, &alias, seq, previous),
        };
        self.ask(now, Asked::Register(id, alias), |id| ToPod::Register {
            id,
            binding,
        });
    }

    pub(super) fn registered(
        &mut self,
        id: Option<u64>,
        alias: Alias,
        said: Result<Said, Rejection>,
    ) {
        if let Err(code) = said {
            return self.failed(id, code);
        }
        if !self.line.aliases.contains(alias.label()) {
            self.line.aliases.push(alias.label().clone());
        }
        let Some(id) = id else { return };
        // Durable here too before the application hears of it.
        self.settings.alias = Some(alias.label().clone());
        let write = row::put(Table::Setting, row::setting::ALIAS.to_vec(), alias.label());
        let batch = Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        };
        self.keep(batch, Then::Answer(id, Done::Registered(alias)));
    }

    /// Renews what is due, unasked, each time the pod is reached.
    pub(super) fn renew_aliases(&mut self, now: Time) {
        for label in self.line.aliases.clone() {
            self.begin_binding(now, None, label, None);
        }
    }

    /// The application wants to know whose an alias is.
    pub(super) fn lookup(&mut self, now: Time, id: u64, alias: Alias) {
        if !self.line.identified
            && let Some(contact) = self.contacts.get(&alias)
            && !contact.certificate.is_empty()
        {
            let view = contact.view(&alias);
            return self.done(id, Ok(Done::Contact(view)));
        }
        let question = alias.clone();
        self.ask(now, Asked::Lookup(id, alias), |id| ToPod::Resolve {
            id,
            alias: question,
        });
    }

    pub(super) fn looked_up(
        &mut self,
        now: Time,
        id: u64,
        alias: Alias,
        said: Result<Said, Rejection>,
    ) {
        // Nobody has a reserved label and nobody can: whoever is looking for a free one is told.
        let said = said.map_err(|no| match no {
            Rejection::NotFound if alias.label().is_reserved() => Rejection::AliasReserved,
            no => no,
        });
        let named = said.and_then(|said| named_by(now, &alias, said));
        let view = named.map(|named| match self.contacts.get_mut(&alias) {
            Some(contact) if !contact.certificate.is_empty() => {
                if contact.fingerprint == named.certificate.fingerprint() {
                    contact.moved_to = named.moved_to;
                } else {
                    contact.offered = named.certificate.bytes().to_vec();
                }
                contact.view(&alias)
            }
            _ => ContactView {
                moved_to: named.moved_to,
                ..ContactRow::known(&named.certificate).view(&alias)
            },
        });
        self.done(id, view.map(Done::Contact));
    }

    /// Decides whether the certificate a pod names for an alias is the one to use. Who has moved
    /// is not written to where they were.
    pub(super) fn believe(
        &mut self,
        now: Time,
        alias: &Alias,
        said: Said,
    ) -> Result<(), Rejection> {
        let Named {
            certificate,
            moved_to,
        } = named_by(now, alias, said)?;
        let contact = self
            .contacts
            .entry(alias.clone())
            .or_insert_with(ContactRow::unknown);
        if contact.certificate.is_empty() {
            contact.fingerprint = certificate.fingerprint();
        } else if contact.fingerprint != certificate.fingerprint() {
            contact.offered = certificate.bytes().to_vec();
            self.write_contact(alias);
            return Err(Rejection::KeyChanged);
        }
        contact.moved_to = moved_to;
        if contact.moved_to.is_some() {
            self.write_contact(alias);
            return Err(Rejection::Moved);
        }
        contact.certificate = certificate.bytes().to_vec();
        contact.offered = Vec::new();
        Ok(())
    }

    /// Whether there is a certificate of theirs that can be used, without asking anybody.
    pub(super) fn is_believed(&self, now: Time, alias: &Alias) -> bool {
        let contact = self.contacts.get(alias);
        let stays = |it: &&ContactRow| it.offered.is_empty() && it.moved_to.is_none();
        let contact = contact.filter(stays);
        let certificate = contact.map(|it| Certificate::parse(&it.certificate, now));
        matches!(certificate, Some(Ok(certificate)) if certificate.encryption_subkey(now).is_ok())
    }

    /// Makes the payload for someone whose certificate is believed, and seals it.
    pub(super) fn seal_for(
        &mut self,
        now: Time,
        id: MessageId,
        to: &Alias,
        content: &Content,
    ) -> Result<(Record, Write), Rejection> {
        let from = self.own_alias().ok_or(Rejection::AliasRequired)?;
        let capability = match content.kind {
            ContentKind::Message => self.give_capability(now, to),
            ContentKind::Receipt => Vec::new(),
        };
        let identity = self.config.identity.as_ref().ok_or(Rejection::NoIdentity)?;
        let contact = self.contacts.get_mut(to).ok_or(Rejection::NotFound)?;
        let certificate = Certificate::parse(&contact.certificate, now)?;
        let device = self.settings.device;
        let between = Correspondence {
            sender: identity,
            from: &from,
            device,
            recipient: &certificate,
            to,
        };
        let mut payload = payload(&mut self.rng, now, id, &between, content)?;
        payload.capability = capability;
        payload.seq = contact.sent.saturating_add(1);
        payload.previous = contact.previous.as_slice().try_into().ok();
        let record = envelope::seal(
            &mut self.rng,
            now,
            identity,
            &certificate,
            &payload,
            content.life_ms,
        )?;
        contact.sent = payload.seq;
        contact.previous = payload.hash().to_vec();
        let key = alloc::format!("{to}").into_bytes();
        Ok((record, row::put(Table::Contact, key, contact)))
    }

    /// Notes the newest message of a conversation.
    pub(super) fn contact_touched(&mut self, message: &MessageRow) -> Write {
        let alias = message.with();
        let contact = self
            .contacts
            .entry(alias.clone())
            .or_insert_with(ContactRow::unknown);
        contact.last = message.key();
        contact.last_ms = message.at_ms;
        if message.outgoing {
            // Whom we write to is no stranger.
            contact.accepted = true;
        } else {
            contact.unread = contact.unread.saturating_add(1);
        }
        row::put(
            Table::Contact,
            alloc::format!("{alias}").into_bytes(),
            contact,
        )
    }

    /// The application decided something about a person.
    pub(super) fn judge(&mut self, now: Time, id: u64, alias: &Alias, judgement: Judgement) {
        let Some(contact) = self.contacts.get_mut(alias) else {
            return self.done(id, Err(Rejection::NotFound));
        };
        match judgement {
            Judgement::Accept => {
                contact.accepted = true;
                contact.blocked = false;
            }
            Judgement::Block => {
                contact.blocked = true;
                self.revoke_capability(now, alias);
            }
            Judgement::Verify => contact.trust = Trust::Verified,
            Judgement::AcceptKey => {
                if let Ok(certificate) = Certificate::parse(&contact.offered, now) {
                    contact.certificate = certificate.bytes().to_vec();
                    contact.fingerprint = certificate.fingerprint();
                    contact.trust = Trust::Unverified;
                    contact.offered = Vec::new();
                }
            }
        }
        let Some(contact) = self.contacts.get(alias) else {
            return self.done(id, Err(Rejection::NotFound));
        };
        let view = contact.view(alias);
        let write = row::put(
            Table::Contact,
            alloc::format!("{alias}").into_bytes(),
            contact,
        );
        let batch = Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        };
        self.keep(batch, Then::Answer(id, Done::Contact(view)));
        self.outbox_online(now);
    }

    /// Takes back what was written for a message that its author was told cannot be sent.
    pub(super) fn forget_unsent(&mut self, message: MessageId, row: &OutboxRow) {
        let mut writes = alloc::vec![Write::Delete(Table::Outbox, message.0.to_vec())];
        let newest = self
            .contacts
            .get(&row.to)
            .map(|contact| contact.last.clone());
        if let Some(key) = newest.filter(|key| key.ends_with(&message.0)) {
            writes.push(Write::Delete(Table::Message, key));
            if let Some(contact) = self.contacts.get_mut(&row.to) {
                contact.last = Vec::new();
            }
            // Nobody we ever exchanged anything with: the person is forgotten as well.
            if self
                .contacts
                .get(&row.to)
                .is_some_and(|contact| contact.certificate.is_empty())
            {
                self.contacts.remove(&row.to);
                let key = alloc::format!("{}", row.to).into_bytes();
                writes.push(Write::Delete(Table::Contact, key));
            }
        }
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes,
        });
    }

    pub(super) fn write_contact(&mut self, alias: &Alias) {
        let Some(contact) = self.contacts.get(alias) else {
            return;
        };
        let write = row::put(
            Table::Contact,
            alloc::format!("{alias}").into_bytes(),
            contact,
        );
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        });
    }

    pub(super) fn failed(&mut self, id: Option<u64>, code: Rejection) {
        if let Some(id) = id {
            self.done(id, Err(code));
        }
    }

    /// What a write that the application waits for came to.
    pub(super) fn answer_kept(&mut self, id: u64, done: Done, kept: Kept) {
        let result = match kept {
            Kept::Ok => Ok(done),
            Kept::Full => Err(Rejection::Full),
            Kept::Conflict | Kept::Failed => Err(Rejection::StorageFailed),
        };
        self.done(id, result);
    }
}

/// Whose an alias is.
pub(super) struct Named {
    pub(super) certificate: Certificate,
    /// Where they say that they moved to.
    pub(super) moved_to: Option<Alias>,
}

/// Whom a pod's answer names for an alias, if the answer proves it.
pub(super) fn named_by(now: Time, alias: &Alias, said: Said) -> Result<Named, Rejection> {
    let Said::Resolved {
        binding,
        certificate,
    } = said
    else {
        return Err(Rejection::Malformed);
    };
    let certificate = Certificate::parse(&certificate, now)?;
    let fields = binding::check(&binding, &certificate, now)?;
    if fields.alias == *alias {
        Ok(Named {
            certificate,
            moved_to: binding::moved_to(&fields),
        })
    } else {
        Err(Rejection::BadSignature)
    }
}

/// What is signed: a message, or the news that messages were fetched or read.
fn payload(
    rng: &mut ChaCha20Rng,
    now: Time,
    id: MessageId,
    between: &Correspondence<'_>,
    content: &Content,
) -> Result<Payload, Rejection> {
    let mut payload = match content.kind {
        ContentKind::Message => {
            let body = content.body.clone();
            Payload::message(rng, now, between, &content.content_type, body)?
        }
        ContentKind::Receipt => {
            let receipt: ReadReceipt = wire::decode(&content.body, limit::BODY_BYTES_MAX)?;
            Payload::receipt(rng, now, between, &receipt)?
        }
    };
    payload.id = id;
    payload.reply_to = content.reply_to;
    payload.wants_receipt = content.kind == ContentKind::Message;
    Ok(payload)
}
