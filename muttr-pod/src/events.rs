//! What is done with what the machine tells.

use std::sync::Arc;

use muttr_core::{
    name::Host,
    pod::{Call, Command, Event, Pod},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    driver::Happening,
    envoy::Envoy,
    http::{Rooms, WellKnown},
    metrics::Counts,
};

/// Where the machine's events go.
pub(crate) struct Events {
    pub(crate) ready: watch::Sender<bool>,
    pub(crate) well_known: watch::Sender<WellKnown>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) envoy: Envoy,
    /// Back to the machine.
    pub(crate) happenings: mpsc::Sender<Happening<Pod>>,
    /// Questions to other pods, which end with this.
    pub(crate) calls: JoinSet<()>,
}

impl Events {
    pub(crate) fn on(&mut self, event: Event) {
        match event {
            Event::Ready => {
                tracing::info!("ready");
                self.ready.send_replace(true);
            }
            Event::ReadFailed => tracing::error!("the database cannot be read; trying again"),
            Event::RowsUnreadable(rows) => tracing::warn!(rows, "rows left alone, not understood"),
            Event::Resolved { id, result } => self.rooms.resolves.end(id, result),
            Event::Answered { id, result } => self.rooms.handovers.end(id, result),
            Event::Closed(why) => {
                tracing::debug!(%why, "closed a channel");
                self.counts.closed(why);
            }
            Event::Described(described) => self
                .well_known
                .send_modify(|well_known| well_known.describe(&described)),
            Event::Call { id, host, call } => self.call(id, host, call),
            Event::Counted(count) => self.counts.between_pods(count),
        }
    }

    /// The machine bounds how many of these are under way.
    fn call(&mut self, id: u64, host: Host, call: Call) {
        while self.calls.try_join_next().is_some() {}
        let (envoy, happenings) = (self.envoy.clone(), self.happenings.clone());
        self.calls.spawn(async move {
            let result = envoy.call(&host, call).await;
            let called = Happening::Command(Command::Called { id, result });
            // Fails when the pod has stopped.
            let _ = happenings.send(called).await;
        });
    }
}
