//! Tells cargo that files embedded into the binary are its input: the dashboard, policies and runbooks.
//! Deliberately builds nothing: the dashboard is built by `cargo xtask`, never by cargo.

fn main() {
    // A folder that does not exist would make cargo build the crate anew each time.
    let folders = ["../../web/dist", "../../policies", "../../runbooks"];
    for folder in folders.iter().filter(|f| std::path::Path::new(f).is_dir()) {
        println!("cargo::rerun-if-changed={folder}");
    }
}
