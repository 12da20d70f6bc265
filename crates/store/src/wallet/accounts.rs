//! `wallet.accounts`.

use crate::cells::distinct;
use crate::{Error, Statement, Tx};
use overround_domain::betting::RecentBet;
use overround_domain::ids::{AccountId, UserId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Account, AccountKind, Cell};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgExecutor, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "wallet.accounts";
const COLUMNS: &str =
    "id, cell, user_id, owner_account_id, kind, currency, status, balance_cents, floor_cents, seq";

/// An account as a money transaction loads it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The account.
    pub account: Account,
    /// The bets of its last seconds.
    pub recent_bets: Vec<RecentBet>,
}

#[derive(FromRow)]
struct AccountRow {
    id: Uuid,
    cell: i16,
    user_id: Option<Uuid>,
    owner_account_id: Option<Uuid>,
    kind: String,
    currency: String,
    status: String,
    balance_cents: i64,
    floor_cents: Option<i64>,
    seq: i64,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;
    fn try_from(row: AccountRow) -> Result<Self, Error> {
        let bad = |column, detail: String| Error::inconsistent(TABLE, column, row.id, detail);
        Ok(Self {
            id: AccountId::from_uuid(row.id),
            cell: Cell::from_i16(row.cell).ok_or_else(|| bad("cell", row.cell.to_string()))?,
            user_id: row.user_id.map(UserId::from_uuid),
            owner_account_id: row.owner_account_id.map(AccountId::from_uuid),
            kind: row.kind.parse().map_err(|_| bad("kind", row.kind.clone()))?,
            currency: row.currency.parse().map_err(|_| bad("currency", row.currency.clone()))?,
            status: row.status.parse().map_err(|_| bad("status", row.status.clone()))?,
            balance: Cents::new(row.balance_cents),
            floor: row.floor_cents.map(Cents::new),
            seq: row.seq,
        })
    }
}

fn loaded(row: &PgRow) -> Result<Loaded, Error> {
    let account = Account::try_from(AccountRow::from_row(row)?)?;
    let numbers: Vec<i64> = row.try_get("recent_bets")?;
    let recent_bets = numbers
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [fingerprint, at] => {
                Some(RecentBet { fingerprint: *fingerprint, at: Timestamp::from_millis(*at) })
            }
            _ => None,
        })
        .collect();
    Ok(Loaded { account, recent_bets })
}

/// Accounts by their ids, which lie in `cells`, and the house's of `house_cells`. An account that does not
/// exist is left out.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn load(
    tx: &mut Tx,
    ids: &[AccountId],
    cells: &[Cell],
    house_cells: &[Cell],
) -> Result<Vec<Loaded>, Error> {
    let rows = sqlx::query(
        "SELECT id, cell, user_id, owner_account_id, kind, currency, status, balance_cents, floor_cents, seq, \
                recent_bets FROM wallet.accounts WHERE id = any($1) AND cell = any($2) \
         UNION ALL \
         SELECT id, cell, user_id, owner_account_id, kind, currency, status, balance_cents, floor_cents, seq, \
                recent_bets FROM wallet.accounts WHERE user_id IS NULL AND cell = any($3)",
    )
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(distinct(cells.iter().copied()))
    .bind(distinct(house_cells.iter().copied()))
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(loaded).collect()
}

/// Writes what postings and freezes changed, and the recent bets where they are given.
pub fn update(to: &mut Statement, changed: &[(Account, Option<Vec<RecentBet>>)]) {
    if changed.is_empty() {
        return;
    }
    let recent = |bets: &Vec<RecentBet>| {
        let numbers: Vec<String> =
            bets.iter().flat_map(|bet| [bet.fingerprint, bet.at.millis()]).map(|n| n.to_string()).collect();
        format!("{{{}}}", numbers.join(","))
    };
    to.add(
        "UPDATE wallet.accounts a SET status = c.status, balance_cents = c.balance_cents, seq = c.seq, \
                recent_bets = coalesce(c.recent_bets::bigint[], a.recent_bets) \
         FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[]) \
              AS c (id, cell, status, balance_cents, seq, recent_bets) \
         WHERE a.id = c.id AND a.cell = c.cell AND a.cell = any($7)",
    )
    .bind(changed.iter().map(|(account, _)| account.id.uuid()).collect::<Vec<_>>())
    .bind(changed.iter().map(|(account, _)| account.cell.get()).collect::<Vec<_>>())
    .bind(changed.iter().map(|(account, _)| account.status.as_str()).collect::<Vec<_>>())
    .bind(changed.iter().map(|(account, _)| account.balance.get()).collect::<Vec<_>>())
    .bind(changed.iter().map(|(account, _)| account.seq).collect::<Vec<_>>())
    .bind(changed.iter().map(|(_, bets)| bets.as_ref().map(recent)).collect::<Vec<_>>())
    .bind(distinct(changed.iter().map(|(account, _)| account.cell)));
}

/// The accounts that a player's opening makes, all in the player's cell.
#[derive(Debug, Clone)]
pub struct NewAccounts {
    /// The player's own.
    pub player: Account,
    /// What it holds for open bets.
    pub hold: Account,
    /// The house's, of its kinds in that currency.
    pub house: Vec<Account>,
}

/// Opens a player's account, with a balance of zero, and those that belong to it. The house's that stand
/// already are left as they are. False, and nothing is opened, where the user has an account in that
/// currency.
///
/// # Errors
/// The database's.
pub async fn open(tx: &mut Tx, new: &NewAccounts, now: Timestamp) -> Result<bool, Error> {
    if !insert_missing(tx, &new.player, now).await? {
        return Ok(false);
    }
    for account in &new.house {
        insert_missing(tx, account, now).await?;
    }
    if !insert_missing(tx, &new.hold, now).await? {
        let detail = "it has a hold account and was not there";
        return Err(Error::inconsistent(TABLE, "owner_account_id", new.player.id.uuid(), detail));
    }
    Ok(true)
}

/// Whether the account was inserted: it was not if one of its owner or cell, kind and currency stands.
async fn insert_missing(tx: &mut Tx, account: &Account, now: Timestamp) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO wallet.accounts \
         (id, cell, user_id, owner_account_id, kind, currency, status, floor_cents, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(account.id.uuid())
    .bind(account.cell.get())
    .bind(account.user_id.map(UserId::uuid))
    .bind(account.owner_account_id.map(AccountId::uuid))
    .bind(account.kind.as_str())
    .bind(account.currency.as_str())
    .bind(account.status.as_str())
    .bind(account.floor.map(Cents::get))
    .bind(now.to_datetime())
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What never changes about a wallet of a player.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    /// What it is for.
    pub kind: AccountKind,
    /// Its cell.
    pub cell: Cell,
    /// Its currency.
    pub currency: Currency,
    /// Whose it is.
    pub user_id: UserId,
    /// The player's account that it stands beside; itself, if it is that.
    pub main_id: AccountId,
    /// That account's hold account.
    pub hold_id: AccountId,
}

/// The fixed facts of a wallet: a player's account, or one that stands beside it, its hold apart.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn find_wallet(executor: impl PgExecutor<'_>, id: AccountId) -> Result<Option<Fixed>, Error> {
    // The cell is what is looked for: the reads by id alone name none.
    let row: Option<(String, i16, String, Uuid, Uuid, Option<Uuid>)> = sqlx::query_as(
        "SELECT a.kind, a.cell, a.currency, a.user_id, coalesce(a.owner_account_id, a.id), h.id \
         FROM wallet.accounts a \
         LEFT JOIN wallet.accounts h \
           ON h.owner_account_id = coalesce(a.owner_account_id, a.id) AND h.kind = 'HOLD' AND h.cell = a.cell \
         WHERE a.id = $1 AND a.user_id IS NOT NULL",
    )
    .bind(id.uuid())
    .fetch_optional(executor)
    .await?;
    let Some((kind, cell, currency, user, main, hold)) = row else { return Ok(None) };
    let kind: AccountKind = kind.parse().map_err(|_| Error::inconsistent(TABLE, "kind", id, kind))?;
    if !kind.is_wallet() {
        return Ok(None);
    }
    let hold = hold.ok_or_else(|| Error::inconsistent(TABLE, "id", id, "its player has no hold account"))?;
    Ok(Some(Fixed {
        kind,
        cell: Cell::from_i16(cell).ok_or_else(|| Error::inconsistent(TABLE, "cell", id, cell))?,
        currency: currency.parse().map_err(|_| Error::inconsistent(TABLE, "currency", id, currency))?,
        user_id: UserId::from_uuid(user),
        main_id: AccountId::from_uuid(main),
        hold_id: AccountId::from_uuid(hold),
    }))
}

/// Whose accounts these are, of the players' accounts among them.
///
/// # Errors
/// The database's.
pub async fn owners(
    executor: impl PgExecutor<'_>,
    ids: &[AccountId],
) -> Result<BTreeMap<AccountId, UserId>, Error> {
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("SELECT id, user_id FROM wallet.accounts WHERE id = any($1) AND kind = 'PLAYER'")
            .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
            .fetch_all(executor)
            .await?;
    let owner = |(id, user)| (AccountId::from_uuid(id), UserId::from_uuid(user));
    Ok(rows.into_iter().map(owner).collect())
}

/// Opens a wallet beside a player's account, with a balance of zero. False, and nothing is opened, where the
/// account has one of that kind.
///
/// # Errors
/// The database's.
pub async fn open_wallet(tx: &mut Tx, wallet: &Account, now: Timestamp) -> Result<bool, Error> {
    insert_missing(tx, wallet, now).await
}

/// The wallets of a player's account, itself first, in the order in which they were opened.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn wallets_of(
    executor: impl PgExecutor<'_>,
    main: AccountId,
    cell: Cell,
) -> Result<Vec<(Account, Timestamp)>, Error> {
    let rows = sqlx::query(
        "SELECT * FROM ( \
           SELECT id, cell, user_id, owner_account_id, kind, currency, status, balance_cents, floor_cents, seq, created_at \
           FROM wallet.accounts WHERE id = $1 AND cell = any($2) \
           UNION ALL \
           SELECT id, cell, user_id, owner_account_id, kind, currency, status, balance_cents, floor_cents, seq, created_at \
           FROM wallet.accounts WHERE owner_account_id = $1 AND cell = any($2) AND kind <> 'HOLD' \
         ) w ORDER BY kind <> 'PLAYER', created_at, id",
    )
    .bind(main.uuid())
    .bind(vec![cell.get()])
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            let created_at = row.try_get::<chrono::DateTime<chrono::Utc>, _>("created_at")?;
            Ok((Account::try_from(AccountRow::from_row(row)?)?, created_at.into()))
        })
        .collect()
}

/// A player's account with what its hold account holds.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The player's account.
    pub account: Account,
    /// The balance of its hold account.
    pub held: Cents,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// The player accounts of one user, of all currencies, oldest first.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_user(
    executor: impl PgExecutor<'_>,
    user_id: UserId,
    cell: Cell,
) -> Result<Vec<Summary>, Error> {
    summaries(executor, "p.user_id = $1", user_id.uuid(), cell).await
}

/// One player's account.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn summary(
    executor: impl PgExecutor<'_>,
    id: AccountId,
    cell: Cell,
) -> Result<Option<Summary>, Error> {
    Ok(summaries(executor, "p.id = $1", id.uuid(), cell).await?.into_iter().next())
}

async fn summaries(
    executor: impl PgExecutor<'_>,
    condition: &'static str,
    id: Uuid,
    cell: Cell,
) -> Result<Vec<Summary>, Error> {
    let columns = COLUMNS.split(", ").map(|column| format!("p.{column}")).collect::<Vec<_>>().join(", ");
    // Only constants of this file are put together here.
    let statement = sqlx::AssertSqlSafe(format!(
        "SELECT {columns}, p.created_at, h.balance_cents AS held_cents \
         FROM wallet.accounts p JOIN wallet.accounts h \
           ON h.owner_account_id = p.id AND h.kind = 'HOLD' AND h.cell = p.cell AND h.cell = any($2) \
         WHERE {condition} AND p.cell = any($2) AND p.kind = 'PLAYER' ORDER BY p.created_at, p.id"
    ));
    let rows = sqlx::query(statement).bind(id).bind(vec![cell.get()]).fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            Ok(Summary {
                account: Account::try_from(AccountRow::from_row(row)?)?,
                held: Cents::new(row.try_get("held_cents")?),
                created_at: row.try_get::<chrono::DateTime<chrono::Utc>, _>("created_at")?.into(),
            })
        })
        .collect()
}
