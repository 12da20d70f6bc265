//! The reports of `replay`, `simulate` and `doctor`, for people and for programs.

mod tables;

pub use tables::{doctor_table, money, run_tables};

use crate::drive::{Bets, Driver};
use crate::failure::Failure;
use hdrhistogram::Histogram;
use overround_store::doctor::Finding;
use serde::Serialize;
use std::collections::BTreeMap;

/// What was found about one invariant.
#[derive(Debug, Clone, Serialize)]
pub struct Invariant {
    /// Its number.
    pub id: String,
    /// What must hold.
    pub statement: String,
    /// How much was examined.
    pub examined: i64,
    /// How much of it breaks it.
    pub violations: i64,
    /// Some of those.
    pub samples: Vec<String>,
}

impl From<Finding> for Invariant {
    fn from(finding: Finding) -> Self {
        let Finding { id, statement, examined, violations, samples } = finding;
        Self { id: id.to_owned(), statement: statement.to_owned(), examined, violations, samples }
    }
}

/// What `doctor` found.
#[derive(Debug, Serialize)]
pub struct DoctorReport {
    /// Whether every invariant holds.
    pub ok: bool,
    /// What was found about each.
    pub invariants: Vec<Invariant>,
}

impl From<Vec<Finding>> for DoctorReport {
    fn from(findings: Vec<Finding>) -> Self {
        let invariants: Vec<Invariant> = findings.into_iter().map(Invariant::from).collect();
        Self { ok: invariants.iter().all(|invariant| invariant.violations == 0), invariants }
    }
}

impl DoctorReport {
    /// The failure of a violated invariant.
    ///
    /// # Errors
    /// When one is violated.
    pub fn verdict(&self) -> Result<(), Failure> {
        let broken: Vec<&str> =
            self.invariants.iter().filter(|one| one.violations > 0).map(|one| one.id.as_str()).collect();
        if broken.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(
            format!("the data violates {}", broken.join(", ")),
            "stop taking bets and look at the samples; `overround doctor --json` has them whole",
        ))
    }
}

/// Bets of a run by what became of them.
#[derive(Debug, Serialize)]
pub struct BetCounts {
    submitted: u64,
    accepted: u64,
    replayed: u64,
    settled: u64,
    won: u64,
    lost: u64,
    void: u64,
    partial: u64,
    open: u64,
    refused: BTreeMap<String, u64>,
}

/// Latencies in milliseconds.
#[derive(Debug, Serialize)]
pub struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl From<&Histogram<u64>> for Latency {
    fn from(us: &Histogram<u64>) -> Self {
        // Microseconds below 2^53 are exact as a double.
        let ms = |quantile| us.value_at_quantile(quantile) as f64 / 1_000.0;
        Self { p50: ms(0.50), p95: ms(0.95), p99: ms(0.99) }
    }
}

/// What `replay` and `simulate` report.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// Whether every invariant holds, and nothing else was found wrong either.
    pub ok: bool,
    /// What the players' decisions were drawn from.
    pub seed: u64,
    /// SHA-256 over the attempts, their outcomes and returns.
    pub attempts_hash: String,
    /// Whether one source and seed give one hash: not when players act at once.
    pub deterministic: bool,
    /// Messages applied.
    pub messages: u64,
    /// Parts of the recordings that were lost where they broke off, and are not played.
    pub left_out: u64,
    /// Markets that they described.
    pub markets: usize,
    /// Markets whose result is recorded.
    pub markets_settled: usize,
    /// Versions that were sold.
    pub snapshots: u64,
    /// Bets by what became of them.
    pub bets: BetCounts,
    /// Stakes of accepted bets, in minor units.
    pub handle_cents: i64,
    /// Returns of closed bets.
    pub payout_cents: i64,
    /// Stakes of closed bets less their returns.
    pub ggr_cents: i64,
    /// Stakes of bets that are still open.
    pub held_cents: i64,
    /// How long placing a bet took, over HTTP.
    pub latency_ms: Latency,
    /// Whether every bet returned what the source's winners say, worked out apart from the house.
    pub settled_as_recorded: bool,
    /// Those that did not, in words.
    pub settlement_mismatches: Vec<String>,
    /// Answers that a sound house would not have given, in words.
    pub surprises: Vec<String>,
    /// What was found about each invariant.
    pub invariants: Vec<Invariant>,
}

impl RunReport {
    /// The report of a run that is over.
    pub fn new(
        driver: &Driver,
        seed: u64,
        deterministic: bool,
        left_out: u64,
        us: &Histogram<u64>,
        doctor: DoctorReport,
    ) -> Self {
        let tally = driver.tally();
        let bets = tally.bets();
        let (surprises, settlement_mismatches) = (tally.surprises(), driver.mismatches().all());
        Self {
            ok: doctor.ok && surprises.is_empty() && settlement_mismatches.is_empty(),
            seed,
            attempts_hash: tally.attempts_hash(),
            deterministic,
            messages: tally.messages,
            left_out,
            markets: driver.markets(),
            markets_settled: driver.markets_settled(),
            snapshots: tally.snapshots,
            handle_cents: bets.handle_cents,
            payout_cents: bets.payout_cents,
            ggr_cents: bets.ggr_cents(),
            held_cents: bets.held_cents,
            bets: bets.into(),
            latency_ms: us.into(),
            settled_as_recorded: settlement_mismatches.is_empty(),
            settlement_mismatches,
            surprises,
            invariants: doctor.invariants,
        }
    }

    /// The failure of a run that found something wrong.
    ///
    /// # Errors
    /// When anything is wrong.
    pub fn verdict(&self) -> Result<(), Failure> {
        let broken: Vec<&str> =
            self.invariants.iter().filter(|one| one.violations > 0).map(|one| one.id.as_str()).collect();
        let mut wrong = Vec::new();
        if !broken.is_empty() {
            wrong.push(format!("the data violates {}", broken.join(", ")));
        }
        wrong.extend(self.settlement_mismatches.first().map(|one| format!("a bet {one}")));
        wrong.extend(self.surprises.first().cloned());
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(
            wrong.join("; "),
            "run it again with --json for all that was found, and report it",
        ))
    }
}

impl From<Bets> for BetCounts {
    fn from(bets: Bets) -> Self {
        Self {
            submitted: bets.submitted,
            accepted: bets.accepted,
            replayed: bets.replayed,
            settled: bets.settled,
            won: bets.won,
            lost: bets.lost,
            void: bets.void,
            partial: bets.partial,
            open: bets.open,
            refused: bets.refused,
        }
    }
}
