//! The replay guard: remembers spent tokens.
