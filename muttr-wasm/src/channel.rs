//! The WebSocket under the private channel.

use futures::{
    Stream,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

/// What happens to a socket.
pub(crate) enum Happened {
    /// It is open.
    Opened,
    /// A message came.
    Bytes(Vec<u8>),
    /// It is closed, or could not be opened; nothing more happens.
    Closed,
}

/// One WebSocket, closed when dropped.
pub(crate) struct Socket {
    socket: WebSocket,
    happened: UnboundedReceiver<Happened>,
    _listeners: Listeners,
}

/// Kept for as long as the socket may call them.
type Listeners = (
    Closure<dyn FnMut(MessageEvent)>,
    [Closure<dyn FnMut(Event)>; 3],
);

impl Socket {
    /// Begins to open one; `None` when the browser refuses the address (mixed content, say).
    pub(crate) fn open(url: &str) -> Option<Self> {
        let socket = WebSocket::new(url).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let (tell, happened) = unbounded();
        let on_message = on_message(tell.clone());
        let [on_open, on_error, on_close] = [
            on_event(tell.clone(), || Happened::Opened),
            // An error is always followed by a close, in some browsers much later.
            on_event(tell.clone(), || Happened::Closed),
            on_event(tell, || Happened::Closed),
        ];
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Some(Self {
            socket,
            happened,
            _listeners: (on_message, [on_open, on_error, on_close]),
        })
    }

    /// Sends a message; a socket that cannot is about to say that it is closed.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let _ = self.socket.send_with_u8_array(bytes);
    }
}

impl Stream for Socket {
    type Item = Happened;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Happened>> {
        Pin::new(&mut self.happened).poll_next(context)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onerror(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

fn on_message(tell: UnboundedSender<Happened>) -> Closure<dyn FnMut(MessageEvent)> {
    Closure::new(move |event: MessageEvent| {
        // Text is not of the protocol, and is passed over.
        if let Ok(buffer) = event.data().dyn_into::<js_sys::ArrayBuffer>() {
            let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
            let _ = tell.unbounded_send(Happened::Bytes(bytes));
        }
    })
}

fn on_event(
    tell: UnboundedSender<Happened>,
    what: impl Fn() -> Happened + 'static,
) -> Closure<dyn FnMut(Event)> {
    Closure::new(move |_: Event| {
        let _ = tell.unbounded_send(what());
    })
}
