//! Whose an alias is.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use muttr_core::{
    limit,
    name::{Alias, Label},
    pod::{Command, Resolved},
    rejection::Rejection,
    wire,
};
use serde_json::json;

use super::{Front, rejected};
use crate::driver::Happening;

/// The owner's binding, as CBOR, and certificate, both base64; or a code.
pub(super) async fn show(State(front): State<Arc<Front>>, Path(label): Path<String>) -> Response {
    match resolve(&front, &label).await {
        Ok(resolved) => {
            let body = Json(json!({
                "binding": STANDARD.encode(wire::encode(&resolved.binding)),
                "certificate": STANDARD.encode(&resolved.certificate),
            }));
            ([(header::CACHE_CONTROL, "no-cache")], body).into_response()
        }
        Err(why) => rejected(why),
    }
}

async fn resolve(front: &Front, label: &str) -> Result<Box<Resolved>, Rejection> {
    let label: Label = label.parse().map_err(|_| Rejection::AliasInvalid)?;
    let alias = Alias::new(label, front.host.clone());
    let (id, answer) = front.resolves.begin()?;
    let command = Happening::Command(Command::Resolve { id, alias });
    front
        .happenings
        .send(command)
        .await
        .map_err(|_| Rejection::Busy)?;
    match tokio::time::timeout(Duration::from_millis(limit::REQUEST_MS_MAX), answer).await {
        Ok(answer) => answer.unwrap_or(Err(Rejection::Busy)),
        Err(_) => Err(Rejection::TimedOut),
    }
}
