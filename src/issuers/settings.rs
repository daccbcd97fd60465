//! How an issuer is registered.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::domain::{ClaimPath, IssuerName, IssuerUrl};
use crate::outbound::Network;
use crate::token::Expectations;

/// One registered issuer, complete and consistent: `config` has applied the preset.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerSettings {
    /// Its name here.
    pub name: IssuerName,
    /// The exact `iss` of its tokens.
    pub url: IssuerUrl,
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
    /// From the `jwks_uri` of the discovery document (OpenID Connect Discovery 1.0 §4).
    Discovery {
        /// A file with a bearer token for the issuer's own origin: a Kubernetes API server asks for one.
        token_file: Option<PathBuf>,
    },
    /// From this URL.
    JwksUri(Url),
    /// From this file.
    JwksFile(PathBuf),
}
