//! Whether a schema and a binary fit each other: a decision over what both know, without I/O.

use crate::Error;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// A binary's version by Semantic Versioning, as far as the order of releases needs it: a pre-release
/// comes before its release, and what follows a `+` does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    major: u64,
    minor: u64,
    patch: u64,
    /// False for a pre-release.
    complete: bool,
}

impl Release {
    /// This binary's.
    pub(super) fn own() -> Result<Self, Error> {
        let own = env!("CARGO_PKG_VERSION");
        own.parse().map_err(|()| Error::Schema(format!("{own} is no version of the form X.Y.Z")))
    }
}

impl FromStr for Release {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (numbers, complete) = text.split_once('-').map_or((text, true), |(numbers, _)| (numbers, false));
        let mut parts = numbers.split('.').map(|part| part.parse::<u64>().map_err(|_| ()));
        let (Some(major), Some(minor), Some(patch), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        Ok(Self { major: major?, minor: minor?, patch: patch?, complete })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.complete { "" } else { " (a pre-release)" };
        write!(f, "{}.{}.{}{rest}", self.major, self.minor, self.patch)
    }
}

/// The migrations of this binary: their versions and checksums.
pub(super) type Known = BTreeMap<i64, Cow<'static, [u8]>>;

/// A migration as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) version: i64,
    pub(super) checksum: Vec<u8>,
    pub(super) serves_from: Option<String>,
}

/// Why a binary and a schema do not fit; the text says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    Older(String),
    Newer(String),
    Changed(String),
}

/// Whether a binary of the version `own` that has the migrations `known` can work on the schema.
pub(super) fn judge(known: &Known, rows: &[Row], own: Release) -> Result<(), Misfit> {
    for row in rows {
        let serves = row.serves_from.as_deref().and_then(|text| text.parse::<Release>().ok());
        match (known.get(&row.version), serves) {
            (Some(checksum), _) if checksum.as_ref() != row.checksum.as_slice() => {
                return Err(Misfit::Changed(format!(
                    "migration {} is not the one that was applied to this database; \
                     run the binary that made the schema, or one that is newer",
                    row.version
                )));
            }
            (_, Some(serves)) if own >= serves => {}
            (_, serves) => {
                let from = serves.map_or("an unknown version".to_owned(), |release| release.to_string());
                return Err(Misfit::Newer(format!(
                    "the schema (migration {}) serves binaries from {from} on and this is {own}; install a newer binary",
                    row.version
                )));
            }
        }
    }
    let there: BTreeSet<i64> = rows.iter().map(|row| row.version).collect();
    let missing: Vec<i64> = known.keys().copied().filter(|version| !there.contains(version)).collect();
    match (missing.first(), rows.iter().find(|row| !known.contains_key(&row.version))) {
        (None, _) => Ok(()),
        (Some(first), None) => Err(Misfit::Older(format!(
            "the schema is older than this binary needs: {} migrations are missing, the first {first}; run `overround migrate`",
            missing.len()
        ))),
        (Some(first), Some(other)) => Err(Misfit::Changed(format!(
            "migration {first} is missing while {}, which this binary does not have, is applied; \
             run `overround migrate` of a binary that has both",
            other.version
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        text.parse().unwrap()
    }

    #[test]
    fn releases_are_ordered_as_semantic_versions() {
        let ordered = ["0.1.0-rc.1", "0.1.0", "0.1.1", "0.2.0", "0.10.0", "1.0.0"];
        for pair in ordered.windows(2) {
            assert!(release(pair[0]) < release(pair[1]), "{pair:?}");
        }
        assert_eq!(release("1.2.3+build.7"), release("1.2.3"));
        for text in ["", "1", "1.2", "1.2.3.4", "1.x.3", "-1.0.0"] {
            assert!(text.parse::<Release>().is_err(), "{text}");
        }
    }

    fn row(version: i64, serves_from: &str) -> Row {
        Row { version, checksum: vec![1], serves_from: Some(serves_from.to_owned()) }
    }

    #[test]
    fn a_schema_is_judged_by_what_it_still_serves() {
        let known: Known = [1, 2].map(|version| (version, Cow::from(vec![1]))).into();
        let own = release("0.2.0");
        let kind = |rows: &[Row]| match judge(&known, rows, own) {
            Ok(()) => "fits",
            Err(Misfit::Older(_)) => "older",
            Err(Misfit::Newer(_)) => "newer",
            Err(Misfit::Changed(_)) => "changed",
        };
        let (one, two) = (row(1, "0.1.0"), row(2, "0.2.0"));
        let changed = Row { checksum: vec![2], ..two.clone() };
        let unsaid = Row { serves_from: None, ..row(3, "") };
        let cases: [(&str, &[Row], &str); 8] = [
            ("the same", &[one.clone(), two.clone()], "fits"),
            ("newer, serves it", &[one.clone(), two.clone(), row(3, "0.2.0")], "fits"),
            ("newer, serves later ones", &[one.clone(), two.clone(), row(3, "0.2.1")], "newer"),
            ("newer, says nothing", &[one.clone(), two.clone(), unsaid], "newer"),
            ("empty", &[], "older"),
            ("one missing", std::slice::from_ref(&one), "older"),
            ("another file under a number", &[one.clone(), changed], "changed"),
            ("one missing, another branch's there", &[one.clone(), row(3, "0.1.0")], "changed"),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(kind(rows), expected, "{name}");
        }
    }
}
