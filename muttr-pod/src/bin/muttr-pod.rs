//! The pod command.
fn main() {}
