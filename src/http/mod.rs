//! Thin handlers and the listeners in front of them.
//!
//! Owns: routes, forms, OAuth answers, the accept loop. Must not know: how anything is decided.

mod answers;
mod basic;
mod errors_page;
mod form;
mod health;
mod inspection;
mod metadata;
mod oauth_error;
mod proof;
mod revocations;
mod routes;
mod server;
#[cfg(test)]
mod testing;
mod token;

use answers::give_remaining;
pub use answers::{Answers, DECISION_HEADER, Document};
pub use basic::{AuthorizationError, client_hint};
pub use errors_page::errors_route;
pub use form::{BodyRoom, Form, FormError, FormFault, Parameter};
pub use health::{MetricsText, Readiness, ReadinessProbe, ReadyProbe, livez_route, metrics_route, readyz_details_route, readyz_route};
pub use inspection::{InspectionEndpoints, InspectionObserved};
pub use metadata::{EndpointPaths, KeyDocument, MetadataSettings, document_route, keys_route, tenant_document_route};
pub use oauth_error::{OauthCode, OauthError};
pub use proof::{give_nonce, presented_proof, proof_error};
pub use revocations::revocations_route;
pub use routes::{PublicServices, admin_routes, public_routes};
pub use server::{
    BoundListener, ClientCertificate, ClientCertificates, Drained, ListenerError, ListenerSettings, NotRun, PeerAddress, ServerHandle,
    TlsError, TlsFiles, Tracker, serve,
};
pub use token::TokenEndpoint;
