//! What the tests share: the script language, the cast, the simulator.

pub mod cast;
pub mod crowd;
pub mod holders;
pub mod oracle;
pub mod part;
pub mod population;
pub mod profile;
pub mod promises;
pub mod sample;
pub mod scenario;
pub mod simulator;
pub mod stage;
pub mod storm;
pub mod tree;
pub mod vectors;
pub mod village;
