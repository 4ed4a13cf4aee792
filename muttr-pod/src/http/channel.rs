//! The private channel: a WebSocket whose binary messages go to the machine and come from it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use muttr_core::limit;
use tokio::sync::mpsc;

use super::{
    Front, rejected,
    visitor::{Visit, Visitor},
};
use crate::{driver::Happening, transport::READ_BUFFER_BYTES};

pub(super) async fn open(
    upgrade: WebSocketUpgrade,
    visitor: Visitor,
    State(front): State<Arc<Front>>,
) -> Response {
    if let Err(why) = front.visits.count(Visit::Socket, visitor) {
        return rejected(why);
    }
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_frame_size(limit::CHANNEL_FRAME_BYTES_MAX)
        .max_message_size(limit::CHANNEL_FRAME_BYTES_MAX)
        .on_upgrade(move |socket| run(socket, front))
}

async fn run(socket: WebSocket, front: Arc<Front>) {
    // The machine counts from 1.
    let number = front.channels_begun.fetch_add(1, Ordering::Relaxed) + 1;
    let (sender, messages) = mpsc::channel(limit::CHANNEL_QUEUE_FRAMES_MAX);
    if front
        .happenings
        .send(Happening::Opened(number, sender))
        .await
        .is_ok()
    {
        carry(socket, messages, number, &front).await;
        // Fails when the pod has stopped, and then nobody needs to know.
        let _ = front.happenings.send(Happening::Closed(number)).await;
    }
}

/// Until either side has enough. A machine that is behind stops the reading, and so the sender.
async fn carry(
    mut socket: WebSocket,
    mut messages: mpsc::Receiver<Vec<u8>>,
    number: u64,
    front: &Front,
) {
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Binary(bytes))) => {
                    let message = Happening::Message(number, bytes.into());
                    if front.happenings.send(message).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Close(_)) | Err(_)) | None => return,
            },
            message = messages.recv() => {
                let last = message.is_none();
                let message = message.map_or(Message::Close(None), |bytes| {
                    Message::Binary(Bytes::from(bytes))
                });
                let sending = socket.send(message);
                let patience = Duration::from_millis(limit::REQUEST_MS_MAX);
                let sent = tokio::time::timeout(patience, sending).await;
                if last || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}
