//! What limits the stakes of bets: set by traders, with a reason, and read by the lanes with each batch.

use super::caps::CapView;
use crate::authored::{check_author, check_reason};
use crate::wallet::key_mismatch;
use crate::{Answer, App, Error, Keyed, Listed, Page};
use overround_domain::betting::{Factor, LimitScope, StakeLimits};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{AccountId, DomainEventId, LimitId, MarketId};
use overround_domain::money::Currency;
use overround_domain::time::Timestamp;
use overround_store::betting::account_factors::{self, FactorChange, FactorRow};
use overround_store::betting::allowances;
use overround_store::betting::caps::{self, CapChange};
use overround_store::betting::limits::{self, LimitChange, LimitRow};
use overround_store::wallet::actor_idempotency::{self, Claimed};
use overround_store::{Isolation, Tx, events, market};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The limits of a scope, as they were last changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// What they are about.
    pub scope: LimitScope,
    /// The currency of the bets that they limit.
    pub currency: Currency,
    /// The limits; none of them where they were let go.
    pub limits: StakeLimits,
    /// Counts their changes, from 1.
    pub version: i64,
    /// Who changed them.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// The factor of an account in a sport, as it was last changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorView {
    /// The account.
    pub account_id: AccountId,
    /// The sport.
    pub sport: String,
    /// What the account's limits are multiplied by.
    pub factor: Factor,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// A change of what limits stakes.
pub(super) enum Change {
    Limit(LimitChange),
    Factor(FactorChange),
    Cap(CapChange),
}

/// What a transaction came to: the view that was made now, or kept before.
enum Ran {
    Now(Value),
    Before(Value),
    Mismatch,
}

impl App {
    /// Limits the stakes of the bets that a scope covers, in place of what limited them by that scope before. It counts
    /// for every batch of bets that begins after the answer. No limit at all lets the scope's limits go.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such market.
    pub async fn set_limits(
        &self,
        scope: LimitScope,
        currency: Currency,
        limits: StakeLimits,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<LimitView>, Error> {
        if let LimitScope::Market(id) = scope {
            self.must_be_a_market(id).await?;
        }
        let actor = actor.to_owned();
        self.change(Change::Limit(LimitChange { scope, currency, limits, actor, reason }), keyed).await
    }

    /// Sets what the limits of an account are multiplied by in a sport.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn set_account_factor(
        &self,
        account_id: AccountId,
        sport: String,
        factor: Factor,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<FactorView>, Error> {
        self.player(account_id).await?;
        let actor = actor.to_owned();
        self.change(Change::Factor(FactorChange { account_id, sport, factor, actor, reason }), keyed).await
    }

    /// The limits in force, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn limits(&self, page: Page) -> Result<Listed<LimitView>, Error> {
        let rows = limits::list(self.store().read(), page.after, i64::from(page.limit) + 1).await?;
        let listed = Listed::from_rows(rows, page.limit, |row| (row.changed_at, row.id.uuid()));
        Ok(Listed { items: listed.items.into_iter().map(limit_view).collect(), next: listed.next })
    }

    /// The factors of an account, by sport; those that were set to one included.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn account_factors(&self, account_id: AccountId) -> Result<Vec<FactorView>, Error> {
        self.player(account_id).await?;
        let rows = account_factors::of_account(self.store().read(), account_id).await?;
        Ok(rows.into_iter().map(factor_view).collect())
    }

    pub(super) async fn must_be_a_market(&self, id: MarketId) -> Result<(), Error> {
        // Markets are never deleted, so this need not stand in a transaction.
        match market::markets::load(self.store().read(), &[id]).await?.is_empty() {
            true => Err(Error::Invalid {
                pointer: "/scope/market_id".to_owned(),
                detail: format!("there is no market {id}"),
            }),
            false => Ok(()),
        }
    }

    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        change: Change,
        keyed: Keyed,
    ) -> Result<Answer<T>, Error> {
        check_reason(change.reason())?;
        check_author(change.actor(), &keyed)?;
        let trace_id = keyed.trace_id.clone();
        let (app, work) = (self.clone(), Arc::new((change, keyed)));
        let ran = self
            .store()
            .run("change_limits", Isolation::ReadCommitted, move |tx| {
                let (app, work) = (app.clone(), Arc::clone(&work));
                Box::pin(async move { app.change_in(tx, &work.0, &work.1).await })
            })
            .await?;
        let read = |view| serde_json::from_value(view).map_err(Error::internal);
        match ran {
            Ran::Mismatch => Err(Error::refused(key_mismatch(), trace_id)),
            Ran::Now(view) => read(view).map(Answer::first),
            Ran::Before(view) => read(view).map(Answer::replay),
        }
    }

    async fn change_in(
        &self,
        tx: &mut Tx,
        change: &Change,
        keyed: &Keyed,
    ) -> Result<Ran, overround_store::Error> {
        let (now, actor) = (self.clock().now(), change.actor());
        match actor_idempotency::claim(tx, actor, &keyed.key, &keyed.request_hash, now).await? {
            Claimed::Mismatch => return Ok(Ran::Mismatch),
            Claimed::Done(view) => return Ok(Ran::Before(view)),
            Claimed::New => {}
        }
        let id = LimitId::from_uuid(self.clock().id());
        let (view, event) = match change {
            Change::Limit(change) => {
                let row = limits::set(tx, id, change, now).await?;
                (serde_json::to_value(limit_view(row.clone())), self.limit_changed(&row, keyed))
            }
            Change::Factor(change) => {
                let row = account_factors::set(tx, id, change, now).await?;
                (serde_json::to_value(factor_view(row.clone())), self.factor_changed(&row, keyed))
            }
            Change::Cap(change) => {
                let row = caps::set(tx, id, change, now).await?;
                let used = allowances::share_out(tx, row.id, row.amount, self.cells()).await?;
                let event = self.cap_changed(&row, keyed);
                (serde_json::to_value(CapView::new(row, used)), event)
            }
        };
        let view = view.map_err(|error| {
            overround_store::Error::inconsistent("wallet.actor_idempotency", "answer", &keyed.key, error)
        })?;
        events::append(tx, &[event]).await?;
        actor_idempotency::keep(tx, actor, &keyed.key, &view).await?;
        Ok(Ran::Now(view))
    }

    fn limit_changed(&self, row: &LimitRow, keyed: &Keyed) -> DomainEvent {
        let (market, market_type, sport) = match &row.scope {
            LimitScope::Default => (None, None, None),
            LimitScope::Sport(sport) => (None, None, Some(sport)),
            LimitScope::MarketType(market_type) => (None, Some(market_type), None),
            LimitScope::Market(market) => (Some(market.uuid()), None, None),
        };
        let payload = json!({
            "scope": row.scope.level(), "market_id": market, "market_type": market_type, "sport": sport,
            "currency": row.currency, "volume_cents": row.limits.volume, "liability_cents": row.limits.liability,
            "stake_cents": row.limits.stake, "actor": row.actor, "reason": row.reason,
        });
        self.changed(EventType::LimitChanged, row.id, row.version, payload, keyed)
    }

    fn factor_changed(&self, row: &FactorRow, keyed: &Keyed) -> DomainEvent {
        let payload = json!({
            "account_id": row.account_id.uuid(), "sport": row.sport, "factor_pct": row.factor,
            "actor": row.actor, "reason": row.reason,
        });
        self.changed(EventType::FactorChanged, row.id, row.version, payload, keyed)
    }

    pub(super) fn changed(
        &self,
        event_type: EventType,
        of: LimitId,
        version: i64,
        payload: Value,
        keyed: &Keyed,
    ) -> DomainEvent {
        let id = DomainEventId::from_uuid(self.clock().id());
        DomainEvent {
            id,
            cell: None,
            event_type,
            aggregate_id: of.uuid(),
            aggregate_version: version,
            payload,
            trace_id: Some(keyed.trace_id.clone()),
            created_at: id.created_at().unwrap_or_else(|| self.clock().now()),
        }
    }
}

impl Change {
    fn actor(&self) -> &str {
        match self {
            Self::Limit(change) => &change.actor,
            Self::Factor(change) => &change.actor,
            Self::Cap(change) => &change.actor,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Limit(change) => &change.reason,
            Self::Factor(change) => &change.reason,
            Self::Cap(change) => &change.reason,
        }
    }
}

fn limit_view(row: LimitRow) -> LimitView {
    let LimitRow { scope, currency, limits, version, actor, reason, changed_at, .. } = row;
    LimitView { scope, currency, limits, version, actor, reason, changed_at }
}

fn factor_view(row: FactorRow) -> FactorView {
    let FactorRow { account_id, sport, factor, version, actor, reason, changed_at, .. } = row;
    FactorView { account_id, sport, factor, version, actor, reason, changed_at }
}
