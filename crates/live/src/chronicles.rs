//! Chronicles: what happens to accounts and to sporting events, told in order. Each has a sequence clock, and its last
//! events for readers who were away. What is told comes from a log whose reader may tell it again; each event is told once.

use crate::snapshots::{CLOCK_MS, STREAM_MS, new_epoch};
use crate::{Error, Live, Position};
use overround_domain::ids::{AccountId, EventId};
use redis::ScriptInvocation;
use std::fmt;
use std::sync::Arc;

/// Of what all that happens to it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chronicle {
    /// An account.
    Account(AccountId),
    /// A sporting event.
    Event(EventId),
}

impl fmt::Display for Chronicle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::Event(id) => id.fmt(f),
        }
    }
}

impl Chronicle {
    /// How many of its last events are kept. A sporting event may have hundreds of markets, which come and go at once.
    pub const fn kept(self) -> usize {
        match self {
            Self::Account(_) => 128,
            Self::Event(_) => 512,
        }
    }

    /// The key of the clock, which is also the name of the channel. The braces are Redis's hash tag.
    pub(crate) fn key(self) -> String {
        match self {
            Self::Account(id) => format!("accounts:{{{id}}}"),
            Self::Event(id) => format!("events:{{{id}}}"),
        }
    }

    pub(crate) fn of_key(key: &str) -> Option<Self> {
        let (kind, id) = key.strip_suffix('}')?.split_once(":{")?;
        match kind {
            "accounts" => id.parse().ok().map(Self::Account),
            "events" => id.parse().ok().map(Self::Event),
            _ => None,
        }
    }

    pub(crate) fn seq(self, text: &str) -> Result<i64, Error> {
        text.parse().map_err(|error: std::num::ParseIntError| Error::Unreadable {
            key: self.key(),
            field: "seq",
            detail: error.to_string(),
        })
    }

    /// The beginning of a call of a script about the clock.
    fn call(self, script: &redis::Script) -> ScriptInvocation<'_> {
        let (key, epoch) = (self.key(), new_epoch());
        let stream = format!("{key}:stream");
        let mut call = script.key(key);
        call.key(stream).arg(epoch).arg(CLOCK_MS).arg(STREAM_MS);
        call
    }
}

/// An event to tell, and its place in the log that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it is told.
    pub chronicle: Chronicle,
    /// The transaction, in decimal digits.
    pub xid8: String,
    /// The event's number among all.
    pub identity: i64,
    /// What is told: one line.
    pub text: String,
}

/// What is kept of a chronicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChronicleHistory {
    /// The place of the last event; that of none where an epoch has only begun.
    pub at: Position,
    /// The last events, without a gap, up to that place. They go on right after the place that was asked about, where
    /// that is possible.
    pub events: Vec<Arc<str>>,
}

impl Live {
    /// Tells events, each chronicle's in the order in which they stand here; those that were told before are left out.
    /// `source` names the log: in another one, places mean something else.
    ///
    /// # Errors
    /// When Redis, or the node of one of the chronicles, is away: the same again is harmless. What is refused for one
    /// of them is logged, and keeps no other from being told.
    pub async fn tell(&self, source: &str, events: &[Told]) -> Result<(), Error> {
        let mut calls: Vec<(Chronicle, ScriptInvocation<'_>)> = Vec::new();
        let mut sorted: Vec<&Told> = events.iter().collect();
        sorted.sort_by_key(|event| event.chronicle);
        for event in sorted {
            if calls.last().is_none_or(|(chronicle, _)| *chronicle != event.chronicle) {
                let mut call = event.chronicle.call(&self.scripts.tell_chronicle);
                call.arg(event.chronicle.kept()).arg(source);
                calls.push((event.chronicle, call));
            }
            if let Some((_, call)) = calls.last_mut() {
                call.arg(&event.xid8).arg(event.identity).arg(&event.text);
            }
        }
        let (chronicles, calls): (Vec<Chronicle>, Vec<ScriptInvocation<'_>>) = calls.into_iter().unzip();
        let mut away = Ok(());
        let answers = self.connection.call_each::<i64>(&self.scripts.tell_chronicle, &calls).await;
        for (chronicle, answer) in chronicles.into_iter().zip(answers) {
            match answer {
                Ok(told) => {
                    let told = u64::try_from(told).unwrap_or(0);
                    metrics::counter!("overround_stream_events_told_total").increment(told);
                }
                Err(error) if error.is_away() => away = Err(error),
                Err(error) => tracing::error!(%error, %chronicle, "events cannot be told"),
            }
        }
        away
    }

    /// What is kept of chronicles after the places that were seen of them, or all; in their order, in one
    /// round trip, each with errors of its own. One that nothing is known of begins an epoch with that.
    pub async fn chronicle_histories(
        &self,
        chronicles: &[(Chronicle, Option<Position>)],
    ) -> Vec<Result<ChronicleHistory, Error>> {
        let calls = chronicles.iter().map(|(chronicle, seen)| {
            let mut call = chronicle.call(&self.scripts.read_chronicle);
            let seen = seen.as_ref();
            call.arg(seen.map_or("", |seen| &seen.epoch)).arg(seen.map_or(0, |seen| seen.seq));
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        let answers = self.connection.call_each(&self.scripts.read_chronicle, &calls).await;
        chronicles.iter().zip(answers).map(|((chronicle, _), said)| history_of(*chronicle, said?)).collect()
    }
}

fn history_of(chronicle: Chronicle, said: (String, String, Vec<String>)) -> Result<ChronicleHistory, Error> {
    let (epoch, seq, said) = said;
    let at = Position { epoch: epoch.into(), seq: chronicle.seq(&seq)? };
    let mut events = Vec::with_capacity(said.len() / 2);
    let mut next = at.seq;
    for pair in said.rchunks_exact(2) {
        let [seq, text] = pair else { continue };
        if chronicle.seq(seq)? != next {
            break;
        }
        events.push(text.as_str().into());
        next -= 1;
    }
    events.reverse();
    Ok(ChronicleHistory { at, events })
}
