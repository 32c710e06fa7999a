//! `cargo xtask msrv`: the minimum supported Rust version that the libraries state.
//!
//! The stated compiler itself cannot be had everywhere, so it is hemmed in from three sides: what
//! dependencies state, clippy's knowledge of the standard library, and a build with a compiler that
//! is *older* than stated.

use crate::debian;
use crate::metadata::Metadata;
use crate::process::{Outcome, cargo, output, run, target};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBRARIES: &[&str] = &["mqtt-codec", "mqtt-broker-core", "mqtt-broker-tokio"];
/// What leaves code out by being absent: it is compiled with all features, and with these only.
const LEAN: &[(&str, &str)] =
    &[("mqtt-broker-core", ""), ("mqtt-broker-core", "journal"), ("mqtt-broker-core", "peers")];
const STATED: Release = Release(1, 87);
/// The oldest compiler of edition 2024.
const OLDEST: Release = Release(1, 85);

/// What the libraries use that became stable after [`OLDEST`] and not after [`STATED`]. The older
/// compiler knows it as unstable and is told to let it pass, in that crate alone.
const SINCE_STABLE: &[(&str, &str, Release)] = &[
    // `u8::cast_signed`.
    ("mqtt_codec", "integer_sign_cast", Release(1, 87)),
    // `Vec::len` and its like in constants.
    ("mqtt_broker_core", "const_vec_string_slice", Release(1, 87)),
];

/// A release of Rust, without its patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Release(u32, u32);

impl Release {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '+', '-', '~']);
        Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Makes the three checks.
pub(crate) fn run_checks() -> Outcome {
    check_dependencies()?;
    check_library_uses()?;
    let older = check_with_older_compiler()?;
    println!(
        "shown: the libraries compile with Rust {older} (plus {} library items stable by {STATED}), \
         use no newer item of std, and no dependency states more than {STATED}. \
         Not shown: a build or a test run with Rust {STATED} itself, or the feature `heapless` below it.",
        SINCE_STABLE.len()
    );
    Ok(())
}

/// No package that the libraries need, with any feature, states a newer compiler.
fn check_dependencies() -> Outcome {
    let metadata =
        Metadata::load(&["--all-features", "--filter-platform", "x86_64-unknown-linux-gnu"])?;
    let needed = metadata.needed_by(LIBRARIES)?;
    for stated in &needed {
        let release = stated.rust_version.as_deref().and_then(Release::parse);
        if release.is_some_and(|release| release > STATED) {
            return Err(format!("{} needs Rust {:?}", stated.package, stated.rust_version));
        }
    }
    println!("{} packages state Rust {STATED} or older, or nothing", needed.len());
    Ok(())
}

/// clippy knows since when each item of the standard library is stable.
fn check_library_uses() -> Outcome {
    let mut command = cargo(&["clippy", "--quiet", "--all-features"]);
    for library in LIBRARIES {
        command.args(["--package", library]);
    }
    run(command.args(["--", "--deny", "clippy::incompatible_msrv"]))
}

/// Compiles the libraries with the newest compiler that Debian has and that is not newer than
/// stated. It needs no running system of its own: it is unpacked, not installed.
fn check_with_older_compiler() -> Outcome<String> {
    let (version, release) = older_compiler()?;
    let directory = target().join(format!("rustc-{release}"));
    if !directory.join("complete").exists() {
        let packages = [
            format!("rustc-web={version}"),
            format!("libstd-rust-web-dev={version}"),
            format!("libstd-rust-web-{release}={version}"),
        ];
        let mut packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        let llvm = llvm_of(packages[2])?;
        packages.push(&llvm);
        debian::unpack(&packages, &directory)?;
        write(&directory.join("complete"), "")?;
    }
    let compiler = compiler_script(&directory)?;
    let wrapper = wrapper_script(&directory)?;
    let check = |library: &str, features: &[&str]| {
        let mut command = cargo(&["check", "--quiet", "--ignore-rust-version", "-p", library]);
        command.args(features);
        command.env("CARGO_TARGET_DIR", target().join("msrv")).env("RUSTC", &compiler);
        // Warnings are the newest compiler's business: the older one does not know all lints.
        command.env("RUSTFLAGS", "--cap-lints=warn -Aunknown-lints -Awarnings");
        run(command.env("RUSTC_WORKSPACE_WRAPPER", &wrapper))
    };
    for library in LIBRARIES {
        let features = match *library {
            // `heapless` itself states 1.87.
            "mqtt-codec" => ["--features", "arbitrary,defmt,embedded-io-async"].as_slice(),
            _ => &["--all-features"],
        };
        check(library, features)?;
    }
    for (library, features) in LEAN {
        check(library, &["--features", features])?;
    }
    Ok(release.to_string())
}

/// The Debian version and the release of the compiler.
fn older_compiler() -> Outcome<(String, Release)> {
    debian::update()?;
    let table = output(Command::new("apt-cache").args(["madison", "rustc-web"]))?;
    let versions = table.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    versions
        .filter_map(|version| Some((version.to_string(), Release::parse(version)?)))
        .filter(|(_, release)| (OLDEST..=STATED).contains(release))
        .max_by_key(|(_, release)| *release)
        .ok_or_else(|| format!("Debian has no rustc-web from {OLDEST} to {STATED}"))
}

/// The LLVM that the package depends on.
fn llvm_of(package: &str) -> Outcome<String> {
    let depends = output(Command::new("apt-cache").args(["depends", package]))?;
    let mut names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let llvm = names.find(|name| name.starts_with("libllvm"));
    llvm.map(str::to_string).ok_or_else(|| format!("{package} depends on no LLVM"))
}

/// Runs the unpacked compiler with its own libraries.
fn compiler_script(directory: &Path) -> Outcome<PathBuf> {
    let shown = directory.display();
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH=\"{shown}/usr/lib/x86_64-linux-gnu\" \
         exec \"{shown}/usr/bin/rustc\" \"$@\"\n"
    );
    script(&directory.join("rustc.sh"), &text)
}

/// Lets the items of [`SINCE_STABLE`] pass, each in its crate; cargo runs it for our crates only.
fn wrapper_script(directory: &Path) -> Outcome<PathBuf> {
    let mut text = "#!/bin/sh\ncase \" $* \" in\n".to_string();
    for (name, feature, release) in SINCE_STABLE {
        if *release > STATED {
            return Err(format!("{feature} is stable since {release}, not since {STATED}"));
        }
        text.push_str(&format!("*\" --crate-name {name} \"*)\n  export RUSTC_BOOTSTRAP=1\n"));
        text.push_str(&format!("  set -- \"$@\" '-Zcrate-attr=feature({feature})' ;;\n"));
    }
    text.push_str("esac\nexec \"$@\"\n");
    script(&directory.join("wrapper.sh"), &text)
}

/// An executable file; one that says the same already is left alone, so that cargo need not start
/// anew.
fn script(path: &Path, text: &str) -> Outcome<PathBuf> {
    if std::fs::read_to_string(path).ok().as_deref() != Some(text) {
        write(path, text)?;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, executable).map_err(|error| error.to_string())?;
    }
    Ok(path.to_path_buf())
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
