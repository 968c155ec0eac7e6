//! Has this crate built again when the UI was.

fn main() {
    let built = std::path::Path::new("../../web/dist");
    // A path that is not there counts as changed at every build, so an empty folder stands in for a UI that was never
    // built. In a read-only source tree it cannot be made; then this crate is merely built more often.
    if let Err(error) = std::fs::create_dir_all(built) {
        println!("cargo::warning={}: {error}", built.display());
    }
    println!("cargo::rerun-if-changed=../../web/dist");
}
