//! Pods of mallory's: each has a key of its own and describes itself, as it should or otherwise.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use libp2p::Multiaddr;
use muttr_core::{
    envelope::{
        record::{Kind, Record, expiry_h},
        stamp,
    },
    keyring::{Identity, binding},
    limit,
    name::{Alias, Host, SeedId},
    time::Time,
    wire::{
        self,
        channel::Notification,
        fed::{
            DESCRIPTION_LABEL, Description, HANDOVER_LABEL, Handover, SignedDescription,
            SignedHandover, Taken,
        },
        store::Receipt,
    },
};
use rand_core::{OsRng, RngCore as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What such a pod answers to whoever asks who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Truth,
    /// A description that somebody else signed.
    Forged,
    /// More than anybody has to listen to.
    Huge,
    /// Something, but a byte at a time.
    Slowly,
    /// The truth, by a clock that is a day ahead.
    Tomorrow,
    /// Ask over there.
    Redirect(Host),
    /// I am that other pod.
    Another(Host),
}

pub(super) struct Mallory {
    identity: Identity,
    seed: SigningKey,
    pub(super) host: Host,
    says: Says,
}

pub(super) fn now() -> Time {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let wall_ms = wall.expect("after 1970").as_millis();
    Time {
        mono_ms: 0,
        wall_ms: u64::try_from(wall_ms).expect("fits"),
    }
}

/// A record that holders accept and nobody can read; `class` says how large.
pub(super) fn record(class: usize) -> Record {
    let bytes = limit::RECORD_CLASSES_BYTES[class] - limit::RECORD_HEADER_BYTES;
    // A packet of that length, in OpenPGP's spelling: two octets of length, or five.
    let mut body = vec![0xd2];
    if bytes - 3 < 8_384 {
        let coded = u16::try_from(bytes - 3 - 192).expect("fits");
        body.extend_from_slice(&(coded + (192 << 8)).to_be_bytes());
    } else {
        body.push(0xff);
        body.extend_from_slice(&u32::try_from(bytes - 6).expect("fits").to_be_bytes());
    }
    body.extend_from_slice(&[2, 9, 3, 10]);
    body.resize(bytes, 7);
    let nonce = bytes - 32;
    OsRng.fill_bytes(&mut body[nonce..]);
    let expires_h = expiry_h(now(), limit::RECORD_LIFE_DEFAULT_MS);
    Record::new(Kind::Chunk, expires_h, [1; 32], &body).expect("fills its class")
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

impl Mallory {
    /// One that answers until the test ends.
    pub(super) async fn start(says: Says) -> &'static Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (mut secret, now) = ([0; 32], now());
        OsRng.fill_bytes(&mut secret);
        let mallory: &Self = Box::leak(Box::new(Self {
            identity: Identity::generate(&mut OsRng, now).expect("a key"),
            seed: SigningKey::from_bytes(&secret),
            host: format!("localhost:{port}").parse().expect("a host"),
            says,
        }));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Fails when whoever asked has heard enough.
                tokio::spawn(mallory.answers(stream));
            }
        });
        mallory
    }

    pub(super) fn alias(&self, label: &str) -> Alias {
        let alias = format!("{label}@{}", self.host);
        alias.parse().expect("an alias")
    }

    async fn answers(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut asked = Vec::new();
        while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut asked).await? == 0 {
                return Ok(());
            }
        }
        let asked = String::from_utf8_lossy(&asked).into_owned();
        let path = asked.split(' ').nth(1).unwrap_or_default();
        let answer = match path {
            "/.well-known/muttr" => match &self.says {
                Says::Slowly => return slowly(stream).await,
                Says::Huge => ok(&vec![b' '; limit::POD_ANSWER_BYTES_MAX + 1]),
                Says::Redirect(to) => {
                    let head = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation:";
                    format!("{head} http://{to}/.well-known/muttr\r\n\r\n").into_bytes()
                }
                _ => ok(self.well_known().to_string().as_bytes()),
            },
            "/fed/v1/notify" => ok(&self.forged_receipt()),
            // Whatever alias is asked for, it is mallory.
            path => match path.strip_prefix("/api/v1/alias/") {
                Some(label) => ok(self.resolved(label).to_string().as_bytes()),
                None => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            },
        };
        stream.write_all(&answer).await
    }

    fn well_known(&self) -> serde_json::Value {
        let port = self.host.as_str().rsplit_once(':').expect("a port").1;
        let address = format!("/dns4/localhost/tcp/{port}/ws");
        let address: Multiaddr = address.parse().expect("an address");
        let host = match &self.says {
            Says::Another(host) => host,
            _ => &self.host,
        };
        let ahead_ms = match &self.says {
            Says::Tomorrow => limit::DAY_MS,
            _ => 0,
        };
        let written_ms = now().wall_ms + ahead_ms;
        let description = wire::encode(&Description {
            host: host.clone(),
            certificate: self.identity.certificate().bytes().to_vec(),
            seed: SeedId(self.seed.verifying_key().to_bytes()),
            addresses: vec![address.to_vec().into()],
            knows: Vec::new(),
            run: 1,
            at_ms: written_ms,
            not_after_ms: written_ms + limit::DESCRIPTION_LIFE_MS,
        });
        let mut signed = description.clone();
        if self.says == Says::Forged {
            signed.push(0);
        }
        let signature = self
            .identity
            .prove(&mut OsRng, now(), DESCRIPTION_LABEL, &signed);
        let signed = wire::encode(&SignedDescription {
            description,
            signature,
            succession: Vec::new(),
        });
        serde_json::json!({
            "version": 1,
            "host": host.as_str(),
            "seed": "…",
            "addresses": [],
            "channel": "/channel",
            "certificate": "",
            "signed": STANDARD.encode(&signed),
        })
    }

    fn resolved(&self, label: &str) -> serde_json::Value {
        let alias = self.alias(label);
        let signed = binding::sign(&self.identity, &mut OsRng, now(), &alias, 1, None);
        serde_json::json!({
            "binding": STANDARD.encode(wire::encode(&signed)),
            "certificate": STANDARD.encode(self.identity.certificate().bytes()),
        })
    }

    /// It promises nothing, and says that it took what it was given.
    fn forged_receipt(&self) -> Vec<u8> {
        let record = record(0);
        wire::encode(&Taken {
            receipt: Receipt {
                key: record.key(),
                expires_h: record.expires_h(),
                seed: SeedId(self.seed.verifying_key().to_bytes()),
                signature: vec![0; 64],
            },
            run: 1,
        })
    }

    /// A stranger's notification, signed as it should be but for what `spoil` does to it: before
    /// it is signed, and after.
    pub(super) fn handover(
        &self,
        to: &Alias,
        record: Record,
        spoil: impl FnOnce(&mut Handover),
        after: impl FnOnce(&mut SignedHandover),
    ) -> Vec<u8> {
        let stamp = stamp::find(limit::STAMP_BITS, &record.key()).to_bytes();
        self.unstamped(to, record, spoil, |signed| {
            signed.stamp = stamp;
            after(signed);
        })
    }

    /// The same without a stamp, which costs nothing.
    pub(super) fn unstamped(
        &self,
        to: &Alias,
        record: Record,
        spoil: impl FnOnce(&mut Handover),
        after: impl FnOnce(&mut SignedHandover),
    ) -> Vec<u8> {
        let mut handover = Handover {
            from: Some(self.host.clone()),
            to: to.clone(),
            notification: Notification {
                key: record.key(),
                expires_h: record.expires_h(),
                capability: Vec::new(),
            },
            at_ms: now().wall_ms,
        };
        spoil(&mut handover);
        let handover = wire::encode(&handover);
        let signature = self
            .identity
            .prove(&mut OsRng, now(), HANDOVER_LABEL, &handover);
        let mut signed = SignedHandover {
            handover,
            signature,
            stamp: Vec::new(),
            record: record.into_bytes(),
        };
        after(&mut signed);
        wire::encode(&signed)
    }
}

async fn slowly(mut stream: TcpStream) -> std::io::Result<()> {
    for byte in ok(&[b' '; 10_000]) {
        stream.write_all(&[byte]).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
