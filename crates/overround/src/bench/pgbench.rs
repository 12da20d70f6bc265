//! The reference: pgbench's TPC-B on the same server, in a database of its own.

use crate::failure::Failure;
use overround_embedded::Runtime;
use tokio::process::Command;

/// The database that it works in.
const DATABASE: &str = "pgbench";
/// The numbers of clients that are tried; the best one is the reference.
const CLIENTS: [u32; 3] = [8, 16, 32];
/// A trial is at most this long, in seconds.
const TRIAL_S_MAX: u64 = 5;

/// pgbench over an initialised database.
pub struct Pgbench<'a> {
    runtime: Option<&'a Runtime>,
    /// How many clients did best; 1 before they were tried.
    pub clients: u32,
    /// Its version.
    pub version: String,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Transactions a second.
    pub tps: f64,
    /// Their mean latency in milliseconds.
    pub latency_ms: f64,
}

impl<'a> Pgbench<'a> {
    /// Finds it, and makes its tables at the scale unless they stand. Without the embedded servers it is
    /// the one on the PATH, and libpq's own variables (PGHOST...) say where its server is.
    ///
    /// # Errors
    /// When it cannot be run, or its tables cannot be made.
    pub async fn prepare(runtime: Option<&'a Runtime>, scale: u32) -> Result<Self, Failure> {
        let mut bench = Self { runtime, clients: 1, version: String::new() };
        bench.version = bench.output("pgbench", &["--version"]).await?.trim().to_owned();
        let probe = bench.output("pgbench", &["-n", "-c", "1", "-t", "1"]).await;
        if probe.is_ok_and(|said| field(&said, "scaling factor: ") == Some(f64::from(scale))) {
            return Ok(bench);
        }
        // It may stand already, without tables or at another scale.
        let _ = bench.output("createdb", &[DATABASE]).await;
        let scale = scale.to_string();
        bench.output("pgbench", &["--initialize", "--quiet", "--scale", &scale]).await?;
        Ok(bench)
    }

    /// Tries the numbers of clients and keeps the best.
    ///
    /// # Errors
    /// As [`Pgbench::run`].
    pub async fn try_clients(&mut self, seconds: u64) -> Result<(), Failure> {
        let mut best = 0.0;
        for clients in CLIENTS {
            let tps = self.run(clients, seconds.min(TRIAL_S_MAX)).await?.tps;
            if tps > best {
                (best, self.clients) = (tps, clients);
            }
        }
        Ok(())
    }

    /// Runs so many clients for that long.
    ///
    /// # Errors
    /// When it fails, or says something else than it used to.
    pub async fn run(&self, clients: u32, seconds: u64) -> Result<Run, Failure> {
        let threads = super::machine::cores().min(usize::try_from(clients).unwrap_or(1)).to_string();
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let arguments = ["-M", "prepared", "-c", &clients, "-j", &threads, "-T", &seconds];
        let said = self.output("pgbench", &arguments).await?;
        read(&said).ok_or_else(|| {
            Failure::failed(
                format!("pgbench's report cannot be read: {said}"),
                "use the pgbench of PostgreSQL 14 or later",
            )
        })
    }

    async fn output(&self, program: &str, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = match self.runtime {
            Some(runtime) => runtime.program(program),
            None => Command::new(program),
        };
        command.env("PGDATABASE", if program == "createdb" { "postgres" } else { DATABASE });
        let failed = |why: String| {
            Failure::failed(
                format!("{program} failed: {why}"),
                "the reference needs pgbench; over datastores of your own put it on the PATH and set PGHOST, \
                 PGUSER and PGPASSWORD for it",
            )
        };
        let output = command.args(arguments).kill_on_drop(true).output().await;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn read(said: &str) -> Option<Run> {
    Some(Run { tps: field(said, "tps = ")?, latency_ms: field(said, "latency average = ")? })
}

/// The number after those words.
fn field(said: &str, words: &str) -> Option<f64> {
    let rest = said.lines().find_map(|line| line.strip_prefix(words))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_report_is_read() {
        let said = "pgbench (18.1)\ntransaction type: <builtin: TPC-B (sort of)>\nscaling factor: 50\n\
                    number of failed transactions: 0 (0.000%)\nlatency average = 1.523 ms\n\
                    initial connection time = 9.120 ms\ntps = 5252.291341 (without initial connection time)\n";
        assert_eq!(read(said), Some(Run { tps: 5_252.291_341, latency_ms: 1.523 }));
        assert_eq!(field(said, "scaling factor: "), Some(50.0));
        assert_eq!(read("pgbench: error"), None);
    }
}
