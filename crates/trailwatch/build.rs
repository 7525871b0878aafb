//! Leaves the symbols out of the server's binary, of which they are a fifth. Tests keep theirs, so that backtraces can be read.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TRAILWATCH_SYMBOLS");
    // A profiler wants them: TRAILWATCH_SYMBOLS=1 cargo build --release
    let are_wanted = std::env::var_os("TRAILWATCH_SYMBOLS").is_some();
    if !are_wanted && std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,--strip-all");
    }
}
