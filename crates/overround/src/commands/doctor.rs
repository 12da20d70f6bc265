//! `doctor`: every numbered invariant, computed from the rows.

use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::report::{DoctorReport, doctor_table};
use crate::stores::Stores;
use crate::{out, stores};
use overround_store::{Pool, Role, doctor};

/// Checks the data and prints what was found.
///
/// # Errors
/// When an invariant is violated, or the data cannot be read.
pub async fn doctor(config: &Config, json: bool) -> Result<(), Failure> {
    let report = stores::with(config, on).await?;
    if json {
        out::line(serde_json::to_string(&report).map_err(|error| Failure::failed(error, "report it"))?);
    } else {
        out::line(doctor_table(&report));
        let examined: i64 = report.invariants.iter().map(|one| one.examined).sum();
        let verdict = if report.ok { "every invariant holds" } else { "the data is NOT sound" };
        out::line(format!("{verdict}; {examined} things examined"));
    }
    report.verdict()
}

async fn on(stores: &Stores) -> Result<DoctorReport, Failure> {
    let pool = stores.pool(Role::App).await?;
    stores.check(&pool).await?;
    let report = examine(&pool).await;
    pool.close().await;
    report
}

/// Checks the data behind a pool.
///
/// # Errors
/// When the data cannot be read.
pub async fn examine(pool: &Pool) -> Result<DoctorReport, Failure> {
    doctor::examine(pool).await.map(DoctorReport::from).map_err(|error| {
        Failure::failed(
            format!("the data cannot be examined: {}", chain(&error)),
            "see whether PostgreSQL runs and has room for temporary files, then run it again",
        )
    })
}
