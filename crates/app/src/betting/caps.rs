//! Hard caps: what all bets together may cost the house on a sport, an event, a market, an outcome or a combination of
//! legs.

use super::limits::Change;
use crate::{Answer, App, Error, Keyed, Listed, Page};
use overround_domain::betting::{CapMeasure, CapScope};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{EventId, LimitId, OutcomeId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use overround_store::betting::allowances;
use overround_store::betting::caps::{self, CapChange, CapRow};
use overround_store::market::{events, outcomes};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A cap, as it was last changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapView {
    /// Which bets count for it.
    pub scope: CapScope,
    /// The currency of those bets.
    pub currency: Currency,
    /// What it counts of them.
    pub measure: CapMeasure,
    /// The most of it, in minor units; none where it was let go.
    pub amount: Option<Cents>,
    /// How much of it the bets take that were accepted under it, in minor units.
    pub used: Cents,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

impl CapView {
    pub(super) fn new(row: CapRow, used: Cents) -> Self {
        let CapRow { scope, currency, measure, amount, version, actor, reason, changed_at, .. } = row;
        Self { scope, currency, measure, amount, used, version, actor, reason, changed_at }
    }
}

impl App {
    /// Caps what all bets together take of a measure, those counted that are accepted from now on. It is never
    /// exceeded, at however many processes. None lets the cap go; what bets took of it counts again if it comes back.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such event, market or outcome.
    pub async fn set_cap(
        &self,
        (scope, currency, measure): (CapScope, Currency, CapMeasure),
        amount: Option<Cents>,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<CapView>, Error> {
        match &scope {
            CapScope::Sport(_) => {}
            CapScope::Event(event) => self.must_be_an_event(*event).await?,
            CapScope::Market(market) => self.must_be_a_market(*market).await?,
            CapScope::Outcome(outcome) => self.must_be_outcomes(&[*outcome], "/scope/outcome_id").await?,
            CapScope::Combination(all) => {
                self.must_be_outcomes(all.outcomes(), "/scope/outcome_ids").await?;
            }
        }
        let actor = actor.to_owned();
        self.change(Change::Cap(CapChange { scope, currency, measure, amount, actor, reason }), keyed).await
    }

    /// The caps in force, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn caps(&self, page: Page) -> Result<Listed<CapView>, Error> {
        let rows = caps::list(self.store().read(), page.after, i64::from(page.limit) + 1).await?;
        let listed = Listed::from_rows(rows, page.limit, |row| (row.changed_at, row.id.uuid()));
        let ids: Vec<LimitId> = listed.items.iter().map(|row| row.id).collect();
        let used = allowances::used(self.store().read(), &ids).await?;
        let view = |row: CapRow| {
            let used = used.get(&row.id).copied().unwrap_or(Cents::ZERO);
            CapView::new(row, used)
        };
        Ok(Listed { items: listed.items.into_iter().map(view).collect(), next: listed.next })
    }

    async fn must_be_an_event(&self, id: EventId) -> Result<(), Error> {
        match events::find(self.store().read(), id).await? {
            Some(_) => Ok(()),
            None => Err(Error::Invalid {
                pointer: "/scope/event_id".to_owned(),
                detail: format!("there is no event {id}"),
            }),
        }
    }

    async fn must_be_outcomes(&self, asked: &[OutcomeId], pointer: &str) -> Result<(), Error> {
        // Outcomes are never deleted, so this need not stand in a transaction.
        let known = outcomes::known(self.store().read(), asked).await?;
        match asked.iter().find(|outcome| !known.contains(outcome)) {
            Some(unknown) => Err(Error::Invalid {
                pointer: pointer.to_owned(),
                detail: format!("there is no outcome {unknown}"),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn cap_changed(&self, row: &CapRow, keyed: &Keyed) -> DomainEvent {
        let sport = if let CapScope::Sport(sport) = &row.scope { Some(sport) } else { None };
        let payload = json!({
            "scope": row.scope.level(), "sport": sport, "members": row.scope.members(), "currency": row.currency,
            "measure": row.measure, "amount_cents": row.amount, "actor": row.actor, "reason": row.reason,
        });
        self.changed(EventType::CapChanged, row.id, row.version, payload, keyed)
    }
}
