//! What the tests of this room share: descriptions as browsers write them, and dice.

use alloc::{format, string::String, vec, vec::Vec};

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// A fingerprint whose bytes are all the same.
pub(crate) fn fingerprint(byte: u8) -> String {
    let pairs: Vec<_> = (0..32).map(|_| format!("{byte:02X}")).collect();
    format!("sha-256 {}", pairs.join(":"))
}

/// As Chromium writes it.
pub(crate) fn chromium(byte: u8) -> String {
    let print = fingerprint(byte);
    lines(&format!(
        "v=0|o=- 4611731400430051336 2 IN IP4 127.0.0.1|s=-|t=0 0|a=group:BUNDLE 0|\
         a=extmap-allow-mixed|a=msid-semantic: WMS|\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel|c=IN IP4 0.0.0.0|a=ice-ufrag:Ab3d|\
         a=ice-pwd:0123456789abcdefghijklmn|a=ice-options:trickle|a=fingerprint:{print}|\
         a=setup:actpass|a=mid:0|a=sctp-port:5000|a=max-message-size:262144|"
    ))
}

/// As Firefox writes it.
pub(crate) fn firefox(byte: u8) -> String {
    let print = fingerprint(byte);
    lines(&format!(
        "v=0|o=mozilla...THIS_IS_SDPARTA-99.0 5735328362451 0 IN IP4 0.0.0.0|s=-|t=0 0|\
         a=sendrecv|a=fingerprint:{print}|a=group:BUNDLE 0|a=ice-options:trickle|\
         a=msid-semantic:WMS *|m=application 9 UDP/DTLS/SCTP webrtc-datachannel|\
         c=IN IP4 0.0.0.0|a=sendrecv|a=ice-pwd:0123456789abcdef0123456789abcdef|\
         a=ice-ufrag:0123abcd|a=mid:0|a=setup:actpass|a=sctp-port:5000|\
         a=max-message-size:1073741823|"
    ))
}

/// As libdatachannel writes it, which js programs outside of browsers use.
pub(crate) fn datachannel(byte: u8) -> String {
    let print = fingerprint(byte).to_lowercase();
    lines(&format!(
        "v=0|o=rtc 3767197920 0 IN IP4 127.0.0.1|s=-|t=0 0|a=group:BUNDLE 0|\
         a=group:LS 0|a=msid-semantic:WMS *|a=ice-options:ice2,trickle|a=fingerprint:{print}|\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel|c=IN IP4 0.0.0.0|a=mid:0|a=sendrecv|\
         a=sctp-port:5000|a=max-message-size:262144|a=setup:actpass|a=ice-ufrag:d1cE|\
         a=ice-pwd:0123456789abcdefghijkl|"
    ))
}

fn lines(text: &str) -> String {
    text.replace('|', "\r\n")
}

/// A candidate, as a browser's `toJSON` writes it.
pub(crate) fn candidate(number: usize) -> String {
    format!(
        "{{\"candidate\":\"candidate:{number} 1 udp 2113937151 4d1a.local {} typ host\",\
         \"sdpMid\":\"0\",\"sdpMLineIndex\":0,\"usernameFragment\":\"Ab3d\"}}",
        40_000 + number % 20_000
    )
}

/// The same dice each time.
pub(crate) struct Dice(ChaCha20Rng);

impl Dice {
    pub(crate) fn new(integer: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(integer))
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.next_u64() as usize % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Changes, cuts, doubles or mixes some bytes.
    pub(crate) fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.0.next_u32() as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at),
                3 => {
                    let more = self.below(40);
                    let more = self.bytes(more);
                    bytes.splice(at..at, more);
                }
                _ => {
                    let again = bytes[at..].to_vec();
                    bytes.extend(again);
                }
            }
        }
    }
}
