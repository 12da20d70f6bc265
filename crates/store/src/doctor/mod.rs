//! Whether the books are right: the numbered invariants, computed by SQL from the rows and nothing else.
//!
//! Each invariant is one statement, in a file of its number. It returns how much it examined, how much
//! of that is broken, and a few samples. All run in one read-only snapshot, which waits for nobody and
//! aborts nobody. What they sort or group stays in PostgreSQL, which spills to disk; here are ever only
//! the samples.

use crate::Error;
use overround_domain::invariants::INVARIANTS;
use sqlx::{Connection, PgConnection, PgPool};

/// What was found about one invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its number, such as `L1`.
    pub id: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// How many things were examined: postings, accounts, keys, bets, legs, shares, days, versions, fences or events.
    pub examined: i64,
    /// How many of them break it.
    pub violations: i64,
    /// At most five of those, told for a person.
    pub samples: Vec<String>,
}

impl Finding {
    /// Whether nothing breaks it.
    pub const fn holds(&self) -> bool {
        self.violations == 0
    }
}

/// The invariants that rows in PostgreSQL can show, each with the statement that computes it.
const CHECKS: [(&str, &str); 14] = [
    ("L1", include_str!("l1.sql")),
    ("L2", include_str!("l2.sql")),
    ("L3", include_str!("l3.sql")),
    ("L4", include_str!("l4.sql")),
    ("L5", include_str!("l5.sql")),
    ("B1", include_str!("b1.sql")),
    ("B2", include_str!("b2.sql")),
    ("B3", include_str!("b3.sql")),
    ("B4", include_str!("b4.sql")),
    ("B5", include_str!("b5.sql")),
    ("B6", include_str!("b6.sql")),
    ("B7", include_str!("b7.sql")),
    ("M1", include_str!("m1.sql")),
    ("E1", include_str!("e1.sql")),
];

/// Settings of a transaction that reads whole tables: no limit of time, plans that scan and hash (lanes
/// forbid scans), some memory for it. PostgreSQL 16 does not know `transaction_timeout`.
const SETTINGS: &str = "SELECT set_config(s.name, s.value, true) FROM (VALUES \
     ('statement_timeout', '0'), ('transaction_timeout', '0'), ('enable_seqscan', 'on'), ('work_mem', '64MB'), \
     ('jit', 'off'), ('timezone', 'UTC')) AS s (name, value) JOIN pg_settings USING (name)";

/// Examines every invariant on one snapshot of the database. The pool's role needs to read: the
/// application's or the owner's.
///
/// # Errors
/// The database's.
pub async fn examine(pool: &PgPool) -> Result<Vec<Finding>, Error> {
    // A connection of its own: an examination is long, and a caller that gives up ends it.
    let mut connection = pool.acquire().await?.detach();
    let findings = examine_on(&mut connection).await;
    connection.close().await.or_else(|error| if findings.is_ok() { Err(error) } else { Ok(()) })?;
    findings
}

async fn examine_on(connection: &mut PgConnection) -> Result<Vec<Finding>, Error> {
    let mut tx = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    sqlx::query(SETTINGS).execute(&mut *tx).await?;
    let mut findings = Vec::with_capacity(CHECKS.len());
    for (id, sql) in CHECKS {
        let (examined, violations, samples) = sqlx::query_as(sql).fetch_one(&mut *tx).await?;
        findings.push(Finding { id, statement: statement(id), examined, violations, samples });
    }
    tx.rollback().await?;
    Ok(findings)
}

fn statement(id: &str) -> &'static str {
    INVARIANTS.iter().find(|invariant| invariant.id == id).map_or("", |invariant| invariant.statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_statement() {
        for (id, _) in CHECKS {
            assert!(!statement(id).is_empty(), "{id}");
        }
    }
}
