//! The command of a native seed.

use std::process::ExitCode;

use clap::Parser as _;
use muttr_pod::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
