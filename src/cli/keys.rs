//! `cambist keys`: the keys that sign issued tokens. Works beside a running server, which follows within a second.

use std::process::ExitCode;
use std::sync::Arc;

use crate::app::{keys_settings, open_store};
use crate::domain::SystemClock;
use crate::release::issuance::{KeyDescription, KeyState, Keys};
use crate::store::OpenMode;

use super::arguments::{Config, KeysCommand};
use super::output::{self, shell};
use super::{runtime, settings};

pub(super) fn run(command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::List(config) => with_keys(&config, |_| Ok(())),
        KeysCommand::Rotate { config, compromised: false, .. } => with_keys(&config, |keys| Ok(keys.rotate()?)),
        KeysCommand::Rotate { config, compromised: true, kid } => with_keys(&config, |keys| {
            tell_dropped(&keys.drop_compromised(kid.as_deref())?, &config);
            Ok(())
        }),
    }
}

/// They are in no list any more, so whoever has to block them reads their names here or nowhere.
fn tell_dropped(kids: &[Box<str>], config: &Config) {
    output::line(
        "Dropped. What they signed stops verifying as soon as verifiers refresh their copy of the key set. For what was narrowed from",
    );
    output::line("it, and is signed by another key, run:");
    for kid in kids {
        output::line(format!("  cambist block --kid {kid} --reason 'signing key compromised'{}", shell::config(config)));
    }
}

/// Opens the ring, does something to it, and shows it.
fn with_keys(config: &Config, act: impl FnOnce(&Keys) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let settings = match settings::load(&config.config) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let runtime = runtime::for_a_command()?;
    let store = runtime.block_on(open_store(&settings, OpenMode::Command))?;
    let keys = Keys::open(store, keys_settings(&settings)?, Arc::new(SystemClock::new()))?;
    act(&keys)?;
    for key in keys.describe() {
        output::line(line(&key));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(key: &KeyDescription) -> String {
    let state = match key.state {
        KeyState::Current { since } => format!("current   signs since {since}"),
        KeyState::Next { since: None, .. } => "next      not published yet: a server does that within a second, once one runs".to_owned(),
        KeyState::Next { signs_from: Some(from), .. } => format!("next      may sign from {from}"),
        KeyState::Next { since: Some(since), signs_from: None } => format!("next      published since {since}"),
        KeyState::Retired { published_until, .. } => format!("retired   published until {published_until}"),
    };
    format!("{:<6} {}  {state}", key.algorithm.name(), key.kid)
}
