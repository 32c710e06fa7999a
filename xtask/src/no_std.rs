//! `cargo xtask no-std`: codec and core compiled for machines without an operating system.
//!
//! rustup's compiler comes without the libraries of bare-metal targets, so they are built from
//! source: Debian's `rustc-web` is a compiler with the source of its own standard library
//! (`rust-web-src`), which cargo's `-Zbuild-std` finds below that compiler's sysroot. `-Z` is
//! granted by `RUSTC_BOOTSTRAP=1`. cargo is the usual one. Where `-Zbuild-std=core` is all there is,
//! `std` and `alloc` cannot be named, by us or by a dependency.

use crate::debian;
use crate::process::{Outcome, cargo, output, run, target};
use std::path::Path;
use std::process::Command;

const RUSTC: &str = "/usr/bin/rustc";

/// A bare-metal build.
struct Build {
    target: &'static str,
    libraries: &'static str,
    packages: &'static [&'static str],
}

const BUILDS: &[Build] = &[
    // A Cortex-M4 with an allocator.
    Build {
        target: "thumbv7em-none-eabi",
        libraries: "core,alloc",
        packages: &["-p", "mqtt-broker-core", "-p", "mqtt-codec"],
    },
    Build {
        target: "thumbv7em-none-eabi",
        libraries: "core,alloc",
        packages: &["-p", "mqtt-broker-core", "--features", "journal"],
    },
    Build {
        target: "thumbv7em-none-eabi",
        libraries: "core,alloc",
        packages: &["-p", "mqtt-broker-core", "--features", "peers"],
    },
    // The driver of embassy and bare metal.
    Build {
        target: "thumbv7em-none-eabi",
        libraries: "core,alloc",
        packages: &["-p", "mqtt-broker-core", "--features", "embedded-io-async"],
    },
    Build {
        target: "thumbv7em-none-eabi",
        libraries: "core,alloc",
        packages: &["-p", "mqtt-broker-core", "--features", "embedded-io-async,journal,peers"],
    },
    // A Cortex-M0 without one.
    Build { target: "thumbv6m-none-eabi", libraries: "core", packages: &["-p", "mqtt-codec"] },
    Build {
        target: "thumbv6m-none-eabi",
        libraries: "core",
        packages: &["-p", "mqtt-codec", "--features", "defmt,embedded-io-async,heapless"],
    },
];

/// Checks everything of [`BUILDS`]: whole programs are built by `cargo xtask size` and `firmware`.
pub(crate) fn run_builds() -> Outcome {
    install_compiler()?;
    for Build { target, libraries, packages } in BUILDS {
        println!("{target}, {libraries}: {}", packages.join(" "));
        let mut command = bare_metal_cargo("check", libraries, target);
        run(command.arg("--quiet").args(*packages))?;
    }
    Ok(())
}

/// Installs the compiler with the source of its library, if it is not there.
pub(crate) fn install_compiler() -> Outcome {
    if library_source().is_none() {
        debian::install(&["rustc-web", "rust-web-src"])?;
    }
    library_source()
        .map(drop)
        .ok_or_else(|| format!("{RUSTC} has no library/core/src/lib.rs below its sysroot"))
}

/// `cargo SUBCOMMAND` for a target whose `libraries` are built from source.
pub(crate) fn bare_metal_cargo(subcommand: &str, libraries: &str, triple: &str) -> Command {
    let mut command = cargo(&[subcommand, &format!("-Zbuild-std={libraries}"), "--target", triple]);
    // Formatting and sorting for machines that have more time than flash.
    command.arg("-Zbuild-std-features=optimize_for_size");
    // A directory of its own: artifacts of another compiler would be replaced back and forth.
    command.env("CARGO_TARGET_DIR", target().join("no-std"));
    command.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Where `-Zbuild-std` will look for the library's source, if it is there.
fn library_source() -> Option<String> {
    let sysroot = output(Command::new(RUSTC).args(["--print", "sysroot"])).ok()?;
    let source = format!("{}/lib/rustlib/src/rust/library", sysroot.trim());
    Path::new(&source).join("core/src/lib.rs").exists().then_some(source)
}
