//! What a benchmark prints: one JSON object, or tables.

use super::machine::Machine;
use super::meter::{BATCH_SIZE, Measured};
use super::stage::Stage;
use crate::failure::Failure;
use crate::out;
use crate::report::DoctorReport;
use hdrhistogram::Histogram;
use overround_store::bench::Durability;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Transactions of the lanes that were run again after 40001 or 40P01.
const RUN_AGAIN: &str = "overround_tx_runs_again_total";
/// Transactions of the lanes.
const TRANSACTIONS: &str = "overround_lane_tx_seconds_count";

/// A figure beside which another one is put.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// The median of the rounds.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
}

impl Figure {
    /// A figure whose value the rounds bring.
    pub fn of(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), value: 0.0, unit }
    }
}

/// One turn: the reference, then the work.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// The reference's figure.
    pub reference: f64,
    /// The benchmark's.
    pub value: f64,
    /// The second by the first.
    pub ratio: f64,
    accepted: u64,
    latency_ms: Latency,
    /// The shares of the machine that were idle and that its host gave to others.
    pub(super) cpu_idle: f64,
    pub(super) cpu_stolen: f64,
}

impl Round {
    /// The turn that came to these.
    pub fn new(reference: f64, value: f64, measured: &Measured) -> Self {
        let (cpu_idle, cpu_stolen) = measured.idle_and_stolen;
        Self {
            reference: rounded(reference),
            value: rounded(value),
            ratio: rounded(value / reference.max(f64::MIN_POSITIVE)),
            accepted: measured.tally.accepted,
            latency_ms: Latency::of(&measured.tally.latency_us),
            cpu_idle: rounded(cpu_idle),
            cpu_stolen: rounded(cpu_stolen),
        }
    }
}

/// What a turn came to.
pub struct Turn {
    /// The reference's figure.
    pub reference: f64,
    /// The work's.
    pub value: f64,
    /// What the work was answered and cost.
    pub measured: Measured,
}

/// Takes so many turns; the rounds, and what they came to together.
///
/// # Errors
/// The first turn's that fails.
pub async fn rounds(
    count: u32,
    mut turn: impl AsyncFnMut() -> Result<Turn, Failure>,
) -> Result<(Vec<Round>, Measured), Failure> {
    let (mut rounds, mut total): (Vec<Round>, Option<Measured>) = (Vec::new(), None);
    for number in 1..=count {
        let Turn { reference, value, measured } = turn().await?;
        out::note(format!("round {number} of {count}: reference {reference:.2}, {value:.2}"));
        rounds.push(Round::new(reference, value, &measured));
        match &mut total {
            Some(total) => total.add(&measured),
            None => total = Some(measured),
        }
    }
    let total = total.ok_or_else(|| Failure::usage("no rounds", "ask for one at least"))?;
    Ok((rounds, total))
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Latency {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Latency {
    /// Of a histogram of microseconds.
    pub(super) fn of(us: &Histogram<u64>) -> Self {
        // Microseconds below 2^53 are exact as a double.
        let ms = |quantile| us.value_at_quantile(quantile) as f64 / 1_000.0;
        Self { p50: ms(0.50), p95: ms(0.95), p99: ms(0.99), max: us.max() as f64 / 1_000.0 }
    }
}

/// The report of a benchmark that is over.
pub struct Report {
    /// Its name, the variation included.
    pub name: String,
    /// Its figure: the median of the rounds.
    pub value: f64,
    /// The figure's unit.
    pub unit: &'static str,
    /// What it is put beside.
    pub reference: Figure,
    /// What the ratio is to reach; none where nothing is set.
    pub goal: Option<f64>,
    /// Whether the ratio is to stay below the goal.
    pub lower_is_better: bool,
    /// The largest share of transactions that may be run again, where that is part of the goal.
    pub run_again_share_max: Option<f64>,
    /// pgbench's version.
    pub pgbench: String,
    /// The median of the rounds' ratios.
    pub ratio: f64,
    item: &'static str,
    figures: Map<String, Value>,
    settings: Map<String, Value>,
    bets_before: i64,
    pub(super) rounds: Vec<Round>,
    pub(super) costs: Costs,
    durability: Option<Durability>,
    doctor: Option<DoctorReport>,
}

/// What all rounds together came to and cost.
#[derive(Debug, Clone, Default)]
pub(super) struct Costs {
    pub(super) accepted: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) latency: Latency,
    /// Microseconds of CPU for each accepted, by process.
    pub(super) cpu_us: BTreeMap<&'static str, f64>,
    pub(super) wal_bytes: f64,
    pub(super) disk_bytes: f64,
    pub(super) transactions: f64,
    pub(super) run_again: f64,
    pub(super) batch_mean: f64,
    pub(super) batch_quantiles: Vec<(String, f64)>,
}

impl Costs {
    fn of(total: &Measured) -> Self {
        let cpu = [
            ("server", total.server_us),
            ("postgres", total.postgres_us),
            // Where the work is done in this process there is no telling them apart.
            (if total.server_us.is_some() { "load_generator" } else { "process" }, Some(total.own_us)),
        ];
        let each = |us: u64| rounded(total.each(us as f64));
        let batches = total.metrics.total(&format!("{BATCH_SIZE}_count")).max(1.0);
        Self {
            accepted: total.tally.accepted,
            refused: total.tally.refused.clone(),
            latency: Latency::of(&total.tally.latency_us),
            cpu_us: cpu.into_iter().filter_map(|(name, us)| Some((name, each(us?)))).collect(),
            wal_bytes: rounded(total.each(total.wal_bytes as f64)),
            disk_bytes: rounded(total.each(total.disk_bytes as f64)),
            transactions: total.metrics.total(TRANSACTIONS),
            run_again: total.metrics.total(RUN_AGAIN),
            batch_mean: rounded(total.metrics.total(&format!("{BATCH_SIZE}_sum")) / batches),
            batch_quantiles: total.batch_quantiles.clone(),
        }
    }

    fn run_again_share(&self) -> f64 {
        self.run_again / self.transactions.max(1.0)
    }
}

impl Report {
    /// A report without figures yet.
    pub fn new(name: impl Into<String>, item: &'static str, stage: &Stage<'_>) -> Self {
        let config = stage.config;
        let settings = [
            ("lanes", config.lanes.into()),
            ("batch_max", config.batch_max.into()),
            ("queue_depth", config.queue_depth.into()),
            ("database_connections_max", config.database_connections_max.into()),
            ("workers", config.workers.into()),
        ];
        Self {
            name: name.into(),
            value: 0.0,
            unit: "",
            reference: Figure::default(),
            goal: None,
            lower_is_better: false,
            run_again_share_max: None,
            pgbench: String::new(),
            ratio: 0.0,
            item,
            figures: Map::new(),
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            bets_before: stage.bets_before,
            rounds: Vec::new(),
            costs: Costs::default(),
            durability: None,
            doctor: None,
        }
    }

    /// A setting of this benchmark's own.
    pub fn set(&mut self, name: &str, value: Value) {
        self.settings.insert(name.to_owned(), value);
    }

    /// Settings that stand together.
    pub fn set_all(&mut self, settings: impl IntoIterator<Item = (&'static str, u64)>) {
        settings.into_iter().for_each(|(name, value)| self.set(name, value.into()));
    }

    /// A figure of this benchmark's own.
    pub fn figure(&mut self, name: &str, value: Value) {
        self.figures.insert(name.to_owned(), value);
    }

    /// Takes the rounds.
    pub fn finish(&mut self, rounds: Vec<Round>, total: Measured) {
        self.value = median(rounds.iter().map(|round| round.value));
        self.reference.value = median(rounds.iter().map(|round| round.reference));
        self.ratio = median(rounds.iter().map(|round| round.ratio));
        self.costs = Costs::of(&total);
        self.rounds = rounds;
    }

    /// Takes what holds after it.
    pub fn afterwards(&mut self, durability: Durability, doctor: DoctorReport) {
        self.durability = Some(durability);
        self.doctor = Some(doctor);
    }

    /// Whether the goal is reached; none where nothing is set.
    pub fn met(&self) -> Option<bool> {
        let goal = self.goal?;
        let reached = if self.lower_is_better { self.ratio <= goal } else { self.ratio >= goal };
        let quiet = self.run_again_share_max.is_none_or(|most| self.costs.run_again_share() < most);
        Some(reached && quiet)
    }

    /// Whether the books are right.
    pub fn doctor_ok(&self) -> bool {
        self.doctor.as_ref().is_some_and(|doctor| doctor.ok)
    }

    /// Whether its figures count: all was accepted, and the books are right. A goal that is not reached is
    /// a figure like another.
    pub fn ok(&self) -> bool {
        self.doctor_ok() && self.costs.accepted > 0 && self.costs.refused.is_empty()
    }

    /// The benchmark's own figures.
    pub(super) fn figures(&self) -> &Map<String, Value> {
        &self.figures
    }

    /// Name and value of what was read back from the server.
    pub(super) fn durability(&self) -> [(&'static str, &str); 3] {
        let read = self.durability.as_ref();
        [
            ("fsync", read.map_or("", |read| read.fsync.as_str())),
            ("synchronous_commit", read.map_or("", |read| read.synchronous_commit.as_str())),
            ("isolation", read.map_or("", |read| read.isolation.as_str())),
        ]
    }

    /// The report for programs.
    pub fn to_json(&self) -> Value {
        let costs = &self.costs;
        let version = self.durability.as_ref().map(|read| read.version.as_str());
        let quantiles: Map<String, Value> =
            costs.batch_quantiles.iter().map(|(name, size)| (name.clone(), json!(size))).collect();
        let mut report = json!({
            "ok": self.ok(),
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "reference": self.reference,
            "ratio": self.ratio,
            "goal": self.goal,
            "goal_is": if self.lower_is_better { "at most" } else { "at least" },
            "met": self.met(),
            "latency_ms": costs.latency,
            "durability": self.durability().into_iter().collect::<BTreeMap<_, _>>(),
            "machine": Machine::read(),
            "versions": {
                "overround": env!("CARGO_PKG_VERSION"), "postgresql": version, "pgbench": Some(&self.pgbench).filter(|version| !version.is_empty()),
                "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
            },
            "settings": self.settings,
            "rounds": self.rounds,
            "bets_before": self.bets_before,
            "accepted": costs.accepted,
            "refused": costs.refused,
            "doctor_ok": self.doctor_ok(),
            "invariants": self.doctor.as_ref().map(|doctor| &doctor.invariants),
        });
        if let Some(fields) = report.as_object_mut() {
            fields.extend(self.figures.clone());
            // Only what goes through the lanes has transactions.
            if costs.transactions > 0.0 {
                let transactions = json!({
                    "count": costs.transactions, "run_again": costs.run_again,
                    "run_again_share": rounded(costs.run_again_share()),
                    "run_again_share_max": self.run_again_share_max,
                });
                fields.insert("transactions".to_owned(), transactions);
                let batch_size = json!({ "mean": costs.batch_mean, "quantiles": quantiles });
                fields.insert("batch_size".to_owned(), batch_size);
            }
            fields.insert(format!("cpu_us_per_{}", self.item), json!(costs.cpu_us));
            fields.insert(format!("wal_bytes_per_{}", self.item), json!(costs.wal_bytes));
            fields.insert(format!("disk_bytes_per_{}", self.item), json!(costs.disk_bytes));
        }
        report
    }

    /// What each of them is called.
    pub(super) const fn item(&self) -> &'static str {
        self.item
    }

    /// The failure of a run whose figures do not count.
    ///
    /// # Errors
    /// When the books are wrong, or something was refused.
    pub fn verdict(&self) -> Result<(), Failure> {
        if let Some(doctor) = &self.doctor {
            doctor.verdict()?;
        }
        if self.ok() {
            return Ok(());
        }
        let answers: Vec<String> =
            self.costs.refused.iter().map(|(answer, count)| format!("{answer} ({count} times)")).collect();
        let answers = if answers.is_empty() { "nothing".to_owned() } else { answers.join(", ") };
        Err(Failure::failed(
            format!("{}: {} accepted; other answers: {answers}", self.name, self.costs.accepted),
            "its figures are of another work than it is meant to measure; look at the servers' logs",
        ))
    }
}

/// The middle one; of an even number the mean of the two in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = |at: usize| values.get(at).copied().unwrap_or_default();
    match values.len() {
        0 => 0.0,
        even if even.is_multiple_of(2) => f64::midpoint(middle(even / 2 - 1), middle(even / 2)),
        odd => middle(odd / 2),
    }
}

/// To three places: more says nothing.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let cases: [(&[f64], f64); 4] =
            [(&[], 0.0), (&[2.0], 2.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)];
        for (values, middle) in cases {
            assert_eq!(median(values.iter().copied()), middle, "{values:?}");
        }
    }
}
