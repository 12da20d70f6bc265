//! What can be asked of `bench`.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub enum Benchmark {
    /// Bets over HTTP against one or two servers; its reference is pgbench, or `place` itself for its variations
    Place(Place),
    /// Ledger postings of two entries through the lanes of this process; its reference is pgbench
    Post(Load),
    /// Markets read over HTTP; its reference is GET of three bytes from Redis over as many connections
    OddsRead(OddsRead),
    /// New snapshots written to Redis by compare-and-set; its reference is the same script without the compare
    OddsWrite(Odds),
    /// Readers who all ask for one market as it ran out, over two servers; how often its origin was asked
    OddsExpiry(Expiry),
    /// Readers who follow one market on the stream; its reference is a bare broadcast of the same bytes
    Fanout(Fanout),
    /// The reference of `fanout`, which starts it: one task that sends to every connection in turn
    #[command(hide = true)]
    Broadcast,
}

/// Options of every benchmark.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Connections that each send one request after the other (for `post`: tasks)
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// How long a round measures, after a warm-up
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Rounds, each with the reference and then the work; the median ratio counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Bets that are in the tables before anything is measured; filled up once
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    pub bets: u32,
    /// Funded accounts
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub accounts: u32,
    /// Open markets, each of an event of its own
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub markets: u32,
    /// pgbench's scale factor
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reference_scale: u32,
    /// What accounts, markets and stakes are drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// Options of `bench odds-read`.
#[derive(Debug, Clone, Args)]
pub struct OddsRead {
    /// Have redis-benchmark do the reference's GETs: its binary, of Redis 7 or Valkey 7.2 or later
    #[arg(long, value_name = "FILE")]
    pub redis_benchmark: Option<PathBuf>,
    /// What it shares with `odds-write`.
    #[command(flatten)]
    pub odds: Odds,
}

/// Options of `bench odds-read` and `bench odds-write`.
#[derive(Debug, Clone, Args)]
pub struct Odds {
    /// Connections that each send one request after the other (for `odds-write`: tasks that write 100 markets at once)
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Markets
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub markets: u32,
    /// How long a round measures, after a warm-up
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// What every benchmark of odds takes.
    #[command(flatten)]
    pub turns: Turns,
}

/// Options of `bench odds-expiry`.
#[derive(Debug, Clone, Args)]
pub struct Expiry {
    /// Readers, each with a connection; half of them at each server
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    pub readers: u32,
    /// What every benchmark of odds takes.
    #[command(flatten)]
    pub turns: Turns,
}

/// Options of `bench fanout`.
#[derive(Debug, Clone, Args)]
pub struct Fanout {
    /// Readers, each with a stream
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub readers: u32,
    /// New prices a second; by default 100 for 1,000 readers, 10 for 5,000 and 5 for 10,000
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rate: Option<u32>,
    /// How long a round measures
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Measure Centrifugo 6 beside us too, in the same turns: its binary
    #[arg(long, value_name = "FILE")]
    pub centrifugo: Option<PathBuf>,
    /// What every benchmark of odds takes.
    #[command(flatten)]
    pub turns: Turns,
}

impl Fanout {
    /// New prices a second.
    pub fn rate(&self) -> u32 {
        self.rate.unwrap_or(match self.readers {
            0..=1_999 => 100,
            2_000..=7_499 => 10,
            _ => 5,
        })
    }
}

/// What every benchmark of odds takes.
#[derive(Debug, Clone, Args)]
pub struct Turns {
    /// Rounds, each with the reference and then the work; the median ratio counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// What is random is drawn from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What has to stand before a benchmark begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Furnished {
    /// Bets in the tables.
    pub bets: u32,
    /// Funded accounts.
    pub accounts: u32,
    /// Open markets.
    pub markets: u32,
}

impl Benchmark {
    /// Whether the report is for programs.
    pub const fn json(&self) -> bool {
        match self {
            Self::Place(place) => place.load.json,
            Self::Post(load) => load.json,
            Self::OddsRead(read) => read.odds.turns.json,
            Self::OddsWrite(odds) => odds.turns.json,
            Self::OddsExpiry(expiry) => expiry.turns.json,
            Self::Fanout(fanout) => fanout.turns.json,
            Self::Broadcast => true,
        }
    }

    /// What it begins with. Who only reads odds needs no bets; all need an account and a market.
    pub fn furnished(&self) -> Furnished {
        match self {
            Self::Place(Place { load, .. }) | Self::Post(load) => {
                Furnished { bets: load.bets, accounts: load.accounts, markets: load.markets }
            }
            Self::OddsRead(read) => Furnished { bets: 0, accounts: 1, markets: read.odds.markets },
            Self::OddsWrite(_) | Self::OddsExpiry(_) | Self::Fanout(_) | Self::Broadcast => {
                Furnished { bets: 0, accounts: 1, markets: 1 }
            }
        }
    }
}

impl Load {
    /// What of it a report repeats.
    pub fn settings(&self) -> [(&'static str, u64); 7] {
        [
            ("connections", self.connections.into()),
            ("seconds", self.seconds),
            ("rounds", self.rounds.into()),
            ("accounts", self.accounts.into()),
            ("markets", self.markets.into()),
            ("reference_scale", self.reference_scale.into()),
            ("seed", self.seed),
        ]
    }
}

impl Odds {
    /// What of it a report repeats.
    pub fn settings(&self) -> [(&'static str, u64); 5] {
        [
            ("connections", self.connections.into()),
            ("markets", self.markets.into()),
            ("seconds", self.seconds),
            ("rounds", self.turns.rounds.into()),
            ("seed", self.turns.seed),
        ]
    }
}

/// Options of `bench place`.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Accounts by Zipf's law with exponent 1, and half of all bets on one market
    #[arg(long)]
    pub hot: bool,
    /// Bets a second that arrive whether or not the last were answered; `half` is half of what a closed loop gets
    #[arg(long, value_name = "half|N")]
    pub rate: Option<Rate>,
    /// Legs of a bet, each on another event
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub legs: u32,
    /// Server processes on one database; each request goes to one of them at random
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    pub processes: u32,
    /// What every benchmark takes.
    #[command(flatten)]
    pub load: Load,
}

/// An open loop's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// Half of the rate that a closed loop gets in the same run.
    Half,
    /// So many a second.
    PerSecond(f64),
}

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "half" {
            return Ok(Self::Half);
        }
        match text.parse::<f64>() {
            Ok(rate) if rate.is_finite() && (1.0..=10_000_000.0).contains(&rate) => Ok(Self::PerSecond(rate)),
            _ => Err("expected `half`, or bets a second from 1".to_owned()),
        }
    }
}

impl Place {
    /// The benchmark's name, its variation included.
    pub fn name(&self) -> String {
        let mut name = "place".to_owned();
        if self.hot {
            name += " --hot";
        }
        match self.rate {
            Some(Rate::Half) => name += " --rate half",
            Some(Rate::PerSecond(rate)) => name += &format!(" --rate {rate}"),
            None => {}
        }
        if self.legs > 1 {
            name += &format!(" --legs {}", self.legs);
        }
        if self.processes > 1 {
            name += &format!(" --processes {}", self.processes);
        }
        name
    }

    /// What is to be reached, where something is: benchmarks.md of the design has one for each of these.
    pub fn goal(&self) -> Option<f64> {
        match self.name().as_str() {
            "place" => Some(3.0),
            "place --hot" => Some(0.8),
            "place --rate half" => Some(10.0),
            "place --legs 4" => Some(0.6),
            "place --processes 2" => Some(0.7),
            _ => None,
        }
    }

    /// Whether bets differ from those of plain `place`, which is then the reference.
    pub const fn varies(&self) -> bool {
        self.hot || self.legs > 1 || self.processes > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        benchmark: Benchmark,
    }

    fn place(words: &[&str]) -> Place {
        match Cli::parse_from([&["bench", "place"], words].concat()).benchmark {
            Benchmark::Place(place) => place,
            other => panic!("another benchmark: {other:?}"),
        }
    }

    #[test]
    fn a_variation_has_its_name_and_goal() {
        let cases: [(&[&str], &str, Option<f64>); 6] = [
            (&[], "place", Some(3.0)),
            (&["--hot"], "place --hot", Some(0.8)),
            (&["--rate", "half"], "place --rate half", Some(10.0)),
            (&["--legs", "4"], "place --legs 4", Some(0.6)),
            (&["--processes", "2"], "place --processes 2", Some(0.7)),
            (&["--hot", "--legs", "3", "--rate", "500"], "place --hot --rate 500 --legs 3", None),
        ];
        for (words, name, goal) in cases {
            let place = place(words);
            assert_eq!((place.name().as_str(), place.goal()), (name, goal));
        }
    }

    #[test]
    fn a_rate_is_half_or_a_number() {
        assert_eq!("half".parse(), Ok(Rate::Half));
        assert_eq!("2500".parse(), Ok(Rate::PerSecond(2_500.0)));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
