//! The envelope of everything signed that reaches us: compact JWS (RFC 7515 §7.1).
//!
//! Owns: its segments, the header of a subject token, the algorithms we know. Must not know: claims, and whose key it is.

mod algorithm;
mod compact;
mod header;

pub use algorithm::{Algorithm, Algorithms};
pub(super) use compact::Compact;
pub(super) use header::{Header, header_members, is_media_type};
