//! Trust as files.
//!
//! Owns: the documents below the trust directory, presets, compilation, lint, trust tests, reload. Must not know: requests.
