//! `cargo xtask size`: what codec and core take of a microcontroller's flash, and a small broker of its
//! RAM.
//!
//! `size/firmware.rs` (the codec, on a Cortex-M4) and `size/broker.rs` (the core, on a Cortex-M3, with and
//! without what a small broker has no use for) are built and linked at `opt-level = "z"` in packages of
//! their own below the target directory, and the `.text` of the results is measured. The targets are those
//! of a firmware author: 12 KiB for the codec, without code for a panic, and 128 KiB for codec and core. The
//! heap is that of a program of `benches`, on this host.

use crate::no_std::{bare_metal_cargo, install_compiler};
use crate::process::{Outcome, cargo, output, run as run_command, target, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program for a microcontroller that is there to be measured.
struct Image {
    name: &'static str,
    source: &'static str,
    /// The package that it uses.
    package: &'static str,
    /// With these features of that.
    features: &'static [&'static str],
    /// What it uses of it.
    used: &'static str,
    triple: &'static str,
    libraries: &'static str,
    /// The most bytes that `.text` should have.
    target: u64,
    /// The most bytes that it may have: what misses its target is not to grow.
    limit: u64,
    /// Whether there may be code for a panic.
    panics: bool,
}

const CODEC: Image = Image {
    name: "firmware",
    source: include_str!("size/firmware.rs"),
    package: "mqtt-codec",
    features: &[],
    used: "decode and encode of CONNECT and PUBLISH",
    triple: "thumbv7em-none-eabi",
    libraries: "core",
    target: 12 * 1024,
    limit: 12 * 1024,
    panics: false,
};

const BROKER: Image = Image {
    name: "broker",
    source: include_str!("size/broker.rs"),
    package: "mqtt-broker-core",
    features: &[],
    used: "codec, core, and an allocator",
    triple: "thumbv7m-none-eabi",
    libraries: "core,alloc",
    target: 128 * 1024,
    limit: 128 * 1024,
    // `alloc` has some, for what cannot be.
    panics: true,
};

const WHOLE_BROKER: Image = Image {
    features: &["journal", "peers"],
    used: "the same with journal and peers",
    limit: 148 * 1024,
    ..BROKER
};

/// Builds them, prints the size of their code and the heap of a small broker, and checks the limits.
pub(crate) fn run() -> Outcome {
    install_compiler()?;
    measure(&CODEC)?;
    measure(&BROKER)?;
    measure(&WHOLE_BROKER)?;
    run_command(&mut cargo(&["run", "--quiet", "--package", "benches", "--bin", "small_host"]))
}

fn measure(image: &Image) -> Outcome {
    let Image { name, triple, target: wanted, limit, .. } = image;
    let package = write_package(image)?;
    let mut build = bare_metal_cargo("build", image.libraries, triple);
    build.arg("--manifest-path").arg(package.join("Cargo.toml")).args(["--release", "--quiet"]);
    // What the entry point does not reach is left out.
    let flags = format!("-Clinker={} -Clink-arg=--gc-sections", linker()?.display());
    build.env("RUSTFLAGS", flags);
    run_command(&mut build)?;
    let built = target().join("no-std").join(triple).join("release").join(name);
    let text = section_size(&built, ".text")?;
    let symbols = output(Command::new("nm").args(["--demangle", "--size-sort"]).arg(&built))?;
    print_largest(&symbols);
    let result = if text <= *wanted { "met" } else { "missed" };
    println!("{text} bytes of .text, of {wanted}, {result}: {}, {triple}", image.used);
    if !image.panics {
        if let Some(symbol) = symbols.lines().find(|line| is_panic(line)) {
            return Err(format!("there is code for a panic: {symbol}"));
        }
        println!("no code for a panic");
    }
    if text > *limit { Err(format!("{text} bytes are more than {limit}")) } else { Ok(()) }
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
fn write_package(image: &Image) -> Outcome<PathBuf> {
    let Image { name, package: used, features, .. } = image;
    let package = target().join("size").join(name);
    let path = workspace().join(used);
    let manifest = format!(
        r#"[package]
name = {name:?}
edition = "2024"

[workspace]

[[bin]]
name = {name:?}
path = "main.rs"
test = false

[dependencies]
{used} = {{ path = {path:?}, features = {features:?} }}

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
    write("main.rs", image.source)?;
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
