//! A house that errs is found: right answers pass, and each of them doctored does not.

use super::*;
use crate::sim::acts::Act;
use crate::sim::model::{Limits, Stops};
use overround_app::{EntryView, FactorView, FreezeView, PostingView};
use overround_domain::betting::{Factor, Refusal, RefusalData};
use overround_domain::ids::{EntryId, PostingId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use overround_domain::wallet::{AccountStatus, EntryType, Freeze, RefType};
use uuid::Uuid;

const LIMITS: Limits = Limits {
    stake_min: 100,
    stake_max: 50_000,
    payout_max: 400_000,
    legs_max: 4,
    duplicate_window_ms: 3_000,
    margin_bps: 400,
    in_play_pct: 50,
};

fn account() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(1))
}

fn posting() -> PostingId {
    PostingId::from_uuid(Uuid::from_u128(2))
}

/// A way to doctor a right house, and its name.
type Wrong = (&'static str, fn(&mut House));

/// A house's account of a step in which 300 of 1000 were debited and then 900 asked for.
struct House {
    /// The account before it.
    account: Account,
    heard: Vec<Heard>,
    entries: Vec<EntryView>,
}

const fn asked(op: OpId, call: Call) -> Ask {
    Ask { op, process: 0, key_of: op, twisted: false, call }
}

const fn given(value: Value) -> Given {
    Given { replayed: false, resent: false, value }
}

impl House {
    fn right() -> Self {
        let ask = |index, amount| {
            let op = OpId { step: 3, index };
            let act = Act::Move { credits: false, amount, currency: Currency::EUR };
            asked(op, Call::ByHand { account: account(), act })
        };
        let at = Timestamp::from_millis(1_000);
        let view = PostingView {
            posting_id: posting(),
            account_id: account(),
            amount: Cents::new(-300),
            currency: Currency::EUR,
            balance_after: Cents::new(700),
            ref_type: RefType::Withdrawal,
            ref_id: posting(),
            created_at: at,
        };
        let data = RefusalData { available_cents: Some(700), ..RefusalData::default() };
        let refusal = Refusal::new(RefusalCode::InsufficientFunds, "").with(data);
        let kept = overround_app::KeptRefusal { refusal, trace_id: String::new(), replayed: false };
        let entry = EntryView {
            id: EntryId::from_uuid(Uuid::from_u128(3)),
            account_id: account(),
            posting_id: posting(),
            account_seq: 8,
            amount: Cents::new(-300),
            currency: Currency::EUR,
            balance_after: Cents::new(700),
            entry_type: EntryType::Debit,
            ref_type: RefType::Withdrawal,
            ref_id: posting().uuid(),
            created_at: at,
        };
        let heard = vec![
            (ask(0, 300), given(Value::Moved(view))),
            (ask(1, 900), given(Value::Refused(Box::new(kept)))),
        ];
        let mut account = Account::new(account(), Currency::EUR);
        (account.seq, account.purse.balance) = (7, 1_000);
        Self { account, heard, entries: vec![entry] }
    }

    /// The same, and the account was frozen or let go beside.
    fn freeze(&mut self, freeze: Freeze, on: bool, status: AccountStatus, version: i64) {
        let op = OpId { step: 3, index: 10 + u32::try_from(self.heard.len()).unwrap() };
        let at = Timestamp::from_millis(1_000);
        let view = FreezeView { account_id: account(), status, version, at };
        let call = Call::ByHand { account: account(), act: Act::Freeze { freeze, on } };
        self.heard.push((asked(op, call), given(Value::Frozen(view))));
    }

    /// The same, and the account's factor in a sport was set beside.
    fn factor(&mut self, asked_pct: u16, told_pct: u16, version: i64) {
        let op = OpId { step: 3, index: 10 + u32::try_from(self.heard.len()).unwrap() };
        let view = FactorView {
            account_id: account(),
            sport: "football".to_owned(),
            factor: Factor::from_pct(told_pct).unwrap(),
            version,
            actor: String::new(),
            reason: String::new(),
            changed_at: Timestamp::from_millis(1_000),
        };
        let act = Act::Factor { sport: "football", pct: asked_pct };
        let call = Call::ByHand { account: account(), act };
        self.heard.push((asked(op, call), given(Value::Factored(view))));
    }

    fn check(&self) -> Result<i64, Mismatch> {
        let mut model = Model::new(LIMITS);
        model.accounts.insert(0, self.account.clone());
        let entries = BTreeMap::from([(account(), self.entries.clone())]);
        let (mut log, heard) = (Log::default(), &self.heard);
        Round { model: &mut model, log: &mut log, now: 1_000, heard, entries: &entries }.check()?;
        Ok(model.accounts.get(&0).map_or(0, |account| account.purse.balance))
    }

    fn refused(&mut self) -> &mut Refusal {
        match &mut self.heard[1].1.value {
            Value::Refused(kept) => &mut kept.refusal,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_right_answer_passes_and_moves_the_model() {
    assert_eq!(House::right().check().unwrap(), 700);
}

#[test]
fn an_answer_that_fits_another_order_passes() {
    let mut house = House::right();
    // Asked for before the 300 were gone: then it has to be covered.
    house.refused().data.available_cents = Some(1_000);
    assert!(house.check().is_err(), "1000 cover 900");
}

#[test]
fn each_wrong_answer_is_found() {
    let wrongs: [Wrong; 9] = [
        ("a balance that is not there", |house| house.refused().data.available_cents = Some(701)),
        ("another code", |house| house.refused().code = RefusalCode::AccountFrozen),
        ("an entry too many", |house| {
            let again =
                EntryView { account_seq: 9, balance_after: Cents::new(400), ..house.entries[0].clone() };
            house.entries.push(again);
        }),
        ("an entry too few", |house| house.entries.clear()),
        ("a gap in the sequence", |house| house.entries[0].account_seq = 9),
        ("a wrong sum", |house| house.entries[0].balance_after = Cents::new(701)),
        ("another amount", |house| {
            house.entries[0].amount = Cents::new(-301);
            house.entries[0].balance_after = Cents::new(699);
        }),
        ("another kind of entry", |house| house.entries[0].entry_type = EntryType::Fee),
        ("a replay of nothing", |house| house.heard[0].1.replayed = true),
    ];
    for (name, wrong) in wrongs {
        let mut house = House::right();
        wrong(&mut house);
        assert!(house.check().is_err(), "{name} passed");
    }
}

#[test]
fn one_key_is_carried_out_once() {
    let mut house = House::right();
    let again = house.heard[0].clone();
    house.heard.push(again);
    assert!(house.check().is_err(), "both say that they are the first");
    house.heard[2].1.replayed = true;
    assert!(house.check().is_ok());
}

/// A refusal that only a freeze explains.
fn frozen_out(house: &mut House) {
    (house.refused().code, house.refused().data) = (RefusalCode::AccountFrozen, RefusalData::default());
}

#[test]
fn a_freeze_lies_somewhere_between_the_postings() {
    let mut house = House::right();
    house.freeze(Freeze::Both, true, AccountStatus::Frozen, 1);
    assert!(house.check().is_ok(), "both came before it");
    frozen_out(&mut house);
    assert!(house.check().is_ok(), "the refused one came after it");
    house.account.purse.stops = Stops { debits: true, credits: false };
    assert!(house.check().is_err(), "300 were debited from a frozen account");
}

#[test]
fn a_posting_waits_until_its_account_is_let_go() {
    let mut house = House::right();
    (house.account.purse.stops, house.account.freezes) = (Stops { debits: true, credits: true }, 4);
    house.freeze(Freeze::Both, true, AccountStatus::Frozen, 6);
    house.freeze(Freeze::Both, true, AccountStatus::Frozen, 6);
    house.freeze(Freeze::Debit, false, AccountStatus::CreditFrozen, 5);
    assert!(house.check().is_ok());
    house.refused().data.available_cents = Some(1_000);
    assert!(house.check().is_err(), "1000 cover 900");
    frozen_out(&mut house);
    assert!(house.check().is_ok());
}

#[test]
fn each_wrong_freeze_is_found() {
    use AccountStatus::{Active, CreditFrozen, DebitFrozen};
    let wrongs = [
        ("a number is left out", Freeze::Debit, true, DebitFrozen, 2),
        ("it has the number of an earlier one", Freeze::Debit, true, DebitFrozen, 0),
        ("another status", Freeze::Debit, true, CreditFrozen, 1),
        ("a number for nothing", Freeze::Credit, false, Active, 1),
        ("no number is below the first", Freeze::Credit, false, Active, -1),
    ];
    for (name, freeze, on, status, version) in wrongs {
        let mut house = House::right();
        house.freeze(freeze, on, status, version);
        assert!(house.check().is_err(), "{name} passed");
    }
    let mut house = House::right();
    house.freeze(Freeze::Credit, false, Active, 0);
    assert!(house.check().is_ok(), "what is not frozen may be let go");
}

#[test]
fn factors_are_set_in_the_order_of_their_numbers() {
    let mut house = House::right();
    house.factor(50, 50, 2);
    house.factor(0, 0, 1);
    assert!(house.check().is_ok());
    house.factor(150, 100, 3);
    assert!(house.check().is_err(), "another factor than was asked for");
    for version in [0, 1, 2, 4] {
        let mut house = House::right();
        house.factor(50, 50, 2);
        house.factor(0, 0, 1);
        house.factor(150, 150, version);
        assert!(house.check().is_err(), "number {version} passed");
    }
}

#[test]
fn a_refusal_by_a_freeze_that_never_was_is_found() {
    let mut house = House::right();
    frozen_out(&mut house);
    assert!(house.check().is_err());
}
