//! The `cambist` binary: parses arguments, runs one command, ends with its exit code.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cambist::cli::run(cambist::cli::Arguments::parse())
}
