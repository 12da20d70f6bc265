//! `wallet.ledger_entries`: appended, never changed.

use crate::{Error, Statement, keyset};
use chrono::{DateTime, Utc};
use overround_domain::ids::{AccountId, EntryId, PostingId};
use overround_domain::money::Cents;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Booked, Cell, Entry, RefType};
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

const TABLE: &str = "wallet.ledger_entries";

/// An entry of the ledger.
#[derive(Debug, Clone)]
pub struct EntryRow {
    /// The entry.
    pub id: EntryId,
    /// Its account's cell.
    pub cell: Cell,
    /// Its posting.
    pub posting_id: PostingId,
    /// What was posted, and what the account stood at after it.
    pub booked: Booked,
    /// What it refers to.
    pub ref_type: RefType,
    /// The id of what it refers to.
    pub ref_id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Appends the entries with one INSERT. A trigger checks that each posting sums to zero.
pub fn append(to: &mut Statement, rows: &[EntryRow]) {
    if rows.is_empty() {
        return;
    }
    to.add(
        "INSERT INTO wallet.ledger_entries (id, cell, account_id, posting_id, account_seq, amount_cents, currency, \
                balance_after, type, ref_type, ref_id, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], \
                $7::text[], $8::bigint[], $9::text[], $10::text[], $11::uuid[], $12::timestamptz[])",
    )
    .bind(rows.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.cell.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.booked.entry.account_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.posting_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.booked.account_seq).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.booked.entry.amount.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.booked.entry.currency.as_str().to_owned()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.booked.balance_after.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.booked.entry.entry_type.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.ref_type.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.ref_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.created_at.to_datetime()).collect::<Vec<_>>());
}

/// What [`Read`] reads.
pub(super) const COLUMNS: &str = "id, cell, account_id, posting_id, account_seq, amount_cents, currency, balance_after, \
     type, ref_type, ref_id, created_at";

/// A row as it is stored.
#[derive(FromRow)]
pub(super) struct Read {
    id: Uuid,
    cell: i16,
    account_id: Uuid,
    posting_id: Uuid,
    account_seq: i64,
    amount_cents: i64,
    currency: String,
    balance_after: i64,
    r#type: String,
    ref_type: String,
    ref_id: Uuid,
    created_at: DateTime<Utc>,
}

impl TryFrom<Read> for EntryRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |column, detail: &str| Error::inconsistent(TABLE, column, row.id, detail);
        let entry = Entry {
            account_id: AccountId::from_uuid(row.account_id),
            amount: Cents::new(row.amount_cents),
            currency: row.currency.parse().map_err(|_| bad("currency", &row.currency))?,
            entry_type: row.r#type.parse().map_err(|_| bad("type", &row.r#type))?,
        };
        Ok(Self {
            id: EntryId::from_uuid(row.id),
            cell: Cell::from_i16(row.cell).ok_or_else(|| bad("cell", "it is negative"))?,
            posting_id: PostingId::from_uuid(row.posting_id),
            booked: Booked {
                entry,
                account_seq: row.account_seq,
                balance_after: Cents::new(row.balance_after),
            },
            ref_type: row.ref_type.parse().map_err(|_| bad("ref_type", &row.ref_type))?,
            ref_id: row.ref_id,
            created_at: row.created_at.into(),
        })
    }
}

/// The statement of [`list`]. Its parameters are the account, its cell, the place in the list (two) and the
/// limit.
pub const fn list_statement() -> &'static str {
    "SELECT id, cell, account_id, posting_id, account_seq, amount_cents, currency, balance_after, type, ref_type, \
            ref_id, created_at \
     FROM wallet.ledger_entries \
     WHERE account_id = $1 AND cell = any($2) AND (created_at, id) < ($3, $4) \
     ORDER BY created_at DESC, id DESC LIMIT $5"
}

/// The newest entries of an account that are older than `after`, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<EntryRow>, Error> {
    let (before_at, before_id) = keyset::bound(after);
    let rows: Vec<Read> = sqlx::query_as(list_statement())
        .bind(account_id.uuid())
        .bind(vec![cell.get()])
        .bind(before_at)
        .bind(before_id)
        .bind(limit)
        .fetch_all(executor)
        .await?;
    rows.into_iter().map(EntryRow::try_from).collect()
}

/// How far from its posting's instant an entry's may lie. Their ids are made one after another, so that
/// only a clock that was set in between parts them.
const APART_MS_MAX: i64 = 10_000;

/// The entries of a posting that touched a wallet of a player, with those on the player's other accounts and the
/// house's, in their order; none where there is no such posting. `main_id` is the player's account. No index is by posting: entries are found by the instant
/// in the posting's id.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_posting(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    main_id: AccountId,
    cell: Cell,
    posting_id: PostingId,
) -> Result<Vec<EntryRow>, Error> {
    let Some(made_at) = posting_id.created_at() else { return Ok(Vec::new()) };
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT id, cell, account_id, posting_id, account_seq, amount_cents, currency, balance_after, type, ref_type, \
                ref_id, created_at \
         FROM wallet.ledger_entries \
         WHERE account_id IN ( \
                 SELECT id FROM wallet.accounts WHERE id = $1 AND cell = any($2) \
                 UNION ALL SELECT id FROM wallet.accounts WHERE owner_account_id = $1 AND cell = any($2) \
                 UNION ALL SELECT id FROM wallet.accounts WHERE user_id IS NULL AND cell = any($2)) \
             AND cell = any($2) AND created_at BETWEEN $3 AND $4 AND posting_id = $5 \
         ORDER BY created_at, id",
    )
    .bind(main_id.uuid())
    .bind(vec![cell.get()])
    .bind(made_at.plus_millis(-APART_MS_MAX).to_datetime())
    .bind(made_at.plus_millis(APART_MS_MAX).to_datetime())
    .bind(posting_id.uuid())
    .fetch_all(executor)
    .await?;
    let rows: Vec<EntryRow> = rows.into_iter().map(EntryRow::try_from).collect::<Result<_, _>>()?;
    let touches = rows.iter().any(|row| row.booked.entry.account_id == account_id);
    Ok(if touches { rows } else { Vec::new() })
}
