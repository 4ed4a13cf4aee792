//! Whose alias is whose: the index of what the binding table holds.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use crate::{
    keyring::{Certificate, binding},
    limit,
    machine::Row,
    name::{Fingerprint, Host, Label},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::{Binding, SignedBinding},
    },
};

/// A row of the binding table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BindingRow {
    /// As its owner signed it.
    pub(super) signed: SignedBinding,
    /// The certificate whose hash it names.
    #[serde(with = "serde_bytes")]
    pub(super) certificate: Vec<u8>,
}

const ROW_BYTES_MAX: usize = limit::CERTIFICATE_BYTES_MAX + 8192;

impl BindingRow {
    /// Reads a row's value.
    pub(super) fn read(value: &[u8]) -> Result<Self, Rejection> {
        wire::decode(value, ROW_BYTES_MAX)
    }
}

/// What is in memory of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    owner: Fingerprint,
    seq: u64,
    hash: [u8; 32],
    not_after_ms: u64,
    /// They have moved; who asks is told where to.
    moved: bool,
}

/// What has to be done about a binding that may be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: it is the one we have.
    Already(Owned),
    /// Nobody has the alias.
    Take(Owned),
    /// Its owner renews it.
    Renew(Owned),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Registry {
    aliases: BTreeMap<Label, Owned>,
    by_owner: BTreeMap<Fingerprint, BTreeSet<Label>>,
    /// Registrations whose write is under way: one for a label, one for a person.
    pending: BTreeMap<Label, Fingerprint>,
}

impl Registry {
    /// Takes in a row that was checked when it was written.
    pub(super) fn load(&mut self, row: &Row) -> Result<(), Rejection> {
        let label = core::str::from_utf8(&row.key).map_err(|_| Rejection::Malformed)?;
        let label: Label = label.parse().map_err(|_| Rejection::Malformed)?;
        let signed = BindingRow::read(&row.value)?.signed;
        let binding: Binding = wire::decode(&signed.binding, ROW_BYTES_MAX)?;
        self.insert(label, owned(&signed, &binding));
        Ok(())
    }

    /// How many aliases are registered.
    pub(super) fn len(&self) -> usize {
        self.aliases.len()
    }

    /// What a person is registered under.
    pub(super) fn of(&self, owner: &Fingerprint) -> Vec<Label> {
        self.by_owner
            .get(owner)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Whose an alias is, though its binding may have run out.
    pub(super) fn owner(&self, label: &Label) -> Option<Fingerprint> {
        self.aliases.get(label).map(|owned| owned.owner)
    }

    /// Whose an alias is now.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], [`Rejection::BindingExpired`], [`Rejection::Moved`].
    pub(super) fn current(&self, now: Time, label: &Label) -> Result<Fingerprint, Rejection> {
        let owned = self.aliases.get(label).ok_or(Rejection::NotFound)?;
        let expired = owned.not_after_ms <= now.wall_ms;
        if expired {
            Err(Rejection::BindingExpired)
        } else if owned.moved {
            Err(Rejection::Moved)
        } else {
            Ok(owned.owner)
        }
    }

    /// Whether this person may register this, and how.
    ///
    /// # Errors
    /// [`Rejection::ForeignPod`], [`Rejection::AliasReserved`], [`Rejection::AliasTaken`],
    /// [`Rejection::BindingStale`], [`Rejection::AliasesExhausted`], [`Rejection::Busy`] while
    /// another registration of this person is under way, or what is wrong with the binding.
    pub(super) fn plan(
        &self,
        now: Time,
        host: &Host,
        certificate: &Certificate,
        signed: &SignedBinding,
    ) -> Result<(Label, Plan), Rejection> {
        let binding = binding::check(signed, certificate, now)?;
        if binding.alias.host() != host {
            return Err(Rejection::ForeignPod);
        }
        let label = binding.alias.label().clone();
        if label.is_reserved() {
            return Err(Rejection::AliasReserved);
        }
        let owner = certificate.fingerprint();
        match self.pending.get(&label) {
            Some(other) if *other != owner => return Err(Rejection::AliasTaken),
            _ if self.pending.values().any(|&other| other == owner) => return Err(Rejection::Busy),
            _ => {}
        }
        let new = owned(signed, &binding);
        let plan = match self.aliases.get(&label) {
            Some(old) if old.owner != owner => return Err(Rejection::AliasTaken),
            Some(old) if old.hash == new.hash => Plan::Already(new),
            Some(old) if follows(old, &binding) => Plan::Renew(new),
            Some(_) => return Err(Rejection::BindingStale),
            None if binding.seq != 1 || !binding.previous.is_empty() => {
                return Err(Rejection::BindingStale);
            }
            None => self.room_for(&owner).map(|()| Plan::Take(new))?,
        };
        Ok((label, plan))
    }

    fn room_for(&self, owner: &Fingerprint) -> Result<(), Rejection> {
        let count = self.by_owner.get(owner).map_or(0, BTreeSet::len);
        let full = count >= limit::ALIASES_PER_CERTIFICATE_MAX;
        if full {
            Err(Rejection::AliasesExhausted)
        } else {
            Ok(())
        }
    }

    /// A write begins: until it ends nobody else gets the alias.
    pub(super) fn begin(&mut self, label: &Label, owner: Fingerprint) {
        self.pending.insert(label.clone(), owner);
    }

    /// The write ended, with a new binding or without.
    pub(super) fn end(&mut self, label: &Label, kept: Option<Owned>) {
        self.pending.remove(label);
        if let Some(owned) = kept {
            self.insert(label.clone(), owned);
        }
    }

    fn insert(&mut self, label: Label, owned: Owned) {
        self.by_owner
            .entry(owned.owner)
            .or_default()
            .insert(label.clone());
        self.aliases.insert(label, owned);
    }
}

fn follows(old: &Owned, binding: &Binding) -> bool {
    old.seq.checked_add(1) == Some(binding.seq) && binding.previous == old.hash
}

fn owned(signed: &SignedBinding, binding: &Binding) -> Owned {
    Owned {
        owner: binding.fingerprint,
        seq: binding.seq,
        hash: binding::hash(signed),
        not_after_ms: binding.not_after_ms,
        moved: binding::moved_to(binding).is_some(),
    }
}
