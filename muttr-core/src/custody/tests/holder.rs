//! What one holder does with its disk.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{START, key, later, record, sized_record, stamp_of};
use crate::{
    custody::{Command, Config, Custody, Event, receipt},
    envelope::record::Record,
    limit,
    machine::{Frame, Input, Kept, Link, Machine, Output, Protocol, Row, Ticket, Traits, Write},
    name::{RecordKey, SeedId},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        store::{Get, Put, StoreAnswer, StoreAsk},
    },
};

pub(super) const ALICE: Link = Link::Seed(SeedId([0xa1; 32]));
pub(super) const BOB: Link = Link::Seed(SeedId([0xb0; 32]));

/// A holder whose disk does what the test says.
pub(super) struct Holder {
    pub(super) machine: Custody,
    pub(super) now: Time,
    pub(super) disk: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How the disk answers; `None` while it has not answered yet.
    pub(super) mood: Option<Kept>,
    pub(super) unanswered: Vec<(Ticket, Vec<Write>)>,
    pub(super) readable: bool,
    pub(super) answers: Vec<(u64, StoreAnswer)>,
    pub(super) events: Vec<Event>,
    pub(super) writes: usize,
    pub(super) asks: u64,
}

impl Holder {
    pub(super) fn new(config: Config, disk: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let machine = Custody::new(config);
        let mut holder = Self {
            machine,
            now: START,
            disk,
            mood: Some(Kept::Ok),
            unanswered: Vec::new(),
            readable: true,
            answers: Vec::new(),
            events: Vec::new(),
            writes: 0,
            asks: 0,
        };
        for link in [ALICE, BOB] {
            let traits = Traits {
                addresses: vec![vec![4]],
                routes: true,
                stores: true,
            };
            holder.input(Input::Linked(link, traits));
        }
        holder
    }

    pub(super) fn started() -> Self {
        let mut holder = Self::new(Config::seed(9, key(1), [1; 32]), BTreeMap::new());
        holder.input(Input::Command(Command::Start));
        holder
    }

    pub(super) fn input(&mut self, input: Input<Command>) {
        self.machine.handle(self.now, input);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Send(_, Frame::Answer(id, bytes)) => {
                    let answer = wire::decode(&bytes, limit::STORE_BYTES_MAX).unwrap();
                    self.answers.push((id, answer));
                }
                Output::Keep(ticket, batch) => {
                    self.writes += 1;
                    self.unanswered.push((ticket, batch.writes));
                    if self.mood.is_some() {
                        self.answer_disk();
                    }
                }
                Output::Recall(ticket, scan) => {
                    let rows = self.disk.range(scan.from..).take(scan.rows_max as usize);
                    let rows = rows.take_while(|(key, _)| scan.to.is_empty() || **key < scan.to);
                    let rows = rows.map(|(key, value)| Row {
                        key: key.clone(),
                        value: value.clone(),
                    });
                    let rows = self.readable.then(|| rows.collect());
                    self.machine.handle(self.now, Input::Recalled(ticket, rows));
                }
                _ => {}
            }
        }
    }

    pub(super) fn answer_disk(&mut self) {
        for (ticket, writes) in core::mem::take(&mut self.unanswered) {
            let kept = self.mood.unwrap_or(Kept::Ok);
            if kept == Kept::Ok {
                for write in writes {
                    match write {
                        Write::Put(_, row) => self.disk.insert(row.key, row.value),
                        Write::Delete(_, row) => self.disk.remove(&row),
                    };
                }
            }
            self.input(Input::Kept(ticket, kept));
        }
    }

    pub(super) fn ask(&mut self, link: Link, question: &StoreAsk) -> u64 {
        self.asks += 1;
        let frame = Frame::Ask(self.asks, Protocol::Store, wire::encode(question));
        self.input(Input::Frame(link, frame));
        self.asks
    }

    pub(super) fn put(&mut self, link: Link, record: &Record) -> u64 {
        self.ask(
            link,
            &StoreAsk::Put(Put {
                record: record.bytes().to_vec(),
                stamp: stamp_of(record).to_bytes(),
                hops: 0,
                spread: 0,
            }),
        )
    }

    pub(super) fn get(&mut self, key: RecordKey) -> StoreAnswer {
        let hops = limit::HOPS_MAX;
        self.ask(BOB, &StoreAsk::Get(Get { key, hops }));
        self.answers.pop().unwrap().1
    }

    pub(super) fn only_answer(&mut self) -> StoreAnswer {
        let answers = core::mem::take(&mut self.answers);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.into_iter().next().unwrap().1
    }

    /// Time passes, with every deadline kept.
    pub(super) fn wait_until(&mut self, end: Time) {
        while let Some(at_ms) = self
            .machine
            .deadline()
            .filter(|at_ms| *at_ms <= end.mono_ms)
        {
            let passed_ms = at_ms.saturating_sub(self.now.mono_ms);
            self.now.mono_ms += passed_ms;
            self.now.wall_ms += passed_ms;
            self.input(Input::Tick);
        }
        self.now = end;
        self.input(Input::Tick);
    }

    pub(super) fn held(&self) -> (usize, u64) {
        (self.machine.stats().records, self.machine.stats().bytes)
    }
}

pub(super) fn refused(rejection: Rejection) -> StoreAnswer {
    StoreAnswer::Rejected(rejection)
}

#[test]
fn a_promise_is_made_only_once_the_record_is_durable() {
    let mut holder = Holder::started();
    let record = record(1, limit::DAY_MS);
    holder.mood = None;
    holder.put(ALICE, &record);
    assert!(holder.answers.is_empty());
    assert!(!holder.machine.held(&record.key()));
    holder.answer_disk();
    let StoreAnswer::Kept(receipts) = holder.only_answer() else {
        panic!("no promise")
    };
    let me = SeedId(key(1).verifying_key().to_bytes());
    assert_eq!(receipts.len(), 1);
    assert_eq!(
        receipt::check(&receipts[0], &record.key(), record.expires_h(), &me),
        Ok(())
    );
    assert!(holder.machine.held(&record.key()));
    let bytes = record.bytes().to_vec().into();
    assert_eq!(holder.get(record.key()), StoreAnswer::Record(bytes));
}

#[test]
fn the_same_record_is_written_once_and_promised_to_everyone() {
    let mut holder = Holder::started();
    let record = record(1, limit::DAY_MS);
    holder.mood = None;
    holder.put(ALICE, &record);
    holder.put(BOB, &record);
    holder.answer_disk();
    holder.put(ALICE, &record);
    assert_eq!(holder.writes, 1);
    assert_eq!(holder.answers.len(), 3);
    let kept = |answer: &(u64, StoreAnswer)| matches!(answer.1, StoreAnswer::Kept(_));
    assert!(holder.answers.iter().all(kept));
    assert_eq!(holder.held(), (1, 2048));
}

#[test]
fn a_disk_that_is_full_or_fails_is_told_by_code_and_nothing_is_promised() {
    let moods = [
        (Kept::Full, Rejection::Full),
        (Kept::Failed, Rejection::StorageFailed),
        (Kept::Conflict, Rejection::StorageFailed),
    ];
    for (mood, rejection) in moods {
        let mut holder = Holder::started();
        let record = record(1, limit::DAY_MS);
        holder.mood = Some(mood);
        holder.put(ALICE, &record);
        assert_eq!(holder.only_answer(), refused(rejection));
        assert_eq!(holder.held(), (0, 0));
        holder.mood = Some(Kept::Ok);
        holder.put(ALICE, &record);
        assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
    }
}

#[test]
fn the_quota_counts_bytes_under_way_and_leaves_its_reserve_to_ourselves() {
    let config = Config {
        bytes_max: 3 * 2048,
        bytes_reserved: 2048,
        ..Config::seed(9, key(1), [1; 32])
    };
    let mut holder = Holder::new(config, BTreeMap::new());
    holder.input(Input::Command(Command::Start));
    holder.mood = None;
    for number in 0..3 {
        holder.put(ALICE, &record(number, limit::DAY_MS));
    }
    assert_eq!(holder.only_answer(), refused(Rejection::Full));
    holder.answer_disk();
    holder.mood = Some(Kept::Ok);
    for id in 10..12 {
        let record = record(id, limit::DAY_MS);
        let stamp = None;
        holder.input(Input::Command(Command::Keep { id, record, stamp }));
    }
    let kept = holder.events.iter().filter_map(|event| match event {
        Event::Kept { id, result } => Some((*id, result.clone().map(|_| ()))),
        _ => None,
    });
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept, [(10, Ok(())), (11, Err(Rejection::Full))]);
    assert_eq!(holder.held(), (3, 3 * 2048));
}

#[test]
fn the_number_of_records_is_bounded_too() {
    let config = Config {
        records_max: 2,
        ..Config::seed(9, key(1), [1; 32])
    };
    let mut holder = Holder::new(config, BTreeMap::new());
    holder.input(Input::Command(Command::Start));
    for number in 0..3 {
        holder.put(ALICE, &record(number, limit::DAY_MS));
    }
    assert_eq!(holder.answers.pop().unwrap().1, refused(Rejection::Full));
    assert_eq!(holder.held().0, 2);
}

#[test]
fn whoever_keeps_nothing_for_others_says_so() {
    let unwilling = Config {
        stores: false,
        ..Config::seed(9, key(1), [1; 32])
    };
    let empty = Config {
        bytes_max: 0,
        ..Config::seed(9, key(1), [1; 32])
    };
    for config in [unwilling, empty] {
        let mut holder = Holder::new(config, BTreeMap::new());
        holder.input(Input::Command(Command::Start));
        holder.put(ALICE, &record(1, limit::DAY_MS));
        assert_eq!(holder.only_answer(), refused(Rejection::Unwilling));
        assert_eq!(holder.writes, 0);
    }
}

#[test]
fn records_that_have_expired_or_live_too_long_are_refused() {
    let mut holder = Holder::started();
    let record = record(1, limit::DAY_MS);
    holder.now = Time {
        wall_ms: record.expires_ms(),
        ..START
    };
    holder.put(ALICE, &record);
    assert_eq!(holder.only_answer(), refused(Rejection::Expired));
    holder.now = Time {
        wall_ms: START.wall_ms - 60 * limit::DAY_MS,
        ..START
    };
    holder.put(ALICE, &record);
    assert_eq!(holder.only_answer(), refused(Rejection::Expired));
}

#[test]
fn questions_out_of_bounds_are_no_questions() {
    let mut holder = Holder::started();
    let record = record(1, limit::DAY_MS);
    let bytes = record.bytes().to_vec();
    let too_far = limit::HOPS_MAX + 1;
    let put = |record: Vec<u8>, hops| {
        StoreAsk::Put(Put {
            record,
            stamp: Vec::new(),
            hops,
            spread: 0,
        })
    };
    let mut long = bytes.clone();
    long.resize(limit::RECORD_BYTES_MAX + 1, 0);
    let questions = [
        (put(bytes.clone(), too_far), Rejection::Malformed),
        (put(bytes[..2000].to_vec(), 0), Rejection::Malformed),
        (put(long, 0), Rejection::TooLarge),
        (
            StoreAsk::Get(Get {
                key: record.key(),
                hops: too_far,
            }),
            Rejection::Malformed,
        ),
        (
            StoreAsk::Have(vec![record.key(); limit::HAVE_KEYS_MAX + 1]),
            Rejection::Malformed,
        ),
    ];
    for (question, rejection) in questions {
        holder.ask(ALICE, &question);
        assert_eq!(holder.only_answer(), refused(rejection));
    }
}

#[test]
fn one_link_cannot_keep_the_disk_to_itself() {
    let mut holder = Holder::started();
    holder.mood = None;
    let asks = limit::ANSWERS_PER_LINK_MAX as u64 + 12;
    for number in 0..asks {
        holder.put(ALICE, &record(number, limit::DAY_MS));
    }
    let busy = holder
        .answers
        .iter()
        .filter(|(_, answer)| *answer == refused(Rejection::Busy));
    assert_eq!(busy.count(), 12);
    holder.answers.clear();
    holder.put(BOB, &record(900, limit::DAY_MS));
    holder.answer_disk();
    assert_eq!(holder.answers.len(), limit::ANSWERS_PER_LINK_MAX + 1);
    holder.answers.clear();
    holder.mood = Some(Kept::Ok);
    holder.put(ALICE, &record(901, limit::DAY_MS));
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
}

#[test]
fn a_restart_finds_every_record_again_and_damaged_rows_go() {
    let mut holder = Holder::started();
    let records: Vec<Record> = (0..100)
        .map(|number| record(number, limit::DAY_MS))
        .collect();
    for record in &records {
        holder.put(ALICE, record);
    }
    let mut disk = holder.disk.clone();
    let bent = disk
        .get_mut(records[5].key().as_bytes().as_slice())
        .unwrap();
    bent.truncate(900);
    disk.insert(vec![1, 2, 3], vec![4]);
    let flipped = disk
        .get_mut(records[6].key().as_bytes().as_slice())
        .unwrap();
    let at = flipped.len() - 40;
    flipped[at] ^= 1;

    let mut again = Holder::new(Config::seed(9, key(1), [2; 32]), disk);
    again.readable = false;
    again.put(BOB, &records[0]);
    assert_eq!(
        again.only_answer(),
        refused(Rejection::Busy),
        "before the index is read"
    );
    again.input(Input::Command(Command::Start));
    assert!(
        !again
            .events
            .iter()
            .any(|event| matches!(event, Event::Ready))
    );
    again.readable = true;
    again.wait_until(later(limit::DISK_RETRY_MS));
    assert!(matches!(again.events[0], Event::Ready));
    assert_eq!(again.held(), (99, 99 * 2048));
    assert_eq!(again.get(records[5].key()), refused(Rejection::NoRecord));
    let whole = records[7].bytes().to_vec().into();
    assert_eq!(again.get(records[7].key()), StoreAnswer::Record(whole));
    // A flipped bit shows when the record is handed over, and not before.
    assert_eq!(again.get(records[6].key()), refused(Rejection::NoRecord));
    assert_eq!(again.disk.len(), 98);
    again.answers.clear();
    again.put(BOB, &records[6]);
    assert!(matches!(again.only_answer(), StoreAnswer::Kept(_)));
}

#[test]
fn what_has_expired_is_no_longer_offered_and_leaves_the_disk() {
    let mut holder = Holder::started();
    for number in 0..150 {
        holder.put(ALICE, &record(number, limit::DAY_MS));
    }
    let lasting = record(999, 20 * limit::DAY_MS);
    holder.put(ALICE, &lasting);
    holder.answers.clear();
    let early = record(3, limit::DAY_MS);
    holder.now = Time {
        wall_ms: early.expires_ms(),
        ..START
    };
    holder.ask(BOB, &StoreAsk::Have(vec![early.key(), lasting.key()]));
    assert_eq!(holder.only_answer(), StoreAnswer::Have(vec![false, true]));
    assert_eq!(holder.get(early.key()), refused(Rejection::NoRecord));
    let writes = holder.writes;
    holder.wait_until(Time {
        mono_ms: START.mono_ms + limit::EXPIRE_MS,
        ..holder.now
    });
    assert_eq!(holder.writes, writes + 3, "150 rows in batches of 64");
    assert_eq!(holder.held(), (1, 2048));
    assert_eq!(holder.disk.len(), 1);
    let Some(Event::Held {
        records: 1,
        bytes: 2048,
    }) = holder.events.last()
    else {
        panic!("{:?}", holder.events.last())
    };
}

#[test]
fn a_deletion_that_fails_is_tried_again() {
    let mut holder = Holder::started();
    holder.put(ALICE, &record(1, limit::DAY_MS));
    holder.mood = Some(Kept::Failed);
    holder.now.wall_ms += 2 * limit::DAY_MS;
    let start = holder.now;
    holder.wait_until(Time {
        mono_ms: start.mono_ms + limit::EXPIRE_MS,
        ..start
    });
    assert_eq!(holder.held().0, 1);
    holder.mood = Some(Kept::Ok);
    let start = holder.now;
    holder.wait_until(Time {
        mono_ms: start.mono_ms + limit::DISK_RETRY_MS,
        ..start
    });
    assert_eq!(holder.held().0, 0);
}

#[test]
fn a_lower_quota_gives_up_what_would_go_first_anyway() {
    let mut holder = Holder::started();
    let short = sized_record(1, limit::DAY_MS, 65_536);
    let long = sized_record(2, 9 * limit::DAY_MS, 65_536);
    holder.put(ALICE, &long);
    holder.put(ALICE, &short);
    holder.input(Input::Command(Command::Quota { bytes_max: 100_000 }));
    assert!(holder.machine.held(&long.key()));
    assert!(!holder.machine.held(&short.key()));
    assert_eq!(holder.disk.len(), 1);
    holder.input(Input::Command(Command::Quota { bytes_max: 0 }));
    assert_eq!(holder.held(), (0, 0));
    holder.answers.clear();
    holder.put(ALICE, &long);
    assert_eq!(holder.only_answer(), refused(Rejection::Unwilling));
    holder.input(Input::Command(Command::Quota { bytes_max: 100_000 }));
    holder.put(ALICE, &long);
    assert!(matches!(holder.only_answer(), StoreAnswer::Kept(_)));
}

#[test]
fn a_quota_lowered_before_everything_is_read_counts_too() {
    let mut holder = Holder::started();
    holder.put(ALICE, &record(1, limit::DAY_MS));
    let mut again = Holder::new(Config::seed(9, key(1), [2; 32]), holder.disk);
    again.input(Input::Command(Command::Quota { bytes_max: 0 }));
    again.input(Input::Command(Command::Start));
    assert_eq!(again.held(), (0, 0));
    assert!(again.disk.is_empty());
}

#[test]
fn a_slow_deletion_is_waited_for_in_peace() {
    let mut holder = Holder::started();
    let lasting = record(2, 20 * limit::DAY_MS);
    holder.put(ALICE, &record(1, limit::DAY_MS));
    holder.mood = None;
    holder.now.wall_ms += 2 * limit::DAY_MS;
    holder.wait_until(Time {
        mono_ms: START.mono_ms + limit::EXPIRE_MS,
        ..holder.now
    });
    holder.put(ALICE, &lasting);
    holder.input(Input::Command(Command::Quota { bytes_max: 1 }));
    let deadline = holder.machine.deadline();
    assert!(
        deadline.is_none_or(|at_ms| at_ms > holder.now.mono_ms),
        "nothing to do but wait"
    );
    holder.mood = Some(Kept::Ok);
    holder.answer_disk();
    assert_eq!(holder.held(), (0, 0), "then what no longer fits goes too");
}

#[test]
fn its_debug_output_tells_no_secret() {
    let config = Config::seed(9, key(1), [0x77; 32]);
    let holder = Holder::started();
    let text = alloc::format!("{config:?} {:?}", holder.machine);
    assert!(!text.contains("119") && !text.contains("77, ") && !text.contains("94, 94"));
    assert!(text.contains("Custody"));
}
