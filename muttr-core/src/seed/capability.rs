//! Capabilities: what we give to people so that they notify us as contacts, and what they gave us.

use alloc::vec::Vec;

use rand_core::RngCore;
use sha2::{Digest, Sha256};

use super::{
    Seed,
    line::{Asked, Said},
};
use crate::{
    limit,
    name::{Alias, Hash},
    rejection::Rejection,
    session::Version,
    time::Time,
    wire::channel::ToPod,
};

impl Seed {
    /// What somebody we write to may notify us by; made the first time.
    pub(super) fn give_capability(&mut self, now: Time, to: &Alias) -> Vec<u8> {
        if self.version < Version::Third {
            return Vec::new();
        }
        let mut fresh = [0; limit::CAPABILITY_BYTES];
        self.rng.fill_bytes(&mut fresh);
        let Some(contact) = self.contacts.get_mut(to) else {
            return Vec::new();
        };
        if contact.blocked {
            return Vec::new();
        }
        if contact.given.is_empty() {
            contact.given = fresh.to_vec();
            contact.granted = false;
            self.grant(now, to.clone());
        }
        self.contacts
            .get(to)
            .map_or_else(Vec::new, |contact| contact.given.clone())
    }

    /// What somebody gave us to notify them by; empty for nothing.
    pub(super) fn capability_for(&self, to: &Alias) -> Vec<u8> {
        let contact = self.contacts.get(to);
        contact.map_or_else(Vec::new, |contact| contact.capability.clone())
    }

    fn grant(&mut self, now: Time, alias: Alias) {
        let given = self
            .contacts
            .get(&alias)
            .map(|contact| contact.given.clone());
        let Some(given) = given.filter(|given| !given.is_empty()) else {
            return;
        };
        let hash = Hash(Sha256::digest(&given).into());
        let asked = Asked::Grant(alias, given);
        self.ask(now, asked, |id| ToPod::Grant { id, hash });
    }

    /// Tells the pod of what it may not know yet.
    pub(super) fn grant_all(&mut self, now: Time, again: bool) {
        if self.version < Version::Third {
            return;
        }
        let open = self
            .contacts
            .iter()
            .filter(|(_, contact)| !contact.given.is_empty() && (again || !contact.granted));
        let open: Vec<Alias> = open
            .map(|(alias, _)| alias.clone())
            .take(GRANTS_MAX)
            .collect();
        for alias in open {
            self.grant(now, alias);
        }
    }

    /// The pod knows it, or does not.
    pub(super) fn granted(&mut self, alias: &Alias, given: &[u8], said: Result<Said, Rejection>) {
        if let Some(contact) = self.contacts.get_mut(alias)
            && said.is_ok()
            && contact.given == given
            && !contact.granted
        {
            contact.granted = true;
            self.write_contact(alias);
        }
    }

    /// Somebody was blocked: what they were given is worth nothing any more.
    pub(super) fn revoke_capability(&mut self, now: Time, alias: &Alias) {
        let given = self.contacts.get_mut(alias).map(|contact| {
            contact.granted = false;
            core::mem::take(&mut contact.given)
        });
        if let Some(given) = given.filter(|given| !given.is_empty()) {
            let hash = Hash(Sha256::digest(&given).into());
            self.ask(now, Asked::Revoke, |id| ToPod::Revoke { id, hash });
        }
    }
}

/// So many are told at once; the others the next time the pod is reached.
const GRANTS_MAX: usize = limit::REQUESTS_PER_SESSION_MAX / 2;
