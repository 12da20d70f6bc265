//! `with-database CMD...` runs a command on a migrated database and a Redis of its own, given to it as
//! `OVERROUND_DATABASE_URL` and `OVERROUND_REDIS_URL`; both are gone when it ends.

use overround_testkit::{TestDb, redis_url};
use std::process::ExitCode;
use tokio::process::Command;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a command for people")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-database CMD...");
        return ExitCode::from(2);
    };
    let database = TestDb::create().await;
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .env("OVERROUND_DATABASE_URL", database.url())
        .env("OVERROUND_REDIS_URL", redis_url().await);
    match command.status().await {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("could not run {}: {error}", program.display());
            ExitCode::from(2)
        }
    }
}
