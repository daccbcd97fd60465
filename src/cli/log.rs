//! `cambist log verify`: was the decision log tampered with?

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::app::{keys_settings, open_store};
use crate::config::{Destination, Settings};
use crate::domain::{Digest256, SystemClock, Timestamp};
use crate::release::issuance::{Keys, PublishedKey};
use crate::release::record::{LastLine, Report, Verifier, load_head};
use crate::store::OpenMode;
use crate::token::Algorithm;

use super::arguments::LogCommand;
use super::{output, runtime, settings};

/// Public keys by `kid`.
type KnownKeys = HashMap<Box<str>, PublishedKey>;

pub(super) fn run(command: LogCommand) -> anyhow::Result<ExitCode> {
    let LogCommand::Verify { config, files, head, keys } = command;
    let settings = match settings::load(&config.config) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let head = head.map(|text| Digest256::from_hex(&text).context("--head is not 64 hexadecimal digits")).transpose()?;
    let files = files_or_configured(files, &settings)?;
    let stored = if head.is_none() || keys.is_none() { from_store(&settings, &files)? } else { (KnownKeys::new(), None) };
    let known = match &keys {
        Some(file) => from_key_set(file)?,
        None => stored.0,
    };
    let expected = head.or(stored.1);
    let mut verifier = Verifier::new(|kid: &str| known.get(kid).cloned(), expected);
    for file in &files {
        let log = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        verifier.file(file, log).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let report = verifier.finish();
    print(&report, expected.is_some());
    let proven = expected.is_some() || report.checkpoints > 0;
    output::line(match (report.is_clean(), proven) {
        (false, _) => "NOT CLEAN",
        (true, true) => "clean",
        (true, false) => {
            "UNPROVEN: the lines fit together, but anybody could have written them: give a head that you noted (--head) or the keys that \
             signed (--keys), or verify after the first checkpoint"
        }
    });
    Ok(if report.is_clean() && proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Keys that ever signed, and the newest head that the store knows of the node that wrote the last of these files.
fn from_store(settings: &Settings, files: &[PathBuf]) -> anyhow::Result<(KnownKeys, Option<Digest256>)> {
    let advice = "the store tells which keys signed and where the log must reach; without it, give --keys and --head";
    let runtime = runtime::for_a_command()?;
    let store = runtime.block_on(open_store(settings, OpenMode::Command)).context(advice)?;
    // A pipe says no node beforehand, and what cannot be read is told when it is verified.
    let written = files.last().and_then(|file| LastLine::of(file).ok().flatten()?.node);
    let node = written.as_deref().unwrap_or(settings.decisions.node.as_str());
    let head = runtime.block_on(load_head(&store, node))?.map(|head| head.digest);
    let keys = Keys::open(store, keys_settings(settings)?, Arc::new(SystemClock::new()))?;
    let known = keys.history()?.into_iter().map(|key| (key.kid.clone(), key)).collect();
    Ok((known, head))
}

fn from_key_set(file: &Path) -> anyhow::Result<KnownKeys> {
    let document: Value = serde_json::from_slice(&fs::read(file).with_context(|| format!("cannot read {}", file.display()))?)
        .with_context(|| format!("{} is no JSON", file.display()))?;
    let keys = document["keys"].as_array().with_context(|| format!("{} has no `keys`", file.display()))?;
    let named = keys.iter().filter_map(|jwk| {
        let kid: Box<str> = jwk["kid"].as_str()?.into();
        let algorithm = Algorithm::from_name(jwk["alg"].as_str()?)?;
        let key = PublishedKey { algorithm, first_published: Timestamp::default(), jwk: jwk.to_string().into(), kid: kid.clone() };
        Some((kid, key))
    });
    Ok(named.collect())
}

fn files_or_configured(files: Vec<PathBuf>, settings: &Settings) -> anyhow::Result<Vec<PathBuf>> {
    match &settings.decisions.destination {
        _ if !files.is_empty() => Ok(files),
        Destination::File(file) => Ok(vec![file.clone()]),
        Destination::StandardOutput => bail!("the decision log goes to standard output: name the files that hold it"),
    }
}

fn print(report: &Report, head_expected: bool) {
    for fault in &report.faults {
        output::line(fault);
    }
    if report.further_faults > 0 {
        output::line(format!("and {} further faults", report.further_faults));
    }
    output::line(format!(
        "{} lines, {} decisions, {} signed checkpoints, {} lines after the last of them are unsigned",
        report.lines, report.decisions, report.checkpoints, report.unsigned_tail
    ));
    if let Some(head) = &report.head {
        output::line(format!("head {}", head.digest));
    }
    if let Some(before) = report.continues {
        output::line(format!("it continues an earlier file whose head was {before}; give that file too"));
    }
    if report.checkpoints_of_unknown_keys > 0 {
        output::line(format!("{} checkpoints are signed by unknown keys and prove nothing", report.checkpoints_of_unknown_keys));
    }
    if report.torn > 0 || report.unfinished_bytes > 0 {
        output::line(format!("{} torn lines were closed, {} bytes are unfinished", report.torn, report.unfinished_bytes));
    }
    if !head_expected {
        output::line("no head was expected, so a log that was cut short looks whole");
    }
}
