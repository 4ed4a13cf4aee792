//! The one port: page, libp2p, private channels and the small API.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use muttr_core::{name::Host, pod, rejection::Rejection};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{driver::Happening, transport::Arrival};

mod alias;
mod channel;
mod health;
mod page;
mod wellknown;

pub use wellknown::{Acquaintance, WellKnown};

/// Answers that are waited for at once; more are refused.
const RESOLVES_MAX: usize = 1024;

/// What every route can reach.
pub(crate) struct Front {
    pub(crate) host: Host,
    pub(crate) well_known: watch::Receiver<WellKnown>,
    pub(crate) happenings: mpsc::Sender<Happening<pod::Command>>,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) resolves: Arc<Resolves>,
    pub(crate) channels_begun: AtomicU64,
}

type Answer = Result<Box<pod::Resolved>, Rejection>;

/// Questions of the API that the machine has not answered yet.
#[derive(Default)]
pub(crate) struct Resolves {
    begun: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Resolves {
    /// A number for a question, and where its answer will come.
    fn begin(&self) -> Result<(u64, oneshot::Receiver<Answer>), Rejection> {
        let (sender, receiver) = oneshot::channel();
        let id = self.begun.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= RESOLVES_MAX {
            waiting.retain(|_, sender| !sender.is_closed());
        }
        if waiting.len() >= RESOLVES_MAX {
            return Err(Rejection::Busy);
        }
        waiting.insert(id, sender);
        Ok((id, receiver))
    }

    /// Hands an answer to whoever waits for it.
    pub(crate) fn end(&self, id: u64, answer: Answer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.remove(&id) {
            // Fails when the asker has gone away.
            let _ = sender.send(answer);
        }
    }
}

/// All routes.
pub(crate) fn router(front: Front) -> Router {
    Router::new()
        .route("/", get(page::root))
        .route("/channel", get(channel::open))
        .route("/.well-known/muttr", get(wellknown::show))
        .route("/api/v1/alias/{label}", get(alias::show))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(get(page::asset))
        .layer(middleware::map_response(open_to_all))
        .with_state(Arc::new(front))
}

/// Any web page may use a pod: nothing rides on cookies or addresses.
async fn open_to_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A coded no, as HTTP has it.
fn rejected(why: Rejection) -> Response {
    let status = StatusCode::from_u16(why.http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        Json(json!({ "code": why.code(), "message": why.sentence() })),
    )
        .into_response()
}
