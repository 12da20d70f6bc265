//! Reports over all accounts, on the wire.

use super::Time;
use super::names::AccountKind;
use overround_app::{KindBalance, Report};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The balances of all accounts. Each currency of each cell sums to zero.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrialBalance {
    /// When the snapshot was taken.
    pub as_of: Time,
    /// Whether every total is zero.
    pub balanced: bool,
    /// One a currency and cell.
    pub items: Vec<CellBalance>,
}

/// The accounts of one currency and cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellBalance {
    /// The currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The cell.
    #[schema(minimum = 0, example = 3)]
    pub cell: i16,
    /// Their sum in minor units: zero in sound books.
    #[schema(example = 0)]
    pub total_cents: i64,
    /// By kind.
    pub kinds: Vec<KindTotal>,
}

/// The accounts of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindTotal {
    /// The kind.
    pub kind: AccountKind,
    /// How many accounts there are.
    #[schema(minimum = 0, example = 12)]
    pub accounts: i64,
    /// The sum of their balances, in minor units.
    #[schema(example = -60000)]
    pub balance_cents: i64,
}

impl From<Report<Vec<KindBalance>>> for TrialBalance {
    fn from(report: Report<Vec<KindBalance>>) -> Self {
        let mut cells: BTreeMap<(Currency, i16), CellBalance> = BTreeMap::new();
        for row in report.rows {
            let (currency, cell) = (row.currency, row.cell.get());
            let empty = || CellBalance { currency, cell, total_cents: 0, kinds: Vec::new() };
            let of_cell = cells.entry((currency, cell)).or_insert_with(empty);
            of_cell.total_cents = of_cell.total_cents.saturating_add(row.balance.get());
            of_cell.kinds.push(KindTotal {
                kind: row.kind.into(),
                accounts: row.accounts,
                balance_cents: row.balance.get(),
            });
        }
        let items: Vec<CellBalance> = cells.into_values().collect();
        let balanced = items.iter().all(|cell| cell.total_cents == 0);
        Self { as_of: report.as_of.into(), balanced, items }
    }
}

/// The players' money against what came in for them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Segregation {
    /// When the snapshot was taken.
    pub as_of: Time,
    /// Whether players are covered in every currency.
    pub covered: bool,
    /// One a currency.
    pub items: Vec<CurrencySegregation>,
}

/// One currency, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencySegregation {
    /// The currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Players' cash (PLAYER).
    #[schema(example = 48000)]
    pub player_cents: i64,
    /// Stakes of open bets (HOLD).
    #[schema(example = 2000)]
    pub hold_cents: i64,
    /// Players' bonus money (BONUS).
    #[schema(example = 0)]
    pub bonus_cents: i64,
    /// What players are owed: the three above.
    #[schema(example = 50000)]
    pub player_funds_cents: i64,
    /// What came in through PSPs and did not go out again: the clearing accounts' balance, its sign turned.
    #[schema(example = 60000)]
    pub funds_cents: i64,
    /// The funds above the player funds; below zero is what is missing.
    #[schema(example = 10000)]
    pub surplus_cents: i64,
    /// Whether nothing is missing.
    pub covered: bool,
    /// The house's own money (HOUSE).
    #[schema(example = 10000)]
    pub house_cents: i64,
    /// Fees taken (FEES).
    #[schema(example = 0)]
    pub fees_cents: i64,
    /// Face value of players' free bets, which is never paid out (FREE_BET).
    #[schema(example = 0)]
    pub free_bet_cents: i64,
    /// What players owe, zero or less (DEBT). With house, fees and free bets it makes the surplus.
    #[schema(example = 0)]
    pub debt_cents: i64,
}

impl Segregation {
    /// The report; none where a sum leaves its range.
    pub fn new(report: Report<BTreeMap<Currency, wallet::Segregation>>) -> Option<Self> {
        let items: Vec<CurrencySegregation> = report
            .rows
            .into_iter()
            .map(|(currency, sums)| of_currency(currency, sums))
            .collect::<Option<_>>()?;
        let covered = items.iter().all(|item| item.covered);
        Some(Self { as_of: report.as_of.into(), covered, items })
    }
}

fn of_currency(currency: Currency, sums: wallet::Segregation) -> Option<CurrencySegregation> {
    let surplus = sums.surplus()?;
    Some(CurrencySegregation {
        currency,
        player_cents: sums.player.get(),
        hold_cents: sums.hold.get(),
        bonus_cents: sums.bonus.get(),
        player_funds_cents: sums.player_funds()?.get(),
        funds_cents: sums.funds()?.get(),
        surplus_cents: surplus.get(),
        covered: surplus >= Cents::ZERO,
        house_cents: sums.house.get(),
        fees_cents: sums.fees.get(),
        free_bet_cents: sums.free_bet.get(),
        debt_cents: sums.debt.get(),
    })
}
