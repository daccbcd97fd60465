//! What can be typed, and what exit codes mean.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::output::shell;
use super::{check, demo, dev_issuer, health, keys, log, output, revoke, serve, store};

/// Exchanges a workload's OIDC token for a short-lived token that opens exactly one door.
///
/// Exit codes: 0 done; 1 the answer is no (a configuration with errors, a log that was tampered with) or the command failed; 2 the
/// arguments are wrong; 3 (`revoke`, `block`, `unblock`) it is written, but not every node that may issue has confirmed it, or a `--claim`
/// is not known to reach tokens that were issued.
#[derive(Debug, Parser)]
#[command(name = "cambist", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a complete exchange on this machine, with nothing configured
    Demo {
        /// Leave the server running, and print the curl line to try
        #[arg(long)]
        serve: bool,
    },
    /// Run the server
    Serve(Config),
    /// Read a configuration: errors, lint, trust tests. Needs no secret
    Check {
        #[command(flatten)]
        config: Config,
        /// Treat warnings as errors
        #[arg(long)]
        strict: bool,
    },
    /// Run a local issuer that mints tokens in the shape of any preset. Loopback only
    DevIssuer {
        /// Where to listen; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:9100")]
        listen: SocketAddr,
        /// `aud` of its tokens: the issuer URL of the cambist server
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        audience: String,
        /// The shape of tokens for which none is asked
        #[arg(long, default_value = "oidc")]
        preset: String,
    },
    /// Ask the server on this machine whether it is ready. For probes without a shell
    Health {
        #[command(flatten)]
        config: Config,
        /// Ask this address instead of the configured admin listener
        #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
        at: Option<SocketAddr>,
    },
    /// Look at and rotate the keys that sign issued tokens
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Cut off what was issued before now: it counts for nothing any more, and new tokens pass
    Revoke(revoke::Decision),
    /// Refuse from now on, new tokens too, until it is lifted
    Block(revoke::Decision),
    /// Lift a block
    Unblock(revoke::Lifting),
    /// List what is revoked and blocked
    Revocations(Config),
    /// Prepare a store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Check a decision log
    #[command(subcommand)]
    Log(LogCommand),
}

/// Which configuration.
#[derive(Args, Debug)]
pub(super) struct Config {
    /// The server's configuration file
    #[arg(long, value_name = "FILE", default_value = shell::DEFAULT_CONFIG)]
    pub(super) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List every key with its state
    List(Config),
    /// Let the next key sign from now on; a running server follows within a second
    Rotate {
        #[command(flatten)]
        config: Config,
        /// Drop keys at once: tokens they signed stop verifying. All keys, unless --kid names one
        #[arg(long)]
        compromised: bool,
        /// Drop only this key
        // One id in 64 begins with a hyphen.
        #[arg(long, requires = "compromised", allow_hyphen_values = true)]
        kid: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Write a deployment id into a store that has none
    Init {
        #[command(flatten)]
        config: Config,
        /// Start a new history on a store that has one: everything issued before now is cut off
        #[arg(long)]
        accept_loss: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Find edits, removals and reorderings; and truncation, against the head in the store or the one given
    Verify {
        #[command(flatten)]
        config: Config,
        /// The log, oldest file first. Default: the configured file
        files: Vec<PathBuf>,
        /// The head that the log must contain: 64 hexadecimal digits
        #[arg(long)]
        head: Option<String>,
        /// A JWK set with the keys that signed checkpoints. Default: those in the store
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
}

/// An argument that is none, whatever the configuration says: told apart from a no.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongArgument(pub(super) String);

/// As the parser of arguments exits.
const WRONG_ARGUMENTS: u8 = 2;

/// Runs one command to its end.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Demo { serve } => demo::run(serve),
        Command::Serve(config) => serve::run(&config.config),
        Command::Check { config, strict } => Ok(check::run(&config.config, strict)),
        Command::DevIssuer { listen, audience, preset } => dev_issuer::run(listen, &audience, &preset),
        Command::Health { config, at } => health::run(&config.config, at),
        Command::Keys(command) => keys::run(command),
        Command::Revoke(decision) => revoke::revoke(&decision),
        Command::Block(decision) => revoke::block(&decision),
        Command::Unblock(lifting) => revoke::unblock(&lifting),
        Command::Revocations(config) => revoke::list(&config),
        Command::Store(StoreCommand::Init { config, accept_loss }) => store::init(&config.config, accept_loss),
        Command::Log(command) => log::run(command),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("error: {}", output::chain(&error)));
            if error.is::<WrongArgument>() { ExitCode::from(WRONG_ARGUMENTS) } else { ExitCode::FAILURE }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn refused(line: &str) -> Option<ErrorKind> {
        Arguments::try_parse_from(line.split(' ')).err().map(|error| error.kind())
    }

    #[test]
    fn an_id_may_begin_with_a_hyphen() {
        for line in ["block --jti -9fcEA --reason x", "revoke --kid -4vz --reason x", "keys rotate --compromised --kid -4vz"] {
            assert_eq!(refused(&format!("cambist {line}")), None, "{line}");
        }
    }

    #[test]
    fn exit_code_3_is_told_alike_everywhere() {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = plain(&Arguments::command().get_long_about().unwrap().to_string());
        let told = &help[help.find("3 (").unwrap()..help.rfind('.').unwrap()];
        for (file, text) in [("README.md", include_str!("../../README.md")), ("operations.md", include_str!("../../docs/operations.md"))] {
            assert!(plain(text).contains(told), "{file} does not say: {told}");
        }
    }

    #[test]
    fn exactly_one_thing_is_taken_back_at_a_time() {
        for (selected, expected) in [
            ("", Some(ErrorKind::MissingRequiredArgument)),
            (" --all", None),
            (" --issuer github", None),
            (" --claim a=b --issuer github", None),
            (" --relationship web --issuer github", Some(ErrorKind::ArgumentConflict)),
            (" --relationship web --all", Some(ErrorKind::ArgumentConflict)),
        ] {
            assert_eq!(refused(&format!("cambist revoke --reason x{selected}")), expected, "{selected}");
        }
    }
}
