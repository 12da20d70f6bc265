//! The command line: every command, its options and its help.

use crate::bench::Benchmark;
use crate::config::{Given, Place};
use crate::failure::EXIT_CODES;
use crate::sim::Choice;
use clap::{Args, Parser, Subcommand, ValueEnum};
use overround_feed::simulator;
use std::ffi::OsString;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Settings come from flags, then OVERROUND_... in the environment, then overround.toml; \
`overround config` prints and explains them.";

/// A sportsbook's backend: wallet and ledger, live prices, bets and settlement.
#[derive(Debug, Parser)]
#[command(name = "overround", version, about, after_help = AFTER_HELP, after_long_help = format!("{AFTER_HELP}\n\n{EXIT_CODES}"))]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
#[command(max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The settings that flags give.
    #[command(flatten)]
    pub global: Global,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct Global {
    /// Read the settings from this file [default: overround.toml where there is one]
    #[arg(long, global = true, value_name = "FILE", env = "OVERROUND_CONFIG")]
    pub config: Option<PathBuf>,
    /// PostgreSQL to use instead of the embedded one
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Redis or Valkey to use instead of the embedded one
    #[arg(long, global = true, value_name = "URL")]
    pub redis_url: Option<String>,
    /// Folder of the embedded servers and the local issuer's key
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<String>,
    /// Any other setting; may be given several times
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub set: Vec<(String, String)>,
}

impl Global {
    /// The settings that the flags give, the particular ones last.
    pub fn given(&self) -> Vec<Given> {
        let one = |name: &str, text: &Option<String>| {
            let place = Place::Flag(format!("--{}", name.replace('_', "-")));
            text.clone().map(|text| Given { name: name.to_owned(), text, place })
        };
        let particular = [
            one("database_url", &self.database_url),
            one("redis_url", &self.redis_url),
            one("state_dir", &self.state_dir),
        ];
        let any = self.set.iter().map(|(name, text)| Given {
            name: name.clone(),
            text: text.clone(),
            place: Place::Flag(format!("--set {name}")),
        });
        any.chain(particular.into_iter().flatten()).collect()
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything here: servers, API, workers and live simulated matches with players
    Up(Up),
    /// Serve the HTTP API (and run the workers, unless `workers = false`)
    Serve(Listen),
    /// Run the workers only: settlement, holds, partitions
    Work,
    /// Hear a live producer of market data, or send its messages
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Bring the database's schema up to date and say what was done
    Migrate,
    /// Play recordings through the whole system with players who bet, settle, and check the books
    ///
    /// Takes Betfair Exchange Stream files, plain or .bz2. By default it plays in lock step on the
    /// recording's clock: one file and seed give one list of attempts, outcomes and returns, whose hash
    /// is `attempts_hash` in the report. It exits with 0 only if every invariant holds.
    Replay(Replay),
    /// The same as `replay` from the built-in match model; needs no file
    Simulate(Simulate),
    /// Check every numbered invariant on the data, computed from the rows; exit 1 on a violation
    Doctor(Json),
    /// Try the house with a seeded workload on two processes, against a reference model
    ///
    /// Every answer, balance, bet and market is compared with the model's after every step. Where they differ, both
    /// views are told and the run is narrowed to the steps that it takes. The numbers of the rules are the workload's
    /// own. Nothing else may pay bets on the same database meanwhile, as `up`, `serve` and `work` do.
    Sim(Sim),
    /// Measure this machine: a benchmark with its reference in the same run, in turns
    ///
    /// Uses a PostgreSQL and a Valkey of its own, kept between runs in the state folder, unless datastores are
    /// configured. What decides is the ratio; absolute figures are of this machine and moment.
    #[command(subcommand)]
    Bench(Benchmark),
    /// Print the effective settings, each with its place, passwords masked
    Config,
    /// Sign a bearer token of the development stack's local issuer
    Token(Token),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Use or end the embedded PostgreSQL and Valkey
    Runtime(Runtime),
}

/// `feed ...`
#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// Hear Betfair's Exchange Stream and sell its markets, until a signal
    ///
    /// Host, key, token and the rest of the connection are settings (`betfair_...`). Markets must be in every list that is
    /// given; without any all are asked for.
    Betfair(BetfairFilter),
    /// Send messages of Sportradar's Unified Odds Feed from files to a server, each proven with `uof_secret`
    Uof(SendUof),
}

/// Which markets are asked for.
#[derive(Debug, Args)]
pub struct BetfairFilter {
    /// A market; may be given several times
    #[arg(long, value_name = "ID")]
    pub market: Vec<String>,
    /// Markets of an event; may be given several times
    #[arg(long, value_name = "ID")]
    pub event: Vec<String>,
    /// Markets of a sport; may be given several times
    #[arg(long, value_name = "ID")]
    pub event_type: Vec<String>,
    /// Markets of a type, such as MATCH_ODDS; may be given several times
    #[arg(long, value_name = "TYPE")]
    pub market_type: Vec<String>,
    /// Markets of events in a country; may be given several times
    #[arg(long, value_name = "CODE")]
    pub country: Vec<String>,
}

/// Options of `feed uof`.
#[derive(Debug, Args)]
pub struct SendUof {
    /// Files of one XML message each, sent in this order
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the server is [default: the setting `listen`, on this machine]
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
    /// The producer to send them as [default: the one that each message names]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub producer: Option<u32>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// `--json`.
#[derive(Debug, Args)]
pub struct Json {
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// `--listen`.
#[derive(Debug, Args)]
pub struct Listen {
    /// Address and port of the API
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
}

impl Listen {
    /// The setting that the flag gives.
    pub fn given(&self) -> Option<Given> {
        let place = Place::Flag("--listen".to_owned());
        self.listen.clone().map(|text| Given { name: "listen".to_owned(), text, place })
    }
}

/// Options of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Address and port of the API.
    #[command(flatten)]
    pub listen: Listen,
    /// What the matches and the players are drawn from [default: the time of day]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many players bet
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub players: u32,
    /// What is played
    #[arg(long, value_enum, default_value_t = Sport::Football)]
    pub sport: Sport,
    /// How long a match takes, in seconds
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(2..=3_600))]
    pub match_seconds: u64,
    /// End after this many matches instead of playing on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub matches: Option<u32>,
}

/// Options of the players.
#[derive(Debug, Args)]
pub struct Play {
    /// What the players' decisions are drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many players bet
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub players: u32,
    /// About how many bets they try, spread over the messages
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub bets: u32,
    /// Play this many players at once; gives up that a seed repeats its hash
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub concurrency: Option<u32>,
    /// Pace by the recording's clock, this many times as fast [default: as fast as it goes]
    #[arg(long, value_name = "N", value_parser = speed)]
    pub speed: Option<f64>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "expected a number")?;
    if speed.is_finite() && speed > 0.0 { Ok(speed) } else { Err("expected a number above 0".to_owned()) }
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Recordings; several are merged by their time
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The players.
    #[command(flatten)]
    pub play: Play,
}

/// A sport that the match model plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sport {
    /// By goals.
    Football,
    /// Best of three sets, by points.
    Tennis,
}

impl From<Sport> for simulator::Sport {
    fn from(sport: Sport) -> Self {
        match sport {
            Sport::Football => Self::Football,
            Sport::Tennis => Self::Tennis,
        }
    }
}

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// What is played
    #[arg(long, value_enum, default_value_t = Sport::Football)]
    pub sport: Sport,
    /// How many matches are played at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub matches: u32,
    /// The players.
    #[command(flatten)]
    pub play: Play,
}

/// Options of `sim`.
#[derive(Debug, Args)]
pub struct Sim {
    /// What the workload is drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// End after so many minutes [default: 1, unless --steps or --only is given]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    pub minutes: Option<u64>,
    /// End after so many steps
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,
    /// Play these steps only, as a narrowed run tells them: `3,17:2+5`
    #[arg(long, value_name = "STEPS")]
    pub only: Option<Choice>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// A role of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Bets.
    Player,
    /// Suspends, resumes, closes and settles markets.
    Trader,
    /// Helps players.
    Support,
    /// Credits and debits.
    Finance,
    /// Looks after limits and checks.
    Compliance,
    /// Reads everything, changes nothing.
    Auditor,
    /// Everything.
    Admin,
}

/// Options of `token`.
#[derive(Debug, Args)]
pub struct Token {
    /// The login, which becomes the token's subject
    pub login: String,
    /// What the login may do; may be given several times
    #[arg(long, value_enum, default_value = "player")]
    pub role: Vec<RoleName>,
    /// For how long it is good, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 720, value_parser = clap::value_parser!(u32).range(1..=44_640))]
    pub minutes: u32,
}

/// `runtime ...`
#[derive(Debug, Args)]
pub struct Runtime {
    /// What to do with the servers.
    #[command(subcommand)]
    pub action: RuntimeAction,
}

/// What can be done with the embedded servers.
#[derive(Debug, Subcommand)]
pub enum RuntimeAction {
    /// Run a command with the servers started and their addresses in its environment
    Exec {
        /// Which servers: `durable` are those of `up`; `test` are faster and for tests
        #[arg(long, value_enum, default_value_t = ProfileName::Durable)]
        profile: ProfileName,
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Open psql on the embedded database as its superuser
    Psql {
        /// Arguments for psql
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<OsString>,
    },
    /// End the servers that a killed process left running
    Down,
}

/// Which of the embedded servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileName {
    /// Data survives a crash of the machine.
    Durable,
    /// Faster; for tests.
    Test,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_settings_with_their_place() {
        let cli = Cli::parse_from(["overround", "doctor", "--set", "legs_max=3", "--state-dir", "x"]);
        let given = cli.global.given();
        let told: Vec<_> = given.iter().map(|g| (g.name.as_str(), g.place.to_string())).collect();
        assert_eq!(
            told,
            [("legs_max", "flag --set legs_max".to_owned()), ("state_dir", "flag --state-dir".to_owned())]
        );
    }
}
