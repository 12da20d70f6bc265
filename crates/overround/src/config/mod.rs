//! Settings: flags over the environment (`OVERROUND_...`) over `overround.toml` over defaults.
//!
//! A setting that is unknown, unreadable or impossible stops the start, with its name and place.

mod check;
mod file;
mod rate_limits;
mod settings;
mod value;

pub use settings::{Config, SETTINGS, Setting};
pub use value::{Environment, LogFormat, Secret, ServerUrl};

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The file that is read when none is named.
pub const FILE: &str = "overround.toml";

/// Variables of the `OVERROUND_` family that are no settings.
const OTHER_VARIABLES: &[&str] = &["OVERROUND_CONFIG"];
/// The test suite's variables.
const TEST_VARIABLES: &str = "OVERROUND_TEST_";

/// Where a setting was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere.
    Default,
    /// In the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// In the environment.
    Variable(String),
    /// On the command line.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One setting as a source gives it.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its name in `overround.toml`.
    pub name: String,
    /// Its value.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// The settings and where each was set.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    places: BTreeMap<&'static str, Place>,
}

impl Loaded {
    /// Reads the file (`named`, else `overround.toml` where there is one), then the environment, then
    /// `flags`.
    ///
    /// # Errors
    /// A usage failure that names the setting and its place.
    pub fn read(
        named: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Vec<Given>,
    ) -> Result<Self, Failure> {
        let mut given = file::read(named)?;
        given.extend(variables(environment)?);
        given.extend(flags);
        let mut loaded = Self { config: Config::default(), places: BTreeMap::new() };
        for one in given {
            loaded.set(one)?;
        }
        check::possible(&loaded)?;
        Ok(loaded)
    }

    /// Where a setting was set.
    pub fn place(&self, name: &str) -> Place {
        self.places.get(name).cloned().unwrap_or(Place::Default)
    }

    /// The effective settings as TOML, secrets masked, each with its place.
    pub fn to_toml(&self) -> String {
        let mut lines = vec!["# The effective settings. Passwords and secrets are masked.".to_owned()];
        for setting in SETTINGS {
            lines.push(String::new());
            lines.extend(setting.about.iter().map(|about| format!("#{about}")));
            let place = self.place(setting.name);
            lines.push(match (setting.show)(&self.config) {
                Some(shown) => format!("{} = {} # {place}", setting.name, toml_value(&shown)),
                None => format!("# {} is not set", setting.name),
            });
        }
        lines.join("\n")
    }

    fn set(&mut self, given: Given) -> Result<(), Failure> {
        let Given { name, text, place } = given;
        let Some(setting) = Setting::named(&name) else {
            return Err(unknown(&name, &place));
        };
        (setting.set)(&mut self.config, &text)
            .map_err(|expected| impossible(setting.name, &place, &expected))?;
        self.places.insert(setting.name, place);
        Ok(())
    }
}

/// A setting whose value cannot be.
fn impossible(name: &str, place: &Place, why: &str) -> Failure {
    Failure::usage(
        format!("the setting {name} ({place}) is impossible: {why}"),
        "change it there; `overround config` explains every setting",
    )
}

fn unknown(name: &str, place: &Place) -> Failure {
    Failure::usage(
        format!("there is no setting {name} ({place})"),
        "remove it there, or correct its name; `overround config` lists every setting",
    )
}

fn variables(environment: impl IntoIterator<Item = (String, String)>) -> Result<Vec<Given>, Failure> {
    let mut given = Vec::new();
    for (variable, text) in environment {
        let Some(rest) = variable.strip_prefix("OVERROUND_") else { continue };
        if variable.starts_with(TEST_VARIABLES) || OTHER_VARIABLES.contains(&variable.as_str()) {
            continue;
        }
        let name = rest.to_ascii_lowercase();
        given.push(Given { name, text, place: Place::Variable(variable) });
    }
    // The environment's order is not one that a person chose: complaints come in the alphabet's.
    given.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(given)
}

fn toml_value(shown: &str) -> String {
    if shown.parse::<i64>().is_ok() || shown.parse::<bool>().is_ok() {
        shown.to_owned()
    } else {
        toml::Value::String(shown.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests;
