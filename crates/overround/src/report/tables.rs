//! Tables for people.

use super::{DoctorReport, Invariant, RunReport};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};
use std::io::IsTerminal;

/// How wide tables are where no terminal says.
const WIDTH: u16 = 100;

/// What `doctor` found, a line an invariant.
pub fn doctor_table(report: &DoctorReport) -> String {
    invariants(&report.invariants)
}

/// What a run came to.
pub fn run_tables(report: &RunReport) -> String {
    let mut lines = vec![totals(report), refusals(report)];
    lines.push(invariants(&report.invariants));
    lines.extend(report.settlement_mismatches.iter().map(|one| format!("WRONG a bet {one}")));
    lines.extend(report.surprises.iter().map(|one| format!("WRONG {one}")));
    let recorded =
        if report.settled_as_recorded { "every bet settled as recorded" } else { "NOT settled as recorded" };
    let books = if report.invariants.iter().all(|one| one.violations == 0) {
        "books balanced"
    } else {
        "BOOKS BROKEN"
    };
    lines.push(format!("{books}; {recorded}; attempts_hash {}", report.attempts_hash));
    if !report.deterministic {
        lines.push("players acted at once: the hash does not repeat".to_owned());
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Minor units as people write them: 123456 is 1,234.56.
pub fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    format!("{sign}{}.{rest:02}", grouped(&whole.to_string()))
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn totals(report: &RunReport) -> String {
    let bets = &report.bets;
    let mut table = table();
    let latency = &report.latency_ms;
    for (name, value) in [
        ("messages", messages(report)),
        ("markets", format!("{}, {} settled", report.markets, report.markets_settled)),
        ("snapshots", report.snapshots.to_string()),
        ("attempts", format!("{}, {} accepted, {} replayed", bets.submitted, bets.accepted, bets.replayed)),
        (
            "settled bets",
            format!(
                "{}: {} won, {} lost, {} void, {} partial",
                bets.settled, bets.won, bets.lost, bets.void, bets.partial
            ),
        ),
        ("open bets", format!("{}, {} held", bets.open, money(report.held_cents))),
        ("handle", money(report.handle_cents)),
        ("payouts", money(report.payout_cents)),
        ("GGR", money(report.ggr_cents)),
        (
            "latency of a bet",
            format!("p50 {} ms, p95 {} ms, p99 {} ms", latency.p50, latency.p95, latency.p99),
        ),
        ("seed", report.seed.to_string()),
    ] {
        table.add_row([name, value.as_str()]);
    }
    table.to_string()
}

fn messages(report: &RunReport) -> String {
    match report.left_out {
        0 => report.messages.to_string(),
        lost => format!("{}, {lost} parts that the recording lost are left out", report.messages),
    }
}

fn refusals(report: &RunReport) -> String {
    if report.bets.refused.is_empty() {
        return String::new();
    }
    let mut table = table();
    table.set_header(["refused for", "bets"]);
    for (code, count) in &report.bets.refused {
        table.add_row([Cell::new(code), Cell::new(count).set_alignment(CellAlignment::Right)]);
    }
    table.to_string()
}

fn invariants(invariants: &[Invariant]) -> String {
    let mut table = table();
    table.set_header(["", "invariant", "examined", "violations"]);
    for one in invariants {
        let id = Cell::new(&one.id).add_attribute(Attribute::Bold);
        let examined = Cell::new(one.examined).set_alignment(CellAlignment::Right);
        let violations = Cell::new(one.violations).set_alignment(CellAlignment::Right);
        let violations = violations.fg(if one.violations == 0 { Color::Green } else { Color::Red });
        table.add_row([id, Cell::new(&one.statement), examined, violations]);
        for sample in &one.samples {
            table.add_row(["", sample.as_str(), "", ""]);
        }
    }
    table.to_string()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        table.force_no_tty();
        table.set_width(WIDTH);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn money_is_grouped_and_signed() {
        let cases =
            [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1,234.56"), (-100_000_000, "-1,000,000.00")];
        for (cents, text) in cases {
            assert_eq!(money(cents), text);
        }
    }
}
