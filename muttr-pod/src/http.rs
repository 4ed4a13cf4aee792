//! The one port: page, libp2p, private channels and the small API.

use std::sync::{Arc, atomic::AtomicU64};

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use muttr_core::{name::Host, pod::Pod, rejection::Rejection};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::{driver::Happening, metrics::Counts, reach::Reach, transport::Arrival};

mod alias;
mod channel;
mod fed;
mod health;
mod page;
mod visitor;
mod waiting;
mod wellknown;

pub(crate) use visitor::Visits;
pub(crate) use waiting::Rooms;
pub use wellknown::{Acquaintance, Limits, WellKnown};

/// What every route can reach.
pub(crate) struct Front {
    pub(crate) host: Host,
    pub(crate) well_known: watch::Receiver<WellKnown>,
    pub(crate) happenings: mpsc::Sender<Happening<Pod>>,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) visits: Visits,
    pub(crate) counts: Arc<Counts>,
    pub(crate) reach: Reach,
    pub(crate) channels_begun: AtomicU64,
}

/// All routes.
pub(crate) fn router(front: Front) -> Router {
    let front = Arc::new(front);
    Router::new()
        .route("/", get(page::root))
        .route("/channel", get(channel::open))
        .route("/.well-known/muttr", get(wellknown::show))
        .route("/api/v1/alias/{label}", get(alias::show))
        .route("/fed/v1/notify", post(fed::notify).options(fed::preflight))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(get(page::asset))
        .layer(middleware::map_response_with_state(
            Arc::clone(&front),
            finish,
        ))
        .with_state(front)
}

/// Any web page may use a pod: nothing rides on cookies or addresses. And refusals are counted.
async fn finish(State(front): State<Arc<Front>>, mut response: Response) -> Response {
    if let Some(Refused(why)) = response.extensions().get() {
        front.counts.refused(*why);
    }
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

/// Marks a response that [`rejected`] made.
#[derive(Clone, Copy)]
struct Refused(Rejection);

/// A coded no, as HTTP has it.
fn rejected(why: Rejection) -> Response {
    let status = StatusCode::from_u16(why.http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        Extension(Refused(why)),
        Json(json!({ "code": why.code(), "message": why.sentence() })),
    )
        .into_response()
}
