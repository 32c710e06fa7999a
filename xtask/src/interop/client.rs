//! The clients: which versions each speaks, how it is installed and how its driver is started.

use crate::debian;
use crate::process::{Outcome, cargo, output, run, target, workspace};
use std::path::PathBuf;
use std::process::Command;

const PAHO: &str = "paho-mqtt==2.2.0";
const GMQTT: &str = "gmqtt==0.8.0";
const MQTT_JS: &str = "mqtt@5.16.0";

/// A client under test.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) versions: &'static [&'static str],
    /// Makes it ready to run; installs what is missing.
    pub(super) install: fn() -> Outcome,
    /// The command that starts its driver; the port comes after.
    pub(super) driver: fn() -> Command,
}

impl Client {
    /// Whether its DISCONNECT says "with Will Message" (0x04): mosquitto_sub does, on SIGTERM.
    pub(super) fn disconnects_with_will(&self, version: &str) -> bool {
        self.name == "mosquitto" && version == "5.0"
    }
}

/// Every client of the suite.
pub(super) const CLIENTS: &[Client] = &[
    Client {
        name: "mosquitto",
        versions: &["3.1", "3.1.1", "5.0"],
        install: || {
            debian::require_program("python3", "python3")?;
            debian::require_program("mosquitto_sub", "mosquitto-clients")
        },
        driver: || python("python3".into(), "mosquitto_driver.py"),
    },
    Client {
        name: "paho",
        versions: &["3.1", "3.1.1", "5.0"],
        install: || install_python(PAHO),
        driver: || python(virtual_environment().join("bin/python"), "paho_driver.py"),
    },
    Client {
        name: "gmqtt",
        versions: &["3.1.1", "5.0"],
        install: || install_python(GMQTT),
        driver: || python(virtual_environment().join("bin/python"), "gmqtt_driver.py"),
    },
    Client {
        name: "mqttjs",
        versions: &["3.1", "3.1.1", "5.0"],
        install: install_mqtt_js,
        driver: || {
            let mut command = Command::new("node");
            command.arg(sources().join("mqttjs.cjs"));
            command.env("NODE_PATH", directory().join("npm/node_modules"));
            command
        },
    },
    Client {
        name: "rumqttc",
        versions: &["3.1.1", "5.0"],
        install: build_rumqttc,
        driver: || Command::new(directory().join("rumqttc/release/rumqttc-driver")),
    },
];

/// Where the suite keeps what it installs and writes.
pub(crate) fn directory() -> PathBuf {
    target().join("interop")
}

fn sources() -> PathBuf {
    workspace().join("xtask/interop")
}

fn python(interpreter: PathBuf, driver: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(sources().join(driver)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A program of `xtask/` that uses paho-mqtt, with the broker's port as its argument.
pub(crate) fn paho_script(script: &str, port: u16) -> Outcome<Command> {
    install_python(PAHO)?;
    let mut command = Command::new(virtual_environment().join("bin/python"));
    command.arg(workspace().join("xtask").join(script)).arg(port.to_string());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn virtual_environment() -> PathBuf {
    directory().join("venv")
}

fn install_python(requirement: &str) -> Outcome {
    let environment = virtual_environment();
    let pip = environment.join("bin/pip");
    if !pip.exists() {
        debian::require_program("python3", "python3")?;
        let create = || output(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        if create().is_err() {
            // Debian's python3 comes without venv.
            debian::install(&["python3-venv"])?;
            create()?;
        }
    }
    output(Command::new(pip).args(["install", "--quiet", requirement])).map(drop)
}

fn install_mqtt_js() -> Outcome {
    debian::require_program("node", "nodejs")?;
    debian::require_program("npm", "npm")?;
    let prefix = directory().join("npm");
    std::fs::create_dir_all(&prefix).map_err(|error| error.to_string())?;
    let options = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", MQTT_JS];
    output(Command::new("npm").args(options).arg("--prefix").arg(prefix)).map(drop)
}

fn build_rumqttc() -> Outcome {
    let mut command = cargo(&["build", "--quiet", "--release", "--locked", "--manifest-path"]);
    command.arg(sources().join("rumqttc/Cargo.toml"));
    run(command.arg("--target-dir").arg(directory().join("rumqttc")))
}
