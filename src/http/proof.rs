//! The `DPoP` header of a request, and the `DPoP-Nonce` of an answer (RFC 9449).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::exchange::Family;
use crate::token::{PROOF_ALGORITHMS, ProofText, RejectedProof};

use super::{OauthCode, OauthError};

const PROOF: HeaderName = HeaderName::from_static("dpop");
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What proofs and client assertions may be signed with, as metadata and challenges list it. Both names of one algorithm: clients compare them as they stand
/// (RFC 9449 §5.1, §7.1, RFC 9864 §2.2).
pub(super) fn proof_algorithms() -> impl Iterator<Item = &'static str> {
    PROOF_ALGORITHMS.iter().map(|algorithm| algorithm.name()).chain(["Ed25519"])
}

/// Takes the proof of a request, unread. `None` without the header.
///
/// # Errors
/// Two headers (RFC 9449 §4.3, number 1), or one that is no text. Two proofs in one header are no JWT, and fall when they are read.
pub fn presented_proof(headers: &HeaderMap) -> Result<Option<ProofText>, OauthError> {
    let refused = || proof_error(RejectedProof::Malformed);
    let mut values = headers.get_all(PROOF).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused().with_detail("two headers"));
    }
    value.to_str().map(|text| Some(ProofText::new(text.to_owned()))).map_err(|_| refused())
}

/// The answer to a rejected proof: `use_dpop_nonce` where only a nonce is missing (RFC 9449 §8), and otherwise `invalid_dpop_proof` (§5).
#[must_use]
pub fn proof_error(rejected: RejectedProof) -> OauthError {
    let code = match rejected {
        RejectedProof::Nonce => OauthCode::UseDpopNonce,
        RejectedProof::Algorithm
        | RejectedProof::Header
        | RejectedProof::Id
        | RejectedProof::IssuedAt
        | RejectedProof::Key
        | RejectedProof::Malformed
        | RejectedProof::Method
        | RejectedProof::Signature
        | RejectedProof::TokenHash
        | RejectedProof::Type
        | RejectedProof::Uri => OauthCode::InvalidDpopProof,
    };
    OauthError::new(StatusCode::BAD_REQUEST, code, Family::Rejected.name(), rejected.reason())
}

/// Gives the client the nonce for its next proof, on an error and on success alike (RFC 9449 §8, §8.2): exactly one.
pub fn give_nonce(response: &mut Response<Body>, nonce: &str) {
    // It cannot fail: nonces are base64url.
    if let Ok(value) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert(NONCE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Answers;
    use super::super::testing::transcript;
    use super::*;
    use crate::domain::IssuerUrl;

    #[test]
    fn a_request_has_one_proof_or_none() {
        let presented = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("DPoP", HeaderValue::from_bytes(value).unwrap());
            }
            presented_proof(&headers).map(|proof| proof.is_some())
        };
        let refused = |error: Result<bool, OauthError>| error.unwrap_err().description();
        assert_eq!(presented(&[]), Ok(false));
        assert_eq!(presented(&[b"eyJ.eyJ.sig"]), Ok(true));
        assert_eq!(refused(presented(&[b"eyJ.eyJ.sig", b"eyJ.eyJ.sig"])), "rejected: proof_malformed (two headers)");
        assert_eq!(refused(presented(&["é".as_bytes()])), "rejected: proof_malformed");
    }

    #[tokio::test]
    async fn whoever_lacks_a_nonce_is_given_one() {
        let answers = Answers::new(&IssuerUrl::parse("https://sts.test").unwrap());
        let mut response = answers.error(&proof_error(RejectedProof::Nonce));
        for nonce in ["AAAA", "AAAB"] {
            give_nonce(&mut response, nonce);
        }
        insta::assert_snapshot!(transcript(response).await, @r#"
        400 Bad Request
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        content-type: application/json
        cache-control: no-store
        pragma: no-cache
        dpop-nonce: AAAB

        {"error":"use_dpop_nonce","error_description":"rejected: proof_nonce","error_uri":"https://sts.test/errors#proof_nonce"}
        "#);
    }
}
