//! Reading TOML documents so that every fault is named with file, line and column.
//!
//! Owns: spanned tables, typed fields, diagnostics. Must not know: what a document means.
