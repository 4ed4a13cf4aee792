//! Pods of mallory's against one as it is shipped, while people of an honest pod write to
//! somebody there: what may not get in does not, what may does, and nobody is named for it.

use std::time::{Duration, Instant};

use muttr_core::{
    name::Alias,
    rejection::Rejection,
    seed::{Delivery, Status},
};
use muttr_pod::seed::Running;
use tempfile::TempDir;
use tokio::time::sleep;

#[path = "hostile/flood.rs"]
mod flood;
#[path = "harness/report.rs"]
mod harness;
#[path = "hostile/line.rs"]
mod line;
#[path = "hostile/mallory.rs"]
mod mallory;
#[path = "federation/people.rs"]
mod people;
#[path = "hostile/pod.rs"]
mod pod;
#[path = "hostile/wrong.rs"]
mod wrong;

use flood::{Flood, Tally};
use mallory::{Mallory, Says};
use people::{comes, draft, own, person, reads, seed_of};
use pod::{Figures, Pod};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(50);

/// Sets how many notifications mallory's pods hand over; a soak sets it to a million.
const FLOOD: &str = "MUTTR_FLOOD";
const FLOOD_DEFAULT: u64 = 100_000;

/// What a contact writes meanwhile, and the pause after each.
const MESSAGES: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);

const MIB: u64 = 1 << 20;
/// What the pod under attack may use of its disk, by its settings.
const DATABASE_BYTES_MAX: u64 = 64 * MIB;
const RECORD_BYTES_MAX: u64 = 32 * MIB;
/// What it may use of memory: handovers of all seats, a few times over as they are read and
/// decoded, and as much again.
const MEMORY_BYTES_MAX: u64 = 256 * MIB;

/// Writes, and waits until the recipient's pod has it.
async fn delivers(author: &Running, to: &Alias, text: &str) -> (Delivery, Duration) {
    let began = Instant::now();
    let sent = author.send(draft(to.clone(), text)).await;
    let mut delivery = sent.expect("is accepted");
    while delivery.status < Status::Notified {
        assert!(began.elapsed() < PATIENCE, "{text}: {delivery:?}");
        sleep(TICK).await;
        let last = author.messages(to.clone(), None, 200).await.expect("reads");
        let known = last.into_iter().find(|it| it.id == delivery.id);
        delivery = known.and_then(|it| it.delivery).expect("is known");
    }
    assert_ne!(delivery.status, Status::Lost, "{text}: {delivery:?}");
    (delivery, began.elapsed())
}

/// How many notifications mallory has her pods hand over.
fn flood() -> u64 {
    match std::env::var(FLOOD) {
        Ok(number) => number.parse().expect("a number"),
        Err(_) => FLOOD_DEFAULT,
    }
}

/// What the story of this test came to.
struct Outcome {
    tally: Tally,
    contact: Vec<Duration>,
    stranger: Duration,
    took: Duration,
}

/// Mallory's pods fill the place for strangers; then a contact and a stranger of an honest pod
/// write, while mallory goes on.
async fn besieged(elm: &Pod, alice: &Running, carol: &Running, bob: &Alias) -> Outcome {
    let pods = [
        Mallory::start(Says::Truth).await,
        Mallory::start(Says::Truth).await,
        Mallory::start(Says::Truth).await,
    ];
    let oak = alice.host().clone();
    let flood = Flood::begin(elm.at, pods, oak, bob.clone(), flood());
    let began = Instant::now();
    while flood.tally().of(Rejection::StrangersFull) == 0 {
        assert!(began.elapsed() < PATIENCE, "{:?}", flood.tally());
        sleep(TICK).await;
    }
    let writes = async {
        let mut contact = Vec::new();
        for number in 0..MESSAGES {
            let text = format!("under siege {number}");
            contact.push(delivers(alice, bob, &text).await.1);
            sleep(PAUSE).await;
        }
        contact
    };
    let (contact, (_, stranger)) = tokio::join!(writes, delivers(carol, bob, "we have not met"));
    // As many as were asked for.
    let tally = flood.end().await;
    Outcome {
        tally,
        contact,
        stranger,
        took: began.elapsed(),
    }
}

/// Everything that was refused is in the figures, and every kind of it in the log.
fn all_is_counted(figures: &Figures, tally: &Tally, log: &str) {
    for (code, heard) in tally.refused() {
        let counted = figures.get(&format!("muttr_http_refusals_total{{code=\"{code}\"}}"));
        let counted = counted.copied().unwrap_or_default();
        assert!(counted >= heard, "{code}: {counted} of {heard}");
        assert!(log.contains(code), "{code}");
    }
    for kind in [
        "denied\",code=\"BAD_SIGNATURE",
        "denied\",code=\"CLOCK_WRONG",
        "denied\",code=\"FOREIGN_POD",
        "denied\",code=\"MALFORMED",
        "denied\",code=\"NOT_FOUND",
        "denied\",code=\"NO_STAMP",
        "denied\",code=\"POD_DISHONEST",
        "denied\",code=\"RATE_LIMITED",
        "denied\",code=\"STRANGERS_FULL",
        "denied\",code=\"TIMED_OUT",
        "denied\",code=\"UNIDENTIFIED",
        "denied\",code=\"WRONG_BYTES",
        "failed\",code=\"POD_DISHONEST",
        "failed\",code=\"TIMED_OUT",
        "taken\",code=\"",
    ] {
        let name = format!("muttr_between_pods_total{{what=\"{kind}\"}}");
        let counted = figures.get(&name).copied().unwrap_or_default();
        assert!(counted > 0, "{name}: {figures:?}");
        let (what, code) = kind.split_once("\",code=\"").expect("two labels");
        let told = |line: &str| {
            line.contains("between pods") && line.contains(what) && line.contains(code)
        };
        assert!(log.lines().any(told), "{name} is not in the log");
    }
}

/// The honest pod was never told to wait for what others do.
async fn nothing_stood_in_the_way_of(oak: &Pod) {
    let figures = oak.figures().await;
    for code in [
        Rejection::Busy,
        Rejection::RateLimited,
        Rejection::StrangersFull,
    ] {
        for what in ["failed", "refused"] {
            let code = code.code();
            let name = format!("muttr_between_pods_total{{what=\"{what}\",code=\"{code}\"}}");
            assert_eq!(figures.get(&name), None, "{name}");
        }
    }
}

/// Writes the figures down beside those of the other measurements.
fn report(outcome: &Outcome, pod: &[(&str, u64)]) {
    let ms = |duration: &Duration| u64::try_from(duration.as_millis()).expect("fits");
    let mut contact: Vec<u64> = outcome.contact.iter().map(ms).collect();
    contact.sort_unstable();
    let mut figures = serde_json::json!({
        "notifications": outcome.tally.all(),
        "notifications_per_s": outcome.tally.all() * 1_000 / ms(&outcome.took).max(1),
        "answers": outcome.tally.answers(),
        "contact_ms_p50": contact[contact.len() / 2],
        "contact_ms_max": contact.last(),
        "stranger_ms": ms(&outcome.stranger),
    });
    for (name, value) in pod {
        figures[*name] = (*value).into();
    }
    harness::report("hostile", figures);
}

/// A pod that may use little of its disk, and takes less from one pod than usual, so that a short
/// flood is too much, too.
async fn frugal(folder: &TempDir, name: &str) -> Pod {
    let (database, records) = (DATABASE_BYTES_MAX.to_string(), RECORD_BYTES_MAX.to_string());
    let database = ["--database-bytes-max", &database];
    let records = ["--record-bytes-max", &records];
    let rate = ["--handovers-burst", "256", "--handovers-per-s", "64"];
    let settings = [&database[..], &records, &rate].concat();
    Pod::start(folder, name, &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_goes_on_under_attack() {
    let folder = TempDir::new().expect("a folder");
    let mut elm = frugal(&folder, "elm").await;
    let fast = ["--notify-burst", "1000"];
    let mut oak = Pod::start(&folder, "oak", &fast).await;
    let alice = person(&folder, &oak, "alice").await;
    let carol = person(&folder, &oak, "carol").await;
    let bob = person(&folder, &elm, "bob").await;
    let (to_alice, to_bob) = (own(&alice), own(&bob));
    // They get to know each other: with his answer alice may notify bob as a contact.
    delivers(&alice, &to_bob, "hello").await;
    reads(&bob, 1).await;
    delivers(&bob, &to_alice, "hello back").await;
    reads(&alice, 1).await;
    wrong::answers_are_not_believed(&elm, &bob).await;
    bob.stop().await;
    wrong::handovers_have_their_codes(&elm, &oak, &to_bob).await;

    let before = elm.memory_kib("VmRSS");
    let outcome = besieged(&elm, &alice, &carol, &to_bob).await;
    let minute = Duration::from_secs(60);
    assert!(outcome.stranger < minute, "{:?}", outcome.stranger);
    nothing_stood_in_the_way_of(&oak).await;
    let figures = elm.figures().await;
    let resident = (before, elm.memory_kib("VmHWM"));
    let metrics = elm.metrics().await;

    // Bob's device comes back: everything is there, once, and nothing else.
    let bob = comes(seed_of(&folder, &elm, "bob")).await;
    let read = reads(&bob, 1 + MESSAGES + 1).await;
    let strange = read.iter().filter(|message| message.request);
    assert_eq!(strange.count(), 1, "carol's");

    let people = [&alice, &carol, &bob].map(|seed| own(seed).to_string());
    for seed in [alice, carol, bob] {
        seed.stop().await;
    }
    elm.stop().await;
    oak.stop().await;
    let log = elm.log();
    all_is_counted(&figures, &outcome.tally, &log);
    let keys = people_keys(&folder, &["alice", "bob", "carol"]);
    for said in people.iter().chain(&keys).map(String::as_str).chain([
        "under siege",
        "hello",
        "we have not met",
        "198.51.100.",
        "203.0.113.",
    ]) {
        assert!(!log.contains(said), "the log names {said}");
        assert!(!metrics.contains(said), "the figures name {said}");
    }
    let disk = elm.disk_bytes();
    assert!(disk < DATABASE_BYTES_MAX, "{disk} bytes");
    if let (Some(before), Some(most)) = resident {
        assert!(most * 1_024 < MEMORY_BYTES_MAX, "{most} KiB");
        let memory = [("memory_before_kib", before), ("memory_most_kib", most)];
        report(&outcome, &[memory[0], memory[1], ("disk_bytes", disk)]);
    } else {
        println!("skipped: this system does not tell a process's memory in /proc");
        report(&outcome, &[("disk_bytes", disk)]);
    }
}

/// Fingerprints, as they would be written.
fn people_keys(folder: &TempDir, names: &[&str]) -> Vec<String> {
    let load = |name: &&str| {
        let identity = muttr_pod::seed::keys::load(&folder.path().join(name), None);
        identity.expect("loads").fingerprint().to_string()
    };
    names.iter().map(load).collect()
}
