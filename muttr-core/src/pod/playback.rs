//! Notifications: taken in, made durable, pushed in order, acknowledged.

use alloc::vec::Vec;

use super::{
    Asker, Errand, Pod,
    allowance::{Allowance, Rate},
    mailbox::Entry,
};
use crate::{
    limit,
    machine::Kept,
    name::{Alias, DeviceId, Fingerprint, Host},
    rejection::Rejection,
    time::Time,
    wire::channel::{Notification, ToSeed},
};

impl Pod {
    pub(super) const fn notify_rate(&self) -> Rate {
        let quotas = &self.config.quotas;
        Rate::per_minute(quotas.notify_burst, quotas.notify_per_minute)
    }

    /// Takes a notification from one of our people, if we hold the record: for somebody of this
    /// pod, or of another.
    ///
    /// # Errors
    /// [`Rejection::RateLimited`], [`Rejection::TooLarge`], [`Rejection::Expired`],
    /// [`Rejection::NoRecord`], and those of [`Self::notify_own`] and [`Self::forward`].
    pub(super) fn notify(
        &mut self,
        now: Time,
        channel: u64,
        asker: Asker,
        to: &Alias,
        notification: Notification,
    ) -> Result<(), Rejection> {
        let (certificate, device) = self.who(channel).ok_or(Rejection::Unidentified)?;
        let who = (certificate.fingerprint(), device);
        let rate = self.notify_rate();
        self.notifiers
            .entry(who.0)
            .or_insert_with(|| Allowance::full(now, rate))
            .take(now, rate)?;
        let own = *to.host() == self.config.host;
        if own {
            self.owner_of(now, to)?;
        }
        if notification.capability.len() > limit::CAPABILITY_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let expires_ms = u64::from(notification.expires_h).saturating_mul(limit::HOUR_MS);
        if expires_ms <= now.wall_ms {
            return Err(Rejection::Expired);
        }
        if own {
            return self.notify_own(now, asker, to, notification, None);
        }
        self.measured(&notification)?;
        self.forward(now, asker, who, to, notification)
    }

    /// How many bytes the record of a notification has that we hold.
    fn measured(&self, notification: &Notification) -> Result<u64, Rejection> {
        let measure = self.custody.measure(&notification.key);
        let (expires_h, bytes) = measure.ok_or(Rejection::NoRecord)?;
        if expires_h == notification.expires_h {
            Ok(bytes)
        } else {
            Err(Rejection::Malformed)
        }
    }

    /// Takes a notification for somebody of this pod, if it holds the record. `from` is the pod
    /// that hands it over, if another one does.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], [`Rejection::BindingExpired`], [`Rejection::NoRecord`],
    /// [`Rejection::StrangersFull`], [`Rejection::MailboxFull`].
    pub(super) fn notify_own(
        &mut self,
        now: Time,
        asker: Asker,
        to: &Alias,
        notification: Notification,
        from: Option<Host>,
    ) -> Result<(), Rejection> {
        let owner = self.owner_of(now, to)?;
        let bytes = self.measured(&notification)?;
        let entry = self.entry(&owner, to, bytes, notification, from);
        let mailbox = self.mailboxes.get_mut(&owner).ok_or(Rejection::NotFound)?;
        if mailbox.notify(now, &self.config.quotas, entry, asker)? {
            self.answer(asker, Ok(()), |id, ()| ToSeed::Notified { id });
        }
        self.touched.insert(owner);
        Ok(())
    }

    /// What is kept of a notification. The capability has done its work and is left out.
    pub(super) fn entry(
        &self,
        owner: &Fingerprint,
        to: &Alias,
        bytes: u64,
        notification: Notification,
        source: Option<Host>,
    ) -> Entry {
        Entry {
            to: to.label().clone(),
            request: !self.honours(owner, &notification.capability),
            bytes,
            notification: Notification {
                capability: Vec::new(),
                ..notification
            },
            source,
        }
    }

    /// A device came in; yields the number after which its playback begins, 0 without a mailbox.
    pub(super) fn enter(
        &mut self,
        now: Time,
        owner: Fingerprint,
        device: DeviceId,
        cursor: (u64, u64),
    ) -> Result<u64, Rejection> {
        let fresh_epoch = self.draw();
        let sessions = &self.sessions;
        let Some(mailbox) = self.mailboxes.get_mut(&owner) else {
            return Ok(0);
        };
        let present = |device: &DeviceId| sessions.contains_key(&(owner, *device));
        let entered = mailbox.enter(now, device, cursor, fresh_epoch, &present)?;
        self.touched.insert(owner);
        if entered.renewed {
            self.draw_run();
            for (_, channel) in self.sessions_of(owner) {
                if let Some(session) = self.session(channel) {
                    session.playback = super::channels::Playback::default();
                }
                self.push(owner, channel);
            }
        }
        Ok(entered.after)
    }

    /// A device has everything up to `seq`. What does not fit this run of the mailbox, or was
    /// not pushed in this session, is an answer to something else and means nothing.
    pub(super) fn ack(&mut self, now: Time, channel: u64, epoch: u64, seq: u64) {
        let Some((certificate, device)) = self.who(channel) else {
            return;
        };
        let owner = certificate.fingerprint();
        let Some(session) = self.session(channel) else {
            return;
        };
        if seq > session.playback.pushed {
            return;
        }
        let Some(mailbox) = self.mailboxes.get_mut(&owner) else {
            return;
        };
        if epoch != mailbox.epoch() {
            return;
        }
        mailbox.ack(now, &device, seq);
        self.touched.insert(owner);
        if let Some(session) = self.session(channel) {
            session.playback.waiting.retain(|&waiting| waiting > seq);
        }
        self.push(owner, channel);
    }

    /// Pushes what is durable, in order, as far as the window goes.
    pub(super) fn push(&mut self, owner: Fingerprint, channel: u64) {
        loop {
            let Some(session) = self.session(channel) else {
                return;
            };
            if session.playback.waiting.len() >= limit::PLAYBACK_WINDOW {
                return;
            }
            let pushed = session.playback.pushed;
            let Some(mailbox) = self.mailboxes.get(&owner) else {
                return;
            };
            let Some((seq, entry)) = mailbox.after(pushed) else {
                return;
            };
            let message = ToSeed::Notification {
                epoch: mailbox.epoch(),
                seq,
                to: entry.to.clone(),
                request: entry.request,
                notification: entry.notification.clone(),
            };
            if let Some(session) = self.session(channel) {
                session.playback.pushed = seq;
                session.playback.waiting.push_back(seq);
            }
            self.tell(channel, &message);
        }
    }

    /// Asks for the writes of every mailbox that changed and has none under way.
    pub(super) fn write_mail(&mut self, now: Time) {
        for owner in core::mem::take(&mut self.touched) {
            let mailbox = self.mailboxes.get_mut(&owner);
            if let Some(batch) = mailbox.and_then(|mailbox| mailbox.batch(now, &owner)) {
                self.keep(Errand::Mail(owner), batch);
            }
        }
    }

    /// A mailbox's write has ended.
    pub(super) fn mail_kept(&mut self, owner: Fingerprint, kept: Kept) {
        let Some(mailbox) = self.mailboxes.get_mut(&owner) else {
            return;
        };
        let settled = mailbox.settle(kept);
        let epoch = mailbox.epoch();
        if kept == Kept::Ok || mailbox.is_waited_for() {
            // What gathered meanwhile. After a failure only what somebody waits for: a disk that
            // fails is not helped by being asked in a loop.
            self.touched.insert(owner);
        }
        for (asker, result) in settled.askers {
            self.answer(asker, result, |id, ()| ToSeed::Notified { id });
        }
        let sessions: Vec<_> = self.sessions_of(owner);
        for (_, channel) in sessions {
            if let Some(lowest) = settled.lowest {
                self.tell(channel, &ToSeed::Cursor { epoch, lowest });
            }
            self.push(owner, channel);
        }
    }
}
