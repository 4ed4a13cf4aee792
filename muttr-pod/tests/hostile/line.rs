//! A connection to a pod over which one question follows the other, from an address of one's
//! choice: the pod believes a proxy on its own machine.

use std::net::{IpAddr, SocketAddr};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// The code it was refused with; `TAKEN` if it was not.
    pub(super) fn code(&self) -> String {
        if self.status == 200 {
            return "TAKEN".into();
        }
        let told: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        told["code"].as_str().expect("a code").to_owned()
    }
}

pub(super) struct Line {
    to: SocketAddr,
    from: Option<IpAddr>,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    pub(super) const fn new(to: SocketAddr) -> Self {
        Self {
            to,
            from: None,
            open: None,
        }
    }

    pub(super) const fn from(to: SocketAddr, from: IpAddr) -> Self {
        Self {
            to,
            from: Some(from),
            open: None,
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, Vec::new()).await
    }

    pub(super) async fn hand_over(&mut self, body: Vec<u8>) -> Answer {
        self.ask("POST", "/fed/v1/notify", body).await
    }

    /// A pod that has heard enough closes the connection, sometimes while it is written to.
    async fn ask(&mut self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let body = Bytes::from(body);
        for _ in 0..10 {
            match self.attempt(method, path, body.clone()).await {
                Ok(answer) => return answer,
                Err(_) => self.open = None,
            }
        }
        panic!("{method} {path} has no answer");
    }

    async fn attempt(&mut self, method: &str, path: &str, body: Bytes) -> hyper::Result<Answer> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        open.ready().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "mallory")
            .header("content-type", "application/cbor");
        if let Some(from) = self.from {
            request = request.header("x-forwarded-for", from.to_string());
        }
        let request = request.body(Full::new(body)).expect("a request");
        let (head, body) = open.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.open = Some(open);
        Ok(Answer {
            status: head.status.as_u16(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn connect(&self) -> hyper::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.to).await.expect("connects");
        let (open, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(open)
    }
}
