//! Whether the pod serves.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use super::Front;

/// 200 once everything that was kept is read.
pub(super) async fn healthz(State(front): State<Arc<Front>>) -> (StatusCode, &'static str) {
    if *front.ready.borrow() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    }
}

/// 200 while new channels are welcome, that is, until it begins to stop.
pub(super) async fn readyz(State(front): State<Arc<Front>>) -> (StatusCode, &'static str) {
    if *front.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    healthz(State(front)).await
}
