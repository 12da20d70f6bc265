use super::{account_id, accounts, net};
use crate::ids::{BetId, PostingId, SettlementId};
use crate::money::Currency;
use crate::test_support::{cents, config, currency, uuid};
use crate::wallet::{
    Entry, EntryType, Posting, PostingError, RefType, adjustment_posting, deposit_posting, hold_posting,
    reversal_posting, settlement_posting, withdrawal_posting,
};
use proptest::prelude::*;

fn entry(account: u64, amount: i64, code: &str) -> Entry {
    Entry {
        account_id: account_id(account),
        amount: cents(amount),
        currency: currency(code),
        entry_type: EntryType::Credit,
    }
}

fn posting(entries: Vec<Entry>) -> Result<Posting, PostingError> {
    Posting::new(PostingId::from_uuid(uuid(9)), RefType::Adjustment, uuid(8), entries)
}

#[test]
fn what_is_no_posting_says_why() {
    let eur = Currency::EUR;
    let cases = [
        (vec![], PostingError::Empty),
        (vec![entry(1, 5, "EUR")], PostingError::Unbalanced { currency: eur, off_by: 5 }),
        (vec![entry(1, 0, "EUR")], PostingError::ZeroEntry { account_id: account_id(1) }),
        (
            vec![entry(1, 5, "EUR"), entry(2, -5, "GBP")],
            PostingError::Unbalanced { currency: eur, off_by: 5 },
        ),
        // In 64 bits this sum would wrap to zero.
        (
            vec![entry(1, i64::MIN, "EUR"), entry(2, i64::MIN, "EUR")],
            PostingError::Unbalanced { currency: eur, off_by: 2 * i128::from(i64::MIN) },
        ),
    ];
    for (entries, error) in cases {
        assert_eq!(posting(entries), Err(error));
    }
}

#[test]
fn two_currencies_balance_each_for_itself() {
    let entries = vec![entry(1, 5, "EUR"), entry(2, 7, "GBP"), entry(3, -5, "EUR"), entry(4, -7, "GBP")];
    assert!(posting(entries).is_ok());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn entries_make_a_posting_exactly_if_they_balance(
        amounts in proptest::collection::vec((1..1_000_000_i64, any::<bool>()), 1..8),
        balanced in any::<bool>(),
        off_by in 1..100_i64,
    ) {
        let signed = amounts.iter().map(|(amount, negative)| if *negative { -amount } else { *amount });
        let mut entries: Vec<_> = (1_u64..).zip(signed).map(|(n, amount)| entry(n, amount, "EUR")).collect();
        let sum: i64 = entries.iter().map(|entry| entry.amount.get()).sum();
        let last = if balanced { -sum } else { off_by - sum };
        prop_assume!(last != 0);
        entries.push(entry(99, last, "EUR"));
        prop_assert_eq!(posting(entries).is_ok(), balanced);
    }

    #[test]
    fn a_bet_leaves_nothing_on_hold_and_moves_the_difference(
        stake in 1..=i64::MAX,
        returned in prop_oneof![Just(0), 0..1_000_000_i64, 0..=i64::MAX],
    ) {
        let (id, accounts, house) = (PostingId::from_uuid(uuid(9)), accounts(), account_id(3));
        let hold = hold_posting(id, &accounts, BetId::from_uuid(uuid(5)), cents(stake)).unwrap();
        let settlement = SettlementId::from_uuid(uuid(6));
        let paid = settlement_posting(id, &accounts, house, settlement, cents(stake), cents(returned)).unwrap();
        let both = |account| i128::from(net(&hold, account)) + i128::from(net(&paid, account));
        prop_assert_eq!(both(accounts.hold), 0);
        prop_assert_eq!(both(accounts.player), i128::from(returned) - i128::from(stake));
        prop_assert_eq!(both(house), i128::from(stake) - i128::from(returned));
    }
}

/// The entries of a settlement as (type, account, amount): betting rules, "Postings".
fn settled(stake: i64, returned: i64) -> Vec<(EntryType, u64, i64)> {
    let settlement = SettlementId::from_uuid(uuid(6));
    let posting = settlement_posting(
        PostingId::from_uuid(uuid(9)),
        &accounts(),
        account_id(3),
        settlement,
        cents(stake),
        cents(returned),
    )
    .unwrap();
    assert_eq!((posting.ref_type(), posting.ref_id()), (RefType::Settlement, uuid(6)));
    let number = |entry: &Entry| (1..4).find(|n| account_id(*n) == entry.account_id).unwrap();
    posting.entries().iter().map(|entry| (entry.entry_type, number(entry), entry.amount.get())).collect()
}

#[test]
fn a_settlement_has_the_entries_of_the_rules() {
    use EntryType::{Credit, Debit, Release};
    let (player, hold, house) = (1, 2, 3);
    assert_eq!(settled(500, 0), [(Debit, hold, -500), (Credit, house, 500)]);
    assert_eq!(settled(500, 500), [(Release, hold, -500), (Release, player, 500)]);
    assert_eq!(
        settled(500, 200),
        [(Release, hold, -200), (Release, player, 200), (Debit, hold, -300), (Credit, house, 300)]
    );
    assert_eq!(
        settled(500, 950),
        [(Release, hold, -500), (Release, player, 500), (Debit, house, -450), (Credit, player, 450)]
    );
}

#[test]
fn deposits_and_withdrawals_refer_to_themselves() {
    let (id, player, clearing) = (PostingId::from_uuid(uuid(9)), account_id(1), account_id(4));
    let deposit = deposit_posting(id, player, clearing, Currency::EUR, cents(70)).unwrap();
    let withdrawal = withdrawal_posting(id, player, clearing, Currency::EUR, cents(70)).unwrap();
    let entry = |account_id, amount, entry_type| Entry {
        account_id,
        amount: cents(amount),
        currency: Currency::EUR,
        entry_type,
    };
    assert_eq!(deposit.ref_id(), id.uuid());
    assert_eq!(
        deposit.entries(),
        [entry(clearing, -70, EntryType::Debit), entry(player, 70, EntryType::Credit)]
    );
    assert_eq!(
        withdrawal.entries(),
        [entry(player, -70, EntryType::Debit), entry(clearing, 70, EntryType::Credit)]
    );
}

#[test]
fn amounts_of_nothing_and_less_are_refused() {
    let (id, accounts) = (PostingId::from_uuid(uuid(9)), accounts());
    let settlement = SettlementId::from_uuid(uuid(6));
    for amount in [0, -1, i64::MIN] {
        let amount = cents(amount);
        let eur = Currency::EUR;
        assert!(hold_posting(id, &accounts, BetId::from_uuid(uuid(5)), amount).is_err());
        assert!(settlement_posting(id, &accounts, account_id(3), settlement, amount, cents(1)).is_err());
        assert!(deposit_posting(id, account_id(1), account_id(4), eur, amount).is_err());
        assert!(withdrawal_posting(id, account_id(1), account_id(4), eur, amount).is_err());
    }
    assert!(settlement_posting(id, &accounts, account_id(3), settlement, cents(1), cents(-1)).is_err());
}

#[test]
fn an_adjustment_goes_both_ways_between_player_and_house() {
    let (id, player, house) = (PostingId::from_uuid(uuid(9)), account_id(1), account_id(3));
    let adjust = |amount| adjustment_posting(id, player, house, Currency::EUR, cents(amount));
    let lines = |posting: &Posting| -> Vec<_> {
        posting
            .entries()
            .iter()
            .map(|entry| (entry.account_id, entry.entry_type, entry.amount.get()))
            .collect()
    };
    use EntryType::{Credit, Debit};
    let cases = [
        (70, [(house, Debit, -70), (player, Credit, 70)]),
        (-70, [(player, Debit, -70), (house, Credit, 70)]),
        (i64::MAX, [(house, Debit, -i64::MAX), (player, Credit, i64::MAX)]),
    ];
    for (amount, expected) in cases {
        let posting = adjust(amount).unwrap();
        assert_eq!(lines(&posting), expected);
        assert_eq!((posting.ref_type(), posting.ref_id()), (RefType::Adjustment, id.uuid()));
    }
    assert!(adjust(0).is_err() && adjust(i64::MIN).is_err());
}

#[test]
fn a_reversal_leaves_nothing_of_what_it_reverses() {
    let (id, other) = (PostingId::from_uuid(uuid(9)), PostingId::from_uuid(uuid(10)));
    let (player, beside) = (account_id(1), account_id(4));
    let eur = Currency::EUR;
    let postings = [
        deposit_posting(id, player, beside, eur, cents(70)).unwrap(),
        withdrawal_posting(id, player, beside, eur, cents(70)).unwrap(),
        adjustment_posting(id, player, beside, eur, cents(-70)).unwrap(),
        hold_posting(id, &accounts(), BetId::from_uuid(uuid(5)), cents(70)).unwrap(),
    ];
    for posting in postings {
        let reversal = reversal_posting(other, posting.id(), posting.entries()).unwrap();
        assert_eq!((reversal.ref_type(), reversal.ref_id()), (RefType::Reversal, id.uuid()));
        for (entry, back) in posting.entries().iter().zip(reversal.entries()) {
            assert_eq!(back.amount, cents(-entry.amount.get()));
            assert_eq!((back.account_id, back.entry_type), (entry.account_id, entry.entry_type.opposite()));
        }
        let half = posting.entries().get(..1).unwrap();
        assert!(reversal_posting(other, posting.id(), half).is_err(), "a part is no posting");
    }
}

#[test]
fn what_may_be_reversed_is_what_was_done_by_hand() {
    let reversible: Vec<_> = RefType::ALL.iter().filter(|kind| kind.is_reversible()).collect();
    assert_eq!(reversible, [&RefType::Deposit, &RefType::Withdrawal, &RefType::Adjustment]);
    for kind in EntryType::ALL {
        assert_eq!(kind.opposite().opposite(), *kind);
    }
}
