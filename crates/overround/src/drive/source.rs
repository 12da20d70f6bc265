//! What is played: recordings, or matches of the built-in model.

use crate::failure::{Failure, chain};
use overround_domain::markets::SourceStatus;
use overround_domain::time::Timestamp;
use overround_feed::Applied;
use overround_feed::betfair::{Input, Recording};
use overround_feed::simulator::{Simulator, Sport};
use std::collections::BTreeMap;
use std::fs::File;
use std::iter::Peekable;
use std::path::PathBuf;

/// When simulated matches are played: 2026-01-03T14:30:00Z, so that a seed is one run, whatever the day.
const MATCHES_START: Timestamp = Timestamp::from_millis(1_767_450_600_000);
/// How far apart simulated matches begin, in milliseconds.
const MATCHES_APART_MS: i64 = 7 * 60_000;
/// How far apart the seeds of one run's matches are.
const SEEDS_APART: u64 = 1_000_003;

/// Where messages come from. It can be opened again and gives the same ones.
#[derive(Debug, Clone)]
pub enum Source {
    /// Recordings, merged by their time.
    Files(Vec<PathBuf>),
    /// Simulated matches.
    Matches {
        /// What is played.
        sport: Sport,
        /// What they are drawn from.
        seed: u64,
        /// How many.
        count: u32,
    },
}

/// At most so many losses are told in words.
const LOSSES_TOLD_MAX: usize = 10;

/// What a first reading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Messages.
    pub messages: u64,
    /// Messages after which something is on sale.
    pub moments: u64,
    /// The first message's instant.
    pub first: Timestamp,
    /// The last message's instant.
    pub last: Timestamp,
    /// What is left out of what is played.
    pub left_out: LeftOut,
}

/// Parts of recordings that were lost where they broke off: the rest is played without them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// The first of them in words.
    pub told: Vec<String>,
}

impl LeftOut {
    fn add(&mut self, loss: String) {
        self.count += 1;
        if self.told.len() < LOSSES_TOLD_MAX {
            self.told.push(loss);
        }
    }

    /// A line about each, or about how many more there are.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let untold = self.count.saturating_sub(self.told.len() as u64);
        let more = (untold > 0).then(|| format!("{untold} more parts are left out"));
        self.told.iter().cloned().chain(more)
    }
}

/// What a reading comes upon.
enum Read {
    Message(Applied),
    Loss(String),
}

/// Messages in the order of their instants.
pub type Messages = Box<dyn Iterator<Item = Result<Applied, Failure>> + Send>;

impl Source {
    /// The messages from the beginning, without what a recording has lost.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn open(&self) -> Result<Messages, Failure> {
        let messages = self.read()?.filter_map(|read| match read {
            Ok(Read::Message(message)) => Some(Ok(message)),
            Ok(Read::Loss(_)) => None,
            Err(failure) => Some(Err(failure)),
        });
        Ok(Box::new(messages))
    }

    fn read(&self) -> Result<Box<dyn Iterator<Item = Result<Read, Failure>> + Send>, Failure> {
        match self {
            Self::Files(paths) => {
                let inputs: Result<Vec<Input>, Failure> = paths.iter().map(input).collect();
                let read = Recording::open(inputs?).map(|item| match item {
                    Ok(message) => Ok(Read::Message(message)),
                    Err(error) if error.is_loss() => Ok(Read::Loss(chain(&error))),
                    Err(error) => Err(unreadable(chain(&error))),
                });
                Ok(Box::new(read))
            }
            Self::Matches { sport, seed, count } => {
                let matches = (0..*count).map(|number| {
                    let start = MATCHES_START.plus_millis(i64::from(number) * MATCHES_APART_MS);
                    Simulator::new(*sport, match_seed(*seed, number), start).peekable()
                });
                Ok(Box::new(Merged(matches.collect()).map(|message| Ok(Read::Message(message)))))
            }
        }
    }

    /// Reads everything once and counts it, before anything is changed.
    ///
    /// # Errors
    /// A line that is no message, but for one that is torn off at the end; or nothing to play.
    pub fn scan(&self) -> Result<Scan, Failure> {
        let mut on_sale: BTreeMap<String, bool> = BTreeMap::new();
        let mut scan: Option<Scan> = None;
        let mut left_out = LeftOut::default();
        for read in self.read()? {
            let item = match read? {
                Read::Message(item) => item,
                Read::Loss(loss) => {
                    left_out.add(loss);
                    continue;
                }
            };
            for market in item.changed {
                on_sale.insert(market.key, market.status == SourceStatus::Open);
            }
            let scan = scan.get_or_insert_with(|| Scan {
                messages: 0,
                moments: 0,
                first: item.at,
                last: item.at,
                left_out: LeftOut::default(),
            });
            scan.messages += 1;
            scan.moments += u64::from(on_sale.values().any(|on_sale| *on_sale));
            scan.last = item.at;
        }
        match scan {
            Some(scan) if !on_sale.is_empty() => Ok(Scan { left_out, ..scan }),
            _ => Err(unreadable("there is no market in what was given")),
        }
    }
}

/// The seed of one of a run's matches.
pub const fn match_seed(seed: u64, number: u32) -> u64 {
    seed.wrapping_add((number as u64).wrapping_mul(SEEDS_APART))
}

fn input(path: &PathBuf) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(format!("{name} cannot be opened: {error}")))?;
    Input::new(name, file).map_err(|error| unreadable(chain(&error)))
}

fn unreadable(cause: impl std::fmt::Display) -> Failure {
    Failure::usage(
        cause,
        "give files of Betfair Exchange Stream messages, one JSON object a line, plain or .bz2",
    )
}

/// Several matches as one stream.
struct Merged(Vec<Peekable<Simulator>>);

impl Iterator for Merged {
    type Item = Applied;

    fn next(&mut self) -> Option<Applied> {
        let next = self.0.iter_mut().filter_map(|game| game.peek().map(|item| item.at).zip(Some(game)));
        next.min_by_key(|(at, _)| *at).and_then(|(_, game)| game.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_and_told_up_to_a_bound() {
        let mut left_out = LeftOut::default();
        (0..12).for_each(|line| left_out.add(format!("line {line}")));
        let lines: Vec<String> = left_out.lines().collect();
        assert_eq!((left_out.count, lines.len()), (12, 11));
        assert_eq!(lines[10], "2 more parts are left out");
    }

    #[test]
    fn simulated_matches_come_in_the_order_of_time_and_again_the_same() {
        let source = Source::Matches { sport: Sport::Tennis, seed: 1, count: 3 };
        let read = || source.open().unwrap().collect::<Result<Vec<Applied>, Failure>>().unwrap();
        let items = read();
        assert!(items.is_sorted_by_key(|item| item.at));
        assert_eq!(items, read());
        let scan = source.scan().unwrap();
        assert_eq!(scan.messages as usize, items.len());
        assert!(scan.moments > 0 && scan.moments < scan.messages);
    }
}
