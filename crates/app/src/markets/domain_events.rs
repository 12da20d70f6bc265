//! The events that tell what happened to market data.

use crate::Clock;
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::DomainEventId;
use overround_domain::markets::{Group, Scope, Snapshot};
use overround_store::Error;
use overround_store::market::{self, EventRow, HoldRow, MarketRow, ProducerRow, ResultRow};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The event of a sporting event that became known, or is called otherwise now, or begins at another time.
pub(super) fn event_changed(clock: &Clock, event: &EventRow) -> DomainEvent {
    let payload = json!({
        "event_id": event.id.uuid(), "version": event.version, "name": event.name, "sport": event.sport,
        "starts_at": event.starts_at.map(|at| at.to_string()),
    });
    domain_event(clock, EventType::EventChanged, (event.id.uuid(), event.version), payload, None)
}

/// The event of a market that became known, before that of its first version.
pub(super) fn market_opened(clock: &Clock, market: &MarketRow) -> DomainEvent {
    let payload = json!({
        "market_id": market.id.uuid(), "event_id": market.event_id.uuid(), "market_type": market.market_type,
        "name": market.name, "kind": market.kind,
    });
    domain_event(clock, EventType::MarketOpened, (market.id.uuid(), market.version), payload, None)
}

/// The event of a new version. `extra` is what more there is to say of it: who did it, and why.
pub(super) fn odds_updated(
    clock: &Clock,
    snapshot: &Snapshot,
    extra: Map<String, Value>,
    trace_id: Option<String>,
) -> Result<DomainEvent, Error> {
    let (prices, suspensions) = market::price_versions::stored(snapshot)?;
    let mut payload = json!({
        "market_id": snapshot.market_id.uuid(), "event_id": snapshot.event_id.uuid(),
        "version": snapshot.version, "status_version": snapshot.status_version,
        "status": snapshot.status, "in_play": snapshot.in_play, "bet_delay_ms": snapshot.bet_delay_ms,
        "prices": prices, "suspensions": suspensions, "as_of": snapshot.as_of.to_string(),
    });
    if let Value::Object(fields) = &mut payload {
        fields.extend(extra);
    }
    let market = (snapshot.market_id.uuid(), snapshot.version);
    Ok(domain_event(clock, EventType::OddsUpdated, market, payload, trace_id))
}

/// The event of a recorded result of a market.
pub(super) fn market_settled(
    clock: &Clock,
    result: &ResultRow,
    market: &MarketRow,
    trace_id: Option<String>,
) -> Result<DomainEvent, Error> {
    let payload = json!({
        "market_id": market.id.uuid(), "event_id": market.event_id.uuid(), "generation": result.generation,
        "outcomes": market::results::stored(result)?, "certainty": result.certainty,
        "source": result.source, "reason": result.reason,
    });
    Ok(domain_event(clock, EventType::MarketSettled, (market.id.uuid(), market.version), payload, trace_id))
}

/// The event of a hold that was set, or let go.
pub(super) fn hold_changed(clock: &Clock, hold: &HoldRow, trace_id: Option<String>) -> DomainEvent {
    let (market, outcome, event, sport, producer) = match &hold.scope {
        Scope::Outcome(market, outcome) => (Some(market.uuid()), Some(outcome.uuid()), None, None, None),
        Scope::Market(market) => (Some(market.uuid()), None, None, None, None),
        Scope::Group(Group::Event(event)) => (None, None, Some(event.uuid()), None, None),
        Scope::Group(Group::Sport(sport)) => (None, None, None, Some(sport), None),
        Scope::Group(Group::Producer(producer)) => (None, None, None, None, Some(producer)),
        Scope::Group(Group::All) => (None, None, None, None, None),
    };
    let payload = json!({
        "hold_id": hold.id.uuid(), "scope": hold.scope.kind(), "market_id": market, "outcome_id": outcome,
        "event_id": event, "sport": sport, "producer": producer, "kind": hold.kind, "actor": hold.actor, "reason": hold.reason,
    });
    domain_event(clock, EventType::HoldChanged, (hold.id.uuid(), hold.version), payload, trace_id)
}

/// The event of a producer's change of state.
pub(super) fn producer_changed(clock: &Clock, producer: &ProducerRow) -> DomainEvent {
    let payload = json!({
        "producer": producer.name, "source": producer.source, "state": producer.state, "reason": producer.reason,
        "epoch": producer.epoch,
    });
    domain_event(clock, EventType::ProducerChanged, (producer.id, producer.version), payload, None)
}

/// An event of market data, which belongs to no cell; `aggregate` is its id and version.
fn domain_event(
    clock: &Clock,
    event_type: EventType,
    (aggregate_id, aggregate_version): (Uuid, i64),
    payload: Value,
    trace_id: Option<String>,
) -> DomainEvent {
    let id = DomainEventId::from_uuid(clock.id());
    let created_at = id.created_at().unwrap_or_else(|| clock.now());
    DomainEvent { id, cell: None, event_type, aggregate_id, aggregate_version, payload, trace_id, created_at }
}
