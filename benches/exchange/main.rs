//! What an exchange costs.

fn main() {}
