//! Balances of the past and statements, on the wire and as CSV.

use super::accounts::Entry;
use super::{Time, schema};
use overround_app::{BalanceView, StatementView};
use overround_domain::ids::{AccountId, EntryId};
use overround_domain::money::Currency;
use serde::Serialize;
use utoipa::ToSchema;

/// What an account's balance was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    /// The account.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// Its currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Minor units.
    #[schema(example = 4500)]
    pub balance_cents: i64,
    /// After all entries up to and with this instant.
    pub at: Time,
    /// After this entry, if one was asked for.
    #[schema(value_type = Option<schema::EntryId>)]
    pub entry_id: Option<EntryId>,
}

impl From<BalanceView> for Balance {
    fn from(view: BalanceView) -> Self {
        Self {
            account_id: view.account_id,
            currency: view.currency,
            balance_cents: view.balance.get(),
            at: view.at.into(),
            entry_id: view.entry_id,
        }
    }
}

/// A part of a period's entries, oldest first, and what the whole period came to: opening balance, credits
/// and debits add up to the closing balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statement {
    /// The account.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// Its currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The period's first instant.
    pub from: Time,
    /// The first instant after it.
    pub to: Time,
    /// The balance before the period, in minor units.
    #[schema(example = 5000)]
    pub opening_balance_cents: i64,
    /// What came in, in minor units.
    #[schema(example = 1200, minimum = 0)]
    pub credits_cents: i64,
    /// What went out, in minor units: zero or less.
    #[schema(example = -1700, maximum = 0)]
    pub debits_cents: i64,
    /// The balance after the period, in minor units.
    #[schema(example = 4500)]
    pub closing_balance_cents: i64,
    /// How many entries the period has.
    #[schema(example = 3, minimum = 0)]
    pub entries: i64,
    /// The entries of this part.
    pub items: Vec<Entry>,
    /// Give this as `cursor` to read on; null at the end of the statement.
    pub next_cursor: Option<String>,
}

impl Statement {
    /// The statement, with the cursor of its next part.
    pub fn new(view: StatementView, next_cursor: Option<String>) -> Self {
        let totals = view.totals;
        Self {
            account_id: view.account_id,
            currency: view.currency,
            from: view.from.into(),
            to: view.to.into(),
            opening_balance_cents: totals.opening.get(),
            credits_cents: totals.credits.get(),
            debits_cents: totals.debits.get(),
            closing_balance_cents: totals.closing.get(),
            entries: totals.entries,
            items: view.entries.items.into_iter().map(Entry::from).collect(),
            next_cursor,
        }
    }
}

/// A line of a statement as CSV: its opening balance, an entry, or its closing balance.
#[derive(Debug, Default, Serialize)]
struct Line {
    line: &'static str,
    at: String,
    entry_id: Option<String>,
    posting_id: Option<String>,
    r#type: Option<String>,
    ref_type: Option<String>,
    ref_id: Option<String>,
    amount_cents: Option<i64>,
    balance_cents: i64,
    currency: String,
}

/// The whole statement as CSV (RFC 4180) with a line of names. `balance_cents` runs from line to line:
/// each is the one before it and the line's amount.
///
/// # Errors
/// Only where memory cannot be written.
pub fn csv(view: StatementView) -> Result<Vec<u8>, csv::Error> {
    let currency = view.currency.to_string();
    let balance = |line, at: String, balance_cents| Line {
        line,
        at,
        balance_cents,
        currency: currency.clone(),
        ..Line::default()
    };
    let mut running = view.totals.opening.get();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.serialize(balance("OPENING", view.from.to_string(), running))?;
    for entry in view.entries.items.into_iter().map(Entry::from) {
        running = running.saturating_add(entry.amount_cents);
        writer.serialize(Line {
            entry_id: Some(entry.id.to_string()),
            posting_id: Some(entry.posting_id.to_string()),
            r#type: Some(word(entry.entry_type)),
            ref_type: Some(word(entry.ref_type)),
            ref_id: Some(entry.ref_id),
            amount_cents: Some(entry.amount_cents),
            ..balance("ENTRY", entry.created_at.0.to_string(), running)
        })?;
    }
    writer.serialize(balance("CLOSING", view.to.to_string(), view.totals.closing.get()))?;
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A word of the wire as a text.
fn word(name: impl Serialize) -> String {
    serde_json::to_value(name).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
