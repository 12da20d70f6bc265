//! What happens to accounts, told in order: each account has a sequence clock, and its last events for readers who were
//! away. What is told comes from a log whose reader may tell it again; each event is told once.

use crate::snapshots::{CLOCK_MS, STREAM_MS, new_epoch};
use crate::{Error, Live, Position};
use overround_domain::ids::AccountId;
use redis::ScriptInvocation;
use std::sync::Arc;

/// How many of an account's last events are kept.
pub const KEPT_EVENTS: usize = 128;

/// An event to tell, and its place in the log that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTold {
    /// The account.
    pub account_id: AccountId,
    /// The transaction, in decimal digits.
    pub xid8: String,
    /// The event's number among all.
    pub identity: i64,
    /// What is told: one line.
    pub text: String,
}

/// What is kept of an account's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountHistory {
    /// The place of the last event; that of none where an epoch has only begun.
    pub at: Position,
    /// The last events, without a gap, up to that place. They go on right after the place that was asked about, where
    /// that is possible.
    pub events: Vec<Arc<str>>,
}

/// The key of an account's clock, which is also the name of its channel. The braces are Redis's hash tag.
pub(crate) fn key_of(account: AccountId) -> String {
    format!("accounts:{{{account}}}")
}

pub(crate) fn account_of(key: &str) -> Option<AccountId> {
    key.strip_prefix("accounts:{")?.strip_suffix('}')?.parse().ok()
}

pub(crate) fn seq_of(account: AccountId, text: &str) -> Result<i64, Error> {
    text.parse().map_err(|error: std::num::ParseIntError| Error::Unreadable {
        key: key_of(account),
        field: "seq",
        detail: error.to_string(),
    })
}

fn stream_key_of(account: AccountId) -> String {
    format!("accounts:{{{account}}}:stream")
}

impl Live {
    /// Tells events of accounts, each account's in the order in which they stand here; those that were told before are
    /// left out. `source` names the log: in another one, places mean something else.
    ///
    /// # Errors
    /// When Redis, or the node of one of the accounts, is away: the same again is harmless. What is refused for one
    /// account is logged, and keeps no other from being told.
    pub async fn tell_accounts(&self, source: &str, events: &[AccountTold]) -> Result<(), Error> {
        let mut calls: Vec<(AccountId, ScriptInvocation<'_>)> = Vec::new();
        let mut sorted: Vec<&AccountTold> = events.iter().collect();
        sorted.sort_by_key(|event| event.account_id);
        for event in sorted {
            if calls.last().is_none_or(|(account, _)| *account != event.account_id) {
                let mut call = clock_call(&self.scripts.tell_account, event.account_id);
                call.arg(KEPT_EVENTS).arg(source);
                calls.push((event.account_id, call));
            }
            if let Some((_, call)) = calls.last_mut() {
                call.arg(&event.xid8).arg(event.identity).arg(&event.text);
            }
        }
        let (accounts, calls): (Vec<AccountId>, Vec<ScriptInvocation<'_>>) = calls.into_iter().unzip();
        let mut away = Ok(());
        let answers = self.connection.call_each::<i64>(&self.scripts.tell_account, &calls).await;
        for (account, answer) in accounts.into_iter().zip(answers) {
            match answer {
                Ok(told) => {
                    let told = u64::try_from(told).unwrap_or(0);
                    metrics::counter!("overround_account_events_told_total").increment(told);
                }
                Err(error) if error.is_away() => away = Err(error),
                Err(error) => tracing::error!(%error, %account, "events of an account cannot be told"),
            }
        }
        away
    }

    /// What is kept of the events of accounts after the places that were seen of them, or all; in their order, in one
    /// round trip, each with errors of its own. An account that nothing is known of begins an epoch with that.
    pub async fn account_histories(
        &self,
        accounts: &[(AccountId, Option<Position>)],
    ) -> Vec<Result<AccountHistory, Error>> {
        let calls = accounts.iter().map(|(account, seen)| {
            let mut call = clock_call(&self.scripts.read_account, *account);
            let seen = seen.as_ref();
            call.arg(seen.map_or("", |seen| &seen.epoch)).arg(seen.map_or(0, |seen| seen.seq));
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        let answers = self.connection.call_each(&self.scripts.read_account, &calls).await;
        accounts.iter().zip(answers).map(|((account, _), said)| history_of(*account, said?)).collect()
    }
}

/// The beginning of a call of a script about an account's clock.
fn clock_call(script: &redis::Script, account: AccountId) -> ScriptInvocation<'_> {
    let mut call = script.key(key_of(account));
    call.key(stream_key_of(account)).arg(new_epoch()).arg(CLOCK_MS).arg(STREAM_MS);
    call
}

fn history_of(account: AccountId, said: (String, String, Vec<String>)) -> Result<AccountHistory, Error> {
    let (epoch, seq, said) = said;
    let at = Position { epoch: epoch.into(), seq: seq_of(account, &seq)? };
    let mut events = Vec::with_capacity(said.len() / 2);
    let mut next = at.seq;
    for pair in said.rchunks_exact(2) {
        let [seq, text] = pair else { continue };
        if seq_of(account, seq)? != next {
            break;
        }
        events.push(text.as_str().into());
        next -= 1;
    }
    events.reverse();
    Ok(AccountHistory { at, events })
}
