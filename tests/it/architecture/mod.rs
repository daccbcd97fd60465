//! The shape of the source tree, kept by tests: who may import whom, and how large anything may grow.
//!
//! `source` reads the files, with comments and literals blanked; `layers` and `budgets` hold the rules.

mod budgets;
mod imports;
mod layers;
mod source;
