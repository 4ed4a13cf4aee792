//! The pod's command.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use muttr_pod::{
    Failure, INSECURE,
    config::{LogLevel, Settings, log},
    envoy::Reach,
    files, serve,
};
use tokio::signal::unix::{SignalKind, signal};

/// A Muttr pod: aliases, introductions, notifications.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a pod until SIGTERM or SIGINT.
    Serve {
        /// TOML file with the same settings as below, written with underscores.
        #[arg(long, env = "MUTTR_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        settings: Settings,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Serve { config, settings } = Cli::parse().command;
    let Err(failure) = run(config, settings).await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("muttr-pod: {failure}");
    ExitCode::from(failure.exit_code())
}

async fn run(file: Option<PathBuf>, settings: Settings) -> Result<(), Failure> {
    let settings = settings.with_file(file.as_deref())?;
    log(&settings);
    let silent = matches!(settings.log, Some(LogLevel::Off | LogLevel::Error));
    files::allow_many();
    let config = settings.finish()?;
    if silent && config.reach == Reach::Loopback {
        eprintln!("muttr-pod: {INSECURE}");
    }
    let mut running = serve(config).await?;
    // Whoever reads the line may at once tell it to stop.
    let mut terminate = signal(SignalKind::terminate()).map_err(|_| Failure::Stopped)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|_| Failure::Stopped)?;
    println!("listening on http://{}", running.addr());
    // Whoever started the pod may have closed its end.
    let _ = std::io::stdout().flush();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        failure = running.stopped() => return Err(failure),
    }
    running.stop().await;
    Ok(())
}
