//! Deciding what is done to an account by hand: credits, debits, adjustments and reversals.

use super::{Decider, KeptAnswer, encode, impossible, insufficient};
use crate::lanes::command::{Direction, MoveMoney, Outcome};
use crate::wallet::{Act, Done, PostingView};
use overround_domain::betting::{Refusal, RefusalCode};
use overround_domain::events::EventType;
use overround_domain::ids::PostingId;
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{
    Account, AccountKind, AccountStatus, Posting, adjustment_posting, deposit_posting, reversal_posting,
    withdrawal_posting,
};
use overround_store::Error;
use overround_store::wallet::reversals::NewReversal;
use serde_json::json;

impl Decider<'_> {
    /// Posts it and says so, or refuses it.
    pub(super) fn by_hand(&mut self, command: &MoveMoney) -> Result<Result<Outcome, Refusal>, Error> {
        let account = self.account(command.player.account_id)?;
        if let Some(refusal) = self.irreversible(&command.act) {
            return Ok(Err(refusal));
        }
        let posting = self.posting_by_hand(&account, command)?;
        if let Some(refusal) = refuse(&account, command, &posting) {
            return Ok(Err(refusal));
        }
        if let Err(error) = self.post(&command.player, &posting) {
            return insufficient(error).map(Err);
        }
        self.remember_reversal(command, posting.id());
        let view = self.view(&account, &posting)?;
        self.tell(command, &view)?;
        let done = Done::Moved(view);
        self.answer(&command.player, &command.keyed, Some(encode(&KeptAnswer::Moved(done.clone()))?));
        Ok(Ok(Outcome::Moved(done)))
    }

    /// Why a posting cannot be reversed, if that is what is asked and it cannot.
    fn irreversible(&self, act: &Act) -> Option<Refusal> {
        let Act::Reverse { posting_id, ref_type, .. } = act else { return None };
        if !ref_type.is_reversible() {
            let message = format!("a posting of {ref_type} is not taken back by a reversal");
            return Some(Refusal::new(RefusalCode::NotReversible, message));
        }
        let message = "the posting was reversed before; a posting is reversed once";
        self.loaded.reversed.contains(posting_id).then(|| Refusal::new(RefusalCode::AlreadyReversed, message))
    }

    fn posting_by_hand(&self, account: &Account, command: &MoveMoney) -> Result<Posting, Error> {
        let (id, currency) = (self.posting_id(), account.currency);
        let house = |kind| self.house_account(&command.player, kind);
        match &command.act {
            Act::Move { direction: Direction::Credit, amount, .. } => {
                deposit_posting(id, account.id, house(AccountKind::PspClearing)?, currency, *amount)
            }
            Act::Move { direction: Direction::Debit, amount, .. } => {
                withdrawal_posting(id, account.id, house(AccountKind::PspClearing)?, currency, *amount)
            }
            Act::Adjust { amount, .. } => {
                adjustment_posting(id, account.id, house(AccountKind::House)?, currency, *amount)
            }
            Act::Reverse { posting_id, entries, .. } => reversal_posting(id, *posting_id, entries),
        }
        .map_err(impossible)
    }

    fn remember_reversal(&mut self, command: &MoveMoney, reversed_by: PostingId) {
        if let Act::Reverse { posting_id, .. } = &command.act {
            self.loaded.reversed.insert(*posting_id);
            self.writes.reversals.push(NewReversal {
                posting_id: *posting_id,
                reversed_by,
                cell: command.player.cell,
                reason: command.reason.clone(),
                author: command.author.clone(),
                created_at: reversed_by.created_at().unwrap_or(self.now),
            });
        }
    }

    /// The posting as its answer shows it; `before` is the account as it was.
    fn view(&self, before: &Account, posting: &Posting) -> Result<PostingView, Error> {
        Ok(PostingView {
            posting_id: posting.id(),
            account_id: before.id,
            amount: amount_on(before, posting),
            currency: before.currency,
            balance_after: self.account(before.id)?.balance,
            ref_type: posting.ref_type(),
            ref_id: PostingId::from_uuid(posting.ref_id()),
            created_at: posting.id().created_at().unwrap_or(self.now),
        })
    }

    /// The event. A credit's and a debit's amount has no sign, since its type says which way it went.
    fn tell(&mut self, command: &MoveMoney, view: &PostingView) -> Result<(), Error> {
        let (event, amount) = match &command.act {
            Act::Move { direction: Direction::Credit, amount, .. } => (EventType::WalletCredited, *amount),
            Act::Move { direction: Direction::Debit, amount, .. } => (EventType::WalletDebited, *amount),
            Act::Adjust { .. } => (EventType::WalletAdjusted, view.amount),
            Act::Reverse { .. } => (EventType::WalletReversed, view.amount),
        };
        let mut payload = json!({
            "account_id": view.account_id.uuid(), "posting_id": view.posting_id.uuid(), "amount_cents": amount,
            "currency": view.currency, "author": command.author, "reason": command.reason,
        });
        if let (Act::Reverse { posting_id, .. }, Some(fields)) = (&command.act, payload.as_object_mut()) {
            fields.insert("reversed_posting_id".to_owned(), json!(posting_id.uuid()));
        }
        let seq = self.account(view.account_id)?.seq;
        let trace = Some(command.keyed.trace_id.clone());
        self.event(event, command.player.cell, view.account_id.uuid(), seq, payload, trace);
        Ok(())
    }
}

/// What a posting changes an account's balance by.
fn amount_on(account: &Account, posting: &Posting) -> Cents {
    let entries = posting.entries().iter().filter(|entry| entry.account_id == account.id);
    Cents::new(entries.fold(0, |sum, entry| entry.amount.get().saturating_add(sum)))
}

fn refuse(account: &Account, command: &MoveMoney, posting: &Posting) -> Option<Refusal> {
    let takes = amount_on(account, posting) < Cents::ZERO;
    match account.status {
        AccountStatus::Closed => {
            return Some(Refusal::new(RefusalCode::AccountClosed, "the account is closed"));
        }
        AccountStatus::Frozen if takes => {
            return Some(Refusal::new(RefusalCode::AccountFrozen, "the account is frozen"));
        }
        AccountStatus::Frozen | AccountStatus::Active => {}
    }
    let asked: Option<Currency> = match &command.act {
        Act::Move { currency, .. } | Act::Adjust { currency, .. } => Some(*currency),
        Act::Reverse { .. } => None,
    };
    let asked = asked.filter(|currency| *currency != account.currency)?;
    let message = format!("the account is in {}, the amount in {asked}", account.currency);
    Some(Refusal::new(RefusalCode::CurrencyMismatch, message))
}
