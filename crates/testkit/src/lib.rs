//! What tests stand on: a database from a template, a Redis database of one's own, recordings.
//!
//! The servers come from outside: `OVERROUND_TEST_ADMIN_URL` (a PostgreSQL superuser's) and
//! `OVERROUND_TEST_REDIS_URL`, which `overround runtime exec --profile test -- CMD` sets. Everything
//! here panics with what to do when it fails: a test has no better use for an error.
#![expect(clippy::panic, reason = "test support: what fails here fails the test, with its reason")]

mod db;
mod folder;
mod live;
mod server;
mod source;
mod valkey;
mod waiting;

pub use db::{TestDb, until_log_is_past};
pub use folder::{StateFolder, binary};
pub use live::redis_url;
pub use server::{Caller, Reply, TestServer, test_settings};
pub use source::{match_odds, snapshot_of};
pub use valkey::{RedisPlace, TestCluster, TestValkey, steady_port};
pub use waiting::{until, until_is};

use std::path::{Path, PathBuf};

/// The folder of Betfair Exchange Stream recordings, which lies beside the project and not in it.
/// None where it is absent, after saying that the calling test was not run.
///
/// # Panics
/// When it is absent and the environment says `CI=true`: there the tests must run.
pub fn recordings() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/betfair-stream");
    if let Ok(found) = folder.canonicalize() {
        return Some(found);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "CI=true, and the recordings are absent: they belong in {}",
        folder.display()
    );
    report_not_run(&folder);
    None
}

#[expect(clippy::print_stderr, reason = "the test's reader should know that it did not run")]
fn report_not_run(folder: &Path) {
    eprintln!("NOT RUN: this test plays recordings, which are not in {}", folder.display());
}

/// A setting that the test runner supplies.
#[track_caller]
fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run the tests with `./dev test`, or give them servers with \
             `./dev runtime exec --profile test -- cargo nextest run`"
        )
    })
}

/// The URL of another database on the same server, PostgreSQL's or Redis's.
fn with_database(url: &str, database: &str) -> String {
    let mut url = done("read the URL of a server", reqwest::Url::parse(url));
    url.set_path(database);
    url.into()
}

/// The value, or the end of the test with what was being done.
#[track_caller]
fn done<T, E: std::fmt::Display>(doing: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("test set-up: could not {doing}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_changed_alone() {
        for (url, changed) in [
            (
                "postgres://a:b@127.0.0.1:5432/postgres?sslmode=disable",
                "postgres://a:b@127.0.0.1:5432/7?sslmode=disable",
            ),
            ("postgres://127.0.0.1", "postgres://127.0.0.1/7"),
            ("redis://:secret@127.0.0.1:6379/0", "redis://:secret@127.0.0.1:6379/7"),
        ] {
            assert_eq!(with_database(url, "7"), changed);
        }
    }
}
