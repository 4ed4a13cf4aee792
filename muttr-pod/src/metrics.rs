//! Figures for whoever runs the pod: by name and code, never by person.
//!
//! Counts go to the log as well, once in a while and summed up: a flood is then a number, not a
//! flood of lines.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use muttr_core::{
    pod::{Count, Pod, Stats},
    rejection::Rejection,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::driver::Happening;

/// How often counts are logged, if there are new ones.
const LOGGED_EVERY: Duration = Duration::from_secs(10);
/// A pod that does not tell its figures within this is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is counted, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Closed,
    Http,
    Between(&'static str),
}

#[derive(Clone, Copy, Debug, Default)]
struct Figure {
    total: u64,
    logged: u64,
}

/// What happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<(Kind, &'static str), Figure>>);

impl Counts {
    /// The pod closed a channel.
    pub(crate) fn closed(&self, why: Rejection) {
        self.add(Kind::Closed, why.code());
    }

    /// A request over HTTP was refused.
    pub(crate) fn refused(&self, why: Rejection) {
        self.add(Kind::Http, why.code());
    }

    /// Something between pods.
    pub(crate) fn between_pods(&self, count: Count) {
        let (what, code) = match count {
            Count::Delivered => ("delivered", ""),
            Count::Refused(why) => ("refused", why.code()),
            Count::Expired => ("expired", ""),
            Count::Taken => ("taken", ""),
            Count::Denied(why) => ("denied", why.code()),
            Count::Failed(why) => ("failed", why.code()),
            Count::Met => ("met", ""),
        };
        self.add(Kind::Between(what), code);
    }

    fn add(&self, kind: Kind, code: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry((kind, code)).or_default().total += 1;
    }

    /// Logs what was counted since it last did.
    fn log(&self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((kind, code), figure) in counts.iter_mut() {
            let new = figure.total - figure.logged;
            if new == 0 {
                continue;
            }
            figure.logged = figure.total;
            let total = figure.total;
            match kind {
                Kind::Closed => tracing::info!(code, new, total, "channels closed"),
                Kind::Http => tracing::info!(code, new, total, "requests refused"),
                Kind::Between(what) => tracing::info!(what, code, new, total, "between pods"),
            }
        }
    }

    /// Logs now and then, and a last time when the pod stops.
    pub(crate) async fn log_until(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        loop {
            let stopped = stopping.wait_for(|stop| *stop);
            let stopped = tokio::time::timeout(LOGGED_EVERY, stopped).await.is_ok();
            self.log();
            if stopped {
                return;
            }
        }
    }

    fn write(&self, text: &mut String) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = None;
        for ((kind, code), figure) in counts.iter() {
            let (name, help) = match kind {
                Kind::Closed => ("channels_closed_total", "Channels that the pod closed."),
                Kind::Http => ("http_refusals_total", "Requests that were refused."),
                Kind::Between(_) => ("between_pods_total", "What happened between pods."),
            };
            if before != Some(name) {
                head(text, name, help, "counter");
                before = Some(name);
            }
            let what = match kind {
                Kind::Between(what) => format!("what=\"{what}\","),
                _ => String::new(),
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "muttr_{name}{{{what}code=\"{code}\"}} {}",
                figure.total
            );
        }
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "# HELP muttr_{name} {help}\n# TYPE muttr_{name} {kind}"
    );
}

fn gauges(text: &mut String, stats: &Stats) {
    for (name, help, value) in [
        ("channels", "Channels open.", stats.channels as u64),
        (
            "sessions",
            "Channels of people who are known.",
            stats.sessions as u64,
        ),
        ("aliases", "Aliases registered.", stats.aliases as u64),
        (
            "mailboxes",
            "People who have a mailbox.",
            stats.mailboxes as u64,
        ),
        (
            "notifications",
            "Notifications kept for them.",
            stats.notifications as u64,
        ),
        ("records", "Records held.", stats.records as u64),
        ("record_bytes", "Bytes of them.", stats.record_bytes),
        ("seeds", "Seeds in the routing table.", stats.seeds as u64),
        ("links", "Links to seeds.", stats.links as u64),
        ("pods", "Other pods that are known.", stats.pods as u64),
        (
            "outgoing",
            "Notifications for other pods that were not taken yet.",
            stats.outgoing as u64,
        ),
        (
            "watched",
            "Records watched over for their authors.",
            stats.watched as u64,
        ),
        (
            "lost",
            "Of these, lost, and their authors do not know yet.",
            stats.lost as u64,
        ),
    ] {
        head(text, name, help, "gauge");
        // Writing to a string does not fail.
        let _ = writeln!(text, "muttr_{name} {value}");
    }
}

/// What the figures come from.
#[derive(Clone)]
pub(crate) struct Figures {
    pub(crate) counts: Arc<Counts>,
    pub(crate) happenings: mpsc::Sender<Happening<Pod>>,
}

impl Figures {
    async fn stats(&self) -> Option<Stats> {
        let (sender, stats) = oneshot::channel();
        let look = Happening::Look(Box::new(move |pod: &Pod| {
            // Fails when nobody waits any more.
            let _ = sender.send(pod.stats());
        }));
        let looked = async {
            self.happenings.send(look).await.ok()?;
            stats.await.ok()
        };
        tokio::time::timeout(PATIENCE, looked).await.ok().flatten()
    }
}

/// `/metrics`, in the text format of Prometheus 0.0.4.
pub(crate) fn router(figures: Figures) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .with_state(figures)
}

async fn show(State(figures): State<Figures>) -> Response {
    let Some(stats) = figures.stats().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut text = String::new();
    gauges(&mut text, &stats);
    figures.counts.write(&mut text);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_by_name_and_code() {
        let counts = Counts::default();
        counts.between_pods(Count::Denied(Rejection::MailboxFull));
        counts.between_pods(Count::Denied(Rejection::MailboxFull));
        counts.between_pods(Count::Met);
        counts.refused(Rejection::RateLimited);
        let mut text = String::new();
        counts.write(&mut text);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "muttr_http_refusals_total{code=\"RATE_LIMITED\"} 1",
                "muttr_between_pods_total{what=\"denied\",code=\"MAILBOX_FULL\"} 2",
                "muttr_between_pods_total{what=\"met\",code=\"\"} 1",
            ]
        );
        let types = text.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!(types.count(), 2);
    }
}
