//! The postings of the trade: how a stake is held, a bet paid, money deposited and withdrawn.

use super::{Entry, EntryType, Posting, PostingError, RefType};
use crate::ids::{AccountId, BetId, PostingId, SettlementId};
use crate::money::{Cents, Currency};

/// The player's accounts that a bet moves money between; both in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayerAccounts {
    /// The player's cash.
    pub player: AccountId,
    /// The player's held stakes.
    pub hold: AccountId,
    /// The currency of both.
    pub currency: Currency,
}

/// Holds a stake: HOLD -stake from the player, +stake to the hold account.
///
/// # Errors
/// When the stake is not above zero.
pub fn hold_posting(
    id: PostingId,
    accounts: &PlayerAccounts,
    bet: BetId,
    stake: Cents,
) -> Result<Posting, PostingError> {
    positive("a stake", stake)?;
    let entries =
        transfer(EntryType::Hold, accounts.player, EntryType::Hold, accounts.hold, stake, accounts.currency)?
            .to_vec();
    Posting::new(id, RefType::Bet, bet.uuid(), entries)
}

/// Pays a bet of `stake` that returns `returned`. The player gets the smaller of the two from the hold
/// (RELEASE); what the stake is above the return goes from the hold to the house, what the return is
/// above the stake from the house to the player (DEBIT, CREDIT). `house` is the house's account of the cell.
///
/// # Errors
/// When the stake is not above zero or the return below it.
pub fn settlement_posting(
    id: PostingId,
    accounts: &PlayerAccounts,
    house: AccountId,
    settlement: SettlementId,
    stake: Cents,
    returned: Cents,
) -> Result<Posting, PostingError> {
    positive("a stake", stake)?;
    if returned < Cents::ZERO {
        return Err(PostingError::AmountOutOfRange { what: "a return", amount: returned });
    }
    let PlayerAccounts { player, hold, currency } = *accounts;
    let mut entries = Vec::with_capacity(4);
    let released = stake.min(returned);
    if released > Cents::ZERO {
        entries.extend(transfer(EntryType::Release, hold, EntryType::Release, player, released, currency)?);
    }
    // Both are at least zero, so that the difference cannot overflow.
    let won = Cents::new(returned.get() - stake.get());
    if won < Cents::ZERO {
        let lost = Cents::new(-won.get());
        entries.extend(transfer(EntryType::Debit, hold, EntryType::Credit, house, lost, currency)?);
    } else if won > Cents::ZERO {
        entries.extend(transfer(EntryType::Debit, house, EntryType::Credit, player, won, currency)?);
    }
    Posting::new(id, RefType::Settlement, settlement.uuid(), entries)
}

/// Money from outside: DEBIT -amount from the clearing account, CREDIT +amount to the player.
///
/// # Errors
/// When the amount is not above zero.
pub fn deposit_posting(
    id: PostingId,
    player: AccountId,
    clearing: AccountId,
    currency: Currency,
    amount: Cents,
) -> Result<Posting, PostingError> {
    positive("a deposit", amount)?;
    let entries = transfer(EntryType::Debit, clearing, EntryType::Credit, player, amount, currency)?.to_vec();
    Posting::new(id, RefType::Deposit, id.uuid(), entries)
}

/// Money to outside: DEBIT -amount from the player, CREDIT +amount to the clearing account.
///
/// # Errors
/// When the amount is not above zero.
pub fn withdrawal_posting(
    id: PostingId,
    player: AccountId,
    clearing: AccountId,
    currency: Currency,
    amount: Cents,
) -> Result<Posting, PostingError> {
    positive("a withdrawal", amount)?;
    let entries = transfer(EntryType::Debit, player, EntryType::Credit, clearing, amount, currency)?.to_vec();
    Posting::new(id, RefType::Withdrawal, id.uuid(), entries)
}

/// A correction by hand: an amount above zero is DEBIT from the house and CREDIT to the player, one below
/// it DEBIT from the player and CREDIT to the house.
///
/// # Errors
/// When the amount is zero, or the least of its range.
pub fn adjustment_posting(
    id: PostingId,
    player: AccountId,
    house: AccountId,
    currency: Currency,
    amount: Cents,
) -> Result<Posting, PostingError> {
    let (from, to, size) = if amount < Cents::ZERO {
        (player, house, amount.checked_neg().unwrap_or(Cents::ZERO))
    } else {
        (house, player, amount)
    };
    positive("an adjustment", size)?;
    let entries = transfer(EntryType::Debit, from, EntryType::Credit, to, size, currency)?.to_vec();
    Posting::new(id, RefType::Adjustment, id.uuid(), entries)
}

/// Money from one wallet of a player to another: DEBIT -amount, CREDIT +amount.
///
/// # Errors
/// When the amount is not above zero.
pub fn transfer_posting(
    id: PostingId,
    from: AccountId,
    to: AccountId,
    currency: Currency,
    amount: Cents,
) -> Result<Posting, PostingError> {
    positive("a transfer", amount)?;
    let entries = transfer(EntryType::Debit, from, EntryType::Credit, to, amount, currency)?.to_vec();
    Posting::new(id, RefType::Transfer, id.uuid(), entries)
}

/// Takes a posting back: its entries with the opposite amounts and types.
///
/// # Errors
/// When they are not a whole posting, or an amount has no opposite.
pub fn reversal_posting(
    id: PostingId,
    reversed: PostingId,
    entries: &[Entry],
) -> Result<Posting, PostingError> {
    let opposite = |entry: &Entry| {
        let out_of_range = PostingError::AmountOutOfRange { what: "a reversal", amount: entry.amount };
        let amount = entry.amount.checked_neg().ok_or(out_of_range)?;
        Ok(Entry { amount, entry_type: entry.entry_type.opposite(), ..*entry })
    };
    let entries: Vec<Entry> = entries.iter().map(opposite).collect::<Result<_, PostingError>>()?;
    Posting::new(id, RefType::Reversal, reversed.uuid(), entries)
}

fn positive(what: &'static str, amount: Cents) -> Result<(), PostingError> {
    if amount > Cents::ZERO { Ok(()) } else { Err(PostingError::AmountOutOfRange { what, amount }) }
}

fn transfer(
    off: EntryType,
    from: AccountId,
    onto: EntryType,
    to: AccountId,
    amount: Cents,
    currency: Currency,
) -> Result<[Entry; 2], PostingError> {
    let taken = amount.checked_neg().ok_or(PostingError::AmountOutOfRange { what: "a movement", amount })?;
    Ok([
        Entry { account_id: from, amount: taken, currency, entry_type: off },
        Entry { account_id: to, amount, currency, entry_type: onto },
    ])
}
