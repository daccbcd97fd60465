//! `cambist health`: whether what runs on this machine is ready, for probes where there is no `curl` and no shell.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use url::Url;

use crate::outbound::{FetchRequest, HttpFetch, Network, Outbound};

use super::{output, runtime, settings};

/// More than `/readyz` ever says.
const MAX_BYTES: usize = 256 * 1024;

/// Asks `/readyz` at `at`, or where the configuration puts the admin listener, and prints the answer. Fails unless it is 200.
pub(super) fn run(file: &Path, at: Option<SocketAddr>) -> anyhow::Result<ExitCode> {
    let address = match at.map_or_else(|| settings::load(file).map(|settings| settings.listen.admin.address), Ok) {
        Ok(address) => address,
        Err(code) => return Ok(code),
    };
    if !address.ip().to_canonical().is_loopback() {
        bail!("{address} is not on loopback: keep the admin listener there, or let the probe ask {address} over the network");
    }
    let url = Url::parse(&format!("http://{address}/readyz"))?;
    let request = FetchRequest { url, network: Network::Loopback, ca_file: None, bearer: None, max_bytes: MAX_BYTES };
    let answer = runtime::for_a_command()?.block_on(Outbound::new(Arc::new(HttpFetch::new())).get(&request));
    let answer = answer.with_context(|| format!("{address} is not ready"))?;
    output::line(String::from_utf8_lossy(&answer.body).trim_end());
    Ok(ExitCode::SUCCESS)
}
