use alloc::{vec, vec::Vec};

use super::*;
use crate::rtc::tests::Dice;

mod pair;

const FIN: &[u8] = &[2, 8, 0];
const STOP_SENDING: &[u8] = &[2, 8, 1];
const RESET: &[u8] = &[2, 8, 2];
const FIN_ACK: &[u8] = &[2, 8, 3];

fn drain(stream: &mut Stream) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| stream.poll_send()).collect()
}

fn read(stream: &mut Stream) -> (Vec<u8>, Read) {
    let (mut all, mut buffer) = (Vec::new(), [0; 1_000]);
    loop {
        match stream.read(&mut buffer) {
            Read::Data(count) => all.extend(&buffer[..count]),
            end => return (all, end),
        }
    }
}

fn hear(stream: &mut Stream, frames: &[&[u8]]) {
    for frame in frames {
        assert_eq!(stream.received(0, frame), Ok(()));
    }
}

fn hello() -> Vec<u8> {
    frame::data(b"hello")
}

#[test]
fn alice_says_hello_and_closes_and_bob_answers() {
    let mut alice = Stream::default();
    assert_eq!(alice.read(&mut [0; 8]), Read::Wait);
    assert_eq!(alice.write(b"hello", 0), Write::Taken(5));
    assert_eq!(drain(&mut alice), [hello()]);
    alice.close_write(0);
    assert_eq!(alice.write(b"more", 0), Write::Closed);
    assert_eq!(drain(&mut alice), [FIN]);
    assert!(!alice.write_closed());
    hear(&mut alice, &[FIN_ACK]);
    assert!(alice.write_closed() && !alice.is_done());
    assert_eq!(alice.deadline(), None, "bob may take his time to answer");
    hear(&mut alice, &[&frame::data(b"hi"), FIN]);
    assert_eq!(drain(&mut alice), [FIN_ACK]);
    assert!(alice.is_done());
    alice.closed();
    assert_eq!(read(&mut alice), (b"hi".to_vec(), Read::End));
}

#[test]
fn frames_may_come_together_or_in_pieces() {
    let mut bytes = hello();
    bytes.extend(frame::data(&[7; 300]));
    bytes.extend([0]);
    bytes.extend(FIN);
    for size in 1..=bytes.len() {
        let mut bob = Stream::default();
        for part in bytes.chunks(size) {
            assert_eq!(bob.received(0, part), Ok(()));
        }
        let (said, end) = read(&mut bob);
        assert_eq!(
            (said.len(), end),
            (305, Read::End),
            "{size} bytes at a time"
        );
        assert_eq!(&said[..6], b"hello\x07");
        assert_eq!(drain(&mut bob), [FIN_ACK]);
    }
}

#[test]
fn a_write_is_cut_into_frames_and_held_back() {
    let mut alice = Stream::default();
    let much = vec![1; 3 << 20];
    let Write::Taken(taken) = alice.write(&much, 0) else {
        panic!("nothing was taken");
    };
    let most = limit::RTC_SEND_BYTES_MAX + limit::RTC_FRAME_BYTES_MAX;
    assert!((limit::RTC_SEND_BYTES_MAX - limit::RTC_FRAME_BYTES_MAX..most).contains(&taken));
    assert_eq!(alice.write(&much, 0), Write::Wait);
    let frames = drain(&mut alice);
    assert!(
        frames
            .iter()
            .all(|frame| frame.len() <= limit::RTC_FRAME_BYTES_MAX)
    );
    assert_eq!(alice.write(&much, limit::RTC_SEND_BYTES_MAX), Write::Wait);
    assert_eq!(
        alice.write(b"x", limit::RTC_SEND_BYTES_MAX - 1),
        Write::Taken(1)
    );
    assert_eq!(alice.write(b"", 0), Write::Taken(0));
}

#[test]
fn bob_reads_no_more() {
    let mut alice = Stream::default();
    alice.write(b"hello", 0);
    hear(&mut alice, &[STOP_SENDING]);
    assert_eq!(alice.write(b"more", 0), Write::Closed);
    assert_eq!(
        alice.read(&mut [0; 8]),
        Read::Wait,
        "that is no end of what bob says"
    );
    assert_eq!(
        drain(&mut alice),
        Vec::<Vec<u8>>::new(),
        "he would throw it away"
    );
    hear(&mut alice, &[&hello(), FIN]);
    assert_eq!(read(&mut alice), (b"hello".to_vec(), Read::End));
    alice.close_write(0);
    assert_eq!(drain(&mut alice), [FIN_ACK, FIN]);
    hear(&mut alice, &[FIN_ACK]);
    assert!(alice.is_done() && alice.write_closed());
}

#[test]
fn a_reset_ends_both_directions() {
    let mut alice = Stream::default();
    alice.write(b"hello", 0);
    hear(&mut alice, &[&hello(), RESET]);
    assert_eq!(alice.read(&mut [0; 8]), Read::Reset);
    assert_eq!(alice.write(b"more", 0), Write::Reset);
    assert!(alice.write_closed() && alice.is_done());
    assert_eq!(alice.poll_send(), None);
    assert_eq!(
        alice.received(0, &hello()),
        Ok(()),
        "what comes after is nothing"
    );
    assert_eq!(alice.read(&mut [0; 8]), Read::Reset);
    // What was whole before stays whole.
    let mut alice = Stream::default();
    hear(&mut alice, &[&hello(), FIN, RESET]);
    assert_eq!(read(&mut alice), (b"hello".to_vec(), Read::End));
}

#[test]
fn a_channel_that_closes_is_an_end_only_after_fin() {
    let mut alice = Stream::default();
    hear(&mut alice, &[&hello()]);
    alice.closed();
    assert_eq!(read(&mut alice), (b"hello".to_vec(), Read::Reset));
    assert_eq!(alice.write(b"more", 0), Write::Reset);
    assert!(alice.is_done() && alice.write_closed());
    let mut alice = Stream::default();
    hear(&mut alice, &[&hello(), FIN]);
    alice.closed();
    assert_eq!(read(&mut alice), (b"hello".to_vec(), Read::End));
    assert_eq!(alice.poll_send(), None, "there is nobody to tell");
}

#[test]
fn an_old_peer_acknowledges_nothing() {
    let mut alice = Stream::default();
    alice.close_write(5);
    let deadline = 5 + limit::RTC_FIN_ACK_MS_MAX;
    assert_eq!(alice.deadline(), Some(deadline));
    assert_eq!(drain(&mut alice), [FIN]);
    alice.tick(deadline - 1);
    assert!(!alice.write_closed());
    alice.tick(deadline);
    assert!(alice.write_closed() && !alice.is_done());
    hear(&mut alice, &[FIN]);
    assert!(!alice.is_done(), "the acknowledgement is still to be sent");
    assert_eq!(drain(&mut alice), [FIN_ACK]);
    assert!(alice.is_done());
}

#[test]
fn every_end_is_acknowledged_and_one_that_was_not_sent_cannot_be() {
    let mut alice = Stream::default();
    for _ in 0..3 {
        hear(&mut alice, &[FIN]);
        assert_eq!(drain(&mut alice), [FIN_ACK]);
    }
    hear(&mut alice, &[FIN, FIN, FIN]);
    assert_eq!(drain(&mut alice), [FIN_ACK], "answered together");
    hear(&mut alice, &[FIN_ACK]);
    alice.close_write(0);
    hear(&mut alice, &[FIN_ACK]);
    assert!(!alice.write_closed(), "our end was not sent yet");
    assert_eq!(drain(&mut alice), [FIN]);
    hear(&mut alice, &[FIN_ACK]);
    assert!(alice.is_done());
}

#[test]
fn mallory_speaks_after_the_end() {
    let mut alice = Stream::default();
    hear(&mut alice, &[&hello(), FIN]);
    assert_eq!(alice.received(0, &hello()), Err(Fault::Malformed));
    assert_eq!(drain(&mut alice), [RESET]);
    assert!(alice.is_done());
    assert_eq!(read(&mut alice), (b"hello".to_vec(), Read::End));
}

#[test]
fn mallory_ends_again_and_again() {
    let mut alice = Stream::default();
    let mut acks = 0;
    for _ in 0..10_000 {
        let _ = alice.received(0, FIN);
        let sent = drain(&mut alice);
        acks += sent.iter().filter(|frame| *frame == FIN_ACK).count();
    }
    assert_eq!(acks, usize::from(limit::RTC_FINS_MAX));
    assert!(alice.is_done());
}

#[test]
fn mallory_floods() {
    let mut alice = Stream::default();
    let frame = frame::data(&[1; PAYLOAD_BYTES_MAX]);
    let mut fault = Ok(());
    for _ in 0..1_000 {
        fault = fault.and_then(|()| alice.received(0, &frame));
        assert!(alice.unread.capacity() <= 2 * limit::RTC_RECEIVE_BYTES_MAX);
    }
    assert_eq!(fault, Err(Fault::TooMuch));
    assert_eq!(drain(&mut alice), [RESET]);
    assert_eq!(
        (alice.unread.capacity(), alice.read(&mut [0; 8])),
        (0, Read::Reset)
    );
    // A byte in each frame, and frames with nothing in them, cost no more than their bytes.
    let mut alice = Stream::default();
    let mut message = frame::data(&[1]).repeat(1_000);
    message.extend([0; 1_000]);
    message.extend(FIN_ACK.repeat(1_000));
    (0..100).for_each(|_| assert_eq!(alice.received(0, &message), Ok(())));
    assert_eq!(alice.unread.len(), 100_000);
    assert!(alice.unread.capacity() <= 2 * 131_072 && alice.partial.capacity() == 0);
    // A frame that never ends is not waited for beyond its limit.
    let mut alice = Stream::default();
    assert_eq!(alice.received(0, &[0x81, 0x80, 0x01]), Err(Fault::TooMuch));
    let mut alice = Stream::default();
    assert_eq!(alice.received(0, &[0xff, 0x7f]), Ok(()));
    let rest = vec![0x12; limit::RTC_FRAME_BYTES_MAX];
    assert!(alice.received(0, &rest).is_err());
    assert_eq!(alice.partial.capacity(), 0);
}

#[test]
fn a_stream_that_caught_up_gives_its_room_back() {
    let mut alice = Stream::default();
    let frame = frame::data(&[1; PAYLOAD_BYTES_MAX]);
    (0..200).for_each(|_| hear(&mut alice, &[&frame]));
    let (all, end) = read(&mut alice);
    assert_eq!((all.len(), end), (200 * PAYLOAD_BYTES_MAX, Read::Wait));
    assert!(alice.unread.capacity() <= limit::RTC_SEND_BYTES_MAX);
}

#[test]
fn alice_drops_what_she_has_not_finished() {
    let mut alice = Stream::default();
    alice.write(b"hel", 0);
    alice.abandon(0);
    assert!(!alice.is_done());
    assert_eq!(drain(&mut alice), [RESET]);
    assert!(alice.is_done());
}

#[test]
fn alice_drops_what_she_finished_and_bob_still_gets_all_of_it() {
    let mut alice = Stream::default();
    alice.write(b"hello", 0);
    alice.close_write(0);
    alice.abandon(0);
    assert_eq!(
        drain(&mut alice),
        [STOP_SENDING.to_vec(), hello(), FIN.to_vec()]
    );
    hear(&mut alice, &[&hello(), FIN_ACK]);
    assert!(!alice.is_done(), "bob is not through");
    assert_eq!(alice.unread.len(), 0);
    hear(&mut alice, &[FIN]);
    assert_eq!(drain(&mut alice), [FIN_ACK]);
    assert!(alice.is_done());
    assert_eq!(alice.deadline(), None);
}

#[test]
fn alice_does_not_linger_for_ever() {
    let mut alice = Stream::default();
    alice.close_write(0);
    drain(&mut alice);
    hear(&mut alice, &[FIN_ACK]);
    alice.abandon(70);
    assert_eq!(drain(&mut alice), [STOP_SENDING]);
    let deadline = 70 + limit::RTC_FIN_ACK_MS_MAX;
    assert_eq!(alice.deadline(), Some(deadline));
    // Bob goes on talking; it is neither kept nor counted.
    let frame = frame::data(&[1; PAYLOAD_BYTES_MAX]);
    (0..1_000).for_each(|_| hear(&mut alice, &[&frame]));
    assert!(!alice.is_done());
    alice.tick(deadline);
    assert!(alice.is_done());
}

#[test]
fn whom_nobody_listens_to_ends_politely() {
    let mut alice = Stream::default();
    hear(&mut alice, &[STOP_SENDING, FIN]);
    alice.abandon(0);
    assert_eq!(drain(&mut alice), [FIN_ACK, FIN]);
    hear(&mut alice, &[FIN_ACK]);
    assert!(alice.is_done());
}

#[test]
fn no_spoiled_message_makes_it_panic_or_grow() {
    let mut dice = Dice::new(31);
    let (mut broken, mut whole) = (0, 0);
    for _ in 0..5_000 {
        let mut bytes = frame::data(&dice.bytes(300));
        bytes.extend(hello());
        bytes.extend(FIN);
        bytes.extend(FIN_ACK);
        dice.spoil(&mut bytes);
        let mut alice = Stream::default();
        alice.write(b"hello", 0);
        alice.close_write(0);
        for part in bytes.chunks(1 + dice.below(200)) {
            broken += usize::from(alice.received(0, part).is_err());
            assert!(alice.partial.len() <= limit::RTC_FRAME_BYTES_MAX + 3);
            assert!(alice.unread.len() <= bytes.len());
        }
        whole += usize::from(read(&mut alice).1 == Read::End);
        let sent = drain(&mut alice);
        assert!(sent.len() <= 3);
    }
    assert!(broken > 500 && whole > 500, "{broken} and {whole}");
}
