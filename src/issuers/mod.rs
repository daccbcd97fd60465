//! Whom we trust, and where their keys are.
//!
//! Owns: trusted issuers, discovery, the key cache. Must not know: trust relationships, issuing.
