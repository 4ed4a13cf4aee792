//! What the tests share: the script language, the cast, the simulator.

pub mod oracle;
pub mod profile;
pub mod scenario;
pub mod simulator;
pub mod tree;
