//! `market.holds`: what is kept off sale whatever its producer says, one row a scope.
//!
//! Who decides about a market locks its row first and reads its holds after that: a hold that was committed
//! before is seen, and one that comes later waits for the row. Markets that nobody can lock yet, since they are
//! being inserted, are waited for ([`before_markets_appear`], [`while_no_market_appears`]).

use crate::{Error, Tx, keyset};
use chrono::{DateTime, Utc};
use overround_domain::ids::{EventId, HoldId, MarketId, OutcomeId};
use overround_domain::markets::{Group, HoldKind, Holds, Scope, ScopeKind};
use overround_domain::time::Timestamp;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "market.holds";

/// The advisory lock of markets that appear, and events that change their sport: shared by those who do that,
/// exclusive for who holds a group of markets. `OVRH`, in ASCII.
const APPEARANCE: i64 = 0x4f56_5248;

/// A hold as it was last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Its id.
    pub id: HoldId,
    /// What it covers.
    pub scope: Scope,
    /// What it keeps its markets at; none when it is let go.
    pub kind: Option<HoldKind>,
    /// Whether there may be markets that have not followed its last change yet.
    pub pending: bool,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// A hold that is to be set, or let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldChange {
    /// What it covers.
    pub scope: Scope,
    /// What it keeps its markets at from now on; none lets it go.
    pub kind: Option<HoldKind>,
    /// Who changes it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    scope: String,
    scope_key: String,
    market_id: Option<Uuid>,
    kind: Option<String>,
    pending: bool,
    version: i64,
    actor: String,
    reason: String,
    changed_at: DateTime<Utc>,
}

impl TryFrom<Read> for HoldRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        Ok(Self {
            id: HoldId::from_uuid(row.id),
            scope: scope_of(&row.scope, row.scope_key, row.market_id)?,
            kind: row.kind.as_deref().map(|kind| kind_of(row.id, kind)).transpose()?,
            pending: row.pending,
            version: row.version,
            actor: row.actor,
            reason: row.reason,
            changed_at: row.changed_at.into(),
        })
    }
}

/// The key of a scope among those of its kind.
fn key_of(scope: &Scope) -> String {
    match scope {
        Scope::Outcome(_, outcome) => outcome.uuid().to_string(),
        Scope::Market(market) => market.uuid().to_string(),
        Scope::Group(Group::Event(event)) => event.uuid().to_string(),
        Scope::Group(Group::Sport(sport)) => sport.clone(),
        Scope::Group(Group::Producer(producer)) => producer.clone(),
        Scope::Group(Group::All) => String::new(),
    }
}

const fn market_of(scope: &Scope) -> Option<MarketId> {
    match scope {
        Scope::Outcome(market, _) | Scope::Market(market) => Some(*market),
        Scope::Group(_) => None,
    }
}

fn scope_of(kind: &str, key: String, market: Option<Uuid>) -> Result<Scope, Error> {
    let bad = |column: &'static str, detail: &str| {
        Error::inconsistent(TABLE, column, format!("({kind}, {key})"), detail)
    };
    let id = || key.parse::<Uuid>().map_err(|_| bad("scope_key", "it is no UUID"));
    Ok(match kind.parse::<ScopeKind>().map_err(|_| bad("scope", "it is none"))? {
        ScopeKind::Outcome => {
            let market = market.ok_or_else(|| bad("market_id", "it is null"))?;
            Scope::Outcome(MarketId::from_uuid(market), OutcomeId::from_uuid(id()?))
        }
        ScopeKind::Market => Scope::Market(MarketId::from_uuid(id()?)),
        ScopeKind::Event => Scope::Group(Group::Event(EventId::from_uuid(id()?))),
        ScopeKind::Sport => Scope::Group(Group::Sport(key)),
        ScopeKind::Producer => Scope::Group(Group::Producer(key)),
        ScopeKind::All => Scope::Group(Group::All),
    })
}

fn kind_of(hold: Uuid, text: &str) -> Result<HoldKind, Error> {
    text.parse().map_err(|error| Error::inconsistent(TABLE, "kind", hold, error))
}

/// For who is about to insert markets, or to change an event's sport: no group of markets is held from here on
/// until the transaction ends, so that the holds which it reads are those that count.
///
/// # Errors
/// The database's.
pub async fn before_markets_appear(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)").bind(APPEARANCE).execute(&mut **tx).await?;
    Ok(())
}

/// For who is about to hold a group of markets: waits for those that are appearing, and keeps others from it
/// until the transaction ends.
///
/// # Errors
/// The database's.
pub async fn while_no_market_appears(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(APPEARANCE).execute(&mut **tx).await?;
    Ok(())
}

/// Sets a hold, or lets it go; `id` is what it gets where its scope was never held. A group's markets follow
/// later, and it is pending until then. A market of its own is locked by the caller, and changed in the same
/// transaction.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn set(tx: &mut Tx, id: HoldId, change: &HoldChange, at: Timestamp) -> Result<HoldRow, Error> {
    let market = market_of(&change.scope);
    let row: Read = sqlx::query_as(
        "INSERT INTO market.holds AS h (id, scope, scope_key, market_id, kind, pending, version, actor, reason, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $4 IS NULL, 1, $6, $7, $8) \
         ON CONFLICT (scope, scope_key) DO UPDATE \
            SET kind = excluded.kind, pending = excluded.pending, version = h.version + 1, actor = excluded.actor, \
                reason = excluded.reason, changed_at = excluded.changed_at \
         RETURNING id, scope, scope_key, market_id, kind, pending, version, actor, reason, changed_at",
    )
    .bind(id.uuid())
    .bind(change.scope.kind().as_str())
    .bind(key_of(&change.scope))
    .bind(market.map(MarketId::uuid))
    .bind(change.kind.map(HoldKind::as_str))
    .bind(&change.actor)
    .bind(&change.reason)
    .bind(at.to_datetime())
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

/// Notes that all markets have followed a hold's change, unless it was changed again.
///
/// # Errors
/// The database's.
pub async fn followed(tx: &mut Tx, hold: HoldId, version: i64) -> Result<(), Error> {
    sqlx::query("UPDATE market.holds SET pending = false WHERE id = $1 AND version = $2")
        .bind(hold.uuid())
        .bind(version)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The hold of a group of markets, let go or not; none where it was never held.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_group(executor: impl PgExecutor<'_>, group: &Group) -> Result<Option<HoldRow>, Error> {
    let scope = Scope::Group(group.clone());
    let row: Option<Read> = sqlx::query_as(
        "SELECT id, scope, scope_key, market_id, kind, pending, version, actor, reason, changed_at \
         FROM market.holds WHERE scope = $1 AND scope_key = $2",
    )
    .bind(scope.kind().as_str())
    .bind(key_of(&scope))
    .fetch_optional(executor)
    .await?;
    row.map(HoldRow::try_from).transpose()
}

/// The statement of [`list`]. Its parameters are the place in the list (two) and the limit. Each hold's market is looked
/// up by itself: a join would read all markets for one page.
pub const fn list_statement() -> &'static str {
    "SELECT id, scope, scope_key, market_id, kind, pending, version, actor, reason, changed_at \
     FROM market.holds h WHERE (changed_at, id) < ($1, $2) AND kind IS NOT NULL \
       AND coalesce((SELECT m.status NOT IN ('CLOSED', 'SETTLED', 'CANCELLED') FROM market.markets m \
                     WHERE m.id = h.market_id), true) \
     ORDER BY changed_at DESC, id DESC LIMIT $3"
}

/// The newest holds in force that are older than `after`, at most `limit`. Those of markets that are over are left
/// out.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<HoldRow>, Error> {
    let rows: Vec<Read> = keyset::newest(executor, list_statement(), after, limit).await?;
    rows.into_iter().map(HoldRow::try_from).collect()
}

/// The groups of markets some of which may not have followed yet.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn pending(executor: impl PgExecutor<'_>) -> Result<Vec<Group>, Error> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT scope, scope_key FROM market.holds WHERE pending ORDER BY id")
            .fetch_all(executor)
            .await?;
    let groups =
        rows.into_iter().map(|(scope, key)| scope_of(&scope, key, None)).filter_map(|scope| match scope {
            Ok(Scope::Group(group)) => Some(Ok(group)),
            Ok(Scope::Market(_) | Scope::Outcome(..)) => None,
            Err(error) => Some(Err(error)),
        });
    groups.collect()
}

/// The holds that cover each of these markets; a market without any is left out.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn covering(
    executor: impl PgExecutor<'_>,
    markets: &[MarketId],
) -> Result<BTreeMap<MarketId, Holds>, Error> {
    #[derive(FromRow)]
    struct Covering {
        market_id: Uuid,
        id: Uuid,
        scope: String,
        scope_key: String,
        kind: String,
    }
    let rows: Vec<Covering> = sqlx::query_as(
        "SELECT m.id AS market_id, h.id, h.scope, h.scope_key, h.kind \
         FROM market.markets m JOIN market.events e ON e.id = m.event_id \
         CROSS JOIN LATERAL ( \
             SELECT o.id, o.scope, o.scope_key, o.kind FROM market.holds o \
             WHERE o.market_id = m.id AND o.kind IS NOT NULL \
             UNION ALL \
             SELECT g.id, g.scope, g.scope_key, g.kind FROM market.holds g \
             WHERE (g.scope, g.scope_key) IN \
                   (('EVENT', m.event_id::text), ('SPORT', e.sport), ('PRODUCER', m.producer), ('ALL', '')) \
               AND g.kind IS NOT NULL) AS h \
         WHERE m.id = any($1)",
    )
    .bind(markets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    let mut covering: BTreeMap<MarketId, Holds> = BTreeMap::new();
    for row in rows {
        let scope = scope_of(&row.scope, row.scope_key, Some(row.market_id))?;
        let kind = kind_of(row.id, &row.kind)?;
        covering.entry(MarketId::from_uuid(row.market_id)).or_default().add(&scope, kind);
    }
    Ok(covering)
}
