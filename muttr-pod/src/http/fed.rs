//! What other pods hand over, and those with a capability.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use muttr_core::{limit, pod::Command, rejection::Rejection};

use super::{
    Front, rejected,
    visitor::{Visit, Visitor},
};

const CBOR: &str = "application/cbor";

/// `POST /fed/v1/notify`: 200 once the machine said that record and notification are durable.
pub(super) async fn notify(
    State(front): State<Arc<Front>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&front, visitor, &headers, body).await {
        Ok(taken) => ([(header::CONTENT_TYPE, CBOR)], taken).into_response(),
        Err(why) => rejected(why),
    }
}

async fn take(
    front: &Front,
    visitor: Visitor,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, Rejection> {
    front.visits.count(Visit::Handover, visitor)?;
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != CBOR) {
        return Err(Rejection::Malformed);
    }
    // First a seat, then the body: what is read at once is bounded by the seats.
    let seat = front.rooms.handovers.begin(visitor)?;
    let patience = Duration::from_millis(limit::POD_ANSWER_MS_MAX);
    let body = tokio::time::timeout(patience, read(body)).await;
    let body = body.unwrap_or(Err(Rejection::TimedOut))?;
    let body = body.into();
    front.ask(seat, |id| Command::Notified { id, body }).await
}

async fn read(body: Body) -> Result<Bytes, Rejection> {
    let body = Limited::new(body, limit::HANDOVER_BYTES_MAX);
    match body.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Rejection::TooLarge),
        Err(_) => Err(Rejection::Malformed),
    }
}

/// Pages of any origin may hand over, when they have a capability; a browser asks first.
pub(super) async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
