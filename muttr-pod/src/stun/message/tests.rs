//! The vectors of RFC 5769 where a Binding responder without passwords meets them, and everything
//! that gets no answer.

use super::*;

/// RFC 5769, section 2.1: an ICE check, with a password and a PRIORITY.
const CHECK: &str = "000100582112a442b7e7a701bc34d686fa87dfae80220010\
    5354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36\
    000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2\
    80280004e57a3bcf";
/// RFC 5769, section 2.2 and 2.3: what it is answered at an IPv4 and at an IPv6 address.
const ANSWER_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b\
    7465737420766563746f722000200008\
    0001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const ANSWER_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b\
    7465737420766563746f722000200014\
    0002a1470113a9faa5d3f179bc25f4b5bed2b9d9\
    00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/// RFC 5769, section 2.4: a request with a name, a realm and a nonce.
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012\
    e3839ee38388e383aae38383e382afe382b900000015001c\
    662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b\
    6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn from(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn alice() -> SocketAddr {
    from("192.0.2.1:32853")
}

/// A Binding request with these attributes.
fn question(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(kind, value)| (*kind, value.to_vec()))
        .collect();
    message(REQUEST, &bytes(CHECK)[8..20], &attributes)
}

#[test]
fn alice_is_told_where_she_is_as_the_rfc_has_it() {
    let asked = question(&[]);
    assert_eq!(asked, bytes("000100002112a442b7e7a701bc34d686fa87dfae"));
    for (from, vector, length) in [
        (alice(), ANSWER_V4, 32),
        (
            from("[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
            ANSWER_V6,
            44,
        ),
    ] {
        let said = answer(&asked, from).expect("an answer");
        assert_eq!(said.len(), length);
        // The vector says who wrote it, and proves that it knows the password; we do neither.
        let vector = bytes(vector);
        assert_eq!(said[..2], vector[..2]);
        assert_eq!(usize::from(said[3]), length - 20);
        assert_eq!(said[4..20], vector[4..20]);
        assert_eq!(said[20..], vector[36..36 + length - 20]);
    }
}

#[test]
fn an_ipv4_address_in_its_ipv6_form_is_an_ipv4_address() {
    let asked = question(&[]);
    assert_eq!(
        answer(&asked, from("[::ffff:192.0.2.1]:32853")),
        answer(&asked, alice())
    );
}

#[test]
fn what_need_not_be_understood_changes_nothing() {
    let plain = answer(&question(&[]), alice());
    let asked = question(&[(0x8022, b"a browser"), (0x8028, b"1234"), (0xC057, b"")]);
    assert_eq!(answer(&asked, alice()), plain);
    // Nobody has to prove anything here, so proofs are passed over.
    let said = answer(&bytes(LONG_TERM), alice()).expect("an answer");
    assert_eq!(said[..2], SUCCESS.to_be_bytes());
    assert_eq!(said[8..20], bytes(LONG_TERM)[8..20]);
}

#[test]
fn what_is_not_understood_is_named() {
    // A check between two browsers that strayed here: its PRIORITY is not for us.
    let said = answer(&bytes(CHECK), alice()).expect("an answer");
    let told = "011100102112a442b7e7a701bc34d686fa87dfae0009000400000414000a000200240000";
    assert_eq!(said, bytes(told));
    // CHANGE-REQUEST and RESPONSE-PORT would have the answer sent elsewhere.
    let asked = question(&[(0x0003, &[0, 0, 0, 6]), (0x0027, &[0x12, 0x34, 0, 0])]);
    let said = answer(&asked, alice()).expect("an answer");
    assert_eq!(said[..2], ERROR.to_be_bytes());
    assert_eq!(said[28..], bytes("000a000400030027"));
}

#[test]
fn no_answer_is_much_longer_than_its_question() {
    for from in [alice(), from("[2001:db8::1]:1")] {
        for unknown in 0..=132_u16 {
            let empty: &[u8] = &[];
            let attributes: Vec<_> = (0..unknown).map(|each| (0x0100 + each, empty)).collect();
            let asked = question(&attributes);
            let said = answer(&asked, from).expect("an answer");
            assert!(said.len() <= asked.len() + 24, "{unknown}");
            assert!(unknown == 0 || said.len() <= asked.len() + 12, "{unknown}");
        }
    }
}

#[test]
fn mallory_gets_no_answer_to_anything_else() {
    let good = question(&[(0x8022, b"a browser")]);
    assert!(answer(&good, alice()).is_some());
    for length in 0..good.len() {
        assert_eq!(answer(&good[..length], alice()), None, "cut at {length}");
    }
    let mut longer = good.clone();
    longer.extend([0; 4]);
    assert_eq!(answer(&longer, alice()), None, "more than it says");

    // Any other kind, class or cookie; among them answers and indications of our own method.
    for bit in (0..16).chain(32..64) {
        let mut other = good.clone();
        other[bit / 8] ^= 0x80 >> (bit % 8);
        assert_eq!(answer(&other, alice()), None, "bit {bit}");
    }
    for kind in [SUCCESS, ERROR, 0x0011, 0x0003, 0x0004, 0x8001, 0x4001] {
        let other = message(kind, &good[8..20], &[]);
        assert_eq!(answer(&other, alice()), None, "{kind:#06x}");
    }
    let said = answer(&good, alice()).expect("an answer");
    assert_eq!(answer(&said, alice()), None, "two pods never talk");

    // Lengths that do not add up.
    for attributes in ["80220001ff", "80220005ffffffff", "8022ffff", "802200", "ff"] {
        let attributes = bytes(attributes);
        let mut asked = question(&[]);
        asked[3] = u8::try_from(attributes.len()).expect("short");
        asked.extend(attributes);
        assert_eq!(answer(&asked, alice()), None);
    }
}

#[test]
fn a_question_is_of_bounded_length() {
    let most = limit::STUN_BYTES_MAX - 24;
    assert!(answer(&question(&[(0x8022, &vec![0; most])]), alice()).is_some());
    assert_eq!(
        answer(&question(&[(0x8022, &vec![0; most + 4])]), alice()),
        None
    );
}

#[test]
fn every_change_of_one_byte_is_survived() {
    for vector in [CHECK, ANSWER_V4, LONG_TERM] {
        let vector = bytes(vector);
        for at in 0..vector.len() {
            for value in 0..=255 {
                let mut changed = vector.clone();
                changed[at] = value;
                let said = answer(&changed, alice());
                assert!(said.is_none_or(|said| said.len() <= changed.len() + 24));
            }
        }
    }
}
