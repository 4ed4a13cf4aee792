//! STUN (RFC 8489): tells whoever asks from which address and port the question came, so that
//! tabs behind a router learn where they can be reached. Binding and nothing else, over UDP.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use muttr_core::{limit, name::Host};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::UdpSocket, sync::watch};

use crate::{
    allowance::{Allowance, Rate},
    config::Stun,
    reach::is_local,
};

mod message;

/// The port that STUN has by itself (RFC 8489, section 9).
const PORT: u16 = 3478;
/// Answers to one address.
const EACH: Rate = Rate {
    burst: limit::STUN_BURST,
    per_s: limit::STUN_PER_S,
};
/// Answers to all together.
const ALL: Rate = Rate {
    burst: limit::STUN_ALL_BURST,
    per_s: limit::STUN_ALL_PER_S,
};
/// A socket that cannot be read is left alone for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// Where STUN is to be answered: as it was set, otherwise beside the page. A page that only a
/// proxy on this machine reaches says nothing of where others could ask; then it is off.
pub(crate) fn place(set: Option<Stun>, listen: SocketAddr, host: &Host) -> Option<SocketAddr> {
    let beside = |port| {
        let mut address = listen;
        address.set_port(port);
        Some(address)
    };
    match set {
        Some(Stun::Off) => None,
        Some(Stun::At(address)) => Some(address),
        Some(Stun::Port(port)) => beside(port),
        None if listen.ip().is_loopback() && !is_local(host) => {
            tracing::warn!("no STUN, for the pod listens on this machine only: set `stun`");
            None
        }
        None => beside(PORT),
    }
}

/// A socket there, and the address with the port it got; `None`, and one warning, when there can
/// be none. A pod without STUN still introduces tabs; fewer of them reach each other.
pub(crate) fn open(address: SocketAddr) -> Option<(UdpSocket, SocketAddr)> {
    let opened = bind(address).and_then(|socket| {
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    match opened {
        Ok(opened) => {
            tracing::info!(address = %opened.1, "answers STUN");
            Some(opened)
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no STUN, for its port cannot be used");
            None
        }
    }
}

/// On `[::]` it serves IPv4 as well, whatever the machine's default is.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Answers until the pod stops. Nothing is logged about who asks.
pub(crate) async fn serve(socket: UdpSocket, mut stopping: watch::Receiver<bool>) {
    let started = Instant::now();
    let mut allowance = Allowance::new(EACH, ALL, limit::STUN_ADDRESSES_MAX);
    // One byte more, so that what is too long is seen to be.
    let mut question = [0; limit::STUN_BYTES_MAX + 1];
    loop {
        let received = tokio::select! {
            // Fails when the pod was dropped, which stops it too.
            _ = stopping.wait_for(|stop| *stop) => return,
            received = socket.recv_from(&mut question) => received,
        };
        let (length, from) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(kind = ?error.kind(), "a STUN question could not be read");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let question = question.get(..length).unwrap_or_default();
        let Some(answer) = message::answer(question, from) else {
            continue;
        };
        let now_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if allowance.take(from.ip(), now_ns) {
            // What cannot be sent at once is lost, as anything over UDP may be: who asks, asks
            // again.
            let _ = socket.try_send_to(&answer, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_beside_the_page_unless_only_a_proxy_is_there() {
        let own: Host = "localhost:8080".parse().expect("a host");
        let public: Host = "oak.example".parse().expect("a host");
        let at = |text: &str| Some(text.parse::<SocketAddr>().expect("an address"));
        for (set, listen, host, expected) in [
            (None, "127.0.0.1:8080", &own, at("127.0.0.1:3478")),
            (None, "0.0.0.0:443", &public, at("0.0.0.0:3478")),
            (None, "[::]:443", &public, at("[::]:3478")),
            (None, "[2001:db8::1]:80", &own, at("[2001:db8::1]:3478")),
            (None, "127.0.0.1:8080", &public, None),
            (None, "[::1]:8080", &public, None),
            (Some(Stun::Port(0)), "[::]:443", &own, at("[::]:0")),
            (
                Some(Stun::Port(99)),
                "127.0.0.1:1",
                &public,
                at("127.0.0.1:99"),
            ),
            (
                Some(Stun::At("[::]:99".parse().expect("an address"))),
                "127.0.0.1:1",
                &public,
                at("[::]:99"),
            ),
            (Some(Stun::Off), "0.0.0.0:443", &public, None),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(place(set, listen, host), expected, "{set:?} {listen}");
        }
    }
}
