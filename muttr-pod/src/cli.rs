//! The command `muttr`: a seed for terminals, scripts and bots. One file for each family of
//! commands; what they have in common is in [`settings`], [`output`] and [`trouble`].

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

mod bot;
mod contacts;
mod date;
mod inbox;
mod key;
mod output;
mod recipient;
mod register;
mod seed;
mod send;
mod settings;
mod trouble;
mod verify;

use output::Output;
pub use settings::Settings;
use trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  muttr --data-dir alice --pod http://localhost:8080 key create
  muttr --data-dir alice --pod http://localhost:8080 register alice
  muttr --data-dir alice send bob@localhost:8080 'The oak has leaves again.'
  muttr --data-dir bob inbox --follow --json
  muttr --data-dir echo bot --exec cat

A data directory is one person's seed; it remembers its pod. Without --data-dir it is
$XDG_DATA_HOME/muttr, mostly ~/.local/share/muttr.

Exit codes:
  0 done             1 a defect           2 wrong usage       3 pod unreachable
  4 storage failed   5 no usable key      6 no alias yet      7 took too long
  8 refused, see the code in parentheses  9 data directory in use
  10 no such pod     11 recipient moved   12 key changed      13 mailbox full
  14 a clock is wrong";

/// A Muttr seed on the command line: send, read and answer messages.
#[derive(Debug, Parser)]
#[command(name = "muttr", version, after_help = EXAMPLES, infer_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, bring or take away the key that is you.
    Key(key::Key),
    /// Take an alias at the pod, or renew it.
    Register(register::Register),
    /// Send a message.
    Send(send::Send),
    /// Read what arrived: each message once.
    Inbox(inbox::Inbox),
    /// Compare keys with somebody, so that nobody sits between you.
    Verify(verify::Verify),
    /// List people, or decide about one.
    Contacts(contacts::Contacts),
    /// Keep records for others until SIGTERM or SIGINT; needs no key.
    Seed(seed::Seed),
    /// Answer messages with what a command says.
    Bot(bot::Bot),
    /// Write a completion script for a shell to stdout.
    Completions(Completions),
}

/// How to complete commands in a shell.
#[derive(Args, Debug)]
struct Completions {
    /// Which shell.
    shell: Shell,
}

/// Carries a command out and says what was wrong, if anything was.
pub async fn run(cli: Cli) -> ExitCode {
    let Cli { settings, command } = cli;
    settings.log();
    let output = Output::new(settings.json);
    let result = match command {
        Command::Key(key) => key.run(&settings, &output),
        Command::Register(register) => register.run(&settings, &output).await,
        Command::Send(send) => send.run(&settings, &output).await,
        Command::Inbox(inbox) => inbox.run(&settings, &output).await,
        Command::Verify(verify) => verify.run(&settings, &output).await,
        Command::Contacts(contacts) => contacts.run(&settings, &output).await,
        Command::Seed(seed) => seed.run(&settings, &output).await,
        Command::Bot(bot) => bot.run(&settings, &output).await,
        Command::Completions(Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "muttr", &mut script);
            output.raw(&script)
        }
    };
    match result {
        // Whoever read our output has seen enough.
        Ok(()) | Err(Trouble::Closed) => ExitCode::SUCCESS,
        Err(trouble) => {
            output.trouble(&trouble);
            ExitCode::from(trouble.exit_code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
