//! How an issuer is registered.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::domain::{ClaimPath, IssuerId, IssuerName};
use crate::outbound::Network;
use crate::token::Expectations;

/// One registered issuer, complete and consistent: `config` has applied the preset.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerSettings {
    /// Its name here.
    pub name: IssuerName,
    /// The exact `iss` of its tokens, or the trust domain of their `sub`.
    pub id: IssuerId,
    /// Who answers for the registration.
    pub owner: String,
    /// What its tokens must look like.
    pub expectations: Expectations,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Which addresses may be asked for them.
    pub network: Network,
    /// PEM certificates to trust instead of the system's when asking.
    pub ca_file: Option<PathBuf>,
    /// Claims that stand in every decision record: the immutable ids.
    pub recorded: Arc<[ClaimPath]>,
}

/// Where the keys of an issuer come from. Never from a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeySource {
    /// From the `jwks_uri` of the discovery document (OpenID Connect Discovery 1.0 §4). Not for trust domains, which have none.
    Discovery {
        /// A file with a bearer token for the issuer's own origin: a Kubernetes API server asks for one.
        token_file: Option<PathBuf>,
    },
    /// From this URL: a key set, or the bundle endpoint of a trust domain (SPIFFE Federation §5.2.1, profile `https_web`).
    JwksUri(Url),
    /// From this file: a key set, or the bundle of a trust domain.
    JwksFile(PathBuf),
}
