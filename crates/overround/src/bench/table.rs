//! A benchmark's report for people.

use super::report::Report;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use std::io::IsTerminal;

/// How wide tables are where no terminal says.
const WIDTH: u16 = 100;

/// The report as tables and a last line that says it all.
pub fn tables(report: &Report) -> String {
    [rounds(report), costs(report), verdict(report)].join("\n")
}

fn rounds(report: &Report) -> String {
    let mut table = table();
    table.set_header([
        "round",
        report.reference.name.as_str(),
        report.name.as_str(),
        "ratio",
        "idle",
        "stolen",
    ]);
    for (number, round) in (1..).zip(&report.rounds) {
        let [idle, stolen] =
            [round.cpu_idle, round.cpu_stolen].map(|share| format!("{:.0} %", share * 100.0));
        table.add_row([
            format!("{number}"),
            format!("{:.1} {}", round.reference, report.reference.unit),
            format!("{:.1} {}", round.value, report.unit),
            format!("{:.2}", round.ratio),
            idle,
            stolen,
        ]);
    }
    table.to_string()
}

fn costs(report: &Report) -> String {
    let costs = &report.costs;
    let item = report.item();
    let latency = &costs.latency;
    let cpu: Vec<String> = costs.cpu_us.iter().map(|(name, us)| format!("{name} {us:.0} us")).collect();
    let batches: Vec<String> =
        costs.batch_quantiles.iter().map(|(name, size)| format!(", {name} {size:.0}")).collect();
    let durability: Vec<String> =
        report.durability().iter().map(|(name, value)| format!("{name} {value}")).collect();
    let mut table = table();
    for (name, value) in [
        (
            "latency".to_owned(),
            format!(
                "p50 {} ms, p95 {} ms, p99 {} ms, max {} ms",
                latency.p50, latency.p95, latency.p99, latency.max
            ),
        ),
        ("accepted".to_owned(), costs.accepted.to_string()),
        (format!("CPU a {item}"), cpu.join(", ")),
        (format!("WAL a {item}"), format!("{:.0} bytes", costs.wal_bytes)),
        (format!("disk a {item}"), format!("{:.0} bytes", costs.disk_bytes)),
        ("durability".to_owned(), durability.join(", ")),
    ] {
        table.add_row([name, value]);
    }
    if costs.transactions > 0.0 {
        table.add_row([
            "transactions".to_owned(),
            format!("{}, {} run again", costs.transactions, costs.run_again),
        ]);
        table.add_row(["batch".to_owned(), format!("mean {:.1}{}", costs.batch_mean, batches.concat())]);
    }
    for (name, value) in report.figures() {
        table.add_row([name.replace('_', " "), value.to_string()]);
    }
    for (answer, count) in &costs.refused {
        table.add_row(["NOT accepted".to_owned(), format!("{count} times {answer}")]);
    }
    table.to_string()
}

fn verdict(report: &Report) -> String {
    let books = if report.doctor_ok() { "books balanced" } else { "BOOKS BROKEN" };
    let goal = match (report.goal, report.met()) {
        (Some(goal), Some(met)) => {
            let bound = if report.lower_is_better { "at most" } else { "at least" };
            format!(" (goal {bound} {goal}: {})", if met { "reached" } else { "missed" })
        }
        _ => String::new(),
    };
    format!(
        "{}: {:.1} {}, {:.2} of {}{goal}; {books}",
        report.name, report.value, report.unit, report.ratio, report.reference.name
    )
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
