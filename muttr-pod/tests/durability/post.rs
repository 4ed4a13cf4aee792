//! People who write, so many notifications a second, whatever becomes of their pod.

use std::{net::SocketAddr, time::Duration};

use futures::future::join_all;
use muttr_core::{
    envelope::{
        record::{Kind, Record, expiry_h},
        stamp,
    },
    limit,
    name::Host,
    wire::channel::{Notification, ToPod, ToSeed},
};
use rand_core::{OsRng, RngCore as _};
use tokio::{
    sync::{Mutex, watch},
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    ledger::{Ledger, Who},
    people::{Broken, Person, Talk, now},
};

/// How many people write; each of them reads, too.
const WRITERS: u32 = 40;
/// How many notifications all of them offer each second: each needs a stamp, for which this process
/// searches on the processors that the pod has, too.
pub(super) const PER_S: u32 = 100;
/// Longer than a pod takes to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// What is written: a record and for whom.
struct Letter {
    to: Who,
    record: Record,
}

impl Letter {
    /// A record that a pod takes: sealed it would look no different.
    fn new(to: Who) -> Self {
        // An encrypted container (RFC 9580, sections 4.2.1 and 5.13.2) that fills the smallest
        // size class; what it is encrypted from nobody knows.
        let bytes = limit::RECORD_CLASSES_BYTES[0] - limit::RECORD_HEADER_BYTES;
        let mut body = vec![0; bytes];
        OsRng.fill_bytes(&mut body);
        let length = u16::try_from(bytes - 3 - 192).expect("is short") + (192 << 8);
        body[0] = 0xd2;
        body[1..3].copy_from_slice(&length.to_be_bytes());
        body[3..7].copy_from_slice(&[2, 9, 3, 10]);
        let expires_h = expiry_h(now(), limit::RECORD_LIFE_DEFAULT_MS);
        let record = Record::new(Kind::Chunk, expires_h, [1; 32], &body);
        Self {
            to,
            record: record.expect("fills its class"),
        }
    }
}

/// One of those who write.
struct Writer<'a> {
    who: Who,
    addr: SocketAddr,
    host: Host,
    people: &'a [Person],
    ledger: &'a Mutex<Ledger>,
    /// Written and not acknowledged yet.
    under_way: Option<Letter>,
    ids: u64,
}

/// The first people write to all, until they are told to stop; then until all is acknowledged.
pub(super) async fn write(
    pod: (SocketAddr, Host),
    people: &[Person],
    ledger: &Mutex<Ledger>,
    stop: watch::Receiver<bool>,
) {
    let (addr, host) = pod;
    let writers = (0..WRITERS as usize).map(|who| Writer {
        who,
        addr,
        host: host.clone(),
        people,
        ledger,
        under_way: None,
        ids: 0,
    });
    join_all(writers.map(|writer| writer.run(stop.clone()))).await;
}

impl Writer<'_> {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut beat = interval(Duration::from_secs(1) * WRITERS / PER_S);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let cursor = self.ledger.lock().await.cursor(self.who);
            let person = &self.people[self.who];
            let talk = Talk::open(self.addr, &self.host, person, cursor).await;
            if let Ok((mut talk, _)) = talk
                && self.writes(&mut talk, &mut beat, &mut stop).await.is_ok()
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn writes(
        &mut self,
        talk: &mut Talk,
        beat: &mut Interval,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Broken> {
        loop {
            // What was not acknowledged goes out again: the pod may have it or not.
            if let Some(letter) = self.under_way.take() {
                let posted = self.posts(talk, &letter).await;
                if posted.is_err() {
                    self.under_way = Some(letter);
                    return posted;
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                _ = beat.tick() => {
                    let to = OsRng.next_u64() as usize % self.people.len();
                    let letter = Letter::new(to);
                    self.ledger.lock().await.written.insert((to, letter.record.key()));
                    self.under_way = Some(letter);
                }
                message = talk.hear() => self.reads(talk, &message?).await?,
            }
        }
    }

    /// Stores and notifies; when both are acknowledged, that is written down.
    async fn posts(&mut self, talk: &mut Talk, letter: &Letter) -> Result<(), Broken> {
        let key = letter.record.key();
        let record = letter.record.bytes().to_vec();
        let stamp = stamp::find(limit::STAMP_BITS, &key).to_bytes();
        let store = |id| ToPod::Store { id, record, stamp };
        self.asks(talk, store).await?;
        let to = self.people[letter.to].alias(&self.host);
        let notification = Notification {
            key,
            expires_h: letter.record.expires_h(),
            capability: Vec::new(),
        };
        let notify = |id| ToPod::Notify {
            id,
            to,
            notification,
        };
        self.asks(talk, notify).await?;
        let mut ledger = self.ledger.lock().await;
        ledger.acknowledged.insert((letter.to, key));
        Ok(())
    }

    /// Asks, and waits until it is acknowledged.
    async fn asks(
        &mut self,
        talk: &mut Talk,
        request: impl FnOnce(u64) -> ToPod,
    ) -> Result<(), Broken> {
        self.ids += 1;
        talk.say(&request(self.ids)).await?;
        loop {
            let message = timeout(ANSWER, talk.hear()).await.map_err(|_| Broken)??;
            match &message {
                ToSeed::Stored { id, .. } | ToSeed::Notified { id } if *id == self.ids => {
                    return Ok(());
                }
                // Nothing here is asked for in vain.
                ToSeed::Rejected { code, .. } => panic!("refused: {code}"),
                _ => self.reads(talk, &message).await?,
            }
        }
    }

    async fn reads(&self, talk: &mut Talk, message: &ToSeed) -> Result<(), Broken> {
        let ack = self.ledger.lock().await.take(self.who, message);
        match ack {
            Some(ack) => talk.say(&ack).await,
            None => Ok(()),
        }
    }
}
