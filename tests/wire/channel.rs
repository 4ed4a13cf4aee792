//! The private channel: what is said in both directions, and a whole handshake.

use muttr_core::{
    name::{DeviceId, Hash, Host},
    rejection::Rejection,
    session::{self, Greeting, Version},
    wire::{
        self,
        channel::{
            HandoverState, Identify, Notification, PodProof, SignedBinding, Succession, ToPod,
            ToSeed, Welcome,
        },
    },
};
use muttr_tests::{
    simulator::WALL_START_MS,
    vectors::{Vectors, hex},
};

use super::{a_receipt, add, alias, key};

#[test]
fn the_channel_to_the_pod() {
    let mut vectors = Vectors::new(
        "to_pod",
        "What a seed says to its pod on the private channel.",
    );
    let identify = Identify {
        certificate: vec![1, 2, 3],
        device: DeviceId([4; 16]),
        cursor: (5, 6),
        signature: vec![7, 8, 9],
    };
    let notification = Notification {
        key: key(1),
        expires_h: 499_368,
        capability: vec![],
    };
    let binding = SignedBinding {
        binding: vec![1],
        signature: vec![2],
    };
    add(&mut vectors, "identify", &ToPod::Identify(identify));
    add(
        &mut vectors,
        "register",
        &ToPod::Register { id: 1, binding },
    );
    add(
        &mut vectors,
        "resolve",
        &ToPod::Resolve {
            id: 2,
            alias: alias(),
        },
    );
    add(
        &mut vectors,
        "store",
        &ToPod::Store {
            id: 3,
            record: vec![0x4d, 0x55],
            stamp: vec![],
        },
    );
    add(&mut vectors, "fetch", &ToPod::Fetch { id: 4, key: key(1) });
    add(
        &mut vectors,
        "notify",
        &ToPod::Notify {
            id: 5,
            to: alias(),
            notification,
        },
    );
    add(
        &mut vectors,
        "ack",
        &ToPod::Ack {
            epoch: u64::MAX,
            seq: 24,
        },
    );
    add(&mut vectors, "pong", &ToPod::Pong { nonce: 1 });
    later_versions_to_the_pod(&mut vectors);
    vectors.check();
}

/// What version 1 of the channel does not have.
fn later_versions_to_the_pod(vectors: &mut Vectors) {
    let (key, copies) = (key(1), 12);
    let place = ToPod::Place { id: 6, key, copies };
    add(vectors, "place, in version 2", &place);
    let hash = Hash([8; 32]);
    add(
        vectors,
        "grant, in version 3",
        &ToPod::Grant { id: 7, hash },
    );
    let revoke = ToPod::Revoke { id: 8, hash };
    add(vectors, "revoke, in version 3", &revoke);
    add(vectors, "heard, in version 4", &ToPod::Heard { key });
    let count = ToPod::Count {
        id: 9,
        key,
        deletion_hash: hash,
    };
    add(vectors, "count, in version 4", &count);
    let store = ToPod::Store {
        id: 10,
        record: vec![0x4d, 0x55],
        stamp: vec![6; 8],
    };
    add(vectors, "store, with its stamp, in version 5", &store);
}

#[test]
fn the_channel_to_the_seed() {
    let mut vectors = Vectors::new(
        "to_seed",
        "What a pod says to its seed on the private channel.",
    );
    let label = alias().label().clone();
    let (wall_ms, epoch) = (WALL_START_MS, 77);
    let welcome = Welcome {
        wall_ms,
        aliases: vec![label.clone()],
        epoch,
        lowest: 3,
    };
    let notification = Notification {
        key: key(1),
        expires_h: 499_368,
        capability: vec![],
    };
    let binding = SignedBinding {
        binding: vec![1],
        signature: vec![2],
    };
    add(&mut vectors, "welcome", &ToSeed::Welcome(welcome));
    add(
        &mut vectors,
        "rejected",
        &ToSeed::Rejected {
            id: 1,
            code: Rejection::AliasTaken,
        },
    );
    add(
        &mut vectors,
        "registered",
        &ToSeed::Registered { id: 1, epoch },
    );
    let resolved = ToSeed::Resolved {
        id: 2,
        binding,
        certificate: vec![1, 2, 3],
    };
    add(&mut vectors, "resolved", &resolved);
    add(
        &mut vectors,
        "stored",
        &ToSeed::Stored {
            id: 3,
            receipt: a_receipt(),
        },
    );
    add(
        &mut vectors,
        "fetched",
        &ToSeed::Fetched {
            id: 4,
            record: vec![0x4d, 0x55],
        },
    );
    add(&mut vectors, "notified", &ToSeed::Notified { id: 5 });
    let told = ToSeed::Notification {
        epoch,
        seq: 4,
        to: label,
        request: true,
        notification,
    };
    add(&mut vectors, "notification", &told);
    add(&mut vectors, "cursor", &ToSeed::Cursor { epoch, lowest: 4 });
    add(&mut vectors, "ping", &ToSeed::Ping { nonce: 1, wall_ms });
    placed_by_the_pod(&mut vectors);
    vectors.check();
}

/// What a pod says of notifications for people of other pods, and of capabilities.
fn handed_over_by_the_pod(vectors: &mut Vectors) {
    let forwarding = ToSeed::Forwarding { id: 5 };
    add(vectors, "forwarding, in version 3", &forwarding);
    for (name, state) in [
        (
            "handover, waiting",
            HandoverState::Waiting(Rejection::PodUnreachable),
        ),
        ("handover, taken", HandoverState::Taken(a_receipt())),
        (
            "handover, refused",
            HandoverState::Refused(Rejection::NotFound),
        ),
    ] {
        let (to, key) = (alias(), key(1));
        add(vectors, name, &ToSeed::Handover { to, key, state });
    }
    add(vectors, "granted, in version 3", &ToSeed::Granted { id: 7 });
    add(vectors, "lost, in version 4", &ToSeed::Lost { key: key(1) });
    let counted = ToSeed::Counted {
        id: 9,
        seeds: vec![a_receipt().seed],
        pods: vec![],
        gone: None,
    };
    add(vectors, "counted, in version 4", &counted);
}

/// What a pod says of the copies that it places for a hidden seed.
fn placed_by_the_pod(vectors: &mut Vectors) {
    let receipt = a_receipt();
    let promised = ToSeed::Promised { id: 6, receipt };
    add(vectors, "promised, in version 2", &promised);
    add(vectors, "placed, in version 2", &ToSeed::Placed { id: 6 });
    handed_over_by_the_pod(vectors);
}

#[test]
fn the_handshake() {
    let mut vectors = Vectors::new(
        "handshake",
        "A whole handshake of the private channel. The seed dialled oak.example. Ephemeral keys are\n\
         X25519 secrets, the first 32 bytes that ChaCha20 with the key 11… (seed) or 12… (pod) and a\n\
         nonce of zeros yields. Then one message in each direction.",
    );
    let host: Host = "oak.example".parse().expect("a host");
    let secret = [0x13; 32];
    let proof = PodProof {
        host: host.clone(),
        certificate: vec![1, 2, 3],
        signature: vec![4, 5, 6],
        succession: vec![],
    };
    let (greeting, first) = Greeting::start(&host, Version::First, [0x11; 32]).expect("a greeting");
    let (mut pod, second) =
        session::answer(&host, &secret, [0x12; 32], &proof, &first).expect("an answer");
    let (mut seed, told, static_key) = greeting.finish(&second).expect("a session");
    assert_eq!((told, static_key), (proof, session::public_key(&secret)));
    let pong = wire::encode(&ToPod::Pong { nonce: 1 });
    let ping = wire::encode(&ToSeed::Ping {
        nonce: 1,
        wall_ms: WALL_START_MS,
    });
    let to_pod = seed.seal(&pong).expect("frames");
    let to_seed = pod.seal(&ping).expect("frames");
    vectors.add(
        "the pod's static key",
        &[("secret", hex(&secret)), ("public", hex(&static_key))],
    );
    vectors.add("seed to pod", &[("frame", hex(&first))]);
    let (_, second_version) =
        Greeting::start(&host, Version::Second, [0x11; 32]).expect("a greeting");
    vectors.add(
        "seed to pod, for version 2",
        &[("frame", hex(&second_version))],
    );
    vectors.add("pod to seed", &[("frame", hex(&second))]);
    vectors.add(
        "both know",
        &[("handshake hash", hex(seed.handshake_hash()))],
    );
    vectors.add("seed to pod, pong", &[("frame", hex(&to_pod[0]))]);
    vectors.add("pod to seed, ping", &[("frame", hex(&to_seed[0]))]);
    vectors.add(
        "signed bytes",
        &[
            (
                "login, device 04…",
                hex(&session::login_bytes(&host, &DeviceId([4; 16]), &[5; 32])),
            ),
            ("pod key", hex(&session::pod_key_bytes(&host, &static_key))),
        ],
    );
    let succession = Succession {
        certificate: vec![1],
        signature: vec![2],
    };
    add(&mut vectors, "succession", &succession);
    vectors.check();
}
