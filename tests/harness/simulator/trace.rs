//! A fingerprint of everything that happened, so that two worlds can be compared.

use muttr_core::machine::Input;

use super::{Who, network};

/// FNV-1a over everything that is handed to machines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace(pub(super) u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Takes note of one input.
    pub(super) fn input<C>(&mut self, now_ms: u64, who: Who, input: &Input<C>) {
        self.add(&now_ms.to_be_bytes());
        self.add(&who.0.to_be_bytes());
        match input {
            Input::Command(_) => self.add(b"command"),
            Input::Linked(link, _) => self.add(format!("linked {link:?}").as_bytes()),
            Input::Unlinked(link) => self.add(format!("unlinked {link:?}").as_bytes()),
            Input::Frame(link, frame) => {
                self.add(format!("frame {link:?}").as_bytes());
                self.add(network::bytes(frame));
            }
            Input::Kept(ticket, kept) => self.add(format!("{ticket:?} {kept:?}").as_bytes()),
            Input::Recalled(ticket, rows) => {
                let count = rows.as_ref().map(Vec::len);
                self.add(format!("{ticket:?} {count:?}").as_bytes());
            }
            Input::Tick => self.add(b"tick"),
        }
    }
}
