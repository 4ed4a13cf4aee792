//! What a pod acknowledged, what it played back, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use muttr_core::{
    envelope::record::key_of,
    name::{Host, RecordKey},
    wire::channel::{ToPod, ToSeed},
};
use tokio::{sync::Mutex, time::timeout};

use super::{
    PATIENCE,
    people::{Broken, Person, Talk},
    pod::Pod,
};

/// A person, by their place in the list.
pub(super) type Who = usize;

/// See the module.
#[derive(Default)]
pub(super) struct Ledger {
    /// Everything that was written, acknowledged or not.
    pub(super) written: BTreeSet<(Who, RecordKey)>,
    /// What the pod said it had taken, record and notification.
    pub(super) acknowledged: BTreeSet<(Who, RecordKey)>,
    /// How often each was played back.
    pub(super) played: BTreeMap<(Who, RecordKey), u32>,
    /// Up to where each person has read.
    pub(super) cursors: BTreeMap<Who, (u64, u64)>,
    /// Of these the record is gone.
    pub(super) without_record: BTreeSet<(Who, RecordKey)>,
    /// Whose alias is gone.
    pub(super) without_alias: BTreeSet<Who>,
}

/// What is wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// Acknowledged, and not played back or without record.
    pub(super) lost: usize,
    /// Played back more than once.
    pub(super) twice: usize,
    /// Played back, and nobody wrote it.
    pub(super) unknown: usize,
    /// Registered, and not there any more.
    pub(super) aliases: usize,
}

impl Ledger {
    /// A notification came; yields what is to be acknowledged.
    pub(super) fn take(&mut self, who: Who, message: &ToSeed) -> Option<ToPod> {
        let ToSeed::Notification {
            epoch,
            seq,
            notification,
            ..
        } = message
        else {
            return None;
        };
        let (epoch, seq) = (*epoch, *seq);
        *self.played.entry((who, notification.key)).or_default() += 1;
        self.cursors.insert(who, (epoch, seq));
        Some(ToPod::Ack { epoch, seq })
    }

    pub(super) fn cursor(&self, who: Who) -> (u64, u64) {
        self.cursors.get(&who).copied().unwrap_or_default()
    }

    pub(super) fn losses(&self) -> Losses {
        let there = |it: &&(Who, RecordKey)| {
            self.played.contains_key(it) && !self.without_record.contains(it)
        };
        let kept = self.acknowledged.iter().filter(there).count();
        let unknown = self.played.keys().filter(|it| !self.written.contains(it));
        Losses {
            lost: self.acknowledged.len() - kept,
            twice: self.played.values().filter(|times| **times > 1).count(),
            unknown: unknown.count(),
            aliases: self.without_alias.len(),
        }
    }
}

/// Everybody reads what is left to read, and fetches every record that they were told of.
pub(super) async fn read_all(pod: &Pod, people: &[Person], ledger: &Mutex<Ledger>) {
    let host = pod.host();
    let reading = futures::stream::iter(people.iter().enumerate());
    let reading = reading.for_each_concurrent(16, async |(who, person)| {
        let cursor = ledger.lock().await.cursor(who);
        let talk = Talk::open(pod.listen, &host, person, cursor).await;
        let (mut talk, welcome) = talk.expect("comes in");
        if !welcome.aliases.contains(&person.label) {
            ledger.lock().await.without_alias.insert(who);
            return;
        }
        let read = read(&mut talk, &host, who, person, ledger).await;
        read.expect("the pod stays");
        let fetched = fetch(&mut talk, who, ledger).await;
        fetched.expect("the pod stays");
    });
    timeout(PATIENCE, reading).await.expect("in time");
}

/// What waits comes before the answer to a question, window by window.
async fn read(
    talk: &mut Talk,
    host: &Host,
    who: Who,
    person: &Person,
    ledger: &Mutex<Ledger>,
) -> Result<(), Broken> {
    for id in 1.. {
        let alias = person.alias(host);
        talk.say(&ToPod::Resolve { id, alias }).await?;
        let mut ack = None;
        loop {
            let message = talk.hear().await?;
            match ledger.lock().await.take(who, &message) {
                Some(newer) => ack = Some(newer),
                None if matches!(message, ToSeed::Resolved { .. }) => break,
                None => assert!(matches!(message, ToSeed::Cursor { .. }), "{message:?}"),
            }
        }
        let Some(ack) = ack else { break };
        talk.say(&ack).await?;
    }
    Ok(())
}

async fn fetch(talk: &mut Talk, who: Who, ledger: &Mutex<Ledger>) -> Result<(), Broken> {
    let keys: Vec<RecordKey> = {
        let ledger = ledger.lock().await;
        let own = ledger.played.keys().filter(|(whose, _)| *whose == who);
        own.map(|(_, key)| *key).collect()
    };
    for (id, key) in (1..).zip(keys) {
        talk.say(&ToPod::Fetch { id, key }).await?;
        let there = loop {
            match talk.hear().await? {
                ToSeed::Fetched { record, .. } => break key_of(&record) == key,
                ToSeed::Rejected { .. } => break false,
                _ => {}
            }
        };
        if !there {
            ledger.lock().await.without_record.insert((who, key));
        }
    }
    Ok(())
}
