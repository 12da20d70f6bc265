//! The settings file.

use super::{FILE, Given, Place};
use crate::failure::Failure;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The settings of the file that is named, or of the usual one where there is one.
pub fn read(named: Option<&Path>) -> Result<Vec<Given>, Failure> {
    let path = named.unwrap_or(Path::new(FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(Failure::usage(
                format!("the settings file {} cannot be read: {error}", path.display()),
                "name one that can be read with --config",
            ));
        }
    };
    parse(path, &text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Given>, Failure> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Failure::usage(
            format!("{}:{line} is not TOML: {}", path.display(), error.message()),
            "correct that line; every setting is a line `name = value`",
        )
    })?;
    let mut given = Vec::new();
    for (name, value) in table.get_ref() {
        let line = line_of(text, name.span().start);
        let place = Place::File { path: path.to_owned(), line };
        let text = text_of(value.get_ref()).ok_or_else(|| {
            super::impossible(name.get_ref(), &place, "expected a text, a whole number, true or false")
        })?;
        given.push(Given { name: name.get_ref().to_string(), text, place });
    }
    Ok(given)
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
