//! Deciding what is done to an account by hand: credits, debits, adjustments, transfers, reversals and freezes.

use super::{Decider, KeptAnswer, encode, impossible, insufficient};
use crate::lanes::command::{Direction, MoveMoney, Outcome};
use crate::wallet::{Act, ByHand, Done, FreezeView, Player, PostingView};
use overround_domain::betting::{Refusal, RefusalCode};
use overround_domain::events::EventType;
use overround_domain::ids::PostingId;
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{
    Account, AccountKind, AccountStatus, Freeze, Posting, adjustment_posting, deposit_posting,
    reversal_posting, transfer_posting, withdrawal_posting,
};
use overround_store::Error;
use overround_store::wallet::freezes::NewFreeze;
use overround_store::wallet::reversals::NewReversal;
use serde_json::{Value, json};

impl Decider<'_> {
    /// Does it and says so, or refuses it.
    pub(super) fn by_hand(&mut self, command: &MoveMoney) -> Result<Result<Outcome, Refusal>, Error> {
        let decided = match &command.act {
            ByHand::Post(act) => self.post_by_hand(command, act)?.map(Done::Moved),
            ByHand::Freeze { freeze, on } => self.freeze(command, *freeze, *on)?.map(Done::Frozen),
        };
        let done = match decided {
            Ok(done) => done,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.answer(&command.player, &command.keyed, Some(encode(&KeptAnswer::Moved(done.clone()))?));
        Ok(Ok(Outcome::Moved(done)))
    }

    fn post_by_hand(
        &mut self,
        command: &MoveMoney,
        act: &Act,
    ) -> Result<Result<PostingView, Refusal>, Error> {
        let account = self.account(command.player.account_id)?;
        if let Some(refusal) = self.irreversible(act) {
            return Ok(Err(refusal));
        }
        let posting = self.posting_by_hand(&account, &command.player, act)?;
        let status = self.account(command.player.main_id)?.status;
        if let Some(refusal) = refuse(&account, status, act, &posting) {
            return Ok(Err(refusal));
        }
        if let Err(error) = self.post(&command.player, &posting) {
            return insufficient(error).map(Err);
        }
        self.remember_reversal(command, act, posting.id());
        let view = self.view(&account, &posting)?;
        self.tell(command, act, &view)?;
        Ok(Ok(view))
    }

    /// Freezes the account, or lets it go. Where that changes nothing, nothing is written of it.
    fn freeze(
        &mut self,
        command: &MoveMoney,
        freeze: Freeze,
        on: bool,
    ) -> Result<Result<FreezeView, Refusal>, Error> {
        let account = self.account(command.player.account_id)?;
        if account.status == AccountStatus::Closed {
            return Ok(Err(closed()));
        }
        let status = if on { account.status.frozen(freeze) } else { account.status.unfrozen(freeze) };
        let version = self.loaded.freezes.get(&account.id).copied().unwrap_or(0);
        let view = FreezeView { account_id: account.id, status, version, at: self.now };
        if status == account.status {
            return Ok(Ok(view));
        }
        let view = FreezeView { version: version + 1, ..view };
        self.loaded.freezes.insert(account.id, view.version);
        self.loaded.book.set_status(&account.id, status);
        let cell = command.player.cell;
        let payload = json!({
            "account_id": account.id.uuid(), "freeze": freeze, "status": status,
            "author": command.author, "reason": command.reason,
        });
        let event = if on { EventType::AccountFrozen } else { EventType::AccountUnfrozen };
        let trace = Some(command.keyed.trace_id.clone());
        self.event(event, cell, account.id.uuid(), view.version, payload, trace);
        self.writes.freezes.push(NewFreeze {
            account_id: account.id,
            version: view.version,
            cell,
            on,
            freeze,
            status,
            reason: command.reason.clone(),
            author: command.author.clone(),
            created_at: self.now,
        });
        Ok(Ok(view))
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

    fn posting_by_hand(&self, account: &Account, player: &Player, act: &Act) -> Result<Posting, Error> {
        let (id, currency) = (self.posting_id(), account.currency);
        let house = |kind| self.house_account(player, kind);
        match act {
            Act::Move { direction: Direction::Credit, amount, .. } => {
                deposit_posting(id, account.id, house(AccountKind::PspClearing)?, currency, *amount)
            }
            Act::Move { direction: Direction::Debit, amount, .. } => {
                withdrawal_posting(id, account.id, house(AccountKind::PspClearing)?, currency, *amount)
            }
            Act::Adjust { amount, .. } => {
                adjustment_posting(id, account.id, house(AccountKind::House)?, currency, *amount)
            }
            Act::Transfer { to, amount, .. } => transfer_posting(id, account.id, *to, currency, *amount),
            Act::Reverse { posting_id, entries, .. } => reversal_posting(id, *posting_id, entries),
        }
        .map_err(impossible)
    }

    fn remember_reversal(&mut self, command: &MoveMoney, act: &Act, reversed_by: PostingId) {
        if let Act::Reverse { posting_id, .. } = act {
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

    /// The event. A credit's, debit's and transfer's amount has no sign, since its type says which way it went.
    fn tell(&mut self, command: &MoveMoney, act: &Act, view: &PostingView) -> Result<(), Error> {
        let (event, amount) = match act {
            Act::Move { direction: Direction::Credit, amount, .. } => (EventType::WalletCredited, *amount),
            Act::Move { direction: Direction::Debit, amount, .. } => (EventType::WalletDebited, *amount),
            Act::Adjust { .. } => (EventType::WalletAdjusted, view.amount),
            Act::Transfer { amount, .. } => (EventType::WalletTransferred, *amount),
            Act::Reverse { .. } => (EventType::WalletReversed, view.amount),
        };
        let seq = self.account(view.account_id)?.seq;
        let mut payload = json!({
            "account_id": view.account_id.uuid(), "posting_id": view.posting_id.uuid(), "amount_cents": amount,
            "currency": view.currency, "author": command.author, "reason": command.reason,
            "balance_cents": view.balance_after, "account_seq": seq,
        });
        let more = match act {
            Act::Reverse { posting_id, .. } => json!({"reversed_posting_id": posting_id.uuid()}),
            Act::Transfer { to, .. } => {
                let to = self.account(*to)?;
                json!({"to_account_id": to.id.uuid(), "to_balance_cents": to.balance, "to_account_seq": to.seq})
            }
            Act::Move { .. } | Act::Adjust { .. } => json!({}),
        };
        if let (Some(fields), Value::Object(more)) = (payload.as_object_mut(), more) {
            fields.extend(more);
        }
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

/// Why the wallet is not posted to, if it is not. `status` is that of the player's account.
fn refuse(account: &Account, status: AccountStatus, act: &Act, posting: &Posting) -> Option<Refusal> {
    if status == AccountStatus::Closed {
        return Some(closed());
    }
    // A transfer is both.
    let takes = amount_on(account, posting) < Cents::ZERO;
    let pays = !takes || matches!(act, Act::Transfer { .. });
    let ways =
        [(takes && status.is_debit_frozen(), "debits"), (pays && status.is_credit_frozen(), "credits")];
    if let Some((_, way)) = ways.into_iter().find(|(frozen, _)| *frozen) {
        let message = format!("the account is frozen for {way}");
        return Some(Refusal::new(RefusalCode::AccountFrozen, message));
    }
    let asked: Option<Currency> = match act {
        Act::Move { currency, .. } | Act::Adjust { currency, .. } | Act::Transfer { currency, .. } => {
            Some(*currency)
        }
        Act::Reverse { .. } => None,
    };
    let asked = asked.filter(|currency| *currency != account.currency)?;
    let message = format!("the account is in {}, the amount in {asked}", account.currency);
    Some(Refusal::new(RefusalCode::CurrencyMismatch, message))
}

fn closed() -> Refusal {
    Refusal::new(RefusalCode::AccountClosed, "the account is closed")
}
