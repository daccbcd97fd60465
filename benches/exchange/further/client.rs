//! Whoever asks for more than a plain exchange, and the trust that permits it.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;

use anyhow::Context as _;
use cambist::cli::dev_issuer::DevIssuer;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use serde_json::Value;

use crate::load::{Connection, post};
use crate::site::{OWN_ISSUER, Site, in_halves, token_of};

use super::holder::Holder;

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    Plain,
    Bound,
    SealedRsa,
    SealedEc,
    Opaque,
    AskSigned,
    AskOpaque,
}

/// The public keys of the targets whose tokens are encrypted, as JWK.
pub(super) struct EncryptionKeys {
    pub(super) rsa: Value,
    pub(super) ec: Value,
}

/// Adds the targets and the relationship to a site on which nothing runs yet.
pub(super) fn write_trust(site: &Site) -> anyhow::Result<EncryptionKeys> {
    let public = |key: Jwk| Ok::<_, anyhow::Error>(serde_json::to_value(key.to_public_key()?)?);
    let keys = EncryptionKeys { rsa: public(Jwk::generate_rsa_key(2048)?)?, ec: public(Jwk::generate_ec_key(EcCurve::P256)?)? };
    let mut text = TRUST.replace("{own}", OWN_ISSUER);
    for (name, key) in [("sealed-rsa", &keys.rsa), ("sealed-ec", &keys.ec)] {
        writeln!(text, "[target.{name}]\naudience = \"https://{name}.example.com\"\nowner = \"deploy@example.com\"")?;
        writeln!(text, "scopes = {{ \"deploy:web\" = \"Deploy the web shop\" }}\n[target.{name}.encryption_key]")?;
        for (member, value) in key.as_object().context("a JWK")? {
            writeln!(text, "{member} = {value}")?;
        }
    }
    fs::write(site.path("trust/further.toml"), text)?;
    Ok(keys)
}

pub(super) struct Client<'a> {
    issuer: &'a DevIssuer,
    holder: Holder,
    address: String,
}

impl<'a> Client<'a> {
    pub(super) fn new(issuer: &'a DevIssuer, address: &str) -> anyhow::Result<Self> {
        Ok(Self { issuer, holder: Holder::new()?, address: address.to_owned() })
    }

    /// Whole requests, each to be sent once.
    pub(super) fn requests(&self, wish: Wish, count: u32) -> anyhow::Result<Vec<String>> {
        let asked = match wish {
            Wish::AskSigned => self.exchanged(Wish::Plain)?,
            Wish::AskOpaque => self.exchanged(Wish::Opaque)?,
            Wish::Plain | Wish::Bound | Wish::SealedRsa | Wish::SealedEc | Wish::Opaque => {
                return in_halves(usize::try_from(count)?, |_| self.exchange(wish));
            }
        };
        let access = self.fetch(&self.form(OWN_ISSUER, "introspect")?)?;
        let request = post("/introspect", &format!("Authorization: Bearer {access}\r\n"), &format!("token={asked}"));
        Ok(vec![request; usize::try_from(count)?])
    }

    /// A token by that wish.
    pub(super) fn exchanged(&self, wish: Wish) -> anyhow::Result<String> {
        self.fetch(&self.exchange(wish)?)
    }

    fn exchange(&self, wish: Wish) -> anyhow::Result<String> {
        let audience = match wish {
            Wish::SealedRsa => "https://sealed-rsa.example.com",
            Wish::SealedEc => "https://sealed-ec.example.com",
            Wish::Opaque | Wish::AskOpaque => "https://opaque.example.com",
            Wish::Plain | Wish::Bound | Wish::AskSigned => "https://signed.example.com",
        };
        let request = self.form(audience, "deploy:web")?;
        if wish != Wish::Bound {
            return Ok(request);
        }
        Ok(request.replacen("\r\n", &format!("\r\nDPoP: {}\r\n", self.holder.proof()?), 1))
    }

    /// The request of an exchange with a fresh token.
    fn form(&self, audience: &str, scope: &str) -> anyhow::Result<String> {
        let token = token_of(self.issuer, REPOSITORY)?;
        let audience = audience.replace(':', "%3A").replace('/', "%2F");
        let scope = scope.replace(':', "%3A");
        Ok(post("/token", "", &format!("{FORM}&subject_token={token}&audience={audience}&scope={scope}")))
    }

    fn fetch(&self, request: &str) -> anyhow::Result<String> {
        let mut connection = Connection::over(TcpStream::connect(&self.address)?)?;
        let answer = connection.send(request)?;
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").context("an answer without a body")?.1)?;
        Ok(body["access_token"].as_str().context("no token")?.to_owned())
    }
}

/// Not one of the site's own.
const REPOSITORY: usize = 700_000_001;

const FORM: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
    &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token";

const TRUST: &str = r#"
[target.signed]
audience      = "https://signed.example.com"
owner         = "deploy@example.com"
scopes        = { "deploy:web" = "Deploy the web shop" }
introspection = ["further"]

[target.opaque]
audience      = "https://opaque.example.com"
owner         = "deploy@example.com"
scopes        = { "deploy:web" = "Deploy the web shop" }
token_format  = "opaque"
introspection = ["further"]

[target.sts]
audience = "{own}"
owner    = "platform@example.com"
scopes   = { introspect = "Ask about tokens" }

[trust.further]
issuer    = "github"
owner     = "web@example.com"
purpose   = "Ask for everything that there is"
review_by = 2099-12-31
[trust.further.when]
repository_id = "700000001"
environment   = ["production", "staging"]
ref           = { glob = "refs/heads/release-*" }
[[trust.further.grant]]
target   = "signed"
scopes   = ["deploy:web"]
lifetime = "10m"
[[trust.further.grant]]
target   = "opaque"
scopes   = ["deploy:web"]
lifetime = "10m"
[[trust.further.grant]]
target   = "sealed-rsa"
scopes   = ["deploy:web"]
lifetime = "10m"
[[trust.further.grant]]
target   = "sealed-ec"
scopes   = ["deploy:web"]
lifetime = "10m"
[[trust.further.grant]]
target   = "sts"
scopes   = ["introspect"]
lifetime = "10m"
"#;
