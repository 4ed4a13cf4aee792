//! A stream of bytes to a pod, with TLS where its address asks for it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use muttr_core::limit;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use super::PodUrl;

/// See the module's documentation.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects; every address of the name is tried in turn, all in bounded time.
pub(super) async fn connect(url: &PodUrl) -> io::Result<(Socket, SocketAddr)> {
    let patience = Duration::from_millis(limit::CONNECT_MS_MAX);
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(patience, open(url)).await.map_err(late)?
}

async fn open(url: &PodUrl) -> io::Result<(Socket, SocketAddr)> {
    let (name, port) = url.endpoint();
    let stream = if name.ends_with(".localhost") {
        // Such names mean this machine (RFC 6761, section 6.3), whatever the resolver thinks.
        TcpStream::connect((IpAddr::from(Ipv4Addr::LOCALHOST), port)).await?
    } else {
        TcpStream::connect((name, port)).await?
    };
    // Frames are small, and somebody waits for each.
    stream.set_nodelay(true)?;
    let from = stream.peer_addr()?;
    if !url.tls() {
        return Ok((Socket::Plain(stream), from));
    }
    let name = ServerName::try_from(name.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TlsConnector::from(trust()?).connect(name, stream).await?;
    Ok((Socket::Tls(Box::new(stream)), from))
}

/// Trusts the authorities that browsers trust. The provider is named, so that no other crate's
/// choice of features decides.
fn trust() -> io::Result<Arc<ClientConfig>> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
