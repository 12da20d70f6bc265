//! One file a command.

mod bench;
mod doctor;
mod feed;
mod play;
mod runtime;
mod serve;
mod sim;
mod small;
mod up;

pub use doctor::examine;

use crate::cli::{Cli, Command, FeedCommand};
use crate::config::{Loaded, Place};
use crate::drive::Source;
use crate::failure::Failure;
use crate::{logs, out, signals};
use std::process::ExitCode;

/// Runs the command.
///
/// # Errors
/// Why it did not end well.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    // The command that another one runs under hears of signals as that one does, and passes them on.
    if !matches!(cli.command, Command::Runtime(_)) {
        signals::listen();
    }
    let mut flags = cli.global.given();
    match &cli.command {
        Command::Serve(listen) => flags.extend(listen.given()),
        Command::Up(up) => flags.extend(up.listen.given()),
        _ => {}
    }
    let loaded = Loaded::read(cli.global.config.as_deref(), variables(), flags)?;
    let server =
        matches!(cli.command, Command::Serve(_) | Command::Work | Command::Feed(FeedCommand::Betfair(_)));
    logs::start(&loaded.config, !server && loaded.place("log") == Place::Default)?;
    let config = &loaded.config;
    match cli.command {
        Command::Up(options) => up::up(config, &options).await,
        Command::Serve(_) => serve::serve(config).await,
        Command::Work => serve::work(config).await,
        Command::Feed(command) => feed::feed(config, command).await,
        Command::Migrate => small::migrate(config).await,
        Command::Replay(replay) => play::play(config, Source::Files(replay.files), &replay.play).await,
        Command::Simulate(simulate) => {
            // Football is the one sport that the model plays.
            let (sport, seed) = (simulate.sport.into(), simulate.play.seed);
            let source = Source::Matches { sport, seed, count: simulate.matches };
            play::play(config, source, &simulate.play).await
        }
        Command::Doctor(options) => doctor::doctor(config, options.json).await,
        Command::Sim(options) => sim::sim(config, &options).await,
        Command::Bench(benchmark) => bench::bench(config, &benchmark).await,
        Command::Config => {
            out::line(loaded.to_toml());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Token(token) => small::token(config, &token),
        Command::Openapi => small::openapi(),
        Command::Runtime(runtime) => return runtime::runtime(config, runtime.action).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

/// The environment, but for what is no text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}
