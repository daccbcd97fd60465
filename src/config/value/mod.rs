//! Values that several sections read.
//!
//! Owns: paths relative to the file that names them, and references to secrets. Must not know: any section.

mod path;
mod secret;

pub(super) use path::Folder;
pub use secret::{Secret, SecretError};
