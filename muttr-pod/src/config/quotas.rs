//! Settings that grant more or less than the protocol's limits do.

use muttr_core::pod;

use super::Settings;
use crate::{allowance::Rate, limits};

/// Quotas that differ from the protocol's limits; `None` leaves the limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Notifications from strangers in a mailbox.
    pub mailbox_strangers_max: Option<usize>,
    /// Notifications in a mailbox.
    pub mailbox_entries_max: Option<usize>,
    /// Bytes of records that a mailbox pins.
    pub mailbox_bytes_max: Option<u64>,
    /// Changing requests at once.
    pub changes_burst: Option<u32>,
    /// Changing requests a second.
    pub changes_per_s: Option<u32>,
    /// Notifications of a person at once.
    pub notify_burst: Option<u32>,
    /// Notifications of a person a minute.
    pub notify_per_minute: Option<u32>,
    /// Handovers of another pod at once.
    pub handovers_burst: Option<u32>,
    /// Handovers of another pod a second.
    pub handovers_per_s: Option<u32>,
    /// Notifications kept for other pods.
    pub outgoing_max: Option<usize>,
    /// And of one person.
    pub outgoing_per_person_max: Option<usize>,
    /// Seconds between two looks at a record that is watched over.
    pub watch_s: Option<u32>,
    /// Records that are watched over.
    pub watched_max: Option<usize>,
    /// And of one person.
    pub watched_per_person_max: Option<usize>,
}

impl Quotas {
    pub(super) const fn of(settings: &Settings) -> Self {
        Self {
            mailbox_strangers_max: settings.mailbox_strangers_max,
            mailbox_entries_max: settings.mailbox_entries_max,
            mailbox_bytes_max: settings.mailbox_bytes_max,
            changes_burst: settings.changes_burst,
            changes_per_s: settings.changes_per_s,
            notify_burst: settings.notify_burst,
            notify_per_minute: settings.notify_per_minute,
            handovers_burst: settings.handovers_burst,
            handovers_per_s: settings.handovers_per_s,
            outgoing_max: settings.outgoing_max,
            outgoing_per_person_max: settings.outgoing_per_person_max,
            watch_s: settings.watch_s,
            watched_max: settings.watched_max,
            watched_per_person_max: settings.watched_per_person_max,
        }
    }

    /// What a pod grants, these considered.
    pub(crate) fn over(&self, quotas: pod::Quotas) -> pod::Quotas {
        let strangers = self.mailbox_strangers_max;
        let outgoing = self.outgoing_per_person_max;
        let watch_ms = self
            .watch_s
            .map(|seconds| u64::from(seconds).saturating_mul(1000));
        let watched = self.watched_per_person_max;
        pod::Quotas {
            mailbox_strangers_max: strangers.unwrap_or(quotas.mailbox_strangers_max),
            mailbox_entries_max: self
                .mailbox_entries_max
                .unwrap_or(quotas.mailbox_entries_max),
            mailbox_bytes_max: self.mailbox_bytes_max.unwrap_or(quotas.mailbox_bytes_max),
            changes_burst: self.changes_burst.unwrap_or(quotas.changes_burst),
            changes_per_s: self.changes_per_s.unwrap_or(quotas.changes_per_s),
            notify_burst: self.notify_burst.unwrap_or(quotas.notify_burst),
            notify_per_minute: self.notify_per_minute.unwrap_or(quotas.notify_per_minute),
            handovers_burst: self.handovers_burst.unwrap_or(quotas.handovers_burst),
            handovers_per_s: self.handovers_per_s.unwrap_or(quotas.handovers_per_s),
            outgoing_max: self.outgoing_max.unwrap_or(quotas.outgoing_max),
            outgoing_per_person_max: outgoing.unwrap_or(quotas.outgoing_per_person_max),
            watch_ms: watch_ms.unwrap_or(quotas.watch_ms),
            watched_max: self.watched_max.unwrap_or(quotas.watched_max),
            watched_per_person_max: watched.unwrap_or(quotas.watched_per_person_max),
            ..quotas
        }
    }
}

/// What one address may do over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Channels and links that it may open.
    pub sockets: Rate,
    /// Aliases that it may look up.
    pub lookups: Rate,
    /// Notifications that it may hand over.
    pub handovers: Rate,
}

impl Rates {
    pub(super) fn of(settings: &Settings) -> Self {
        let rate = |burst: Option<u32>, per_s: Option<u32>, usual: Rate| Rate {
            burst: burst.unwrap_or(usual.burst),
            per_s: per_s.unwrap_or(usual.per_s),
        };
        Self {
            sockets: rate(
                settings.address_sockets_burst,
                settings.address_sockets_per_s,
                limits::SOCKETS,
            ),
            lookups: rate(
                settings.address_lookups_burst,
                settings.address_lookups_per_s,
                limits::LOOKUPS,
            ),
            handovers: rate(
                settings.address_handovers_burst,
                settings.address_handovers_per_s,
                limits::HANDOVERS,
            ),
        }
    }
}
