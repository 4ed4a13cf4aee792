//! Notifications without end, from several addresses at once; and connections that only wait.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use muttr_core::{
    limit,
    name::{Alias, Host},
    rejection::Rejection,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::{
    line::Line,
    mallory::{Mallory, record},
};

/// Addresses that mallory's pods have between them.
const ADDRESSES: u8 = 4;
/// So many of the first come with stamps: more than there are places.
const STAMPED: u64 = 2_000;
/// Connections of each.
const LINES: u8 = 8;
/// Connections that begin to hand something over and do not go on: more than there are seats.
const IDLERS: usize = 1_000;

/// How the pod answered, by code.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(super) fn of(&self, code: Rejection) -> u64 {
        self.0.get(code.code()).copied().unwrap_or_default()
    }

    pub(super) fn all(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn refused(&self) -> impl Iterator<Item = (&str, u64)> {
        let refused = self.0.iter().filter(|(code, _)| *code != "TAKEN");
        refused.map(|(code, count)| (code.as_str(), *count))
    }

    pub(super) const fn answers(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

/// What is shared by all who take part.
struct Siege {
    at: SocketAddr,
    pods: [&'static Mallory; 3],
    oak: Host,
    to: Alias,
    begun: AtomicU64,
    most: u64,
    over: AtomicBool,
    tally: Mutex<Tally>,
}

/// A flood under way.
pub(super) struct Flood {
    siege: Arc<Siege>,
    lines: JoinSet<()>,
    idlers: JoinSet<()>,
}

impl Flood {
    pub(super) fn begin(
        at: SocketAddr,
        pods: [&'static Mallory; 3],
        oak: Host,
        to: Alias,
        most: u64,
    ) -> Self {
        let siege = Arc::new(Siege {
            at,
            pods,
            oak,
            to,
            begun: AtomicU64::new(0),
            most,
            over: AtomicBool::new(false),
            tally: Mutex::default(),
        });
        let (mut lines, mut idlers) = (JoinSet::new(), JoinSet::new());
        for address in 1..=ADDRESSES {
            for _ in 0..LINES {
                let from = IpAddr::from([198, 51, 100, address]);
                lines.spawn(Arc::clone(&siege).pours(from));
            }
        }
        for _ in 0..IDLERS {
            idlers.spawn(Arc::clone(&siege).idles());
        }
        Self {
            siege,
            lines,
            idlers,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.siege.tally().clone()
    }

    /// Waits until all was handed over; yields how it was answered.
    pub(super) async fn end(mut self) -> Tally {
        while let Some(line) = self.lines.join_next().await {
            line.expect("does not panic");
        }
        self.siege.over.store(true, Ordering::Relaxed);
        self.idlers.shutdown().await;
        self.tally()
    }
}

impl Siege {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, code: String) {
        *self.tally().0.entry(code).or_default() += 1;
    }

    /// One after the other, until there were as many as wanted.
    async fn pours(self: Arc<Self>, from: IpAddr) {
        let mut line = Line::from(self.at, from);
        let mut last = Vec::new();
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= self.most {
                return;
            }
            let body = self.next(number, &last);
            let answer = line.hand_over(body.clone()).await;
            self.count(answer.code());
            last = body;
        }
    }

    /// Mostly strangers' notifications as a pod may sign them; some are not signed, or in an
    /// honest pod's name, or were handed over before. Stamps have their price: there are some until
    /// the places for strangers are taken, and few from then on.
    fn next(&self, number: u64, last: &[u8]) -> Vec<u8> {
        let turn = usize::try_from(number).expect("fits");
        let mallory = self.pods[turn % self.pods.len()];
        let class = if number.is_multiple_of(16) { 5 } else { 0 };
        match number % 8 {
            1 if !last.is_empty() => last.to_vec(),
            2 => mallory.unstamped(&self.to, record(class), |it| it.from = None, |_| {}),
            3 | 4 => {
                let oak = self.oak.clone();
                mallory.unstamped(&self.to, record(class), |it| it.from = Some(oak), |_| {})
            }
            _ if number < STAMPED || number.is_multiple_of(64) => {
                mallory.handover(&self.to, record(class), |_| {}, |_| {})
            }
            _ => mallory.unstamped(&self.to, record(class), |_| {}, |_| {}),
        }
    }

    /// Takes a seat and keeps it for as long as it is let, again and again.
    async fn idles(self: Arc<Self>) {
        let from = IpAddr::from([203, 0, 113, 1]);
        let head = format!(
            "POST /fed/v1/notify HTTP/1.1\r\nhost: mallory\r\nconnection: close\r\n\
             content-type: application/cbor\r\nx-forwarded-for: {from}\r\n\
             content-length: {}\r\n\r\nxx",
            limit::HANDOVER_BYTES_MAX
        );
        while !self.over.load(Ordering::Relaxed) {
            let Ok(mut stream) = TcpStream::connect(self.at).await else {
                continue;
            };
            let mut answer = Vec::new();
            if stream.write_all(head.as_bytes()).await.is_ok() {
                // Ends when the pod does not wait any longer.
                let _ = stream.read_to_end(&mut answer).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
