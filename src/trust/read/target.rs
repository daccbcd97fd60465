//! `[target.NAME]`

use std::collections::BTreeMap;

use crate::document::{Kind, Place, Spanned, Table, Value};
use crate::domain::{Audience, ClaimValue, Claims, RelationshipName, Scope, Seconds, TargetName};
use crate::policy::{Binding, TokenFormat, TokenKind};
use crate::token::{Algorithm, EncryptionKey};

use super::Reader;

/// What a document says about a target.
pub(in crate::trust) struct ReadTarget {
    pub(in crate::trust) name: TargetName,
    /// Where the audience was written, else the head.
    pub(in crate::trust) place: Place,
    pub(in crate::trust) audience: Option<Audience>,
    pub(in crate::trust) owner: String,
    pub(in crate::trust) max_lifetime: Seconds,
    pub(in crate::trust) scopes: BTreeMap<Scope, String>,
    pub(in crate::trust) algorithm: Algorithm,
    pub(in crate::trust) bind: Binding,
    pub(in crate::trust) format: TokenFormat,
    pub(in crate::trust) kind: TokenKind,
    pub(in crate::trust) introspection: Vec<Spanned<RelationshipName>>,
    pub(in crate::trust) encryption: Option<EncryptionKey>,
}

/// The ceiling of a target that names none, in seconds.
const DEFAULT_LIFETIME: Seconds = Seconds(15 * 60);
/// The ceiling of a target that is an authorization server, in seconds: its tokens are used at once, and only there.
const LONGEST_GRANT: Seconds = Seconds(60);
/// The ceiling of every target, in seconds: what is issued cannot be taken back one by one.
pub(super) const LONGEST_LIFETIME: Seconds = Seconds(60 * 60);

impl Reader {
    pub(super) fn read_target(&mut self, key: Spanned<&str>, mut table: Table<'_>) {
        let name = self.target_names.register(&key, &table, TargetName::parse(key.value));
        table.require("audience", "write the `aud` that the resource server expects");
        let audience = table.parsed("audience", Audience::parse);
        let owner = self.owner(&mut table).as_ref().into();
        let kind = kind(&mut table);
        let (longest, usual) = match kind {
            TokenKind::AccessToken => (LONGEST_LIFETIME, DEFAULT_LIFETIME),
            TokenKind::AuthorizationGrant => (LONGEST_GRANT, LONGEST_GRANT),
        };
        let max_lifetime = lifetime(&mut table, "max_lifetime", longest).unwrap_or(usual);
        let algorithm = table.parsed("algorithm", algorithm).map_or(Algorithm::Es256, |algorithm| algorithm.value);
        table.require("scopes", "list what tokens may allow there: [target.NAME.scopes] with \"scope\" = \"what it allows\"");
        let scopes = table.table("scopes").map(scopes).unwrap_or_default();
        let bind = table.parsed("bind", bind).map_or(Binding::Any, |bind| bind.value);
        let format = token_format(&mut table, kind);
        let introspection = table.parsed_list("introspection", RelationshipName::parse).unwrap_or_default();
        let encryption = encryption_key(&mut table, format);
        table.finish();
        if let Some(name) = name {
            let name = name.value;
            let place = audience.as_ref().map_or(key.place, |audience| audience.place.clone());
            let audience = audience.map(|audience| audience.value);
            self.targets.push(ReadTarget {
                name,
                place,
                audience,
                owner,
                max_lifetime,
                scopes,
                algorithm,
                bind,
                format,
                kind,
                introspection,
                encryption,
            });
        }
    }
}

/// `authorization_server = true`: its tokens are grants for it.
fn kind(table: &mut Table<'_>) -> TokenKind {
    let grants = table.bool("authorization_server").is_some_and(|is| is.value);
    if grants { TokenKind::AuthorizationGrant } else { TokenKind::AccessToken }
}

fn bind(word: &str) -> Result<Binding, &'static str> {
    match word {
        "any" => Ok(Binding::Any),
        "dpop" => Ok(Binding::Dpop),
        "mtls" => Ok(Binding::Mtls),
        _ => Err("write \"any\", \"dpop\" or \"mtls\""),
    }
}

fn token_format(table: &mut Table<'_>, kind: TokenKind) -> TokenFormat {
    let format = table.parsed("token_format", |word| match word {
        "jwt" => Ok(TokenFormat::Jwt),
        "opaque" if kind == TokenKind::AuthorizationGrant => Err("an authorization server reads its grants: they are never opaque"),
        "opaque" => Ok(TokenFormat::Opaque),
        _ => Err("write \"jwt\" or \"opaque\""),
    });
    format.map_or(TokenFormat::Jwt, |format| format.value)
}

/// `[target.NAME.encryption_key]`: the members of a public JWK, as they stand in its document.
fn encryption_key(table: &mut Table<'_>, format: TokenFormat) -> Option<EncryptionKey> {
    let jwk = table.value("encryption_key")?;
    if format == TokenFormat::Opaque {
        jwk.error("an opaque token says nothing that could be encrypted: leave out this key, or token_format");
    }
    let member = |value: &Value<'_>| match value.kind() {
        Kind::Text(text) => Some(ClaimValue::Text(text.into())),
        Kind::List(items) => {
            Some(ClaimValue::List(items.iter().filter_map(Value::text).map(|text| ClaimValue::Text(text.value.into())).collect()))
        }
        _ => {
            value.error("the members of a JWK are strings, and arrays of strings");
            None
        }
    };
    let members = jwk.table()?.entries().into_iter().filter_map(|entry| Some((entry.key.value.into(), member(&entry.value)?)));
    let key = EncryptionKey::from_jwk(&Claims::from_distinct(members.collect()));
    key.map_err(|unusable| jwk.error(unusable)).ok()
}

/// A lifetime of 1 second to `longest`.
pub(super) fn lifetime(table: &mut Table<'_>, name: &'static str, longest: Seconds) -> Option<Seconds> {
    let value = table.value(name)?;
    let written = value.duration()?.value;
    if written == Seconds(0) || written > longest {
        value.error(format_args!("{written} is out of bounds: write a lifetime of 1s to {longest}"));
        return None;
    }
    Some(written)
}

fn algorithm(name: &str) -> Result<Algorithm, &'static str> {
    match name {
        "ES256" => Ok(Algorithm::Es256),
        "RS256" => Ok(Algorithm::Rs256),
        "EdDSA" => Ok(Algorithm::EdDsa),
        _ => Err("tokens are signed with \"ES256\", \"RS256\" or \"EdDSA\""),
    }
}

fn scopes(table: Table<'_>) -> BTreeMap<Scope, String> {
    if table.is_empty() {
        table.error("it is empty: list at least one \"scope\" = \"what it allows\"");
    }
    let mut scopes = BTreeMap::new();
    for entry in table.entries() {
        if entry.is_implicit_table() {
            entry.value.error("a scope with a dot in its name is written in quotes");
            continue;
        }
        let scope = Scope::parse(entry.key.value).map_err(|error| entry.value.error(error));
        let Some(description) = entry.value.text() else { continue };
        if description.value.trim().is_empty() {
            entry.value.error("it is empty: say in a few words what the scope allows");
        }
        if let Ok(scope) = scope {
            scopes.insert(scope, description.value.to_owned());
        }
    }
    scopes
}
