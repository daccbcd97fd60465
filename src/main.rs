//! The `cambist` binary.

fn main() {}
