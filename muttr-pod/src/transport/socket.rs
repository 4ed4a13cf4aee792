//! Bytes over a WebSocket's binary messages, whoever opened it.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::extract::ws;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use rw_stream_sink::RwStreamSink;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, protocol::WebSocketConfig},
};

use crate::reach::Io;

/// Largest WebSocket message of libp2p: a noise frame and its length, several at once.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Every idle connection costs this much.
pub(crate) const READ_BUFFER_BYTES: usize = 4096;

/// Of those sockets that this side dialled or listened for itself.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Bytes over such a socket.
pub type Socket = RwStreamSink<Binary<WebSocketStream<Box<dyn Io>>>>;

/// A message of a WebSocket, whose types differ by library.
pub trait Message {
    /// One with these bytes.
    fn of(bytes: Vec<u8>) -> Self;
    /// What it says.
    fn heard(self) -> Heard;
}

/// What a message says.
#[derive(Debug)]
pub enum Heard {
    /// Bytes.
    Bytes(Vec<u8>),
    /// That the far end is there.
    Alive,
    /// That there will be no more.
    End,
    /// Text, which is not spoken here.
    Text,
}

impl Message for ws::Message {
    fn of(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }

    fn heard(self) -> Heard {
        match self {
            Self::Binary(bytes) => Heard::Bytes(bytes.into()),
            Self::Ping(_) | Self::Pong(_) => Heard::Alive,
            Self::Text(_) => Heard::Text,
            Self::Close(_) => Heard::End,
        }
    }
}

impl Message for tungstenite::Message {
    fn of(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }

    fn heard(self) -> Heard {
        match self {
            Self::Binary(bytes) => Heard::Bytes(bytes.into()),
            Self::Ping(_) | Self::Pong(_) | Self::Frame(_) => Heard::Alive,
            Self::Text(_) => Heard::Text,
            Self::Close(_) => Heard::End,
        }
    }
}

/// A WebSocket of which only the binary messages count.
#[derive(Debug)]
pub struct Binary<S>(pub(crate) S);

impl<S, M, E> Stream for Binary<S>
where
    S: Stream<Item = Result<M, E>> + Unpin,
    M: Message,
    E: Error + Send + Sync + 'static,
{
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return Poll::Ready(match ready!(self.0.poll_next_unpin(cx)) {
                Some(Ok(message)) => match message.heard() {
                    Heard::Bytes(bytes) => Some(Ok(bytes)),
                    Heard::Alive => continue,
                    Heard::Text => Some(Err(io::ErrorKind::InvalidData.into())),
                    Heard::End => None,
                },
                None => None,
                Some(Err(error)) => Some(Err(io::Error::other(error))),
            });
        }
    }
}

impl<S, M, E> Sink<Vec<u8>> for Binary<S>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Message,
    E: Error + Send + Sync + 'static,
{
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready_unpin(cx).map_err(io::Error::other)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Vec<u8>) -> io::Result<()> {
        self.0
            .start_send_unpin(M::of(bytes))
            .map_err(io::Error::other)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush_unpin(cx).map_err(io::Error::other)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close_unpin(cx).map_err(io::Error::other)
    }
}
