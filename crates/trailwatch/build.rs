//! Embeds the console, and leaves the symbols out of the server's binary, of which they are a fifth. Tests keep theirs, so that
//! backtraces can be read.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TRAILWATCH_SYMBOLS");
    // A profiler wants them: TRAILWATCH_SYMBOLS=1 cargo build --release
    let are_wanted = env::var_os("TRAILWATCH_SYMBOLS").is_some();
    let target_is = |what: &str, value: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).is_ok_and(|is| is == value);
    if target_is("OS", "linux") {
        if !are_wanted {
            println!("cargo:rustc-link-arg-bins=-Wl,--strip-all");
        }
        // Where Rust links with lld: functions that are the same, of which generic code has many, are there once, and addresses
        // that are set at the start take a bit each instead of 24 bytes (glibc 2.36). A twelfth of the binary.
        if target_is("ARCH", "x86_64") && target_is("ENV", "gnu") {
            println!("cargo:rustc-link-arg-bins=-Wl,-O2,--icf=all,-z,pack-relative-relocs");
        }
    }
    let Some(out) = env::var_os("OUT_DIR") else { return Err(io::Error::other("cargo sets OUT_DIR")) };
    embed(Path::new("../../console/dist"), &Path::new(&out).join("console_files.rs"))
}

/// Writes `FILES`: the path of each compressed file of `dist`, without `.gz`, and its bytes. Empty when the console was not built.
fn embed(dist: &Path, list: &Path) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", dist.display());
    // The list has absolute paths, and another checkout may build into the same folder.
    println!("cargo:rerun-if-env-changed=CARGO_MANIFEST_DIR");
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = dist.is_dir().then(|| dist.to_owned()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "gz") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut text = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    for path in files {
        let name = path.with_extension("");
        let name = name.strip_prefix(dist).map(PathBuf::from).map_err(io::Error::other)?;
        let absolute = fs::canonicalize(&path)?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    ({:?}, include_bytes!({:?})),", name.to_string_lossy(), absolute.to_string_lossy());
    }
    text.push_str("];\n");
    fs::write(list, text)
}
