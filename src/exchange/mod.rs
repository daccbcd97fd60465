//! The use case: one exchange, told in one function.
//!
//! Owns: the request of RFC 8693, the conductor, the families of failure. Must not know: HTTP, files.
