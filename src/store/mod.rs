//! The engines that remember, and nothing else.
//!
//! Owns: connections, group commit, the lock file, the deployment id. Must not know: what is remembered; each kind of state brings
//! its own schema.
