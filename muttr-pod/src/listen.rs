//! Connections over HTTP/1.1, until the pod stops.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower_service::Service as _;

use crate::limits;

/// How long connections get to end before they are cut.
const STOP_MAX: Duration = Duration::from_millis(1000);
/// A listener that fails, as when there are no more files, is left alone for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP until told to stop; what then does not end by itself is cut.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // Fails when the pod was dropped, which stops it too.
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) => {
                open.spawn(serve(stream, from, router.clone(), stopping.clone()));
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    // In time or not, it is over.
    let _ = tokio::time::timeout(STOP_MAX, async {
        while open.join_next().await.is_some() {}
    })
    .await;
}

/// One connection, up to its end or its upgrade to a WebSocket.
async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small messages will wait");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_PATIENCE)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // Whoever breaks off has their reasons.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
