//! What a pod asks of other pods over HTTP, and a seed of its own.
//!
//! One question, one connection, no redirects. An answer comes whole within
//! [`limit::POD_ANSWER_MS_MAX`] and [`limit::POD_ANSWER_BYTES_MAX`], or it is none.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use muttr_core::{
    limit,
    name::{Host, Label},
    pod::{Call, Reply, Resolved},
    rejection::Rejection,
    wire::{
        self,
        channel::SignedBinding,
        fed::{Description, SignedDescription},
    },
};
use serde::Deserialize;

pub use crate::{
    http::{Acquaintance, Limits, WellKnown},
    reach::{Names, Reach, is_public},
};
use crate::{
    reach::{Guard, Target},
    swarm,
};

/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 16_384;

/// Asks pods.
#[derive(Clone, Debug)]
pub struct Envoy {
    guard: Guard,
}

/// A question, but for whom it goes to.
struct Question {
    method: Method,
    path: String,
    body: Vec<u8>,
}

impl Question {
    fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: Vec::new(),
        }
    }
}

/// Why there is no answer.
enum No {
    /// The pod said so.
    Said(Rejection),
    /// What came is no answer, or nothing did.
    Broken(Rejection),
}

impl From<Rejection> for No {
    fn from(why: Rejection) -> Self {
        Self::Broken(why)
    }
}

impl No {
    const fn why(self) -> Rejection {
        let (Self::Said(why) | Self::Broken(why)) = self;
        why
    }
}

/// `GET /api/v1/alias/…`
#[derive(Deserialize)]
struct Told {
    binding: String,
    certificate: String,
}

/// A refusal as every route has it.
#[derive(Deserialize)]
struct Refusal {
    code: String,
}

impl Envoy {
    /// Names are looked up as this machine does it.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(reach: Reach) -> io::Result<Self> {
        let guard = Guard::new(reach)?;
        Ok(Self { guard })
    }

    /// Names are looked up by `names`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn with_names(reach: Reach, names: Arc<dyn Names>) -> io::Result<Self> {
        let guard = Guard::with_names(reach, names)?;
        Ok(Self { guard })
    }

    /// Through this guard.
    pub(crate) const fn over(guard: Guard) -> Self {
        Self { guard }
    }

    /// What a pod tells everybody about itself.
    ///
    /// # Errors
    /// `NO_SUCH_POD`, `POD_UNREACHABLE`, `TIMED_OUT`, `TOO_LARGE`, `MALFORMED`, or what the pod
    /// refuses with.
    pub async fn about(&self, host: &Host) -> Result<WellKnown, Rejection> {
        let body = self.ask(host, Question::get("/.well-known/muttr")).await?;
        serde_json::from_slice(&body).map_err(|_| Rejection::Malformed)
    }

    /// A pod's [`SignedDescription`], encoded. Its signature is not checked; but it names the pod
    /// that was asked, and addresses that follow from that name.
    ///
    /// # Errors
    /// As [`Envoy::about`].
    pub async fn describe(&self, host: &Host) -> Result<Vec<u8>, Rejection> {
        let about = self.about(host).await?;
        let signed = decode(&about.signed.ok_or(Rejection::Malformed)?)?;
        if describes(&signed, host) {
            Ok(signed)
        } else {
            Err(Rejection::Malformed)
        }
    }

    /// Whose an alias of that pod is, as the pod says.
    ///
    /// # Errors
    /// As [`Envoy::about`].
    pub async fn resolve(&self, host: &Host, label: &Label) -> Result<Resolved, Rejection> {
        let path = format!("/api/v1/alias/{label}");
        let body = self.ask(host, Question::get(path)).await?;
        let told: Told = serde_json::from_slice(&body).map_err(|_| Rejection::Malformed)?;
        let binding = decode(&told.binding)?;
        let binding: SignedBinding = wire::decode(&binding, limit::POD_ANSWER_BYTES_MAX)
            .map_err(|_| Rejection::Malformed)?;
        let certificate = decode(&told.certificate)?;
        Ok(Resolved {
            binding,
            certificate,
        })
    }

    /// Hands a [`SignedHandover`](wire::fed::SignedHandover) over; the answer is a
    /// [`Taken`](wire::fed::Taken), encoded.
    ///
    /// # Errors
    /// As [`Envoy::about`]; but what is not of the protocol at all is `POD_DISHONEST`, for it says
    /// nothing of what was handed over. Only the other pod calls that `MALFORMED` or `TOO_LARGE`.
    pub async fn notify(&self, host: &Host, body: Vec<u8>) -> Result<Vec<u8>, Rejection> {
        let question = Question {
            method: Method::POST,
            path: "/fed/v1/notify".into(),
            body,
        };
        match self.asked(host, question).await {
            Ok(body) => Ok(body.into()),
            Err(No::Broken(Rejection::Malformed | Rejection::TooLarge)) => {
                Err(Rejection::PodDishonest)
            }
            Err(no) => Err(no.why()),
        }
    }

    /// Carries out a machine's call.
    ///
    /// # Errors
    /// As [`Envoy::notify`], whatever was asked: a proxy's page in the place of an answer is no
    /// reason to give up a message.
    pub async fn call(&self, host: &Host, call: Call) -> Result<Reply, Rejection> {
        let nonsense = |why| match why {
            Rejection::Malformed | Rejection::TooLarge => Rejection::PodDishonest,
            why => why,
        };
        match call {
            Call::Describe => {
                let described = self.describe(host).await;
                described.map(Reply::Described).map_err(nonsense)
            }
            Call::Resolve(label) => {
                let resolved = self.resolve(host, &label).await.map_err(nonsense)?;
                Ok(Reply::Resolved(Box::new(resolved)))
            }
            Call::Notify(body) => self.notify(host, body).await.map(Reply::Taken),
        }
    }

    async fn ask(&self, host: &Host, question: Question) -> Result<Bytes, Rejection> {
        self.asked(host, question).await.map_err(No::why)
    }

    async fn asked(&self, host: &Host, question: Question) -> Result<Bytes, No> {
        let most = Duration::from_millis(limit::POD_ANSWER_MS_MAX);
        let asked = tokio::time::timeout(most, self.exchange(host, question));
        asked.await.unwrap_or(Err(No::Broken(Rejection::TimedOut)))
    }

    async fn exchange(&self, host: &Host, question: Question) -> Result<Bytes, No> {
        let stream = self.guard.connect(&Target::of(host)).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let request = Request::builder()
            .method(question.method)
            .uri(question.path)
            .header(header::HOST, host.as_str())
            .header(header::CONNECTION, "close")
            .header(header::CONTENT_TYPE, "application/cbor")
            .body(Full::new(Bytes::from(question.body)))
            .map_err(|_| Rejection::Malformed)?;
        let answer = async {
            let response = sender.send_request(request).await;
            let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
            let body = read(body).await?;
            match head.status {
                StatusCode::OK => Ok(body),
                status => Err(refusal(status, &body)),
            }
        };
        tokio::pin!(answer);
        // Nothing outlives the question: when this is dropped, so is the connection.
        tokio::select! {
            answer = &mut answer => answer,
            _ = connection => answer.await,
        }
    }
}

/// Counted while it is read, for what was announced is only what was announced.
async fn read(body: Incoming) -> Result<Bytes, Rejection> {
    let body = Limited::new(body, limit::POD_ANSWER_BYTES_MAX);
    match body.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Rejection::TooLarge),
        Err(_) => Err(Rejection::PodUnreachable),
    }
}

fn broken(error: &hyper::Error) -> Rejection {
    if error.is_parse_too_large() {
        Rejection::TooLarge
    } else if error.is_parse() {
        Rejection::Malformed
    } else {
        Rejection::PodUnreachable
    }
}

/// The code that a pod refused with; a proxy before a pod that is down has none.
fn refusal(status: StatusCode, body: &[u8]) -> No {
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    let known = refusal.and_then(|refusal| {
        let mut all = Rejection::ALL.iter();
        all.find(|why| why.code() == refusal.code).copied()
    });
    let broken = match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Rejection::PodUnreachable
        }
        StatusCode::TOO_MANY_REQUESTS => Rejection::RateLimited,
        _ => Rejection::Malformed,
    };
    known.map_or(No::Broken(broken), No::Said)
}

fn decode(base64: &str) -> Result<Vec<u8>, Rejection> {
    STANDARD.decode(base64).map_err(|_| Rejection::Malformed)
}

/// Whether this describes the pod of that name. Addresses follow from the name; others would let
/// a pod choose what its acquaintances dial.
fn describes(signed: &[u8], host: &Host) -> bool {
    let most = limit::DESCRIPTION_BYTES_MAX;
    let signed = wire::decode::<SignedDescription>(signed, most);
    let description =
        signed.and_then(|signed| wire::decode::<Description>(&signed.description, most));
    let own = swarm::address(host).to_vec();
    description.is_ok_and(|description| {
        let mut addresses = description.addresses.iter();
        description.host == *host && addresses.all(|address| **address == own)
    })
}
