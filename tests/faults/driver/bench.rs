//! Some nodes of cambist on one store, and the load on them.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::random_bytes;
use tempfile::TempDir;

use super::load::Load;
use super::logs::{IssuedLine, Logs};
use super::subject::Issuers;
use crate::servers::ClockFile;
use crate::store::PASSWORD;
use crate::support::{Server, ServerOptions, Trail, eventually};

/// Nodes, each a process with a configuration and a decision log of its own.
pub(crate) struct Bench {
    pub(crate) nodes: Vec<Server>,
    pub(crate) load: Arc<Load>,
    pub(super) logs: Mutex<Vec<Logs>>,
    /// What was read of them.
    pub(super) written: Mutex<Vec<IssuedLine>>,
    _secrets: Secrets,
}

impl Bench {
    /// A node for each of these `[store]` sections, which all lead to one new store, and with its clock, if it has one. Waits until each
    /// of them issues.
    pub(crate) fn start(stores: &[(String, Option<ClockFile>)]) -> Self {
        let issuers = Issuers::start();
        let secrets = Secrets::new();
        let options = |number: usize| {
            let (store, clock) = &stores[number];
            let environment = clock.as_ref().map_or_else(Vec::new, ClockFile::environment);
            ServerOptions { environment, ..secrets.node(number, store, &issuers.trust()) }
        };
        let mut nodes: Vec<_> = (0..stores.len()).map(|number| Server::prepare(&options(number))).collect();
        let (code, said) = nodes[0].command(&["store", "init"]);
        assert_eq!(code, Some(0), "{said}");
        nodes.iter_mut().for_each(Server::restart);
        let addresses: Vec<_> = nodes.iter().map(|node| &*node.public).collect();
        let load = Arc::new(Load::on(&addresses, issuers));
        let logs = Mutex::new(nodes.iter().map(Logs::of).collect());
        let bench = Self { nodes, load, logs, written: Mutex::default(), _secrets: secrets };
        bench.until_all_issue();
        bench
    }

    /// What a metric counts, over all nodes.
    pub(crate) fn counted(&self, metric: &str) -> u64 {
        let of_node = |node: &Server| {
            let text = node.admin("/metrics").text;
            let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(metric)).unwrap_or_default();
            line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
        };
        self.nodes.iter().map(of_node).sum()
    }

    /// A new store begins with a fence.
    fn until_all_issue(&self) {
        self.load.set_rate(10_000);
        eventually("every node issues", || {
            let records = self.load.ledger().records();
            (0..self.nodes.len()).all(|node| records.iter().any(|record| record.post.node == node && record.is_issued()))
        });
        self.load.quiet();
    }
}

/// Files that only we can read: the key that wraps the keys of all nodes, and their password.
pub(crate) struct Secrets(TempDir);

impl Secrets {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
        for (name, secret) in [("key", &*key), ("password", PASSWORD)] {
            Trail::secret(secret);
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(folder.path().join(name)).unwrap();
            file.write_all(secret.as_bytes()).unwrap();
        }
        Self(folder)
    }

    /// What a node is started with. In `store`, `{secrets}` stands for the folder of these files.
    pub(crate) fn node(&self, number: usize, store: &str, trust: &str) -> ServerOptions {
        let folder = self.0.path().to_str().unwrap();
        let options = ServerOptions::trusting(trust);
        let named = options.config.replace("node = \"n1\"", &format!("node = \"n{number}\""));
        let store = store.replace("{secrets}", folder);
        let config = format!(
            "{named}[limits]\nper_relationship = false\nper_subject = false\n[store]\n{store}\n[keys]\nencryption_keys = [{{ file = \"{folder}/key\" }}]\n"
        );
        ServerOptions { config, aged_store: false, ..options }
    }
}
