//! What the listeners serve.

use std::sync::Arc;

use axum::Router;

use crate::config::DpopNonce;
use crate::exchange::GrantType;
use crate::http::{
    BodyRoom, ClientCertificates, InspectionEndpoints, KeyDocument, MetadataSettings, MetricsText, PublicServices, ReadinessProbe,
    TokenEndpoint, admin_routes, public_routes,
};
use crate::inspection::{Inspection, InspectionEdges};
use crate::release::issuance::{JWKS_MAX_AGE, SIGNING_ALGORITHMS};
use crate::release::notice::Notices;
use crate::release::replay::OpaqueTokens;

use super::build::{App, Parts};

impl App {
    /// What the public listener serves.
    pub fn public_router(&self) -> Router {
        let keys = Arc::clone(&self.parts.keys);
        let keys: KeyDocument = Arc::new(move || {
            let ring = keys.ring();
            (Arc::clone(ring.jwks()), ring.jwks_etag().into())
        });
        let metadata = MetadataSettings {
            issuer: self.settings.issuer.clone(),
            algorithms: SIGNING_ALGORITHMS.to_vec(),
            client_certificates: self.settings.listen.public.client_certificates != ClientCertificates::NotAsked,
            grants: GrantType::ALL.map(GrantType::urn).to_vec(),
        };
        let bodies = BodyRoom::new(self.settings.listen.max_in_flight);
        let token = TokenEndpoint {
            issuer: self.settings.issuer.clone(),
            service: Arc::clone(&self.service),
            tracker: self.tracker.clone(),
            limits: Arc::clone(&self.parts.limits),
            bodies: bodies.clone(),
            answers: self.answers.clone(),
        };
        let inspection = self.inspection(bodies);
        let health = Arc::clone(&self.health);
        public_routes(PublicServices {
            issuer: self.settings.issuer.clone(),
            token,
            inspection,
            metadata,
            keys,
            keys_max_age: JWKS_MAX_AGE,
            notices: self.notices(),
            ready: Arc::new(move || health.is_ready()),
        })
    }

    fn notices(&self) -> Arc<Notices> {
        let Parts { clock, keys, revocations, .. } = &self.parts;
        Arc::new(Notices::new(self.settings.issuer.clone(), Arc::clone(clock), Arc::clone(keys), Arc::clone(revocations)))
    }

    fn inspection(&self, bodies: BodyRoom) -> InspectionEndpoints {
        let edges = InspectionEdges {
            clock: Arc::clone(&self.parts.clock),
            clients: Arc::clone(&self.parts.clients),
            guard: Arc::clone(&self.parts.guard),
            keys: Arc::clone(&self.parts.keys),
            nonce: self.settings.dpop.nonce == DpopNonce::Required,
            limits: Arc::clone(&self.parts.limits),
            log: self.parts.log.clone(),
            own: Arc::clone(&self.parts.own),
            opaque: OpaqueTokens::new(self.parts.store.clone()),
            revocations: Arc::clone(&self.parts.revocations),
            trust: Arc::clone(&self.parts.trust),
        };
        let metrics = Arc::clone(&self.parts.metrics);
        InspectionEndpoints {
            issuer: self.settings.issuer.clone(),
            service: Arc::new(Inspection::new(&self.settings.issuer, edges)),
            tracker: self.tracker.clone(),
            limits: Arc::clone(&self.parts.limits),
            bodies,
            answers: self.answers.clone(),
            observe: Arc::new(move |seen| metrics.inspection(seen.endpoint, seen.outcome, seen.reason)),
        }
    }

    /// What the admin listener serves.
    pub fn admin_router(&self) -> Router {
        let metrics = Arc::clone(&self.parts.metrics);
        let text: MetricsText = Arc::new(move || metrics.encode());
        admin_routes(&self.answers, self.probe(), text)
    }

    fn probe(&self) -> ReadinessProbe {
        let (health, trust, keys) = (Arc::clone(&self.health), Arc::clone(&self.parts.trust), Arc::clone(&self.parts.keys));
        let issuers = Arc::clone(&self.parts.issuers);
        Arc::new(move || health.readiness(&trust.load().version, keys.ring().version(), &issuers))
    }
}
