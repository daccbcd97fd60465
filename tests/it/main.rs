//! The one integration binary: one link, and every test sees the crate as its users do.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod architecture;
