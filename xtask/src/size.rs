//! `cargo xtask size`: what the codec takes of a microcontroller's flash.
//!
//! `size/firmware.rs` is built and linked for a Cortex-M4 at `opt-level = "z"` in a package of its own
//! below the target directory, and the `.text` of the result is measured. The limits are those of a
//! firmware author: 12 KiB, and no code for a panic.

use crate::no_std::{bare_metal_cargo, install_compiler};
use crate::process::{Outcome, output, run as run_command, target, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TRIPLE: &str = "thumbv7em-none-eabi";

/// The most bytes that `.text` may have.
const LIMIT: u64 = 12 * 1024;

/// Builds the firmware, prints the size of its code, and checks the limits.
pub(crate) fn run() -> Outcome {
    install_compiler()?;
    let package = write_package()?;
    let mut build = bare_metal_cargo("build", "core", TRIPLE);
    build.arg("--manifest-path").arg(package.join("Cargo.toml")).args(["--release", "--quiet"]);
    // What the entry point does not reach is left out.
    let flags = format!("-Clinker={} -Clink-arg=--gc-sections", linker()?.display());
    build.env("RUSTFLAGS", flags);
    run_command(&mut build)?;
    let firmware = target().join("no-std").join(TRIPLE).join("release").join("firmware");
    let text = section_size(&firmware, ".text")?;
    let symbols = output(Command::new("nm").args(["--demangle", "--size-sort"]).arg(&firmware))?;
    print_largest(&symbols);
    println!("{text} bytes of .text, of {LIMIT}: decode and encode of CONNECT and PUBLISH");
    if let Some(symbol) = symbols.lines().find(|line| is_panic(line)) {
        return Err(format!("there is code for a panic: {symbol}"));
    }
    println!("no code for a panic");
    if text > LIMIT { Err(format!("{text} bytes are more than {LIMIT}")) } else { Ok(()) }
}

/// The linker that comes with the compiler of the host.
pub(crate) fn linker() -> Outcome<PathBuf> {
    let about = output(Command::new("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc -vV names no host")?;
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin/rust-lld"))
}

/// Writes the package of the firmware and gives its directory.
fn write_package() -> Outcome<PathBuf> {
    let package = target().join("size");
    let codec = workspace().join("mqtt-codec");
    let manifest = format!(
        r#"[package]
name = "firmware"
edition = "2024"

[workspace]

[[bin]]
name = "firmware"
path = "firmware.rs"
test = false

[dependencies]
mqtt-codec = {{ path = {codec:?} }}

[profile.release]
opt-level = "z"
lto = "fat"
codegen-units = 1
panic = "abort"
"#
    );
    let write = |name: &str, text: &str| {
        let path = package.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(&package).map_err(|error| format!("{}: {error}", package.display()))?;
    write("Cargo.toml", &manifest)?;
    write("firmware.rs", include_str!("size/firmware.rs"))?;
    Ok(package)
}

/// The size of a section of an ELF file, in bytes.
pub(crate) fn section_size(file: &Path, section: &str) -> Outcome<u64> {
    let sections = output(Command::new("size").args(["-A", "-d"]).arg(file))?;
    let found = sections.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(section)).then(|| words.next())?
    });
    found
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| format!("{} has no {section}:\n{sections}", file.display()))
}

fn print_largest(symbols: &str) {
    let mut lines: Vec<&str> = symbols.lines().collect();
    lines.reverse();
    for line in lines.into_iter().take(8) {
        let mut words = line.splitn(3, ' ');
        let (size, _kind, name) = (words.next(), words.next(), words.next());
        let size = size.and_then(|size| u64::from_str_radix(size, 16).ok()).unwrap_or_default();
        println!("{size:6}  {}", name.unwrap_or_default());
    }
}

/// Whether a line of `nm` names something that formats or raises a panic. The handler that each
/// firmware must have, and that is never reached, is not one.
fn is_panic(line: &str) -> bool {
    line.contains("core::panicking") || line.contains("core::fmt") || line.contains("slice_index")
}
