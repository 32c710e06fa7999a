//! Tells the linker where the memory is.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // A linker script is looked for in the directories of `-L` only.
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::copy("memory.x", out.join("memory.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed=memory.x");
    // `--nmagic`: sections are not aligned to pages, there are none.
    for argument in ["-Tlink.x", "--nmagic"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}
