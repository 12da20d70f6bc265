//! The binary: its commands, and the composition root that puts all parts together.

mod bench;
mod cli;
mod commands;
mod compose;
mod config;
mod drive;
mod failure;
mod feeds;
mod issuer;
mod logs;
mod out;
mod report;
mod signals;
mod sim;
mod stores;

use clap::Parser;
use cli::Cli;
use failure::Failure;
use std::process::ExitCode;
use std::time::Duration;

/// A bet makes and drops hundreds of small values on two threads or more, for which this allocator takes far less
/// time than the system's (benches/README.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long tasks may take that still run when a command is done.
const LINGER_MAX: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = run(cli);
    ended.unwrap_or_else(|failure| {
        out::note(&failure);
        failure.code()
    })
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    // One TLS provider a process, before anything can ask for one. A second call would change nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::failed(format!("no threads: {error}"), "check the limits of this machine or container")
    })?;
    let ended = runtime.block_on(commands::run(cli));
    runtime.shutdown_timeout(LINGER_MAX);
    ended
}
