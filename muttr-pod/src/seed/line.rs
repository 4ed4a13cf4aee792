//! Keeps the private channel open: one WebSocket at a time, a pause after each that closed.

use std::{io, sync::Arc, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use muttr_core::{limit, machine::Machine};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{
    PodUrl,
    backoff::Backoff,
    socket::{self, Socket},
    view::Board,
};
use crate::driver::Happening;

/// A seed's own channel.
const CHANNEL: u64 = 0;

/// The line to a pod.
pub(super) struct Line<M: Machine> {
    pub(super) url: PodUrl,
    /// Path of the channel.
    pub(super) path: String,
    pub(super) happenings: mpsc::Sender<Happening<M>>,
    pub(super) board: Arc<Board>,
    pub(super) stop: watch::Receiver<bool>,
}

impl<M> Line<M>
where
    M: Machine<Command: Send, Event: Send>,
{
    /// Until told to stop, or the pod does not want to hear from this seed before something is
    /// changed.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new(limit::RECONNECT_MS);
        let mut stop = self.stop.clone();
        let stopped = async move {
            // Fails when the seed was dropped, which stops it too.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let keep_open = async {
            while !self.board.is_refused() {
                match self.open().await {
                    Ok(socket) => {
                        if self.carry(socket).await {
                            backoff.succeed();
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the channel cannot be opened");
                        self.board.unreachable(error.kind());
                    }
                }
                if !self.board.is_refused() {
                    sleep(backoff.fail()).await;
                }
            }
        };
        tokio::select! {
            () = stopped => {}
            () = keep_open => {}
        }
    }

    async fn open(&self) -> io::Result<WebSocketStream<Socket>> {
        let scheme = if self.url.tls() { "wss" } else { "ws" };
        let target = format!("{scheme}://{}{}", self.url.host(), self.path);
        let bounds = WebSocketConfig::default()
            .max_message_size(Some(limit::CHANNEL_FRAME_BYTES_MAX))
            .max_frame_size(Some(limit::CHANNEL_FRAME_BYTES_MAX));
        let (socket, _) = socket::connect(&self.url).await?;
        let upgrading = client_async_with_config(target, socket, Some(bounds));
        let patience = Duration::from_millis(limit::CONNECT_MS_MAX);
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let upgraded = timeout(patience, upgrading).await.map_err(late)?;
        upgraded.map(|(socket, _)| socket).map_err(io::Error::other)
    }

    /// Carries messages until either side has enough; yields whether the pod came to know us.
    async fn carry(&self, mut socket: WebSocketStream<Socket>) -> bool {
        let (sender, mut messages) = mpsc::channel(limit::CHANNEL_QUEUE_FRAMES_MAX);
        let opened = Happening::Opened(CHANNEL, sender);
        if self.happenings.send(opened).await.is_err() {
            return false;
        }
        let identified_before = self.board.identifications();
        loop {
            tokio::select! {
                received = socket.next() => match received {
                    Some(Ok(Message::Binary(bytes))) => {
                        let message = Happening::Message(CHANNEL, bytes.into());
                        if self.happenings.send(message).await.is_err() {
                            break;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_) | Err(_)) | None => break,
                },
                message = messages.recv() => {
                    let last = message.is_none();
                    let message = message.map_or(Message::Close(None), |bytes| {
                        Message::Binary(bytes.into())
                    });
                    let patience = Duration::from_millis(limit::REQUEST_MS_MAX);
                    let sent = timeout(patience, socket.send(message)).await;
                    if last || !matches!(sent, Ok(Ok(()))) {
                        break;
                    }
                }
            }
        }
        // Fails when the seed has stopped, and then nobody needs to know.
        let _ = self.happenings.send(Happening::Closed(CHANNEL)).await;
        self.board.identifications() > identified_before
    }
}
