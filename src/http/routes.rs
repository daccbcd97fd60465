//! Every route, on one page. Each router gets the services it fronts and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use crate::domain::{IssuerUrl, Seconds};
use crate::release::notice::Notices;

use super::{
    Answers, EndpointPaths, InspectionEndpoints, KeyDocument, MetadataSettings, MetricsText, ReadinessProbe, ReadyProbe, TokenEndpoint,
    document_route, errors_route, inspection, keys_route, livez_route, metrics_route, readyz_details_route, readyz_route,
    revocations_route, tenant_document_route, token,
};

/// What the public listener fronts.
pub struct PublicServices {
    /// Whose endpoints these are; all paths come from it.
    pub issuer: IssuerUrl,
    /// The token endpoint.
    pub token: TokenEndpoint,
    /// Introspection and revocation.
    pub inspection: InspectionEndpoints,
    /// The metadata document.
    pub metadata: MetadataSettings,
    /// The key set.
    pub keys: KeyDocument,
    /// How long callers may cache the key set.
    pub keys_max_age: Seconds,
    /// What is revoked.
    pub notices: Arc<Notices>,
    /// Whether we are ready.
    pub ready: ReadyProbe,
}

/// Token endpoint, metadata, keys, `/revocations`, `/errors`, `/livez`, and `/readyz` without details.
pub fn public_routes(services: PublicServices) -> Router {
    let paths = EndpointPaths::of(&services.issuer);
    let answers = services.token.answers.clone();
    let unknown = answers.clone();
    let metadata = services.metadata.render();
    // Shared: each request would copy it otherwise.
    let token = Arc::new(services.token);
    let default_scope = post(token::exchange_default_scope).fallback(token::other_method).with_state(Arc::clone(&token));
    let tokens = post(token::exchange).fallback(token::other_method).with_state(token);
    let introspection = post(inspection::introspect).fallback(inspection::other_method).with_state(services.inspection.clone());
    let revocation = post(inspection::revoke).fallback(inspection::other_method).with_state(services.inspection);
    Router::new()
        .route(&paths.token, tokens)
        .route(&paths.introspection, introspection)
        .route(&paths.revocation, revocation)
        .route(&paths.default_scope_token, default_scope)
        .route(&paths.keys, keys_route(answers.clone(), services.keys, services.keys_max_age))
        .route(&paths.revocations, revocations_route(answers.clone(), services.notices))
        .route(&paths.oauth_metadata, document_route(answers.clone(), metadata.clone()))
        .route(&paths.openid_metadata, document_route(answers.clone(), metadata))
        .route(&paths.default_scope_metadata, tenant_document_route(answers.clone(), services.metadata))
        .route(&paths.errors, errors_route(answers.clone()))
        .route("/livez", livez_route(answers.clone()))
        .route("/readyz", readyz_route(answers, services.ready))
        .fallback(async move || unknown.not_found())
}

/// `/metrics`, `/livez`, and `/readyz` with every detail. Never public.
pub fn admin_routes(answers: &Answers, readiness: ReadinessProbe, metrics: MetricsText) -> Router {
    let unknown = answers.clone();
    Router::new()
        .route("/metrics", metrics_route(answers.clone(), metrics))
        .route("/livez", livez_route(answers.clone()))
        .route("/readyz", readyz_details_route(answers.clone(), readiness))
        .fallback(async move || unknown.not_found())
}
