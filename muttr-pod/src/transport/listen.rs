//! A native seed's sockets: it listens at a port of its own, and dials as a pod does.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    multiaddr::Protocol,
};
use rw_stream_sink::RwStreamSink;
use tokio::{
    net::{TcpListener, TcpStream},
    time::Sleep,
};
use tokio_tungstenite::accept_async_with_config;

use super::{
    dial::Dial,
    socket::{Binary, Socket, config},
};
use crate::reach::{Guard, Io, Reach};

/// A listener that fails is left alone for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// WebSockets for a native seed, to be handed to [`muttr_net::stack`]. Listens at
/// `/ip4/…/tcp/…/ws` and `/ip6/…/tcp/…/ws`, port 0 for a free one; dials what `reach` allows.
///
/// # Errors
/// When TLS cannot be set up.
pub fn sockets(reach: Reach) -> io::Result<Sockets> {
    Ok(Sockets {
        dial: Dial::new(Guard::new(reach)?),
        listeners: Vec::new(),
        closed: VecDeque::new(),
    })
}

/// See [`sockets`].
#[derive(Debug)]
pub struct Sockets {
    dial: Dial,
    listeners: Vec<Listener>,
    closed: VecDeque<ListenerId>,
}

#[derive(Debug)]
struct Listener {
    id: ListenerId,
    socket: TcpListener,
    address: Multiaddr,
    announced: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

type Event = TransportEvent<BoxFuture<'static, io::Result<Socket>>, io::Error>;

impl Listener {
    fn open(id: ListenerId, at: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(at)?;
        socket.set_nonblocking(true)?;
        let at = socket.local_addr()?;
        Ok(Self {
            id,
            socket: TcpListener::from_std(socket)?,
            address: multiaddr(at),
            announced: false,
            pause: None,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let listener_id = self.id;
        if !self.announced {
            self.announced = true;
            return Poll::Ready(TransportEvent::NewAddress {
                listener_id,
                listen_addr: self.address.clone(),
            });
        }
        if let Some(pause) = &mut self.pause {
            if pause.poll_unpin(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        Poll::Ready(match ready!(self.socket.poll_accept(cx)) {
            Ok((stream, from)) => TransportEvent::Incoming {
                listener_id,
                upgrade: Box::pin(accept(stream)),
                local_addr: self.address.clone(),
                send_back_addr: multiaddr(from),
            },
            Err(error) => {
                self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
                TransportEvent::ListenerError { listener_id, error }
            }
        })
    }
}

async fn accept(stream: TcpStream) -> io::Result<Socket> {
    // Small messages would wait otherwise, and no more.
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Io> = Box::new(stream);
    let accepted = accept_async_with_config(stream, Some(config())).await;
    Ok(RwStreamSink::new(Binary(
        accepted.map_err(io::Error::other)?,
    )))
}

fn multiaddr(at: SocketAddr) -> Multiaddr {
    Multiaddr::from(at.ip())
        .with(Protocol::Tcp(at.port()))
        .with(Protocol::Ws("/".into()))
}

fn socket_addr(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match (parts.next()?, parts.next()?, parts.next()) {
        (Protocol::Tcp(port), Protocol::Ws(path), None) if path == "/" => {
            Some(SocketAddr::new(ip, port))
        }
        _ => None,
    }
}

impl Transport for Sockets {
    type Output = Socket;
    type Error = io::Error;
    type ListenerUpgrade = BoxFuture<'static, io::Result<Socket>>;
    type Dial = BoxFuture<'static, io::Result<Socket>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        let Some(at) = socket_addr(&address) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let listener = Listener::open(id, at).map_err(TransportError::Other)?;
        self.listeners.push(listener);
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let before = self.listeners.len();
        self.listeners.retain(|listener| listener.id != id);
        let removed = self.listeners.len() < before;
        if removed {
            self.closed.push_back(id);
        }
        removed
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        self.dial.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        if let Some(listener_id) = self.closed.pop_front() {
            return Poll::Ready(TransportEvent::ListenerClosed {
                listener_id,
                reason: Ok(()),
            });
        }
        for listener in &mut self.listeners {
            if let Poll::Ready(event) = listener.poll(cx) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    }
}
