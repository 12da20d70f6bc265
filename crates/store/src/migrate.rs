//! Migrations: forward only, one process at a time, and what keeps a binary and a schema that do not
//! fit from working on each other.

mod fit;
mod roles;

use crate::Error;
use fit::{Known, Misfit, Release, Row, judge};
use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, PgConnection, PgExecutor, PgPool, SqlSafeStr};
use std::collections::BTreeSet;
use std::str::FromStr;

static FILES: Migrator = sqlx::migrate!("./migrations");

/// How every migration file begins; the oldest binary that the schema still serves after it follows.
const SERVES: &str = "-- Serves binaries from: ";

/// How many cells a database gets that is made without a word about it.
pub const CELLS: u16 = 16;

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The number its file begins with.
    pub version: i64,
    /// The rest of its file's name, such as `create wallet`.
    pub description: String,
}

/// What [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The roles it made, because they were missing.
    pub roles_created: Vec<&'static str>,
    /// The migrations it applied, in their order.
    pub applied: Vec<Applied>,
    /// The schema's newest migration now.
    pub version: i64,
    /// The number of cells that the database was made with, now or earlier.
    pub cells: u16,
}

/// Brings the schema to what this binary needs. See [`migrate_with`]; a new database gets [`CELLS`] cells.
///
/// # Errors
/// As [`migrate_with`].
pub async fn migrate(pool: &PgPool) -> Result<Report, Error> {
    migrate_with(pool, CELLS).await
}

/// Brings the schema to what this binary needs, on a connection of its own and under an advisory lock,
/// so that two processes do it one after the other. Makes roles that are missing if the pool's login
/// may; everything made belongs to `overround_owner`. `cells` counts only for a database that is new.
///
/// # Errors
/// [`Error::Schema`] when the login lacks a right, or the schema is of a newer binary that no longer
/// serves this one; else the database's. What was applied before a failure stays applied.
pub async fn migrate_with(pool: &PgPool, cells: u16) -> Result<Report, Error> {
    // Not the pool's any more: whatever happens, its lock and its role end with it.
    let mut connection = pool.acquire().await?.detach();
    let report = migrate_on(&mut connection, cells).await;
    connection.close().await.or_else(|error| if report.is_ok() { Err(error) } else { Ok(()) })?;
    report
}

/// Makes the roles that are missing, and lets the login of `url` take them, so that
/// [`connect`](crate::connect) works on a database that was never migrated. Returns the roles made.
///
/// # Errors
/// [`Error::Schema`] when roles are missing and the login may not make them.
pub async fn prepare(url: &str) -> Result<Vec<&'static str>, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::Schema(format!("the PostgreSQL URL cannot be read: {error}")))?;
    let mut connection = options.connect().await?;
    let created = roles::ready(&mut connection).await;
    connection.close().await.or_else(|error| if created.is_ok() { Err(error) } else { Ok(()) })?;
    created
}

async fn migrate_on(connection: &mut PgConnection, cells: u16) -> Result<Report, Error> {
    let roles_created = roles::ready(connection).await?;
    roles::become_owner(connection).await?;
    let before = match applied(&mut *connection).await? {
        Some(rows) => {
            let verdict = judge(&known(), &rows, Release::own()?);
            if let Err(Misfit::Newer(detail) | Misfit::Changed(detail)) = verdict {
                return Err(Error::Schema(detail));
            }
            rows
        }
        None => Vec::new(),
    };
    migrator()?.run_direct(None, &mut *connection, false).await.map_err(failed)?;
    let cells = found(connection, cells).await?;
    let after = applied(&mut *connection).await?.unwrap_or_default();
    let before: BTreeSet<i64> = before.iter().map(|row| row.version).collect();
    Ok(Report {
        roles_created,
        version: after.iter().map(|row| row.version).max().unwrap_or_default(),
        applied: FILES
            .iter()
            .filter(|file| !before.contains(&file.version))
            .map(|file| Applied { version: file.version, description: file.description.to_string() })
            .collect(),
        cells,
    })
}

fn failed(error: sqlx::migrate::MigrateError) -> Error {
    use sqlx::migrate::MigrateError as E;
    match error {
        E::Execute(error) => error.into(),
        E::ExecuteMigration(error, version) => Error::Schema(format!("migration {version} failed: {error}")),
        other => Error::Schema(other.to_string()),
    }
}

/// Writes what holds for the database's whole life, unless it is written; returns its cells.
async fn found(connection: &mut PgConnection, cells: u16) -> Result<u16, Error> {
    let stored: i16 = sqlx::query_scalar(
        "WITH made AS (INSERT INTO wallet.house (cells, created_at) VALUES ($1, now()) \
         ON CONFLICT (only_row) DO NOTHING RETURNING cells) \
         SELECT cells FROM made UNION ALL SELECT cells FROM wallet.house",
    )
    .bind(i16::try_from(cells).unwrap_or(i16::MAX))
    .fetch_one(connection)
    .await?;
    u16::try_from(stored).map_err(|_| {
        Error::inconsistent(
            "wallet.house",
            "cells",
            "the only row",
            format!("{stored} is no number of cells"),
        )
    })
}

/// The files as they run: each writes, in its own transaction, which binaries it still serves.
fn migrator() -> Result<Migrator, Error> {
    let mut files = Vec::new();
    for file in FILES.iter() {
        let serves = serves(file)?;
        let sql = format!(
            "{}\nINSERT INTO meta.migration_serves (version, serves_from) VALUES ({}, '{serves}');\n",
            file.sql.as_str(),
            file.version,
        );
        files.push(Migration {
            sql: AssertSqlSafe(sql).into_sql_str(),
            // The file's own, which a tool that knows only the files can check.
            checksum: file.checksum.clone(),
            ..file.clone()
        });
    }
    let mut migrator = Migrator::with_migrations(files);
    migrator.dangerous_set_table_name("meta.migrations");
    migrator.create_schema("meta");
    migrator.set_ignore_missing(true);
    Ok(migrator)
}

fn serves(file: &Migration) -> Result<Release, Error> {
    file.sql
        .as_str()
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(SERVES))
        .and_then(|version| version.trim().parse().ok())
        .ok_or_else(|| {
            Error::Schema(format!("migration {} does not begin with \"{SERVES}X.Y.Z\"", file.version))
        })
}

/// Whether the schema is one that this binary can work on.
///
/// # Errors
/// [`Error::Schema`], which says what to do: the schema is older than this binary needs, or newer and
/// no longer serves it, or was made from other files. Else the database's.
pub async fn check(pool: &PgPool) -> Result<(), Error> {
    let Some(rows) = applied(pool).await? else {
        return Err(Error::Schema("the database has no schema yet; run `overround migrate`".to_owned()));
    };
    match judge(&known(), &rows, Release::own()?) {
        Ok(()) => Ok(()),
        Err(Misfit::Older(detail) | Misfit::Newer(detail) | Misfit::Changed(detail)) => {
            Err(Error::Schema(detail))
        }
    }
}

/// The applied migrations; none where there has never been a migration.
async fn applied(executor: impl PgExecutor<'_>) -> Result<Option<Vec<Row>>, Error> {
    let rows = sqlx::query_as(
        "SELECT m.version, m.checksum, s.serves_from FROM meta.migrations m \
         LEFT JOIN meta.migration_serves s ON s.version = m.version ORDER BY m.version",
    )
    .fetch_all(executor)
    .await;
    match rows {
        Ok(rows) => Ok(Some(rows)),
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "3F000")) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn known() -> Known {
    FILES.iter().map(|file| (file.version, file.checksum.clone())).collect()
}
