//! How much is logged, and how.

use std::io;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt as lines, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::Settings;

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What stopped the pod or may lose something.
    Error,
    /// What somebody should look at.
    Warn,
    /// Start, stop and figures.
    #[default]
    Info,
    /// Every link and channel, by number.
    Debug,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs to stderr from here on. Of the crates below only what somebody should look at is logged:
/// what they say in detail may hold what passes through them.
pub fn log(settings: &Settings) {
    let level = match settings.log.unwrap_or_default() {
        LogLevel::Off => return,
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    let targets = Targets::new()
        .with_default(level.min(tracing::Level::WARN))
        .with_target("muttr_pod", level)
        .with_target("muttr_net", level);
    let lines = lines::layer().with_writer(io::stderr);
    let layer = match settings.log_format.unwrap_or_default() {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // Fails when somebody logs already, as tests do.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(targets))
        .try_init();
}
