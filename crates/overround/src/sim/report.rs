//! What `sim` reports, for people and for programs.

use super::run::Tally;
use crate::report::{DoctorReport, Invariant, doctor_table};
use serde::Serialize;
use std::collections::BTreeMap;

/// A run in which house and model agreed.
#[derive(Debug, Serialize)]
pub struct SimReport {
    ok: bool,
    seed: u64,
    steps: u32,
    /// Requests by what they asked.
    operations: BTreeMap<&'static str, u64>,
    /// Answers by their code.
    outcomes: BTreeMap<&'static str, u64>,
    /// Answers that were an earlier request's.
    replayed: u64,
    /// Requests that were sent again because the house was busy.
    resent: u64,
    invariants: Vec<Invariant>,
}

impl SimReport {
    /// The report of a run that is over.
    pub fn new(seed: u64, tally: Tally, doctor: DoctorReport) -> Self {
        let Tally { steps, operations, outcomes, replayed, resent } = tally;
        Self {
            ok: doctor.ok,
            seed,
            steps,
            operations,
            outcomes,
            replayed,
            resent,
            invariants: doctor.invariants,
        }
    }
}

/// The report for people.
pub fn tables(report: &SimReport) -> String {
    let counts = |counts: &BTreeMap<&'static str, u64>| {
        counts.iter().map(|(name, count)| format!("  {name:<24}{count:>10}")).collect::<Vec<_>>().join("\n")
    };
    let invariants = report.invariants.clone();
    let total: u64 = report.operations.values().sum();
    format!(
        "{total} operations\n{}\noutcomes ({} replayed, {} sent again)\n{}\n{}\nseed {}: {} steps, house and model agree",
        counts(&report.operations),
        report.replayed,
        report.resent,
        counts(&report.outcomes),
        doctor_table(&DoctorReport { ok: report.ok, invariants }),
        report.seed,
        report.steps,
    )
}
