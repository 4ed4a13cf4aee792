//! One attack after the other, each with the code that it is refused and counted with.

use std::time::{Duration, Instant};

use muttr_core::{
    limit,
    name::Alias,
    rejection::Rejection::{self, BadSignature, ClockWrong, ForeignPod, Malformed, NotFound},
    seed::Status,
    wire::fed::{Handover, SignedHandover},
};
use muttr_pod::seed::Running;
use tokio::{net::TcpListener, time::sleep};

use super::{
    PATIENCE, Pod, TICK, draft,
    line::Line,
    mallory::{Mallory, Says, record},
};

/// What mallory's pods say that they took is not believed, and stays to be handed over.
pub(super) async fn answers_are_not_believed(elm: &Pod, bob: &Running) {
    for (says, why) in [
        (Says::Truth, Rejection::PodDishonest),
        (Says::Tomorrow, ClockWrong),
    ] {
        let mallory = Mallory::start(says).await;
        let to = mallory.alias("carol");
        let sent = bob.send(draft(to.clone(), "hello")).await;
        let mut now = sent.expect("is kept");
        let began = Instant::now();
        while now.reason != Some(why) {
            assert!(began.elapsed() < PATIENCE, "{now:?}");
            sleep(TICK).await;
            let last = bob.messages(to.clone(), None, 1).await.expect("reads");
            now = last[0].delivery.clone().expect("ours");
        }
        assert_eq!(now.status, Status::Stored, "{now:?}");
        let code = why.code();
        let failed = format!("muttr_between_pods_total{{what=\"failed\",code=\"{code}\"}}");
        while !elm.figures().await.contains_key(&failed) {
            assert!(began.elapsed() < PATIENCE, "{failed}");
            sleep(TICK).await;
        }
    }
}

type Before = fn(&mut Handover);
type After = fn(&mut SignedHandover);

/// What is handed over wrongly, and by pods that describe themselves wrongly.
pub(super) async fn handovers_have_their_codes(elm: &Pod, oak: &Pod, bob: &Alias) {
    let mallory = Mallory::start(Says::Truth).await;
    let mut line = Line::new(elm.at);
    let day = limit::DAY_MS;
    assert_eq!(day, 86_400_000);
    let wrong: [(Before, After, Rejection); 10] = [
        (|it| it.at_ms -= 86_400_000, |_| {}, ClockWrong),
        (|it| it.at_ms += 86_400_000, |_| {}, ClockWrong),
        (|it| it.from = None, |_| {}, Rejection::Unidentified),
        (|_| {}, |it| it.signature.truncate(10), BadSignature),
        (|_| {}, |it| it.signature.reverse(), BadSignature),
        (|_| {}, |it| it.record[1_000] ^= 1, Rejection::WrongBytes),
        (|_| {}, |it| it.record.truncate(1_000), Malformed),
        (|_| {}, |it| it.handover.truncate(10), Malformed),
        (|_| {}, |it| it.stamp.clear(), Rejection::NoStamp),
        (|_| {}, |it| it.stamp.truncate(7), Malformed),
    ];
    for (number, (before, after, code)) in wrong.into_iter().enumerate() {
        let body = mallory.handover(bob, record(0), before, after);
        let answer = line.hand_over(body).await;
        assert_eq!(answer.code(), code.code(), "{number}");
    }
    // In another pod's name; for somebody of another pod, as if it were that one's; for nobody.
    let (oak, elm_host) = (oak.host(), elm.host());
    for (from, to, code) in [
        (oak.clone(), bob.clone(), BadSignature),
        (mallory.host.clone(), mallory.alias("bob"), ForeignPod),
        (elm_host, bob.clone(), ForeignPod),
        (mallory.host.clone(), nobody(elm), NotFound),
    ] {
        let body = mallory.handover(&to, record(0), |it| it.from = Some(from), |_| {});
        let answer = line.hand_over(body).await;
        assert_eq!(answer.code(), code.code(), "{to}");
    }
    // The same once more is the same; with a record that does not fit in, it is refused unread.
    let body = mallory.handover(bob, record(0), |_| {}, |_| {});
    for _ in 0..3 {
        assert_eq!(line.hand_over(body.clone()).await.code(), "TAKEN");
    }
    let huge = vec![0; limit::HANDOVER_BYTES_MAX + 1];
    assert_eq!(line.hand_over(huge).await.code(), "TOO_LARGE");
    assert_eq!(line.hand_over(vec![0xFF; 100]).await.code(), "MALFORMED");
    describes_itself_wrongly(elm, bob, &oak).await;
}

fn nobody(elm: &Pod) -> Alias {
    let alias = format!("nobody@{}", elm.name());
    alias.parse().expect("an alias")
}

async fn describes_itself_wrongly(elm: &Pod, bob: &Alias, oak: &muttr_core::name::Host) {
    // Something that must not be reached through a redirect.
    let inside = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = inside.local_addr().expect("an address").port();
    let redirect = format!("localhost:{port}").parse().expect("a host");
    let mut line = Line::new(elm.at);
    for (says, code) in [
        (Says::Forged, "POD_DISHONEST"),
        (Says::Huge, "POD_DISHONEST"),
        (Says::Slowly, "TIMED_OUT"),
        (Says::Redirect(redirect), "POD_DISHONEST"),
        (Says::Another(oak.clone()), "POD_DISHONEST"),
        (Says::Tomorrow, "CLOCK_WRONG"),
    ] {
        let mallory = Mallory::start(says.clone()).await;
        let body = mallory.handover(bob, record(0), |_| {}, |_| {});
        let began = Instant::now();
        assert_eq!(line.hand_over(body).await.code(), code, "{says:?}");
        let most = Duration::from_millis(2 * limit::POD_ANSWER_MS_MAX);
        assert!(began.elapsed() < most, "{says:?}: {:?}", began.elapsed());
    }
    let reached = tokio::time::timeout(TICK, inside.accept()).await;
    assert!(reached.is_err(), "the redirect was followed");
}
