//! What must never happen, asked after every event.

use muttr_core::machine::{Machine, Output};

use crate::simulator::{Who, World};

/// Looks on, and objects.
pub trait Oracle<M: Machine> {
    /// Sees one output of a participant before the world acts on it.
    ///
    /// # Errors
    /// What was violated, as a sentence.
    fn sees(&mut self, world: &World<M>, who: Who, output: &Output<M::Event>)
    -> Result<(), String>;

    /// Looks at the world between two events.
    ///
    /// # Errors
    /// What was violated, as a sentence.
    fn rests(&mut self, _world: &World<M>) -> Result<(), String> {
        Ok(())
    }
}

/// Objects to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blind;

impl<M: Machine> Oracle<M> for Blind {
    fn sees(&mut self, _: &World<M>, _: Who, _: &Output<M::Event>) -> Result<(), String> {
        Ok(())
    }
}
