//! What we publish about ourselves: RFC 8414 and OpenID Connect Discovery 1.0 metadata, and the keys.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::{MethodRouter, get};

use crate::domain::{IssuerUrl, Seconds};
use crate::exchange::GrantType;
use crate::token::Algorithm;

use super::proof::proof_algorithms;
use super::{Answers, Document};

/// Bytes of the JWK set (RFC 7517 §5) and their `ETag` without quotes, as they are now. Called for each request: it must not block.
pub type KeyDocument = Arc<dyn Fn() -> (Arc<[u8]>, Arc<str>) + Send + Sync>;

/// What the metadata documents say.
#[derive(Clone, Debug)]
pub struct MetadataSettings {
    /// Our issuer identifier; every URL is made from it and from nothing else.
    pub issuer: IssuerUrl,
    /// The algorithms that issued tokens may be signed with, all of which have published keys.
    pub algorithms: Vec<Algorithm>,
    /// Whether clients can show certificates, so that tokens can be bound to them.
    pub client_certificates: bool,
    /// The values of `grant_type`.
    pub grants: Vec<&'static str>,
}

impl MetadataSettings {
    /// Renders the document, once. RFC 8414 §3 and OpenID Connect Discovery 1.0 §4 get the same bytes (RFC 9068 §4: consistent).
    #[must_use]
    pub fn render(&self) -> Document {
        Document::new(self.members().to_string().into_bytes().into(), "application/json", METADATA_MAX_AGE)
    }

    /// The same document for an SDK that builds its addresses from a tenant, as those of Microsoft's cloud do: its token endpoint is the one
    /// below that segment. It names an authorization endpoint, which such SDKs want to read and never ask for client credentials.
    ///
    /// `None` for a segment that could be anything but a name.
    #[must_use]
    pub fn render_for_tenant(&self, tenant: &str) -> Option<Document> {
        let mut document = self.members();
        document["token_endpoint"] = tenant_url(&self.issuer, tenant, "oauth2/v2.0/token")?.into();
        document["authorization_endpoint"] = tenant_url(&self.issuer, tenant, "oauth2/v2.0/authorize")?.into();
        // What that token endpoint takes, and nothing else.
        document["grant_types_supported"] = [GrantType::ClientCredentials.urn()].as_slice().into();
        Some(Document::new(document.to_string().into_bytes().into(), "application/json", METADATA_MAX_AGE))
    }

    fn members(&self) -> serde_json::Value {
        let algorithms: Vec<_> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        // Client assertions are read as proofs are, so both names of one algorithm are known for them, too.
        let accepted: Vec<_> = proof_algorithms().collect();
        let mut members = serde_json::json!({
            "issuer": self.issuer,
            "token_endpoint": self.issuer.join("/token"),
            "jwks_uri": self.issuer.join("/keys"),
            "grant_types_supported": self.grants,
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": accepted,
            "introspection_endpoint": self.issuer.join("/introspect"),
            // RFC 8414 §2 lets an access token stand here by the name of its type.
            "introspection_endpoint_auth_methods_supported": ["private_key_jwt", "Bearer", "DPoP"],
            "introspection_endpoint_auth_signing_alg_values_supported": accepted,
            "revocation_endpoint": self.issuer.join("/revoke"),
            "revocation_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "revocation_endpoint_auth_signing_alg_values_supported": accepted,
            // Ours: what is revoked, for whoever verifies tokens without asking.
            "revocations_uri": self.issuer.join("/revocations"),
            // There is no authorization endpoint. RFC 8414 §2 demands the member and forbids an empty list; relying parties that
            // federate to us (AWS, Entra, Google) expect what GitHub's and Kubernetes' issuers publish.
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": accepted,
            "claims_supported": ["act", "ancestors", "aud", "client_id", "cnf", "exp", "iat", "iss", "jti", "root_jti", "rvk", "scope", "sub"],
        });
        // RFC 8705 §3.3. Its default is false, and a member that says nothing is left out.
        if self.client_certificates {
            members["tls_client_certificate_bound_access_tokens"] = true.into();
        }
        members
    }
}

/// The public URL of an address below the segment of a tenant. `None` for a segment that could be anything but a name.
pub(super) fn tenant_url(issuer: &IssuerUrl, tenant: &str, path: &str) -> Option<String> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // Dots alone are steps in a path.
    let named = (1..=64).contains(&tenant.len()) && tenant.bytes().all(is_name_byte) && tenant.bytes().any(|byte| byte != b'.');
    named.then(|| issuer.join(&format!("/{tenant}/{path}")))
}

/// The paths of our routes, as axum writes them: braces are doubled. Each is the path of a URL made from the issuer, so an issuer
/// `https://h/t1` has its token endpoint at `/t1/token`. A router that takes any issuer needs `Router::without_v07_checks`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointPaths {
    /// `POST`: the token endpoint.
    pub token: String,
    /// `POST`: the same where Microsoft's SDKs look for it, below one segment of any name.
    pub default_scope_token: String,
    /// `GET`: the metadata document, where they look for that.
    pub default_scope_metadata: String,
    /// `POST`: RFC 7662.
    pub introspection: String,
    /// `POST`: RFC 7009.
    pub revocation: String,
    /// `GET`: the JWK set.
    pub keys: String,
    /// `GET`: what is revoked.
    pub revocations: String,
    /// `GET`: what every reason means.
    pub errors: String,
    /// `GET`: RFC 8414 §3.1, inserted between host and path.
    pub oauth_metadata: String,
    /// `GET`: OpenID Connect Discovery 1.0 §4, appended to the path.
    pub openid_metadata: String,
}

impl EndpointPaths {
    /// The paths for an issuer.
    #[must_use]
    pub fn of(issuer: &IssuerUrl) -> Self {
        let base = issuer.path().replace('{', "{{").replace('}', "}}");
        Self {
            token: format!("{base}/token"),
            default_scope_token: format!("{base}/{{tenant}}/oauth2/v2.0/token"),
            default_scope_metadata: format!("{base}/{{tenant}}/v2.0/.well-known/openid-configuration"),
            introspection: format!("{base}/introspect"),
            revocation: format!("{base}/revoke"),
            keys: format!("{base}/keys"),
            revocations: format!("{base}/revocations"),
            errors: format!("{base}/errors"),
            oauth_metadata: format!("/.well-known/oauth-authorization-server{base}"),
            openid_metadata: format!("{base}/.well-known/openid-configuration"),
        }
    }
}

/// `GET` and `HEAD` of a document that was rendered at start.
pub fn document_route(answers: Answers, document: Document) -> MethodRouter {
    let others = answers.clone();
    get(async move |request: HeaderMap| answers.document(&document, &request))
        .fallback(async move || others.method_not_allowed("GET, HEAD"))
}

/// `GET` and `HEAD` of the document for one tenant.
pub fn tenant_document_route(answers: Answers, settings: MetadataSettings) -> MethodRouter {
    let others = answers.clone();
    let handler = async move |Path(tenant): Path<String>, request: HeaderMap| match settings.render_for_tenant(&tenant) {
        Some(document) => answers.document(&document, &request),
        None => answers.not_found(),
    };
    get(handler).fallback(async move || others.method_not_allowed("GET, HEAD"))
}

/// `GET` and `HEAD` of our keys. `max_age` is the promise that key rotation keeps: a key is published three times that long before
/// it signs.
pub fn keys_route(answers: Answers, keys: KeyDocument, max_age: Seconds) -> MethodRouter {
    let others = answers.clone();
    let handler = async move |request: HeaderMap| {
        let (bytes, tag) = keys();
        answers.document(&Document::tagged(bytes, &tag, "application/jwk-set+json", max_age), &request)
    };
    get(handler).fallback(async move || others.method_not_allowed("GET, HEAD"))
}

/// How long anybody may cache the metadata.
const METADATA_MAX_AGE: Seconds = Seconds(300);

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::super::testing::transcript;
    use super::*;

    fn issuer(text: &str) -> IssuerUrl {
        IssuerUrl::parse(text).unwrap()
    }

    fn router(url: &str) -> Router {
        let (answers, paths) = (Answers::new(&issuer(url)), EndpointPaths::of(&issuer(url)));
        let algorithms = vec![Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];
        let settings = MetadataSettings {
            issuer: issuer(url),
            algorithms,
            client_certificates: url.contains("t1"),
            grants: vec!["client_credentials"],
        };
        let document = settings.render();
        let keys: KeyDocument = Arc::new(|| (br#"{"keys":[]}"#.as_slice().into(), "v7".into()));
        Router::new()
            .without_v07_checks()
            .route(&paths.oauth_metadata, document_route(answers.clone(), document.clone()))
            .route(&paths.openid_metadata, document_route(answers.clone(), document))
            .route(&paths.keys, keys_route(answers, keys, Seconds(600)))
    }

    async fn ask(router: &Router, method: &str, path: &str, header: (&str, &str)) -> String {
        let request = Request::builder().method(method).uri(path).header(header.0, header.1).body(Body::empty()).unwrap();
        transcript(router.clone().oneshot(request).await.unwrap()).await
    }

    #[tokio::test]
    async fn the_metadata_is_made_from_the_issuer_alone() {
        let router = router("https://sts.test/t1/");
        let inserted = ask(&router, "GET", "/.well-known/oauth-authorization-server/t1", ("host", "evil.example")).await;
        insta::assert_snapshot!(inserted, @r#"
        200 OK
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        cache-control: public, max-age=300
        etag: "5eff3f3ff4bd4259dc0b9380d35da738"
        content-type: application/json
        content-length: 1396

        {"issuer":"https://sts.test/t1/","token_endpoint":"https://sts.test/t1/token","jwks_uri":"https://sts.test/t1/keys","grant_types_supported":["client_credentials"],"token_endpoint_auth_methods_supported":["none","private_key_jwt"],"token_endpoint_auth_signing_alg_values_supported":["ES256","ES384","EdDSA","PS256","PS384","PS512","RS256","RS384","RS512","Ed25519"],"introspection_endpoint":"https://sts.test/t1/introspect","introspection_endpoint_auth_methods_supported":["private_key_jwt","Bearer","DPoP"],"introspection_endpoint_auth_signing_alg_values_supported":["ES256","ES384","EdDSA","PS256","PS384","PS512","RS256","RS384","RS512","Ed25519"],"revocation_endpoint":"https://sts.test/t1/revoke","revocation_endpoint_auth_methods_supported":["none","private_key_jwt"],"revocation_endpoint_auth_signing_alg_values_supported":["ES256","ES384","EdDSA","PS256","PS384","PS512","RS256","RS384","RS512","Ed25519"],"revocations_uri":"https://sts.test/t1/revocations","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256","RS256","EdDSA"],"dpop_signing_alg_values_supported":["ES256","ES384","EdDSA","PS256","PS384","PS512","RS256","RS384","RS512","Ed25519"],"claims_supported":["act","ancestors","aud","client_id","cnf","exp","iat","iss","jti","root_jti","rvk","scope","sub"],"tls_client_certificate_bound_access_tokens":true}
        "#);
        let appended = ask(&router, "GET", "/t1/.well-known/openid-configuration", ("x-forwarded-host", "evil.example")).await;
        assert_eq!(appended, inserted, "identical values (RFC 9068 section 4)");
    }

    #[tokio::test]
    async fn keys_are_served_with_their_tag() {
        let router = router("https://sts.test");
        insta::assert_snapshot!(ask(&router, "GET", "/keys", ("accept", "*/*")).await, @r#"
        200 OK
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        cache-control: public, max-age=600
        etag: "v7"
        content-type: application/jwk-set+json
        content-length: 11

        {"keys":[]}
        "#);
        insta::assert_snapshot!(ask(&router, "GET", "/keys", ("if-none-match", "\"v7\"")).await, @r#"
        304 Not Modified
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        cache-control: public, max-age=600
        etag: "v7"
        "#);
        insta::assert_snapshot!(ask(&router, "HEAD", "/keys", ("accept", "*/*")).await, @r#"
        200 OK
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        cache-control: public, max-age=600
        etag: "v7"
        content-type: application/jwk-set+json
        content-length: 11
        "#);
        insta::assert_snapshot!(ask(&router, "POST", "/keys", ("accept", "*/*")).await, @r#"
        405 Method Not Allowed
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        content-type: application/json
        cache-control: no-store
        pragma: no-cache
        allow: GET, HEAD
        content-length: 112

        {"error":"invalid_request","error_description":"malformed: method","error_uri":"https://sts.test/errors#method"}
        "#);
    }

    #[tokio::test]
    async fn a_path_with_the_routers_own_characters_is_only_a_path() {
        let router = router("https://sts.test/{a}/:b");
        assert!(ask(&router, "GET", "/%7Ba%7D/:b/keys", ("accept", "*/*")).await.starts_with("404"), "compared byte for byte");
        assert!(ask(&router, "GET", "/x/:b/keys", ("accept", "*/*")).await.starts_with("404"), "no parameter");
    }

    #[test]
    fn paths_follow_the_issuer() {
        for (url, token, inserted, appended, why) in [
            ("https://h", "/token", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "no path"),
            ("https://h/", "/token", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "only a slash"),
            ("https://h/a/b/", "/a/b/token", "/.well-known/oauth-authorization-server/a/b", "/a/b/.well-known/openid-configuration", "two"),
        ] {
            let paths = EndpointPaths::of(&issuer(url));
            assert_eq!((&*paths.token, &*paths.oauth_metadata, &*paths.openid_metadata), (token, inserted, appended), "{why}");
        }
    }
}
