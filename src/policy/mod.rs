//! May this token have that? Pure.
//!
//! Owns: relationships, conditions, grants, the assessment of an ask, the `Permit`. Must not know: networks, stores, clocks.
