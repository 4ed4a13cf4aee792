//! What tests reach into a tab by, in builds that are never shipped: bytes placed and fetched like
//! any record, and two protocols that move bytes over a stream.

use std::time::Duration;

use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _, channel::oneshot, io::AsyncWrite,
};
use futures_timer::Delay;
use js_sys::{Object, Promise, Reflect, Uint8Array};
use libp2p::{Multiaddr, PeerId, StreamProtocol, multiaddr::Protocol, swarm::Stream};
use libp2p_stream::Control;
use muttr_core::{rejection::Rejection, seed::Command};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{future_to_promise, spawn_local};
use web_time::Instant;

use crate::{driver::Wish, error::thrown, figures::Kind, network::Network, seed::Seed};

/// Whatever comes is sent back, until the far end closes.
const ECHO: StreamProtocol = StreamProtocol::new("/muttr-test/echo/1.0.0");
/// Whatever comes is counted; once the far end closes, the count (u64, big-endian) is sent.
const SINK: StreamProtocol = StreamProtocol::new("/muttr-test/sink/1.0.0");
const BUFFER_BYTES: usize = 65_536;
const LOOK_MS: u64 = 5;

/// Answers the two protocols for as long as the network is there.
pub(crate) fn serve(network: &Network) {
    let mut control = network.streams();
    if let (Ok(mut echoes), Ok(mut sinks)) = (control.accept(ECHO), control.accept(SINK)) {
        spawn_local(async move {
            while let Some((_, stream)) = echoes.next().await {
                spawn_local(async move {
                    let _ = echo(stream).await;
                });
            }
        });
        spawn_local(async move {
            while let Some((_, stream)) = sinks.next().await {
                spawn_local(async move {
                    let _ = sink(stream).await;
                });
            }
        });
    }
}

async fn echo(mut stream: Stream) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
    stream.close().await
}

async fn sink(mut stream: Stream) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0_u64;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => total += count as u64,
        }
    }
    stream.write_all(&total.to_be_bytes()).await?;
    stream.close().await
}

async fn pour_all(stream: &mut (impl AsyncWrite + Unpin), bytes: usize) -> std::io::Result<()> {
    let zeros = vec![0; BUFFER_BYTES];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(zeros.len());
        stream.write_all(&zeros[..now]).await?;
        left -= now;
    }
    stream.close().await
}

fn lost<T>(_: T) -> JsValue {
    thrown(Rejection::PodUnreachable)
}

#[wasm_bindgen]
impl Seed {
    /// Resolves to the record key, once another seed signed for the bytes.
    pub fn put(&self, bytes: &[u8]) -> Promise {
        self.ask(Ok(bytes.to_vec()), |id, bytes| Command::Put { id, bytes })
    }

    /// Resolves to the bytes.
    pub fn get(&self, key: &str) -> Promise {
        let key = key.parse().map_err(|_| Rejection::Misuse);
        self.ask(key, |id, key| Command::Get { id, key })
    }

    /// Resolves to what came back of these bytes.
    pub fn echo(&self, address: &str, bytes: Vec<u8>) -> Promise {
        let stream = self.stream(address, ECHO);
        future_to_promise(async move {
            let stream = stream.await?;
            let (mut reader, mut writer) = stream.split();
            let write = async {
                writer.write_all(&bytes).await?;
                writer.close().await
            };
            let mut back = Vec::new();
            let read = reader.read_to_end(&mut back);
            futures::try_join!(write, read).map_err(lost)?;
            Ok(Uint8Array::from(back.as_slice()).into())
        })
    }

    /// Resolves to `{ openMs, pourMs }`: until the stream was open, and from the first byte until
    /// the far end confirmed the last one.
    pub fn pour(&self, address: &str, bytes: u32) -> Promise {
        let begun = Instant::now();
        let stream = self.stream(address, SINK);
        future_to_promise(async move {
            let mut stream = stream.await?;
            let opened = Instant::now();
            pour_all(&mut stream, bytes as usize).await.map_err(lost)?;
            let mut count = [0; 8];
            stream.read_exact(&mut count).await.map_err(lost)?;
            if u64::from_be_bytes(count) != u64::from(bytes) {
                return Err(thrown(Rejection::Malformed));
            }
            let told = Object::new();
            for (name, duration) in [("openMs", opened - begun), ("pourMs", opened.elapsed())] {
                let ms = duration.as_secs_f64() * 1_000.0;
                Reflect::set(&told, &name.into(), &ms.into())?;
            }
            Ok(told.into())
        })
    }

    /// Closes every connection with a peer; resolves once they are closed.
    #[wasm_bindgen(js_name = hangUp)]
    pub fn hang_up(&self, peer: &str) -> Promise {
        let peer = peer.parse::<PeerId>();
        if let Ok(peer) = peer {
            self.with_network(move |network| network.hang_up(peer));
        }
        let figures = self.figures.clone();
        future_to_promise(async move {
            let peer = peer.map_err(|_| thrown(Rejection::Misuse))?;
            while figures.borrow().connections().any(|it| it.peer == peer) {
                Delay::new(Duration::from_millis(LOOK_MS)).await;
            }
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl Seed {
    fn with_network(&self, act: impl FnOnce(&mut Network) + 'static) {
        let _ = self.wishes.unbounded_send(Wish::Network(Box::new(act)));
    }

    /// A stream to whoever is at this address, over the direct connection there is, or a new one.
    fn stream(
        &self,
        address: &str,
        protocol: StreamProtocol,
    ) -> impl Future<Output = Result<Stream, JsValue>> + use<> {
        let address = address.parse::<Multiaddr>().ok();
        let peer = address
            .as_ref()
            .and_then(|address| match address.iter().last() {
                Some(Protocol::P2p(peer)) => Some(peer),
                _ => None,
            });
        let (control, got) = oneshot::channel::<Control>();
        let figures = self.figures.clone();
        self.with_network(move |network| {
            let direct = |kind: Kind| kind != Kind::Relay;
            let linked = figures
                .borrow()
                .connections()
                .any(|it| Some(it.peer) == peer && direct(it.kind));
            if let (false, Some(address), Some(peer)) = (linked, address, peer) {
                network.dial(peer, address);
            }
            let _ = control.send(network.streams());
        });
        async move {
            let peer = peer.ok_or_else(|| thrown(Rejection::Misuse))?;
            // Waits for the connection that is being made.
            let mut control = got.await.map_err(lost)?;
            control.open_stream(peer, protocol).await.map_err(lost)
        }
    }
}
