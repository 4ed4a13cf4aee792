//! Capabilities: by which people let others notify them as contacts.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::{Asker, Errand, Pod};
use crate::{
    limit,
    machine::{Batch, Kept, Row, Table, Write},
    name::{Fingerprint, Hash},
    rejection::Rejection,
    wire::channel::ToSeed,
};

impl Pod {
    /// Reads a row that was left from before.
    pub(super) fn load_capability(&mut self, row: &Row) -> Option<()> {
        let (owner, hash) = row.key.split_at_checked(32)?;
        let owner = Fingerprint::from_slice(owner).ok()?;
        let hash = Hash::from_slice(hash).ok()?;
        self.mailboxes.get_mut(&owner)?.capabilities.insert(hash);
        Some(())
    }

    /// Whether a mailbox's owner gave this capability to somebody.
    pub(super) fn honours(&self, owner: &Fingerprint, capability: &[u8]) -> bool {
        let mailbox = self.mailboxes.get(owner).filter(|_| !capability.is_empty());
        let hash = Hash(Sha256::digest(capability).into());
        mailbox.is_some_and(|mailbox| mailbox.capabilities.contains(&hash))
    }

    /// # Errors
    /// [`Rejection::AliasRequired`] without a mailbox, [`Rejection::Full`].
    pub(super) fn grant(
        &mut self,
        channel: u64,
        asker: Asker,
        hash: Hash,
    ) -> Result<(), Rejection> {
        let (certificate, _) = self.who(channel).ok_or(Rejection::Unidentified)?;
        let owner = certificate.fingerprint();
        let mailbox = self.mailboxes.get(&owner).ok_or(Rejection::AliasRequired)?;
        if mailbox.capabilities.len() >= limit::CAPABILITIES_MAX
            && !mailbox.capabilities.contains(&hash)
        {
            return Err(Rejection::Full);
        }
        let row = Row {
            key: key(&owner, &hash),
            value: Vec::new(),
        };
        self.write_capability(asker, owner, hash, Write::Put(Table::Capability, row));
        Ok(())
    }

    /// # Errors
    /// [`Rejection::Unidentified`].
    pub(super) fn revoke(
        &mut self,
        channel: u64,
        asker: Asker,
        hash: Hash,
    ) -> Result<(), Rejection> {
        let (certificate, _) = self.who(channel).ok_or(Rejection::Unidentified)?;
        let owner = certificate.fingerprint();
        let delete = Write::Delete(Table::Capability, key(&owner, &hash));
        self.write_capability(asker, owner, hash, delete);
        Ok(())
    }

    fn write_capability(&mut self, asker: Asker, owner: Fingerprint, hash: Hash, write: Write) {
        let granted = matches!(write, Write::Put(..));
        let batch = Batch {
            needs: Vec::new(),
            writes: [write].into(),
        };
        self.keep(Errand::Capability(asker, owner, hash, granted), batch);
    }

    /// It is durable, or is not.
    pub(super) fn capability_kept(
        &mut self,
        asker: Asker,
        owner: Fingerprint,
        hash: Hash,
        granted: bool,
        kept: Kept,
    ) {
        let result = match kept {
            Kept::Ok => Ok(()),
            Kept::Full => Err(Rejection::Full),
            Kept::Conflict | Kept::Failed => Err(Rejection::StorageFailed),
        };
        if result.is_ok()
            && let Some(mailbox) = self.mailboxes.get_mut(&owner)
        {
            if granted {
                mailbox.capabilities.insert(hash);
            } else {
                mailbox.capabilities.remove(&hash);
            }
        }
        self.answer(asker, result, |id, ()| ToSeed::Granted { id });
    }
}

/// Owner, then hash.
fn key(owner: &Fingerprint, hash: &Hash) -> Vec<u8> {
    [owner.as_bytes().as_slice(), hash.as_bytes()].concat()
}
