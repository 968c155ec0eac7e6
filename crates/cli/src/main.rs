//! The `sumeru` binary.
fn main() {}
