//! The whole file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::document::{Diagnostics, Document, Place, Table};
use crate::domain::IssuerUrl;
use crate::limits::LimitsSettings;

use super::keys::MISSING as MISSING_KEYS;
use super::tuning::read_limits;
use super::value::Folder;
use super::{
    DecisionsSection, DpopSection, KeysSection, ListenSection, LogSection, MAX_FILE_BYTES, RevocationSection, StoreSection, TrustSection,
};

/// Everything that `cambist.toml` says, with defaults for what it does not say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// `iss` of every token we sign; base of our metadata.
    pub issuer: IssuerUrl,
    /// `[listen]`
    pub listen: ListenSection,
    /// `[store]`
    pub store: StoreSection,
    /// `[trust]`
    pub trust: TrustSection,
    /// `[keys]`
    pub keys: KeysSection,
    /// `[decisions]`
    pub decisions: DecisionsSection,
    /// `[dpop]`
    pub dpop: DpopSection,
    /// `[limits]`
    pub limits: LimitsSettings,
    /// `[revocation]`
    pub revocation: RevocationSection,
    /// `[log]`
    pub log: LogSection,
}

impl Settings {
    /// What a file at `file` means that names only the issuer.
    #[must_use]
    pub fn defaults(issuer: IssuerUrl, file: &Path) -> Self {
        let folder = Folder::of(file);
        let store = StoreSection::default_in(folder);
        Self {
            issuer,
            listen: ListenSection::default(),
            trust: TrustSection::default_in(folder),
            keys: KeysSection::default_beside(&store),
            store,
            decisions: DecisionsSection::default_in(folder),
            dpop: DpopSection::default(),
            limits: LimitsSettings::default(),
            revocation: RevocationSection::default(),
            log: LogSection::default(),
        }
    }

    /// Reads the file. Reports everything that is wrong with it, and gives `None` when anything is.
    #[must_use]
    pub fn load(file: &Path, diagnostics: &Diagnostics) -> Option<Self> {
        faultless(diagnostics, |own| Self::load_with_faults(file, own))
    }

    /// The same, with defaults in place of what is wrong: for looking at the trust files as well, never for a server. `None` when
    /// not even the issuer can be read.
    #[must_use]
    pub fn load_with_faults(file: &Path, diagnostics: &Diagnostics) -> Option<Self> {
        match read_capped(file) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::parse_with_faults(file, &text, diagnostics),
                Err(error) => {
                    let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    diagnostics.error_at(&end_of(file, before), "this is not UTF-8 text: save the file as UTF-8");
                    None
                }
            },
            Err(error) => {
                diagnostics.error(format!("{}: the configuration cannot be read: {error}; name its file with --config", file.display()));
                None
            }
        }
    }

    /// Reads a text as though it stood in `file`, which need not exist: relative paths start at its folder.
    #[must_use]
    pub fn parse(file: &Path, text: &str, diagnostics: &Diagnostics) -> Option<Self> {
        faultless(diagnostics, |own| Self::parse_with_faults(file, text, own))
    }

    fn parse_with_faults(file: &Path, text: &str, diagnostics: &Diagnostics) -> Option<Self> {
        Document::parse(file, text, diagnostics).and_then(|document| read(document.root(diagnostics), Folder::of(file)))
    }
}

/// What `read` gives, unless it reports an error. Its own only: the caller may have found others before.
fn faultless(diagnostics: &Diagnostics, read: impl FnOnce(&Diagnostics) -> Option<Settings>) -> Option<Settings> {
    let own = Diagnostics::new();
    let settings = read(&own);
    let refused = own.has_errors();
    diagnostics.absorb(own);
    settings.filter(|_| !refused)
}

/// Reads every section, whatever is wrong with the others.
fn read(mut root: Table<'_>, folder: Folder<'_>) -> Option<Settings> {
    root.require("issuer", "write the URL under which this server is reached, such as issuer = \"https://sts.example.com\"");
    let written = root.value("issuer");
    let issuer = written.as_ref().and_then(|value| value.parse(IssuerUrl::parse));
    let listen = root.table("listen").map_or_else(ListenSection::default, |table| ListenSection::read(table, folder));
    let store = root.table("store").map_or_else(|| StoreSection::default_in(folder), |table| StoreSection::read(table, folder));
    let trust = root.table("trust").map_or_else(|| TrustSection::default_in(folder), |table| TrustSection::read(table, folder));
    if !root.has("keys") && store.folder().is_none() {
        root.error(MISSING_KEYS);
    }
    let keys = root.table("keys").map_or_else(|| KeysSection::default_beside(&store), |table| KeysSection::read(table, folder, &store));
    let decisions =
        root.table("decisions").map_or_else(|| DecisionsSection::default_in(folder), |table| DecisionsSection::read(table, folder));
    let dpop = root.table("dpop").map_or_else(DpopSection::default, DpopSection::read);
    let limits = root.table("limits").map_or_else(LimitsSettings::default, read_limits);
    let revocation = root.table("revocation").map_or_else(RevocationSection::default, RevocationSection::read);
    let log = root.table("log").map_or_else(LogSection::default, LogSection::read);
    root.finish();
    let (written, issuer) = written.zip(issuer)?;
    if issuer.value.as_str().starts_with("http://") && listen.beyond_loopback() {
        written.error("`http` is for trying things out on one machine, but a listener is reachable from others: write the `https` URL");
    }
    Some(Settings { issuer: issuer.value, listen, store, trust, keys, decisions, dpop, limits, revocation, log })
}

fn read_capped(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// The place right after `text`, which is valid UTF-8.
fn end_of(file: &Path, text: &[u8]) -> Place {
    let text = String::from_utf8_lossy(text);
    let last_line = text.rsplit('\n').next().unwrap_or_default();
    Place { file: file.into(), line: text.matches('\n').count() + 1, column: last_line.chars().count() + 1 }
}
