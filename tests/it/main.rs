//! The one integration binary: one link, and every test sees the crate as its users do.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a panic is the report")]

mod architecture;
mod confidential;
mod conformance;
mod default_scope;
mod grants;
mod idempotency;
mod inspection;
mod issued_token;
mod jwt_cases;
mod limits;
mod log_verdicts;
mod presets;
mod processes;
mod published;
mod reasons;
mod replay_modes;
mod restored_store;
#[path = "../servers/mod.rs"]
mod servers;
mod spiffe;
mod support;
mod taking_back;
#[path = "../servers/tests/mod.rs"]
mod test_servers;
mod token_endpoint;
mod trust_decisions;
