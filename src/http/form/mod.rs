//! The form of the token endpoint, read strictly: `application/x-www-form-urlencoded` (RFC 6749 appendix B) over raw bytes.
//!
//! Owns: limits, decoding, what a repeated parameter is. Must not know: what a parameter means.

mod decode;
mod error;
mod parameter;
mod parse;
mod read;
mod room;
#[cfg(test)]
mod tests;

pub use error::{FormError, FormFault};
use parameter::FormKind;
pub use parameter::Parameter;
pub use parse::Form;
pub use room::BodyRoom;

pub(super) use decode::decode;

/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Bodies up to here are always read; larger ones need [`BodyRoom`]. In bytes.
const SMALL_BODY_BYTES: usize = 4 * 1024;
/// Most parameters in one form, unknown ones included.
const MAX_PARAMETERS: usize = 64;
/// Longest name of a parameter, in bytes after decoding.
const MAX_NAME_BYTES: usize = 128;
