//! `betting.settlements`: one row a generation.

use crate::Statement;
use crate::betting::bets::SettledBet;
use overround_domain::betting::BetResult;
use overround_domain::ids::SettlementId;
use sqlx::types::chrono::{DateTime, Utc};

/// One generation of a bet's settlement.
#[derive(Debug, Clone)]
pub struct NewSettlement {
    /// Its id: what its postings refer to.
    pub id: SettlementId,
    /// What it changed about the bet.
    pub settled: SettledBet,
    /// 2 confirmed, 1 live.
    pub certainty: i16,
    /// Who says so: a producer or a person.
    pub source: String,
    /// Why, where a person says so.
    pub reason: Option<String>,
}

/// Inserts settlements with one INSERT.
pub fn insert(to: &mut Statement, rows: &[NewSettlement]) {
    if rows.is_empty() {
        return;
    }
    let times: Vec<DateTime<Utc>> = rows.iter().map(|row| row.settled.settled_at.to_datetime()).collect();
    to.add(
        "INSERT INTO betting.settlements (id, cell, bet_id, account_id, generation, status, result, return_cents, \
                certainty, source, reason, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[], \
                $7::text[], $8::bigint[], $9::smallint[], $10::text[], $11::text[], $12::timestamptz[])",
    )
    .bind(rows.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.bet.cell.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.bet.id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.bet.account_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.generation).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.settlement.status.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.settlement.result.map(BetResult::as_str)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.settled.settlement.returned.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.certainty).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.source.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reason.clone()).collect::<Vec<_>>())
    .bind(times);
}
