//! Reading TOML documents so that every fault is named with file, line and column.
//!
//! Owns: spanned tables, typed fields, diagnostics. Must not know: what a document means.
//!
//! A reader takes every field it knows from a [`Table`] and then calls [`Table::finish`], which reports the rest as unknown. Nothing
//! stops at the first fault: each take reports its own and gives `None`, and whoever asked for the document looks at
//! [`Diagnostics::has_errors`] in the end.

mod convert;
mod diagnostic;
mod place;
mod source;
mod spelling;
mod table;
mod value;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use place::{Place, Spanned};
pub use source::Document;
pub(crate) use spelling::nearest;
pub use table::Table;
pub use value::{Entry, Kind, Value, field_path};

#[cfg(test)]
mod tests;
