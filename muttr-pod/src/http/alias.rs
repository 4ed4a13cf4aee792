//! Whose an alias is.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use muttr_core::{
    name::{Alias, Label},
    pod::{Command, Resolved},
    rejection::Rejection,
    wire,
};
use serde_json::json;

use super::{
    Front, rejected,
    visitor::{Visit, Visitor},
};

/// The owner's binding, as CBOR, and certificate, both base64; or a code.
pub(super) async fn show(
    State(front): State<Arc<Front>>,
    visitor: Visitor,
    Path(label): Path<String>,
) -> Response {
    match resolve(&front, visitor, &label).await {
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

async fn resolve(front: &Front, visitor: Visitor, label: &str) -> Result<Box<Resolved>, Rejection> {
    front.visits.count(Visit::Lookup, visitor)?;
    let label: Label = label.parse().map_err(|_| Rejection::AliasInvalid)?;
    let alias = Alias::new(label, front.host.clone());
    let seat = front.rooms.resolves.begin(visitor)?;
    front.ask(seat, |id| Command::Resolve { id, alias }).await
}
