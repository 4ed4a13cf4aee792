//! What the facade is handed: plain values with the names TypeScript gives them. Moments are
//! milliseconds since 1970, ids hexadecimal digits.

use muttr_core::{
    rejection::Rejection,
    seed::{self, Status, Trust},
};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::figures::{Figures, Kind};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    address: String,
    fingerprint: String,
    trust: Trust,
    accepted: bool,
    blocked: bool,
    moved_to: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    id: String,
    to: String,
    record_key: Option<String>,
    status: Status,
    seeds: u32,
    pods: u32,
    confirmed_ms: u64,
    expires_ms: u64,
    reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    id: String,
    from: String,
    to: String,
    outgoing: bool,
    sent_ms: u64,
    at_ms: u64,
    arrival: u64,
    content_type: &'a str,
    #[serde(with = "serde_bytes")]
    body: &'a [u8],
    reply_to: Option<String>,
    verified: bool,
    trust: Trust,
    request: bool,
    newer: bool,
    delivery: Option<Delivery>,
}

#[derive(Serialize)]
struct Conversation<'a> {
    contact: Contact,
    last: Option<Message<'a>>,
    unread: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    peers: usize,
    connections: Vec<Connection>,
    addresses: Vec<String>,
    stored_records: u64,
    stored_bytes: u64,
    quota_bytes: u64,
    rx: u64,
    tx: u64,
    refusals: Vec<Refusal>,
}

#[derive(Serialize)]
struct Refusal {
    what: &'static str,
    code: &'static str,
    count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    peer: String,
    pod: bool,
    elsewhere: bool,
    kind: &'static str,
    direct: bool,
    since_ms: u64,
}

/// What a command came to.
pub(crate) fn done(done: &seed::Done) -> JsValue {
    match done {
        seed::Done::Nothing => JsValue::UNDEFINED,
        seed::Done::Registered(alias) => alias.to_string().into(),
        seed::Done::Contact(view) => js(&contact(view)),
        seed::Done::Delivery(view) => js(&of_delivery(view)),
        #[cfg(feature = "test-handles")]
        seed::Done::Placed(key) => key.to_string().into(),
        #[cfg(feature = "test-handles")]
        seed::Done::Record(bytes) => js_sys::Uint8Array::from(bytes.as_slice()).into(),
        seed::Done::Messages(views) => js(&views.iter().map(of_message).collect::<Vec<_>>()),
        seed::Done::Conversations(views) => {
            let views = views.iter().map(|view| Conversation {
                contact: contact(&view.contact),
                last: view.last.as_ref().map(of_message),
                unread: view.unread,
            });
            js(&views.collect::<Vec<_>>())
        }
    }
}

/// A message.
pub(crate) fn message(message: &seed::Message) -> JsValue {
    js(&of_message(message))
}

/// How far a message came.
pub(crate) fn delivery(delivery: &seed::Delivery) -> JsValue {
    js(&of_delivery(delivery))
}

/// The figures of this moment.
pub(crate) fn stats(figures: &Figures, quota_bytes: u64) -> JsValue {
    let mut peers: Vec<_> = figures
        .connections()
        .map(|connection| connection.peer)
        .collect();
    peers.sort_unstable();
    peers.dedup();
    js(&Stats {
        peers: peers.len(),
        connections: figures
            .connections()
            .map(|connection| Connection {
                peer: connection.peer.to_string(),
                pod: connection.pod,
                elsewhere: connection.elsewhere,
                kind: match connection.kind {
                    Kind::WebSocket => "websocket",
                    Kind::WebRtc => "webrtc",
                    Kind::Relay => "relay",
                },
                direct: connection.kind != Kind::Relay,
                since_ms: connection.since_ms,
            })
            .collect(),
        addresses: figures
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect(),
        stored_records: figures.records,
        stored_bytes: figures.bytes,
        quota_bytes,
        rx: figures.received_bytes,
        tx: figures.sent_bytes,
        refusals: figures
            .refusals
            .all()
            .into_iter()
            .map(|(what, code, count)| Refusal {
                what: what.name(),
                code: code.code(),
                count,
            })
            .collect(),
    })
}

fn contact(view: &seed::ContactView) -> Contact {
    Contact {
        address: view.alias.to_string(),
        fingerprint: view.fingerprint.to_string(),
        trust: view.trust,
        accepted: view.accepted,
        blocked: view.blocked,
        moved_to: view.moved_to.as_ref().map(ToString::to_string),
    }
}

fn of_delivery(view: &seed::Delivery) -> Delivery {
    Delivery {
        id: view.id.to_string(),
        to: view.to.to_string(),
        record_key: view.key.map(|key| key.to_string()),
        status: view.status,
        seeds: view.seeds,
        pods: view.pods,
        confirmed_ms: view.confirmed_ms,
        expires_ms: view.expires_ms,
        reason: view.reason.map(Rejection::code),
    }
}

fn of_message(view: &seed::Message) -> Message<'_> {
    Message {
        id: view.id.to_string(),
        from: view.from.to_string(),
        to: view.to.to_string(),
        outgoing: view.outgoing,
        sent_ms: view.sent_ms,
        at_ms: view.at_ms,
        arrival: view.arrival,
        content_type: &view.content_type,
        body: &view.body,
        reply_to: view.reply_to.map(|id| id.to_string()),
        verified: view.verified,
        trust: view.trust,
        request: view.request,
        newer: view.newer,
        delivery: view.delivery.as_ref().map(of_delivery),
    }
}

fn js(value: &impl Serialize) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
    // Fails for values of types that none of the above has.
    value.serialize(&serializer).unwrap_or(JsValue::UNDEFINED)
}
