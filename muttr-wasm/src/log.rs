//! What others did wrong on direct connections, for whoever looks into it: counted in the figures,
//! and in the console as a verbose message. Never who it was, nor with what.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use muttr_core::rejection::Rejection;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// To connect.
    Handshake,
    /// One stream of a connection.
    Stream,
}

impl Refused {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Stream => "stream",
        }
    }
}

/// How often what was refused, with which code, since the seed was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Rc<RefCell<BTreeMap<(Refused, Rejection), u64>>>);

impl Refusals {
    /// One more. Each is counted; it is said at the first, second, fourth, eighth and so on, so
    /// that nobody fills the console from afar.
    pub(crate) fn note(&self, what: Refused, code: Rejection) {
        let mut all = self.0.borrow_mut();
        let count = all.entry((what, code)).or_default();
        *count += 1;
        if count.is_power_of_two() {
            let line = format!("muttr: {} refused: {code} ({count})", what.name());
            web_sys::console::debug_1(&line.into());
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(Refused, Rejection, u64)> {
        let all = self.0.borrow();
        let all = all
            .iter()
            .map(|((what, code), count)| (*what, *code, *count));
        all.collect()
    }
}
