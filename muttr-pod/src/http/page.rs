//! `GET /`: the page for people, libp2p for seeds; and the page's files.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{
        ConnectInfo, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};

use super::{
    Front, rejected,
    visitor::{Visit, Visitor},
};
use crate::{
    reach::{Reach, is_local},
    transport::{MESSAGE_BYTES_MAX, READ_BUFFER_BYTES},
};

/// A file of the page, and its copies compressed ahead of time.
struct Asset {
    path: &'static str,
    etag: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// Ordered by path; empty when the page was not built before the pod was.
static PAGE: &[Asset] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Muttr</title>\
    <p>This pod works, but its page was not built. <code>make run</code> builds it.</p>\n";

/// Browsers get the page, WebSockets become libp2p connections.
pub(super) async fn root(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    visitor: Visitor,
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return asset_at("/index.html", &front, &headers);
    };
    if let Err(why) = front.visits.count(Visit::Socket, visitor) {
        return rejected(why);
    }
    let arrivals = front.arrivals.clone();
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            // Fails when the pod has stopped.
            let _ = arrivals.send((socket, from)).await;
        })
}

/// Any other file of the page.
pub(super) async fn asset(
    State(front): State<Arc<Front>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    asset_at(uri.path(), &front, &headers)
}

fn asset_at(path: &str, front: &Front, headers: &HeaderMap) -> Response {
    let found = PAGE.binary_search_by(|asset| asset.path.cmp(path));
    let mut response = match found.ok().and_then(|index| PAGE.get(index)) {
        Some(asset) => asset.answer(headers),
        None if path == "/index.html" => Html(NOT_BUILT).into_response(),
        None => return (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
    };
    let local = is_local(&front.host) || front.reach == Reach::Loopback;
    secure(&mut response, local);
    response
}

const HTML: &str = "text/html; charset=utf-8";

impl Asset {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers
            .get(header::IF_NONE_MATCH)
            .and_then(|tag| tag.to_str().ok());
        let fresh = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == self.etag));
        let (body, encoding) = self.encoded(headers);
        let mut response = Response::new(if fresh {
            Body::empty()
        } else {
            Body::from(body)
        });
        let set = response.headers_mut();
        set.insert(header::ETAG, HeaderValue::from_static(self.etag));
        set.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(self.lifetime()),
        );
        set.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            set.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(content_type(self.path)),
            );
            if let Some(encoding) = encoding {
                set.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        response
    }

    fn encoded(&self, headers: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
        let accepted = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok());
        let accepted = accepted.unwrap_or_default();
        match (self.br, self.gzip) {
            (Some(br), _) if accepts(accepted, "br") => (br, Some("br")),
            (_, Some(gzip)) if accepts(accepted, "gzip") => (gzip, Some("gzip")),
            _ => (self.plain, None),
        }
    }

    /// The build puts the hash of its content into the name of everything below `/assets/`.
    fn lifetime(&self) -> &'static str {
        if self.path.starts_with("/assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }
}

/// Whether an `Accept-Encoding` names this coding and does not refuse it (RFC 9110, 12.5.3).
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = words.find_map(|word| word.strip_prefix("q="));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => HTML,
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "ftl") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    connect-src 'self' https: wss:; img-src 'self' blob:; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// On one's own machine pods have no certificates, and a page may speak to several of them.
const POLICY_LOCAL: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    connect-src 'self' https: wss: http://localhost:* ws://localhost:* http://127.0.0.1:* \
    ws://127.0.0.1:*; img-src 'self' blob:; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

fn secure(response: &mut Response, local: bool) {
    let policy = if local { POLICY_LOCAL } else { POLICY };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_used_when_it_is_welcome() {
        for (header, welcome) in [
            ("gzip, deflate, br, zstd", true),
            ("BR;q=0.5", true),
            ("gzip, br;q=0", false),
            ("gzip", false),
            ("", false),
        ] {
            assert_eq!(accepts(header, "br"), welcome, "{header}");
        }
    }

    #[test]
    fn an_asset_is_sent_small_once_and_kept() {
        let asset = Asset {
            path: "/assets/muttr-1a2b.wasm",
            etag: "\"1a2b\"",
            plain: b"plain",
            br: Some(b"br"),
            gzip: Some(b"gzip"),
        };
        let asked = |name: header::HeaderName, value: &'static str| {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            let response = asset.answer(&headers);
            let coding = response.headers().get(header::CONTENT_ENCODING).cloned();
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
            (response.status(), coding, asset.encoded(&headers).0)
        };
        let ok = StatusCode::OK;
        let coded = |coding| Some(HeaderValue::from_static(coding));
        assert_eq!(
            asked(header::ACCEPT_ENCODING, "gzip, br"),
            (ok, coded("br"), b"br".as_slice())
        );
        assert_eq!(
            asked(header::ACCEPT_ENCODING, "gzip"),
            (ok, coded("gzip"), b"gzip".as_slice())
        );
        assert_eq!(
            asked(header::ACCEPT, "*/*"),
            (ok, None, b"plain".as_slice())
        );
        let (status, ..) = asked(header::IF_NONE_MATCH, "\"0000\", \"1a2b\"");
        assert_eq!(status, StatusCode::NOT_MODIFIED);
        assert!(asset.lifetime().contains("immutable"));
        assert_eq!(
            Asset {
                path: "/index.html",
                ..asset
            }
            .lifetime(),
            "no-cache"
        );
    }

    #[test]
    fn what_browsers_are_strict_about_has_its_type() {
        assert_eq!(content_type("/assets/muttr-1a2b.wasm"), "application/wasm");
        assert_eq!(
            content_type("/assets/index-1a2b.js"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(content_type("/assets/noise"), "application/octet-stream");
    }

    #[test]
    fn the_page_can_be_searched() {
        assert!(PAGE.is_sorted_by_key(|asset| asset.path));
    }
}
