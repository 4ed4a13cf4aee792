use alloc::{string::ToString, vec, vec::Vec};

use super::*;

const SECRET: [u8; 32] = [9; 32];

fn host(name: &str) -> Host {
    name.parse().unwrap()
}

fn proof(name: &str) -> PodProof {
    PodProof {
        host: host(name),
        certificate: vec![1; 3000],
        signature: vec![2; 100],
        succession: Vec::new(),
    }
}

fn shake_hands() -> (Open, Open) {
    let (greeting, first) = Greeting::start(&host("oak.example"), Version::First, [1; 32]).unwrap();
    let proof = proof("oak.example");
    let (pod, second) = answer(&host("oak.example"), &SECRET, [2; 32], &proof, &first).unwrap();
    let (seed, told, key) = greeting.finish(&second).unwrap();
    assert_eq!(told, proof);
    assert_eq!(key, public_key(&SECRET));
    (seed, pod)
}

#[test]
fn both_ends_agree_on_the_handshake_and_talk_in_both_directions() {
    let (mut seed, mut pod) = shake_hands();
    assert_eq!(seed.handshake_hash(), pod.handshake_hash());
    for len in [
        1,
        PIECE_BYTES - 1,
        PIECE_BYTES,
        PIECE_BYTES + 1,
        limit::CHANNEL_BYTES_MAX,
    ] {
        let message: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        for _ in 0..2 {
            let (from, to) = (&mut seed, &mut pod);
            let frames = from.seal(&message).unwrap();
            assert_eq!(frames.len(), len.div_ceil(PIECE_BYTES));
            let opened: Vec<_> = frames
                .iter()
                .map(|frame| to.open(frame, limit::CHANNEL_BYTES_MAX).unwrap())
                .collect();
            let (last, before) = opened.split_last().unwrap();
            assert!(before.iter().all(Option::is_none));
            assert_eq!(last.as_ref(), Some(&message));
            core::mem::swap(&mut seed, &mut pod);
        }
    }
    let too_large = vec![0; limit::CHANNEL_BYTES_MAX + 1];
    assert_eq!(seed.seal(&too_large).unwrap_err(), Rejection::TooLarge);
}

#[test]
fn a_pod_refuses_a_seed_that_dialled_another_name_and_says_so_on_both_sides() {
    let (greeting, first) =
        Greeting::start(&host("oak.example:8080"), Version::First, [1; 32]).unwrap();
    let elm = host("elm.example");
    let refused = answer(&elm, &SECRET, [2; 32], &proof("elm.example"), &first).unwrap_err();
    assert_eq!(refused, Rejection::WrongHost);
    assert_eq!(
        greeting.finish(&refusal(refused)).unwrap_err(),
        Rejection::WrongHost
    );
}

#[test]
fn a_changed_clear_host_does_not_survive_the_handshake() {
    let (greeting, mut first) =
        Greeting::start(&host("oak.example"), Version::First, [1; 32]).unwrap();
    first.truncate(KEY_BYTES + 1);
    first.extend_from_slice(b"elm.example");
    let elm = host("elm.example");
    let (_, second) = answer(&elm, &SECRET, [2; 32], &proof("elm.example"), &first).unwrap();
    assert_eq!(greeting.finish(&second).unwrap_err(), Rejection::Tampered);
}

#[test]
fn first_frames_that_are_none_are_refused_by_code() {
    let oak = host("oak.example");
    let answer =
        |first: &[u8]| answer(&oak, &SECRET, [2; 32], &proof("oak.example"), first).unwrap_err();
    let (_, first) = Greeting::start(&oak, Version::First, [1; 32]).unwrap();
    assert_eq!(answer(&[]), Rejection::Malformed);
    assert_eq!(answer(&first[..31]), Rejection::Malformed);
    assert_eq!(answer(&first[..32]), Rejection::Malformed);
    assert_eq!(
        answer(&[first[..33].to_vec(), vec![0xff]].concat()),
        Rejection::Malformed
    );
    assert_eq!(answer(&vec![0; 400]), Rejection::TooLarge);
    let mut newer = first;
    newer[32] = 6;
    assert_eq!(answer(&newer), Rejection::Unsupported);
}

#[test]
fn a_pod_takes_every_version_it_knows_and_the_handshake_covers_which() {
    let oak = host("oak.example");
    for version in Version::ALL {
        let (greeting, first) = Greeting::start(&oak, version, [1; 32]).unwrap();
        let (_, second) = answer(&oak, &SECRET, [2; 32], &proof("oak.example"), &first).unwrap();
        greeting.finish(&second).unwrap();
    }
    let (greeting, mut first) = Greeting::start(&oak, Version::Second, [1; 32]).unwrap();
    assert_eq!(first[32], 2);
    first[32] = 1;
    let (_, second) = answer(&oak, &SECRET, [2; 32], &proof("oak.example"), &first).unwrap();
    assert_eq!(greeting.finish(&second).unwrap_err(), Rejection::Tampered);
}

#[test]
fn a_frame_that_was_changed_cut_repeated_or_left_out_is_not_opened() {
    let message = b"a message".to_vec();
    let damage: [fn(&mut Vec<Vec<u8>>); 5] = [
        |frames| frames[0][3] ^= 1,
        |frames| frames[0].truncate(9),
        |frames| frames[0].clear(),
        |frames| drop(frames.remove(0)),
        |frames| frames[0].push(0),
    ];
    for spoil in damage {
        let (mut seed, mut pod) = shake_hands();
        let mut frames = [seed.seal(&message).unwrap(), seed.seal(&message).unwrap()].concat();
        spoil(&mut frames);
        assert_eq!(
            pod.open(&frames[0], limit::CHANNEL_BYTES_MAX).unwrap_err(),
            Rejection::Tampered
        );
    }
    let (mut seed, mut pod) = shake_hands();
    let frame = seed.seal(&message).unwrap().remove(0);
    assert_eq!(
        pod.open(&frame, limit::CHANNEL_BYTES_MAX).unwrap(),
        Some(message)
    );
    assert_eq!(
        pod.open(&frame, limit::CHANNEL_BYTES_MAX).unwrap_err(),
        Rejection::Tampered
    );
    assert_eq!(
        pod.open(&vec![0; 20_000], limit::CHANNEL_BYTES_MAX)
            .unwrap_err(),
        Rejection::TooLarge
    );
}

#[test]
fn pieces_must_be_full_and_a_message_has_an_end() {
    let (mut seed, mut pod) = shake_hands();
    let short = seed.seal_piece(&[MORE, 1, 2, 3]).unwrap();
    assert_eq!(
        pod.open(&short, limit::CHANNEL_BYTES_MAX).unwrap_err(),
        Rejection::Malformed
    );

    let (mut seed, mut pod) = shake_hands();
    let unknown = seed.seal_piece(&[7, 1]).unwrap();
    assert_eq!(
        pod.open(&unknown, limit::CHANNEL_BYTES_MAX).unwrap_err(),
        Rejection::Malformed
    );

    let (mut seed, mut pod) = shake_hands();
    let full = [&[MORE], [5; PIECE_BYTES].as_slice()].concat();
    let refused = (0..10).find_map(|_| {
        let frame = seed.seal_piece(&full).unwrap();
        pod.open(&frame, limit::CHANNEL_BYTES_MAX).err()
    });
    assert_eq!(refused, Some(Rejection::TooLarge));
    assert!(pod.partial.len() <= limit::CHANNEL_BYTES_MAX);
}

#[test]
fn every_rejection_of_a_handshake_fits_its_byte() {
    for &rejection in Rejection::ALL {
        assert_eq!(
            refusal(rejection),
            [u8::try_from(rejection.number()).unwrap()]
        );
    }
    assert_eq!(refusal(Rejection::Unknown(900)), [1]);
}

#[test]
fn a_clear_refusal_cannot_speak_of_keys_or_sessions() {
    for &rejection in Rejection::ALL {
        let (greeting, _) = Greeting::start(&host("oak.example"), Version::First, [1; 32]).unwrap();
        let heard = greeting.finish(&refusal(rejection)).unwrap_err();
        let believed = REFUSALS.contains(&rejection);
        let expected = if believed {
            rejection
        } else {
            Rejection::Malformed
        };
        assert_eq!(heard, expected);
    }
}

#[test]
fn nothing_secret_is_in_debug() {
    let (seed, _) = shake_hands();
    assert_eq!(alloc::format!("{seed:?}"), "Open(0 bytes waiting)");
    let (greeting, _) = Greeting::start(&host("oak.example"), Version::First, [1; 32]).unwrap();
    assert_eq!(alloc::format!("{greeting:?}").to_string(), "Greeting(…)");
}

#[test]
fn signed_bytes_cannot_be_read_in_two_ways() {
    let device = DeviceId([3; 16]);
    let login = login_bytes(&host("oak.example"), &device, &[4; 32]);
    assert_eq!(login.len(), 2 + 11 + 16 + 32);
    assert_ne!(login, login_bytes(&host("oak.exampl"), &device, &[4; 32]));
    assert_ne!(
        pod_key_bytes(&host("oak.example"), &[4; 32]),
        succession_bytes(&host("oak.exampl"), &Fingerprint([4; 32]))
    );
}
