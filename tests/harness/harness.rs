//! What the tests share: the script language, the cast, the simulator.

pub mod scenario;
