//! The parameters of the token endpoint, taken from form and headers.

use crate::domain::{IdempotencyKey, SubjectToken, Thumbprint};
use crate::token::ProofText;

/// The parameters of the token endpoint that mean something to us, taken from the form. Empty values count as absent.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is the parameter of its name in RFC 6749, RFC 7521 or RFC 8693")]
pub struct Parameters {
    pub grant_type: Option<String>,
    pub subject_token: Option<SubjectToken>,
    pub subject_token_type: Option<String>,
    pub actor_token: Option<SubjectToken>,
    pub actor_token_type: Option<String>,
    pub assertion: Option<SubjectToken>,
    pub client_assertion: Option<SubjectToken>,
    pub client_assertion_type: Option<String>,
    pub requested_token_type: Option<String>,
    pub audience: Vec<String>,
    pub resource: Vec<String>,
    pub scope: Option<String>,
    /// Our extension: seconds.
    pub lifetime: Option<String>,
    pub client_id: Option<String>,
    /// The header `Idempotency-Key`; no part of the form.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The header `DPoP`; no part of the form.
    pub proof: Option<SentProof>,
    /// The thumbprint of the certificate that the client proved in the TLS handshake; no part of the form.
    pub certificate: Option<Thumbprint>,
    /// Where the request came in: `scope` is written in another way at some addresses.
    pub profile: AssertionProfile,
    /// The first known parameter in the form that is not supported: to ignore it would change what the caller gets.
    pub unsupported: Option<&'static str>,
}

/// A DPoP proof, unread, with what it must be about.
#[derive(Debug)]
pub struct SentProof {
    /// Its text.
    pub text: ProofText,
    /// The public URL of the address that the request came to, made from our issuer and never from `Host`: what `htu` is compared with.
    pub url: String,
}

/// How an address of the token endpoint wants its requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AssertionProfile {
    /// As the RFCs say.
    #[default]
    Standard,
    /// As the SDKs of Microsoft's cloud build them: `client_credentials` only, and one scope `<audience>/.default`, which names the target
    /// and asks for the whole grant.
    DefaultScope,
}
