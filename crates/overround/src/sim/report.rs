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
    /// The same by both.
    answers: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Bets that were paid, by their result; VOID has none.
    closed: BTreeMap<&'static str, u64>,
    /// Answers that were an earlier request's.
    replayed: u64,
    /// Requests that were sent again because the house was busy.
    resent: u64,
    /// Frames that readers of the stream saw, cut off now and then.
    frames: u64,
    /// Bets on prices that nobody had confirmed for a while: taken within their window, or refused past it.
    stale: BTreeMap<&'static str, u64>,
    invariants: Vec<Invariant>,
}

impl SimReport {
    /// The report of a run that is over.
    pub fn new(seed: u64, tally: Tally, doctor: DoctorReport) -> Self {
        let Tally { steps, answers, closed, replayed, resent, frames, stale } = tally;
        let operations = answers.iter().map(|(asked, counts)| (*asked, counts.values().sum())).collect();
        let mut outcomes = BTreeMap::new();
        for (outcome, count) in answers.values().flatten() {
            *outcomes.entry(*outcome).or_insert(0) += count;
        }
        Self {
            ok: doctor.ok,
            seed,
            steps,
            operations,
            outcomes,
            answers,
            closed,
            replayed,
            resent,
            frames,
            stale,
            invariants: doctor.invariants,
        }
    }
}

/// The report for people.
pub fn tables(report: &SimReport) -> String {
    let line = |depth: usize, name: &str, count: u64| {
        let width = 28 - depth;
        format!("{:depth$}{name:<width$}{count:>10}", "")
    };
    let counts = |depth: usize, counts: &BTreeMap<&'static str, u64>| -> Vec<String> {
        counts.iter().map(|(name, count)| line(depth, name, *count)).collect()
    };
    let answers = report.answers.iter().flat_map(|(asked, answers)| {
        let total = line(2, asked, answers.values().sum());
        std::iter::once(total).chain(counts(4, answers))
    });
    let invariants = report.invariants.clone();
    let total: u64 = report.operations.values().sum();
    format!(
        "{total} operations, by their answers ({} replayed, {} sent again), and {} frames of the stream\n{}\nbets on stale prices\n{}\nbets paid\n{}\n{}\nseed {}: {} steps, house and model agree",
        report.replayed,
        report.resent,
        report.frames,
        answers.collect::<Vec<_>>().join("\n"),
        counts(2, &report.stale).join("\n"),
        counts(2, &report.closed).join("\n"),
        doctor_table(&DoctorReport { ok: report.ok, invariants }),
        report.seed,
        report.steps,
    )
}
