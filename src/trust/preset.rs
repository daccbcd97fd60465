//! Presets: what is known about an issuer, as data.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use crate::document::{Diagnostics, Document, Kind, Table, Value};
use crate::domain::{ClaimPath, ClaimValue, Claims, IssuerUrl, Seconds};
use crate::policy::Scalar;
use crate::token::{Algorithm, ReplayMode};

use super::claims::{claims_of, scalar_of};

/// The compiled-in files.
const SOURCES: [(&str, &str); 5] = [
    ("github-actions", include_str!("../../config/presets/github-actions.toml")),
    ("gitlab", include_str!("../../config/presets/gitlab.toml")),
    ("kubernetes", include_str!("../../config/presets/kubernetes.toml")),
    ("oidc", include_str!("../../config/presets/oidc.toml")),
    ("spiffe", include_str!("../../config/presets/spiffe.toml")),
];

/// What holds for every issuer of one kind, unless a trust file says otherwise.
#[derive(Debug)]
pub struct Preset {
    /// Its name in trust files.
    pub name: &'static str,
    /// What its tokens are.
    pub kind: IssuerKind,
    /// The exact `iss`, where the kind has one of its own.
    pub url: Option<IssuerUrl>,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Accepted `typ` values beside absent, `JWT` and `application/jwt`.
    pub typ: Vec<Box<str>>,
    /// How often one token may be exchanged.
    pub replay: ReplayMode,
    /// What names the subject of an issued token: `sub`, or immutable ids.
    pub subject: Vec<ClaimPath>,
    /// Longest `exp - iat`, in seconds.
    pub token_max_lifetime: Seconds,
    /// Longest time since `iat`, in seconds.
    pub token_max_age: Option<Seconds>,
    /// Of each group a relationship pins one claim by value.
    pub required: Vec<Vec<ClaimPath>>,
    /// Values that no relationship accepts unless it names the claim.
    pub refuse: Vec<(ClaimPath, Vec<Scalar>)>,
    /// Claims that every decision record shows.
    pub recorded: Vec<ClaimPath>,
    /// Realistic claims, beside `iss`, `aud`, `exp`, `nbf`, `iat` and `jti`.
    pub example: Claims,
    claims: BTreeMap<ClaimPath, KnownClaim>,
}

/// What the tokens of an issuer are. Told by its preset, never by a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IssuerKind {
    /// JWTs of an issuer with a URL, which is their `iss`.
    Oidc,
    /// JWT-SVIDs of a SPIFFE trust domain, which is that of their `sub`.
    Spiffe,
}

impl IssuerKind {
    fn parse(word: &str) -> Result<Self, &'static str> {
        match word {
            "oidc" => Ok(Self::Oidc),
            "spiffe" => Ok(Self::Spiffe),
            _ => Err("not a kind of issuer"),
        }
    }
}

/// What is known about one claim.
#[derive(Debug)]
pub(super) struct KnownClaim {
    pub(super) claim_type: ClaimType,
    /// Whether a value, once given, is never given to another.
    pub(super) is_id: bool,
    /// For a name that is given away again: the ids of which one should be pinned as well.
    pub(super) ids: Vec<ClaimPath>,
    /// Whether whoever starts the workload chooses the value.
    pub(super) user_controlled: bool,
}

/// The JSON type a platform sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClaimType {
    Array,
    Boolean,
    Number,
    Object,
    Text,
}

impl ClaimType {
    const ALL: [Self; 5] = [Self::Array, Self::Boolean, Self::Number, Self::Object, Self::Text];

    /// The word of the preset files.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Object => "object",
            Self::Text => "string",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("`{name}` is no type of a claim"))
    }
}

impl Preset {
    /// The preset of an issuer that names none.
    pub const GENERIC: &'static str = "oidc";

    /// Every preset, sorted by name.
    #[must_use]
    pub fn all() -> &'static [Self] {
        static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
            let diagnostics = Diagnostics::new();
            // A test reads every one of them without a diagnostic, so none is ever missing here.
            SOURCES.iter().filter_map(|(name, text)| read(name, text, &diagnostics)).collect()
        });
        &PRESETS
    }

    /// The preset of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|preset| preset.name == name)
    }

    /// What is known about a claim.
    pub(super) fn claim(&self, path: &ClaimPath) -> Option<&KnownClaim> {
        self.claims.get(path)
    }

    /// The JSON Pointer of a known nested claim that somebody wrote as a dotted key.
    pub(super) fn pointer_for(dotted: &str) -> Option<&'static str> {
        let pointers = Self::all().iter().flat_map(|preset| preset.claims.keys()).map(ClaimPath::as_str);
        pointers.filter(|path| path.starts_with('/')).find(|path| path[1..].replace('/', ".") == dotted)
    }
}

/// Reads one preset. `None` only together with a diagnostic.
pub(super) fn read(name: &'static str, text: &str, diagnostics: &Diagnostics) -> Option<Preset> {
    let document = Document::parse(Path::new(name), text, diagnostics)?;
    let mut table = document.root(diagnostics);
    let algorithm = |name: &str| Algorithm::from_name(name).ok_or("not an algorithm");
    let replay = |name: &str| ReplayMode::from_name(name).ok_or("not a replay mode");
    let preset = Preset {
        name,
        kind: table.parsed("kind", IssuerKind::parse).map_or(IssuerKind::Oidc, |kind| kind.value),
        url: table.parsed("url", IssuerUrl::parse).map(|url| url.value),
        algorithms: values(table.parsed_list("algorithms", algorithm)),
        typ: values(table.parsed_list("typ", |typ| Ok::<_, std::convert::Infallible>(typ.into()))),
        replay: table.parsed("replay", replay)?.value,
        subject: values(table.parsed_list("subject", ClaimPath::parse)),
        token_max_lifetime: table.duration("token_max_lifetime")?.value,
        token_max_age: table.duration("token_max_age").map(|age| age.value),
        required: table.value("required").map(|groups| pin_groups(&groups)).unwrap_or_default(),
        refuse: table.table("refuse").map(refuse).unwrap_or_default(),
        recorded: values(table.parsed_list("recorded", ClaimPath::parse)),
        example: table.table("example").map(example).unwrap_or_default(),
        claims: table.table("claims").map(known_claims).unwrap_or_default(),
    };
    table.finish();
    Some(preset)
}

fn values<T>(list: Option<Vec<crate::document::Spanned<T>>>) -> Vec<T> {
    list.unwrap_or_default().into_iter().map(|item| item.value).collect()
}

fn paths(list: &Value<'_>) -> Vec<ClaimPath> {
    let Kind::List(items) = list.kind() else { return Vec::new() };
    items.iter().filter_map(|item| item.parse(ClaimPath::parse)).map(|path| path.value).collect()
}

fn pin_groups(groups: &Value<'_>) -> Vec<Vec<ClaimPath>> {
    let Kind::List(groups) = groups.kind() else { return Vec::new() };
    groups.iter().map(paths).collect()
}

fn refuse(table: Table<'_>) -> Vec<(ClaimPath, Vec<Scalar>)> {
    let refused = |entry: crate::document::Entry<'_>| {
        let Kind::List(items) = entry.value.kind() else { return None };
        let path = ClaimPath::parse(entry.key.value).ok()?;
        Some((path, items.iter().filter_map(scalar_of).collect()))
    };
    table.entries().into_iter().filter_map(refused).collect()
}

fn known_claims(table: Table<'_>) -> BTreeMap<ClaimPath, KnownClaim> {
    let known = |entry: crate::document::Entry<'_>| {
        let Kind::Table(mut table) = entry.value.kind() else { return None };
        let path = ClaimPath::parse(entry.key.value).ok()?;
        let known = KnownClaim {
            claim_type: table.parsed("type", ClaimType::parse)?.value,
            is_id: table.bool("id").is_some_and(|id| id.value),
            ids: values(table.parsed_list("ids", ClaimPath::parse)),
            user_controlled: table.bool("user_controlled").is_some_and(|user| user.value),
        };
        table.finish();
        Some((path, known))
    };
    table.entries().into_iter().filter_map(known).collect()
}

fn example(table: Table<'_>) -> Claims {
    match claims_of(table) {
        ClaimValue::Object(claims) => claims,
        _ => Claims::default(),
    }
}
