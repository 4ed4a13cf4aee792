//! Between pods: a description and a handover, each signed.

use muttr_core::{
    name::SeedId,
    wire::{
        self,
        channel::Notification,
        fed::{
            DESCRIPTION_LABEL, Description, HANDOVER_LABEL, Handover, SignedDescription,
            SignedHandover, Taken,
        },
    },
};
use muttr_tests::{cast, scenario::PodName, simulator::WALL_START_MS, vectors::Vectors};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{NOW, a_receipt, add, alias, key};

#[test]
fn between_pods() {
    let mut vectors = Vectors::new(
        "fed",
        "What pods say to each other: how oak describes itself, and what it hands over to elm.",
    );
    let oak = cast::pod_identity(PodName::Oak);
    let mut dice = ChaCha20Rng::from_seed([3; 32]);
    let description = Description {
        host: "oak.example".parse().expect("a host"),
        certificate: oak.certificate().bytes().to_vec(),
        seed: SeedId([7; 32]),
        addresses: vec![vec![1, 2, 3].into()],
        knows: vec!["elm.example".parse().expect("a host")],
        run: 77,
        at_ms: WALL_START_MS,
        not_after_ms: WALL_START_MS + 604_800_000,
    };
    add(&mut vectors, "description", &description);
    let description = wire::encode(&description);
    let signature = oak.prove(&mut dice, NOW, DESCRIPTION_LABEL, &description);
    let certificate = oak.certificate();
    let holds = certificate.check_proof(NOW, DESCRIPTION_LABEL, &description, &signature);
    assert_eq!(holds, Ok(()));
    let signed = SignedDescription {
        description,
        signature,
        succession: vec![],
    };
    add(&mut vectors, "signed description", &signed);
    let handover = Handover {
        from: Some("oak.example".parse().expect("a host")),
        to: alias(),
        notification: Notification {
            key: key(1),
            expires_h: 499_368,
            capability: vec![],
        },
        at_ms: WALL_START_MS,
    };
    add(&mut vectors, "handover", &handover);
    let posted = Handover {
        from: None,
        ..handover.clone()
    };
    add(&mut vectors, "handover by a contact", &posted);
    let handover = wire::encode(&handover);
    let signature = oak.prove(&mut dice, NOW, HANDOVER_LABEL, &handover);
    let signed = SignedHandover {
        handover,
        signature,
        record: vec![0x4d, 0x55],
        stamp: vec![6; 8],
    };
    add(&mut vectors, "signed handover", &signed);
    let receipt = a_receipt();
    add(&mut vectors, "taken", &Taken { receipt, run: 77 });
    vectors.check();
}
