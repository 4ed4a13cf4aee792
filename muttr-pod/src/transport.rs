//! libp2p over WebSockets: those that HTTP upgraded, so that the page and the network share one
//! port, and those that the pod dials.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::extract::ws::WebSocket;
use futures::future;
use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    multiaddr::Protocol,
};
use rw_stream_sink::RwStreamSink;
use tokio::sync::mpsc;

mod dial;
mod listen;
mod socket;

pub use crate::reach::Io;
pub(crate) use dial::Dial;
pub use listen::{Sockets, sockets};
pub use socket::{Binary, Heard, Message, Socket};
pub(crate) use socket::{MESSAGE_BYTES_MAX, READ_BUFFER_BYTES};

/// A socket that was upgraded, and from where it came.
pub(crate) type Arrival = (WebSocket, SocketAddr);

/// Takes in upgraded sockets. It listens wherever it is told to, because it is axum that does;
/// dialling is for [`Dial`].
pub(crate) struct Upgrades {
    arrivals: mpsc::Receiver<Arrival>,
    listener: Option<Listener>,
}

struct Listener {
    id: ListenerId,
    address: Multiaddr,
    announced: bool,
}

/// Bytes over a WebSocket's binary messages.
pub(crate) type Bytes = RwStreamSink<Binary<WebSocket>>;

impl Upgrades {
    pub(crate) const fn new(arrivals: mpsc::Receiver<Arrival>) -> Self {
        Self {
            arrivals,
            listener: None,
        }
    }
}

impl Transport for Upgrades {
    type Output = Bytes;
    type Error = io::Error;
    type ListenerUpgrade = future::Ready<io::Result<Bytes>>;
    type Dial = future::Pending<io::Result<Bytes>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        let is_ws = address
            .iter()
            .any(|part| matches!(part, Protocol::Ws(_) | Protocol::Wss(_)));
        if !is_ws || self.listener.is_some() {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.listener = Some(Listener {
            id,
            address,
            announced: false,
        });
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.listener
            .take_if(|listener| listener.id == id)
            .is_some()
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        _: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let this = &mut *self;
        let Some(listener) = &mut this.listener else {
            return Poll::Pending;
        };
        if !listener.announced {
            listener.announced = true;
            let listen_addr = listener.address.clone();
            return Poll::Ready(TransportEvent::NewAddress {
                listener_id: listener.id,
                listen_addr,
            });
        }
        match ready!(this.arrivals.poll_recv(cx)) {
            Some((socket, from)) => Poll::Ready(TransportEvent::Incoming {
                listener_id: listener.id,
                upgrade: future::ready(Ok(RwStreamSink::new(Binary(socket)))),
                local_addr: listener.address.clone(),
                send_back_addr: Multiaddr::from(from.ip())
                    .with(Protocol::Tcp(from.port()))
                    .with(Protocol::Ws("/".into())),
            }),
            None => Poll::Pending,
        }
    }
}
