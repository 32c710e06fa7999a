//! What `cargo metadata` says about packages.

use crate::process::{Outcome, cargo, output};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The answer of `cargo metadata`.
#[derive(Debug)]
pub(crate) struct Metadata(Value);

/// A package, and the oldest compiler that it says it builds with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stated {
    pub(crate) package: String,
    pub(crate) rust_version: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn load(arguments: &[&str]) -> Outcome<Self> {
        let mut command = cargo(&["metadata", "--format-version", "1", "--locked"]);
        let text = output(command.args(arguments))?;
        serde_json::from_str(&text).map(Self).map_err(|error| error.to_string())
    }

    /// The dependencies of the package that no feature asks for, other than for tests and builds.
    pub(crate) fn required_dependencies(&self, package: &str) -> Outcome<Vec<String>> {
        let dependencies = array(&self.package(package)?["dependencies"]);
        let required = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null() && dependency["optional"] == false);
        Ok(required.map(|dependency| text(&dependency["name"])).collect())
    }

    /// What the feature `default` of the package turns on.
    pub(crate) fn default_features(&self, package: &str) -> Outcome<Vec<String>> {
        Ok(array(&self.package(package)?["features"]["default"]).iter().map(text).collect())
    }

    /// Every package that a build of these needs, themselves included; not for their tests.
    pub(crate) fn needed_by(&self, packages: &[&str]) -> Outcome<BTreeSet<Stated>> {
        let nodes = array(&self.0["resolve"]["nodes"]);
        let nodes: HashMap<String, &Value> =
            nodes.iter().map(|node| (text(&node["id"]), node)).collect();
        let by_id: HashMap<String, &Value> = array(&self.0["packages"])
            .iter()
            .map(|package| (text(&package["id"]), package))
            .collect();
        let mut waiting = Vec::new();
        for package in packages {
            waiting.push(text(&self.package(package)?["id"]));
        }
        let mut seen = BTreeSet::new();
        let mut needed = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id.clone()) {
                continue;
            }
            let package = by_id.get(&id).ok_or_else(|| format!("cargo metadata lacks {id}"))?;
            needed.insert(Stated {
                package: format!("{} {}", text(&package["name"]), text(&package["version"])),
                rust_version: package["rust_version"].as_str().map(str::to_string),
            });
            let node = nodes.get(&id).ok_or_else(|| format!("cargo metadata lacks {id}"))?;
            let outside_tests = |dependency: &&Value| {
                array(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
            };
            let next = array(&node["deps"]).iter().filter(outside_tests);
            waiting.extend(next.map(|dependency| text(&dependency["pkg"])));
        }
        Ok(needed)
    }

    fn package(&self, name: &str) -> Outcome<&Value> {
        let found = array(&self.0["packages"]).iter().find(|package| package["name"] == name);
        found.ok_or_else(|| format!("there is no package {name}"))
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
