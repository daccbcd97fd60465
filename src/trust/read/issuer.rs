//! `[issuer.NAME]`

use std::path::PathBuf;

use url::Url;

use crate::document::{Place, Spanned, Table};
use crate::domain::{Audience, ClaimPath, IssuerName, IssuerUrl, Seconds, TrustDomain};
use crate::outbound::Network;
use crate::token::{Algorithm, ReplayMode};
use crate::trust::preset::Preset;

use super::Reader;

/// Where the keys come from, as far as the document says.
#[derive(Default)]
pub(in crate::trust) struct KeyFields {
    pub(in crate::trust) bundle_endpoint: Option<Spanned<Url>>,
    pub(in crate::trust) jwks_uri: Option<Spanned<Url>>,
    pub(in crate::trust) jwks_file: Option<Spanned<PathBuf>>,
    /// Whether the lack of a place has been reported: one is written that cannot be read.
    pub(in crate::trust) reported: bool,
    pub(in crate::trust) discovery_token: Option<Spanned<PathBuf>>,
    pub(in crate::trust) ca_file: Option<Spanned<PathBuf>>,
    pub(in crate::trust) network: Option<Spanned<Network>>,
}

/// What a document says about an issuer; what it leaves out comes from the preset.
pub(in crate::trust) struct ReadIssuer {
    pub(in crate::trust) name: IssuerName,
    /// Its head, for what is wrong with it as a whole.
    pub(in crate::trust) place: Place,
    /// What it takes its defaults from; `None` when it names one that does not exist.
    pub(in crate::trust) preset: Option<&'static Preset>,
    pub(in crate::trust) owner: String,
    pub(in crate::trust) url: Option<Spanned<IssuerUrl>>,
    /// Whether the lack of a URL has been reported.
    pub(in crate::trust) url_reported: bool,
    pub(in crate::trust) trust_domain: Option<Spanned<TrustDomain>>,
    /// Whether one is written that cannot be read, which has been reported.
    pub(in crate::trust) trust_domain_reported: bool,
    pub(in crate::trust) audiences: Option<Vec<Spanned<Audience>>>,
    pub(in crate::trust) algorithms: Option<Vec<Spanned<Algorithm>>>,
    pub(in crate::trust) typ: Option<Vec<Spanned<Box<str>>>>,
    pub(in crate::trust) extra_audiences: bool,
    pub(in crate::trust) subject: Option<Vec<Spanned<ClaimPath>>>,
    pub(in crate::trust) keys: KeyFields,
    pub(in crate::trust) replay: Option<Spanned<ReplayMode>>,
    pub(in crate::trust) token_max_lifetime: Option<Spanned<Seconds>>,
    pub(in crate::trust) token_max_age: Option<Spanned<Seconds>>,
    pub(in crate::trust) leeway: Option<Spanned<Seconds>>,
    pub(in crate::trust) iat_skew: Option<Spanned<Seconds>>,
}

impl Reader {
    pub(super) fn read_issuer(&mut self, key: Spanned<&str>, mut table: Table<'_>) {
        let name = self.issuer_names.register(&key, &table, IssuerName::parse(key.value));
        if name.as_ref().is_some_and(|name| name.value.is_own()) {
            table.error("`self` is reserved for this server; choose another name");
        }
        if !table.has("preset") && !table.has("url") {
            table
                .error("`preset`, `url` or both are missing: write preset = \"github-actions\", or the exact `iss` of its tokens as `url`");
        }
        let read = ReadIssuer {
            place: key.place,
            preset: preset(&mut table),
            url_reported: table.has("url") || !table.has("preset"),
            url: table.parsed("url", url),
            trust_domain_reported: table.has("trust_domain"),
            trust_domain: table.parsed("trust_domain", TrustDomain::parse),
            owner: self.owner(&mut table).as_ref().into(),
            audiences: non_empty(&mut table, "audiences", Audience::parse),
            algorithms: non_empty(&mut table, "algorithms", algorithm),
            typ: non_empty(&mut table, "typ", media_type),
            extra_audiences: table.bool("extra_audiences").is_some_and(|extra| extra.value),
            subject: non_empty(&mut table, "subject", ClaimPath::parse),
            keys: keys(&mut table),
            replay: table.parsed("replay", replay),
            token_max_lifetime: positive(&mut table, "token_max_lifetime"),
            token_max_age: positive(&mut table, "token_max_age"),
            leeway: table.duration("leeway"),
            iat_skew: table.duration("iat_skew"),
            name: match name {
                Some(name) => name.value,
                None => return table.finish(),
            },
        };
        table.finish();
        self.issuers.push(read);
    }
}

fn preset(table: &mut Table<'_>) -> Option<&'static Preset> {
    if !table.has("preset") {
        return Preset::named(Preset::GENERIC);
    }
    let named = table.parsed("preset", |name| {
        let names = || Preset::all().iter().map(|preset| format!("`{}`", preset.name)).collect::<Vec<_>>().join(", ");
        Preset::named(name).ok_or_else(|| format!("there is no preset `{name}`; there are {}", names()))
    });
    named.map(|preset| preset.value)
}

fn url(text: &str) -> Result<IssuerUrl, String> {
    if text.contains('*') {
        return Err("an issuer is one exact URL, never a pattern: register each issuer under a name of its own".into());
    }
    IssuerUrl::parse(text).map_err(|error| error.to_string())
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    let names = || Algorithm::ALL.map(|known| format!("`{}`", known.name())).join(", ");
    Algorithm::from_name(name).ok_or_else(|| format!("`{name}` is no asymmetric algorithm; there are {}", names()))
}

fn replay(word: &str) -> Result<ReplayMode, &'static str> {
    ReplayMode::from_name(word).ok_or("write \"once\", \"once-per-target\" or \"reusable\"")
}

fn media_type(text: &str) -> Result<Box<str>, &'static str> {
    let well_formed = !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
    if well_formed { Ok(text.into()) } else { Err("write the exact `typ`, such as \"at+jwt\"") }
}

/// A list that says something when it is there.
fn non_empty<'a, T, E: std::fmt::Display>(
    table: &mut Table<'a>,
    name: &'static str,
    parse: impl FnMut(&'a str) -> Result<T, E>,
) -> Option<Vec<Spanned<T>>> {
    let value = table.value(name)?;
    if value.list()?.is_empty() {
        value.error("it is empty: list what is accepted, or leave it out for the default");
    }
    value.parse_list(parse)
}

fn positive(table: &mut Table<'_>, name: &'static str) -> Option<Spanned<Seconds>> {
    let value = table.value(name)?;
    let duration = value.duration()?;
    if duration.value == Seconds(0) {
        value.error("a duration of zero accepts nothing");
        return None;
    }
    Some(duration)
}

fn keys(table: &mut Table<'_>) -> KeyFields {
    let discovery_token = table.table("discovery_token").and_then(|mut reference| {
        reference.require("file", "write { file = \"…\" }: tokens never stand in trust files");
        let file = path(&mut reference, "file");
        reference.finish();
        file
    });
    KeyFields {
        reported: table.has("bundle_endpoint") || table.has("jwks_file"),
        bundle_endpoint: table.parsed("bundle_endpoint", jwks_uri),
        jwks_uri: table.parsed("jwks_uri", jwks_uri),
        jwks_file: path(table, "jwks_file"),
        discovery_token,
        ca_file: path(table, "ca_file"),
        network: table.parsed("network", network),
    }
}

pub(super) fn jwks_uri(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "not an absolute URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with credentials is refused: whoever reads this file could use them");
    }
    if url.scheme() == "https" || url.scheme() == "http" { Ok(url) } else { Err("write an `https` URL") }
}

pub(super) fn network(word: &str) -> Result<Network, &'static str> {
    Network::from_name(word).ok_or("write \"public\", \"private\" or \"loopback\"")
}

/// A path; a relative one starts at the folder of the file that names it.
pub(super) fn path(table: &mut Table<'_>, name: &'static str) -> Option<Spanned<PathBuf>> {
    let written = table.non_empty_text(name)?;
    let folder = written.place.file.parent().map(PathBuf::from).unwrap_or_default();
    Some(written.map(|text| folder.join(text)))
}
