//! Forwarding: what others want stored, fetched, counted or released travels over links that are
//! up toward its key, each hop closer than the one before, and the answer retraces the way.
//!
//! Where no linked seed is closer than we are, the way ends here: copies are placed with the
//! closest willing neighbours, or they are asked for the record, or whether they have it, or told
//! of its release. Nobody is dialled. Nothing goes
//! back to where it came from, and since every hop is closer than the one before, nothing goes in
//! circles. A no is passed back and not gone around, so that nothing multiplies on its way; only
//! that a record is not there is believed of nobody, since whoever wants it gone can have an id
//! closer to it than all its holders: the neighbours are asked themselves, for what they hold.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use super::{Custody, count, record_store::Waiter};
use crate::{
    envelope::{
        record::{self, Record},
        stamp::Stamp,
    },
    limit,
    machine::Link,
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::Silence,
    time::{Time, earliest},
    wire::{
        self,
        store::{Count, Get, Holder, Put, Receipt, Release, StoreAnswer, StoreAsk, Tombstone},
    },
};

mod spread;

use spread::Spread;

/// Who asked, and under which number.
pub(super) type Asker = (Link, u64);

/// A question of somebody else that is under way.
#[derive(Debug)]
pub(super) struct Forward {
    key: RecordKey,
    what: What,
    askers: Vec<Asker>,
    /// Forwarders passed before us.
    hops: u8,
    step: Step,
    /// Who was asked, or is not to be: where it came from.
    tried: BTreeSet<SeedId>,
    /// How often it was passed on.
    passes: usize,
    /// Asked and still silent, with when they were.
    waiting: BTreeMap<SeedId, u64>,
    /// When whoever has it keeps silent for too long to be counted on.
    around_at_ms: Option<u64>,
    /// When to answer at the latest; when over, when to forget it.
    end_at_ms: u64,
}

#[derive(Debug)]
enum What {
    Put(Spread),
    Get,
    Release(News),
    /// Who holds it, as far as they were asked.
    Count(Vec<Holder>),
}

/// The news of a release on its way.
#[derive(Debug)]
struct News {
    tombstone: Tombstone,
    /// Our own disk has not answered yet.
    writing: bool,
    /// How many gave the record up.
    heard: usize,
    /// Why nobody did.
    refusal: Rejection,
}

#[derive(Debug)]
enum Step {
    /// It is with the next hop.
    Passing,
    /// The way ends here; these neighbours are asked next, closest first.
    Here(VecDeque<SeedId>),
    /// Answered with this, and again to whoever comes with the same wish.
    Over(Vec<u8>),
}

impl Forward {
    pub(super) fn wake_ms(&self) -> Option<u64> {
        let next = match self.step {
            Step::Here(_) => {
                let slow = self.waiting.values().map(|since_ms| slow_ms(*since_ms));
                slow.min()
            }
            Step::Passing => self.around_at_ms,
            Step::Over(_) => None,
        };
        earliest(next, Some(self.end_at_ms))
    }

    fn is_as(&self, what: &What) -> bool {
        core::mem::discriminant(&self.what) == core::mem::discriminant(what)
    }

    /// How many of those asked may be counted on to answer.
    fn hopeful(&self, now: Time) -> usize {
        let since = self.waiting.values();
        since
            .filter(|since_ms| slow_ms(**since_ms) > now.mono_ms)
            .count()
    }

    /// What the next hop is asked, or, with no copies to spread, a neighbour.
    fn question(&self, is_last: bool) -> StoreAsk {
        let hops = self.hops.saturating_add(1).min(limit::HOPS_MAX);
        match &self.what {
            What::Put(spread) => StoreAsk::Put(Put {
                record: spread.record.clone(),
                stamp: spread.stamp.to_bytes(),
                hops,
                spread: if is_last { 0 } else { spread.more() },
            }),
            What::Get => StoreAsk::Get(Get {
                key: self.key,
                hops: if is_last { limit::HOPS_MAX } else { hops },
            }),
            What::Release(news) => StoreAsk::Release(Release {
                tombstone: news.tombstone.clone(),
                hops: if is_last { limit::HOPS_MAX } else { hops },
            }),
            What::Count(_) if is_last => StoreAsk::Have([self.key].into()),
            What::Count(_) => StoreAsk::Count(Count {
                key: self.key,
                hops,
            }),
        }
    }
}

const fn slow_ms(since_ms: u64) -> u64 {
    since_ms.saturating_add(limit::FORWARD_SLOW_MS)
}

impl Custody {
    /// Somebody wants copies of a record placed around its key.
    pub(super) fn forward_put(
        &mut self,
        now: Time,
        asker: Asker,
        (record, stamp): (Record, Stamp),
        hops: u8,
        more: u8,
    ) {
        if let Err(code) = record.check_time(now) {
            return self.answer(asker.0, asker.1, &StoreAnswer::Rejected(code));
        }
        let key = record.key();
        let what = What::Put(Spread {
            expires_h: record.expires_h(),
            record: record.into_bytes(),
            stamp,
            wanted: usize::from(more).saturating_add(1),
            receipts: Vec::new(),
            writing: false,
            refusal: Rejection::TimedOut,
        });
        self.forward(now, asker, key, what, hops);
    }

    /// Somebody wants a record that we do not hold.
    pub(super) fn forward_get(&mut self, now: Time, asker: Asker, key: RecordKey, hops: u8) {
        self.forward(now, asker, key, What::Get, hops);
    }

    /// Somebody wants to know who holds a record.
    pub(super) fn forward_count(&mut self, now: Time, asker: Asker, key: RecordKey, hops: u8) {
        self.forward(now, asker, key, What::Count(Vec::new()), hops);
    }

    /// Somebody who was sent a record has opened it. It is given up here as well, wherever the
    /// news goes on to.
    pub(super) fn forward_release(&mut self, now: Time, asker: Asker, release: Release) {
        let Release { tombstone, hops } = release;
        let key = tombstone.key;
        let what = What::Release(News {
            tombstone,
            writing: false,
            heard: 0,
            refusal: Rejection::NoRecord,
        });
        self.forward(now, asker, key, what, hops);
    }

    fn forward(&mut self, now: Time, asker: Asker, key: RecordKey, what: What, hops: u8) {
        let mut tried: BTreeSet<SeedId> = seed_of(asker.0).into_iter().collect();
        let mut same = None;
        for (job, forward) in &self.forwards {
            if forward.key != key || !forward.is_as(&what) {
                continue;
            }
            same = Some(*job);
            match &forward.step {
                Step::Over(answer) => {
                    let answer = answer.clone();
                    return self.answer_bytes(asker, answer);
                }
                Step::Here(_) => break,
                // The same came another way, and goes on another way, if there is one.
                Step::Passing => tried.extend(&forward.tried),
            }
        }
        if let Some(job) = same
            && (!self.is_passing(job) || self.next_hop(&key, hops, &tried).is_none())
        {
            if let Some(forward) = self.forwards.get_mut(&job) {
                forward.askers.push(asker);
            }
            return;
        }
        let early_ms = limit::FORWARD_HOP_MS.saturating_mul(u64::from(hops));
        let patience_ms = limit::FORWARD_MS_MAX.saturating_sub(early_ms);
        let is_doubted = self.doubts && matches!(what, What::Get);
        let forward = Forward {
            key,
            what,
            askers: [asker].into(),
            hops,
            step: Step::Passing,
            tried,
            passes: 0,
            waiting: BTreeMap::new(),
            around_at_ms: is_doubted.then(|| now.after(patience_ms / 2)),
            end_at_ms: now.after(patience_ms),
        };
        let job = self.job_number();
        self.forwards.insert(job, forward);
        self.give_up_here(now, job);
        self.pass_on(now, job);
    }

    /// What is released is given up here, too.
    fn give_up_here(&mut self, now: Time, job: u64) {
        let forward = self.forwards.get_mut(&job);
        if let Some(What::Release(news)) = forward.map(|forward| &mut forward.what) {
            news.writing = true;
            let tombstone = news.tombstone.clone();
            self.records.give_up(now, &tombstone, Waiter::Forward(job));
        }
    }

    fn is_passing(&self, job: u64) -> bool {
        let forward = self.forwards.get(&job);
        forward.is_some_and(|forward| matches!(forward.step, Step::Passing))
    }

    /// Whether one more question that came over this link may be forwarded.
    pub(super) fn may_forward(&mut self, link: &Link) -> bool {
        if self.forwards.len() >= self.forwards_max {
            let over = |(_, forward): &(&u64, &Forward)| matches!(forward.step, Step::Over(_));
            let over = self.forwards.iter().find(over).map(|(job, _)| *job);
            match over {
                Some(job) => drop(self.forwards.remove(&job)),
                None => return false,
            }
        }
        let askers = self.forwards.values().flat_map(|forward| &forward.askers);
        let of_link = askers.filter(|(other, _)| other == link).count();
        of_link < limit::FORWARDED_PER_LINK_MAX
    }

    /// A linked seed that is closer to the key than we are: the closest.
    fn next_hop(&self, key: &RecordKey, hops: u8, tried: &BTreeSet<SeedId>) -> Option<SeedId> {
        if hops >= limit::HOPS_MAX {
            return None;
        }
        let target = Position::of(&key.0);
        let fit = |seed: &SeedId| !tried.contains(seed);
        let closest = self.routing.closest_holders(&target, 1, fit);
        let (distance, seed) = closest.into_iter().next()?;
        (distance < self.here.distance(&target)).then_some(seed)
    }

    /// Passes a question to the next hop, or ends its way here.
    fn pass_on(&mut self, now: Time, job: u64) {
        let Some(forward) = self.forwards.get(&job) else {
            return;
        };
        let may_try = forward.passes < limit::FORWARD_TRIES;
        let next = self.next_hop(&forward.key, forward.hops, &forward.tried);
        match next.filter(|_| may_try) {
            Some(seed) => self.ask_on(now, job, seed, false),
            None => self.end_here(now, job),
        }
    }

    fn ask_on(&mut self, now: Time, job: u64, seed: SeedId, is_last: bool) {
        if let Some(forward) = self.forwards.get_mut(&job) {
            forward.tried.insert(seed);
            forward.passes = forward.passes.saturating_add(1);
            forward.waiting.insert(seed, now.mono_ms);
            let question = wire::encode(&forward.question(is_last));
            self.routing.ask_linked(now, seed, question, job);
        }
    }

    /// Nobody linked is closer: it is for us and our neighbours, unless we are far from the key
    /// ourselves and only lack the link. Nobody would look for it here.
    fn end_here(&mut self, now: Time, job: u64) {
        let Some(forward) = self.forwards.get_mut(&job) else {
            return;
        };
        let target = Position::of(&forward.key.0);
        // What somebody looks for is worth a look here all the same.
        if !matches!(forward.what, What::Get) && !self.routing.is_near(&target) {
            let too_far = StoreAnswer::Rejected(Rejection::TooFar);
            return self.end_forward(now, job, Some(too_far));
        }
        let fit = |seed: &SeedId| !forward.tried.contains(seed);
        let most = match forward.what {
            What::Get => self.around.0,
            What::Put(_) | What::Release(_) | What::Count(_) => limit::FORWARD_ASKS_MAX,
        };
        let mut around = self.routing.closest_holders(&target, most, fit);
        if matches!(forward.what, What::Get) && !self.is_pod && !self.routing.is_near(&target) {
            // Of those around somebody far away only the closer ones may have it.
            around.retain(|(distance, _)| *distance < self.here.distance(&target));
        }
        let mut around: VecDeque<SeedId> = around.into_iter().map(|(_, seed)| seed).collect();
        // Who is asked last speaks for itself alone.
        let is_for_many = matches!(forward.what, What::Release(_) | What::Count(_));
        if is_for_many && forward.hops >= limit::HOPS_MAX {
            around.clear();
        }
        if let What::Count(holders) = &mut forward.what {
            around.retain(|seed| !self.pods.contains(seed) && !self.routing.is_pod(seed));
            if !self.is_pod && self.records.offers(now, &forward.key) {
                holders.push(count::holder(self.me, &[]));
            }
        }
        let mut record = None;
        if let What::Put(spread) = &mut forward.what {
            // Who brought it comes last: it may be the author, or as good a holder as any.
            around.extend(forward.askers.iter().filter_map(|(link, _)| seed_of(*link)));
            spread.writing = true;
            record = Record::parse(&spread.record)
                .ok()
                .map(|it| (it, spread.stamp));
        }
        forward.step = Step::Here(around);
        if let Some((record, stamp)) = record {
            let waiter = Waiter::Forward(job);
            self.records.keep(now, record, Some(stamp), waiter);
        }
        self.ask_around(now, job);
    }

    /// At the end of the way: asks as many neighbours as are still needed, and answers when
    /// there is enough, or nobody left who can be counted on.
    fn ask_around(&mut self, now: Time, job: u64) {
        loop {
            let Some(forward) = self.forwards.get_mut(&job) else {
                return;
            };
            let hopeful = forward.hopeful(now);
            let Step::Here(around) = &mut forward.step else {
                return;
            };
            let (have, wanted, writing) = match &forward.what {
                What::Put(spread) => (spread.receipts.len(), spread.wanted, spread.writing),
                What::Get => (0, self.around.1, false),
                What::Release(news) => (0, limit::RELEASE_ASKS_MAX, news.writing),
                What::Count(_) => (0, limit::COUNT_ASKS_MAX, false),
            };
            let coming = hopeful.saturating_add(usize::from(writing));
            if have >= wanted {
                return self.end_forward(now, job, None);
            }
            let more = have.saturating_add(coming) < wanted;
            let next = if more { around.pop_front() } else { None };
            match next {
                Some(seed) => self.ask_on(now, job, seed, true),
                None if coming == 0 => return self.end_forward(now, job, None),
                None => return,
            }
        }
    }

    /// Our own disk has the record that is to be spread, or has not.
    pub(super) fn forward_kept(&mut self, now: Time, job: u64, result: Result<Receipt, Rejection>) {
        let forward = self.forwards.get_mut(&job);
        let Some(What::Put(spread)) = forward.map(|forward| &mut forward.what) else {
            return;
        };
        spread.writing = false;
        match result {
            Ok(receipt) => spread.receipts.push(receipt),
            Err(code) => spread.refusal = code,
        }
        self.ask_around(now, job);
    }

    /// Our own disk has given up what was released, or has not.
    pub(super) fn forward_gave_up(&mut self, now: Time, job: u64, result: Result<(), Rejection>) {
        let forward = self.forwards.get_mut(&job);
        let Some(What::Release(news)) = forward.map(|forward| &mut forward.what) else {
            return;
        };
        news.writing = false;
        match result {
            Ok(()) => news.heard = news.heard.saturating_add(1),
            Err(code) => news.refusal = code,
        }
        self.ask_around(now, job);
    }

    /// The next hop or a neighbour has answered, or has not.
    pub(super) fn forwarded(
        &mut self,
        now: Time,
        job: u64,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let Some(forward) = self.forwards.get_mut(&job) else {
            return;
        };
        forward.waiting.remove(&seed);
        let answer = outcome
            .map(|bytes| wire::decode::<StoreAnswer>(&bytes, limit::STORE_BYTES_MAX))
            .map(|answer| answer.unwrap_or(StoreAnswer::Have(Vec::new())));
        let passing = matches!(forward.step, Step::Passing);
        let doubts = passing && self.doubts;
        match (&mut forward.what, answer) {
            (_, Err(_)) => {}
            (
                What::Release(news),
                Ok(answer @ (StoreAnswer::Released | StoreAnswer::Rejected(_))),
            ) => {
                if answer == StoreAnswer::Released {
                    news.heard = news.heard.saturating_add(1);
                }
                if passing {
                    forward.step = Step::Here(VecDeque::new());
                }
                return self.ask_around(now, job);
            }
            (What::Put(spread), Ok(StoreAnswer::Gone(tombstone))) if spread.is_gone(&tombstone) => {
                // It may just have been written here.
                self.records.give_up(now, &tombstone, Waiter::Forward(job));
                return self.end_forward(now, job, Some(StoreAnswer::Gone(tombstone)));
            }
            (What::Count(_), Ok(StoreAnswer::Rejected(Rejection::Unsupported))) if passing => {
                // An older one cannot pass it on; it can be asked like a neighbour.
                forward.tried.remove(&seed);
                return self.end_here(now, job);
            }
            (What::Get, Ok(StoreAnswer::Rejected(_))) if doubts => return self.end_here(now, job),
            (_, Ok(StoreAnswer::Rejected(code))) if passing => {
                return self.end_forward(now, job, Some(StoreAnswer::Rejected(code)));
            }
            (_, Ok(StoreAnswer::Rejected(_))) => {}
            (What::Put(spread), Ok(StoreAnswer::Kept(receipts)))
                if passing && spread.fits(&forward.key, &receipts) =>
            {
                return self.end_forward(now, job, Some(StoreAnswer::Kept(receipts)));
            }
            (What::Put(spread), Ok(StoreAnswer::Kept(receipts)))
                if spread.fits(&forward.key, &receipts)
                    && receipts.iter().all(|receipt| receipt.seed == seed)
                    && receipts.len() == 1 =>
            {
                spread.receipts.extend(receipts);
            }
            (What::Get, Ok(StoreAnswer::Record(bytes)))
                if record::key_of(&bytes) == forward.key =>
            {
                return self.end_forward(now, job, Some(StoreAnswer::Record(bytes)));
            }
            (What::Count(_), Ok(mut answer @ (StoreAnswer::Counted(_) | StoreAnswer::Gone(_))))
                if passing && count::is_about(&forward.key, &answer) =>
            {
                count::add_addresses(&mut answer, &seed, self.routing.addresses(&seed));
                return self.end_forward(now, job, Some(answer));
            }
            (What::Count(holders), Ok(StoreAnswer::Have(have))) if !passing && have.len() == 1 => {
                let holder = count::holder(seed, self.routing.addresses(&seed));
                holders.extend(have.iter().any(|has| *has).then_some(holder));
            }
            (_, Ok(_)) => self.routing.blame(now, seed),
        }
        if passing {
            self.pass_on(now, job);
        } else {
            self.ask_around(now, job);
        }
    }

    /// Answers those who wait, with what came from farther on or with what there is here.
    fn end_forward(&mut self, now: Time, job: u64, answer: Option<StoreAnswer>) {
        let Some(mut forward) = self.forwards.remove(&job) else {
            return;
        };
        let near = self.routing.is_near(&Position::of(&forward.key.0));
        let answer = answer.unwrap_or_else(|| match (&mut forward.what, &forward.step) {
            (What::Put(spread), _) => spread.answer(),
            (What::Get, Step::Passing) => StoreAnswer::Rejected(Rejection::TimedOut),
            (What::Get, _) if near => StoreAnswer::Rejected(Rejection::NoRecord),
            (What::Get, _) => StoreAnswer::Rejected(Rejection::TooFar),
            (What::Release(news), _) if news.heard > 0 => StoreAnswer::Released,
            (What::Release(news), _) => StoreAnswer::Rejected(news.refusal),
            (What::Count(_), Step::Passing) => StoreAnswer::Rejected(Rejection::TimedOut),
            (What::Count(holders), _) => StoreAnswer::Counted(core::mem::take(holders)),
        });
        let bytes = wire::encode(&answer);
        for asker in core::mem::take(&mut forward.askers) {
            self.answer_bytes(asker, bytes.clone());
        }
        if let What::Put(spread) = &mut forward.what
            && matches!(answer, StoreAnswer::Kept(_))
        {
            spread.record = Vec::new();
            forward.step = Step::Over(bytes);
            forward.end_at_ms = now.after(limit::FORWARD_REMEMBER_MS);
            self.forwards.insert(job, forward);
        }
    }

    /// Does what time asks for in something forwarded.
    pub(super) fn tick_forward(&mut self, now: Time, job: u64) {
        let Some(forward) = self.forwards.get_mut(&job) else {
            return;
        };
        let is_late = forward.end_at_ms <= now.mono_ms;
        match forward.step {
            Step::Over(_) if is_late => drop(self.forwards.remove(&job)),
            Step::Over(_) => {}
            _ if is_late => self.end_forward(now, job, None),
            Step::Passing => {
                // Silence is no more of an answer than a no; a late answer is still one.
                if forward
                    .around_at_ms
                    .is_some_and(|at_ms| at_ms <= now.mono_ms)
                {
                    forward.waiting.clear();
                    self.end_here(now, job);
                }
            }
            Step::Here(_) => {
                // Who was slow is given up; another one may have room.
                forward
                    .waiting
                    .retain(|_, since_ms| slow_ms(*since_ms) > now.mono_ms);
                self.ask_around(now, job);
            }
        }
    }
}

const fn seed_of(link: Link) -> Option<SeedId> {
    match link {
        Link::Seed(seed) => Some(seed),
        Link::Channel(_) => None,
    }
}
