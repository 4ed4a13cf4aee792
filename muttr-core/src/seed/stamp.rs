//! Stamps for what we send: found once for each record, between its being sealed and its being given
//! to anybody, and kept beside it. After a restart the same one is found again.

use super::{
    Seed,
    outbox::{Outgoing, Stage},
};
use crate::{
    custody,
    envelope::stamp::{self, Stamp},
    limit,
    name::MessageId,
    rejection::Rejection,
    session::Version,
    time::Time,
};

impl Outgoing {
    /// Its stamp, once there is one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let key = self.row.key?;
        stamp::check(limit::STAMP_BITS, &key, &self.row.stamp).ok()
    }
}

impl Seed {
    /// Has a stamp looked for, if there is none yet.
    pub(super) fn stamp_first(&mut self, now: Time, message: MessageId) -> bool {
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return false;
        };
        let Some(key) = outgoing.row.key.filter(|_| outgoing.stamp().is_none()) else {
            return false;
        };
        outgoing.stage = Stage::Stamping;
        let id = self.next_id();
        self.outbox.stamping.insert(id, message);
        self.custody_command(now, custody::Command::Stamp { id, key });
        true
    }

    /// The search came to its end.
    pub(super) fn stamped(&mut self, now: Time, id: u64, result: Result<Stamp, Rejection>) {
        let Some(message) = self.outbox.stamping.remove(&id) else {
            return;
        };
        let Some(outgoing) = self.outbox.messages.get_mut(&message) else {
            return;
        };
        if outgoing.stage != Stage::Stamping {
            return;
        }
        match result {
            Ok(stamp) => {
                outgoing.row.stamp = stamp.to_bytes();
                outgoing.stage = Stage::Idle;
                self.push_on(now, message);
            }
            Err(why) => self.refused(now, message, why),
        }
    }

    /// Our pod asks for a stamp in a session that has none. So it knows more than it seemed when the
    /// session was begun: somebody on the way said no in its name, or it is newer by now.
    pub(super) fn pod_wants_stamps(&mut self, now: Time, message: MessageId) {
        self.version = Version::Fifth;
        self.refused(now, message, Rejection::Busy);
        self.hang_up(now, Rejection::NoStamp);
    }

    /// Whether our pod knows what a stamp is.
    pub(super) fn pod_reads_stamps(&self) -> bool {
        self.version >= Version::Fifth
    }
}
