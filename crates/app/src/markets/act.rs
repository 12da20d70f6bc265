//! Acts of people on a market: keyed by (actor, key), done once, answered the same again.

use super::MarketAction;
use super::commit::load;
use super::decide::{Known, is_final};
use super::domain_events::{hold_changed, market_settled};
use super::offers::Offers;
use super::version::{Said, Version};
use crate::authored::{check_author, check_reason};
use crate::wallet::key_mismatch;
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::{HoldId, MarketId};
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use overround_store::market::{self, HoldChange, MarketRow, ResultRow};
use overround_store::wallet::actor_idempotency::{self, Claimed};
use overround_store::{Isolation, Tx, events};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A request to act on a market.
pub(super) struct Act {
    pub market_id: MarketId,
    pub actor: String,
    pub keyed: Keyed,
    /// What it is called in logs, metrics and events, such as `suspend`.
    pub name: &'static str,
    /// What more its event says of it.
    pub what: Map<String, Value>,
    pub reason: Option<String>,
}

/// What an act changes about a market.
pub(super) struct Change {
    pub row: MarketRow,
    pub offers: Offers,
    pub hold: Option<HoldChange>,
    pub result: Option<ResultRow>,
}

/// Why an act contradicts the market's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Contradiction {
    /// No more bets are taken on it.
    MarketClosed,
    /// Its result is recorded, or it is called off.
    MarketSettled,
}

/// Why an act is not done.
pub(super) enum Refused {
    /// It contradicts the market's state, which is kept under its key.
    Contradicted(Contradiction),
    /// It does not fit the market's outcomes, and how. Its key stays free, as that of any malformed request.
    Invalid(String),
}

impl From<Contradiction> for Refused {
    fn from(contradiction: Contradiction) -> Self {
        Self::Contradicted(contradiction)
    }
}

/// The answer kept under (actor, key).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Done(MarketAction),
    Contradicted(Contradiction),
}

/// What a transaction came to.
enum Ran {
    Now(Kept, Option<Box<Snapshot>>),
    Before(Value),
    Mismatch,
    Invalid(String),
}

/// Decides an act over the market's rows.
pub(super) type Decide = dyn Fn(&Known, &Act, Timestamp) -> Result<Change, Refused> + Send + Sync + 'static;

impl App {
    /// Does an act once. `decide` sees the market under lock and says what changes. Every act becomes a new
    /// version with its event; one that changes the market's status, or what is held of it, moves the fences in
    /// every cell.
    pub(super) async fn act(&self, act: Act, decide: Arc<Decide>) -> Result<Answer<MarketAction>, Error> {
        validate(&act)?;
        // Markets are never deleted, so this need not stand in the transaction.
        if market::markets::load(self.store().read(), &[act.market_id]).await?.is_empty() {
            return Err(Error::not_found("market", act.market_id));
        }
        let act = Arc::new(act);
        let (app, work) = (self.clone(), Arc::clone(&act));
        let ran = self
            .store()
            .run("act_on_market", Isolation::ReadCommitted, move |tx| {
                let (app, act, decide) = (app.clone(), Arc::clone(&work), Arc::clone(&decide));
                Box::pin(async move { app.act_in(tx, &act, decide.as_ref()).await })
            })
            .await?;
        match ran {
            Ran::Mismatch => Err(Error::refused(key_mismatch(), act.keyed.trace_id.clone())),
            Ran::Invalid(detail) => Err(Error::Invalid { pointer: "/outcomes".to_owned(), detail }),
            Ran::Before(kept) => {
                let kept: Kept = serde_json::from_value(kept).map_err(Error::internal)?;
                answer(kept, act.market_id).map(Answer::replay)
            }
            Ran::Now(kept, snapshot) => {
                if let Some(snapshot) = snapshot {
                    self.show_change(&snapshot).await;
                }
                answer(kept, act.market_id).map(Answer::first)
            }
        }
    }

    async fn act_in(&self, tx: &mut Tx, act: &Act, decide: &Decide) -> Result<Ran, overround_store::Error> {
        let now = self.clock().now();
        let (actor, keyed) = (act.actor.as_str(), &act.keyed);
        match actor_idempotency::claim(tx, actor, &keyed.key, &keyed.request_hash, now).await? {
            Claimed::Mismatch => return Ok(Ran::Mismatch),
            Claimed::Done(answer) => return Ok(Ran::Before(answer)),
            Claimed::New => {}
        }
        let row = market::markets::lock(tx, act.market_id).await?;
        let known = load(tx, row.into_iter().collect()).await?.pop().ok_or_else(|| {
            overround_store::Error::inconsistent(
                "market.markets",
                "id",
                act.market_id.uuid(),
                "the market is gone",
            )
        })?;
        let (kept, snapshot) = match decide(&known, act, now) {
            Err(Refused::Invalid(detail)) => {
                actor_idempotency::release(tx, actor, &keyed.key).await?;
                return Ok(Ran::Invalid(detail));
            }
            Err(Refused::Contradicted(contradiction)) => (Kept::Contradicted(contradiction), None),
            Ok(change) => {
                let version = Version::after(&known, change.row.clone(), change.offers.clone(), now)?;
                self.write_change(tx, act, &version, &change, now).await?;
                (Kept::Done(action_of(&version.row)), Some(Box::new(version.snapshot)))
            }
        };
        let stored = serde_json::to_value(&kept).map_err(|error| {
            overround_store::Error::inconsistent("wallet.actor_idempotency", "answer", &keyed.key, error)
        })?;
        actor_idempotency::keep(tx, actor, &keyed.key, &stored).await?;
        Ok(Ran::Now(kept, snapshot))
    }

    /// Writes an act as a new version, also where the market is shown as before (a trader suspends what its
    /// producer had suspended): its event is the record of who did it and why.
    async fn write_change(
        &self,
        tx: &mut Tx,
        act: &Act,
        version: &Version,
        change: &Change,
        now: Timestamp,
    ) -> Result<(), overround_store::Error> {
        let trace_id = Some(act.keyed.trace_id.clone());
        let said = Said { fields: said_by(act), trace_id: trace_id.clone() };
        self.write_versions(tx, std::slice::from_ref(version), &said).await?;
        let mut domain_events = Vec::new();
        if let Some(hold) = &change.hold {
            let id = HoldId::from_uuid(self.clock().id());
            let hold = market::holds::set(tx, id, hold, now).await?;
            domain_events.push(hold_changed(self.clock(), &hold, trace_id.clone()));
        }
        if let Some(result) = &change.result {
            market::results::insert(tx, std::slice::from_ref(result)).await?;
            domain_events.push(market_settled(self.clock(), result, &version.row, trace_id)?);
        }
        events::append(tx, &domain_events).await
    }
}

/// What an event says of a trader's act.
fn said_by(act: &Act) -> Map<String, Value> {
    let mut fields = said(act.name, &act.actor, act.reason.as_deref());
    fields.extend(act.what.clone());
    fields
}

/// What an event says of who did what, and why.
pub(super) fn said(act: &str, actor: &str, reason: Option<&str>) -> Map<String, Value> {
    let said = json!({ "act": act, "actor": actor, "reason": reason });
    match said {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Refuses what is only done to a market that may be on sale again.
pub(super) fn check_not_over(known: &Known) -> Result<(), Contradiction> {
    match known.row.status {
        status if is_final(status) => Err(Contradiction::MarketSettled),
        status if status.is_over() => Err(Contradiction::MarketClosed),
        _ => Ok(()),
    }
}

fn action_of(row: &MarketRow) -> MarketAction {
    MarketAction {
        market_id: row.id,
        status: row.status,
        version: row.version,
        status_version: row.status_version,
    }
}

fn answer(kept: Kept, market: MarketId) -> Result<MarketAction, Error> {
    let contradiction = match kept {
        Kept::Done(action) => return Ok(action),
        Kept::Contradicted(contradiction) => contradiction,
    };
    let detail = match contradiction {
        Contradiction::MarketClosed => format!("{market} is closed for good: it can only be settled"),
        Contradiction::MarketSettled => format!("{market} has its result, or is called off"),
    };
    Err(Error::Conflict { code: "ILLEGAL_TRANSITION", detail })
}

fn validate(act: &Act) -> Result<(), Error> {
    act.reason.as_deref().map_or(Ok(()), check_reason)?;
    check_author(&act.actor, &act.keyed)
}
