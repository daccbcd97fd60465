//! Thin handlers and the listeners in front of them.
//!
//! Owns: routes, forms, OAuth answers, the accept loop. Must not know: how anything is decided.
