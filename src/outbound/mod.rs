//! The only HTTP out.
//!
//! Owns: the guarded fetch: no redirects, size and time caps, addresses checked when connecting. Must not know: what is fetched.
