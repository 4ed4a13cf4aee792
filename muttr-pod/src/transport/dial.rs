//! Dials seeds and other pods: a WebSocket to wherever the guard lets it go.
//!
//! The addresses come from others, so neither a name's resolution nor a redirect is left to a
//! library, and what the far end may send at once is bounded as it is for those who dial us.
//! (`libp2p-websocket` bounds only what comes in, and takes 256 MiB from those it dials.)

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::{self, BoxFuture};
use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
};
use rw_stream_sink::RwStreamSink;
use tokio_tungstenite::{client_async_with_config, tungstenite::client::IntoClientRequest as _};

use super::socket::{Binary, Socket, config};
use crate::reach::{Guard, Target};

/// Dials, and listens nowhere.
#[derive(Debug)]
pub(crate) struct Dial {
    guard: Guard,
}

impl Dial {
    pub(crate) const fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl Transport for Dial {
    type Output = Socket;
    type Error = io::Error;
    type ListenerUpgrade = future::Pending<io::Result<Socket>>;
    type Dial = BoxFuture<'static, io::Result<Socket>>;

    fn listen_on(
        &mut self,
        _: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        _: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        match Target::at(&address) {
            Some(target) => Ok(Box::pin(dial(self.guard.clone(), target))),
            None => Err(TransportError::MultiaddrNotSupported(address)),
        }
    }

    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}

/// How long it may take, the swarm's stack says.
async fn dial(guard: Guard, target: Target) -> io::Result<Socket> {
    let stream = guard.connect(&target).await.map_err(io::Error::other)?;
    // TLS, if any, is below already: the scheme is a formality.
    let request = format!("ws://{}/", target.authority());
    let request = request.into_client_request().map_err(io::Error::other)?;
    let opened = client_async_with_config(request, stream, Some(config())).await;
    let (socket, _) = opened.map_err(io::Error::other)?;
    Ok(RwStreamSink::new(Binary(socket)))
}
