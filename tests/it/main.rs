//! The one integration binary: one link, and every test sees the crate as its users do.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a panic is the report")]

mod architecture;
mod jwt_cases;
mod processes;
mod support;
