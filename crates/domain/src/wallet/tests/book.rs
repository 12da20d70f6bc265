use super::account_id;
use crate::ids::{AccountId, PostingId, UserId};
use crate::money::{Cents, Currency};
use crate::test_support::{cents, config, currency, uuid};
use crate::wallet::{
    Account, AccountKind, AccountStatus, Book, BookError, Cell, Entry, EntryType, Posting, RefType,
};
use proptest::prelude::*;

fn account(n: u64, kind: AccountKind, balance: i64, floor: Option<i64>) -> Account {
    let own = matches!(kind, AccountKind::Player | AccountKind::Hold);
    Account {
        id: account_id(n),
        cell: Cell::nth(0).unwrap(),
        kind,
        user_id: own.then(|| UserId::from_uuid(uuid(n + 1000))),
        owner_account_id: None,
        currency: Currency::EUR,
        status: AccountStatus::Active,
        balance: cents(balance),
        floor: floor.map(Cents::new),
        seq: 10,
    }
}

/// Two players with 100 cents and no credit, and the house.
fn book() -> Book {
    Book::new([
        account(1, AccountKind::Player, 100, Some(0)),
        account(2, AccountKind::Player, 100, Some(0)),
        account(3, AccountKind::House, -200, None),
    ])
}

fn posting(amounts: &[(u64, i64)]) -> Posting {
    let entry = |(account, amount): &(u64, i64)| Entry {
        account_id: account_id(*account),
        amount: cents(*amount),
        currency: Currency::EUR,
        entry_type: EntryType::Credit,
    };
    let entries = amounts.iter().map(entry).collect();
    Posting::new(PostingId::from_uuid(uuid(9)), RefType::Adjustment, uuid(9), entries).unwrap()
}

fn state(book: &Book) -> Vec<Account> {
    (1..=3).map(|n| book.get(&account_id(n)).unwrap().clone()).collect()
}

#[test]
fn entries_are_numbered_and_carry_the_balance_they_leave() {
    let mut book = book();
    let booked = book.post(&posting(&[(1, -30), (3, 50), (1, -20)])).unwrap();
    let lines: Vec<_> = booked.iter().map(|line| (line.account_seq, line.balance_after.get())).collect();
    assert_eq!(lines, [(11, 70), (11, -150), (12, 50)]);
    let player = book.get(&account_id(1)).unwrap();
    assert_eq!((player.balance, player.seq), (cents(50), 12));
}

#[test]
fn changed_are_those_that_were_posted_to() {
    let mut book = book();
    assert_eq!(book.changed(), []);
    book.post(&posting(&[(1, -30), (3, 30)])).unwrap();
    let changed: Vec<AccountId> = book.changed().iter().map(|account| account.id).collect();
    assert_eq!(changed, [account_id(1), account_id(3)]);
}

#[test]
fn a_floor_holds_at_the_end_of_a_posting() {
    let mut book = book();
    let refused = book.post(&posting(&[(1, -101), (3, 101)]));
    assert_eq!(refused, Err(BookError::BelowFloor { account_id: account_id(1), available: cents(100) }));
    assert!(book.post(&posting(&[(1, -150), (3, 50), (1, 100)])).is_ok());
}

#[test]
fn what_cannot_be_booked_says_why() {
    let other_cell = Account { cell: Cell::nth(1).unwrap(), ..account(4, AccountKind::House, 0, None) };
    let other_currency = Account { currency: currency("GBP"), ..account(5, AccountKind::House, 0, None) };
    let rich = account(6, AccountKind::House, i64::MAX, None);
    let player = account(1, AccountKind::Player, 100, Some(0));
    let mut book = Book::new([player, other_cell, other_currency, rich]);
    let cases = [
        (7, BookError::UnknownAccount(account_id(7))),
        (4, BookError::AcrossCells(account_id(4))),
        (5, BookError::WrongCurrency(account_id(5))),
        (6, BookError::Overflow(account_id(6))),
    ];
    for (to, error) in cases {
        assert_eq!(book.post(&posting(&[(1, -1), (to, 1)])), Err(error));
        assert_eq!(book.changed(), [], "nothing of a refused posting is booked");
    }
}

#[test]
fn the_house_is_found_by_cell_kind_and_currency() {
    let book = book();
    let find = |cell, kind, code| {
        book.find(Cell::nth(cell).unwrap(), kind, currency(code)).map(|account| account.id)
    };
    assert_eq!(find(0, AccountKind::House, "EUR"), Some(account_id(3)));
    assert_eq!(find(1, AccountKind::House, "EUR"), None);
    assert_eq!(find(0, AccountKind::House, "GBP"), None);
    assert_eq!(find(0, AccountKind::Player, "EUR"), None, "players are not looked up by kind");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_sum_stays_and_each_posting_is_whole_or_nothing(
        moves in proptest::collection::vec((1..=3_u64, 1..=3_u64, 1..80_i64, 1..80_i64), 1..30),
    ) {
        let mut book = book();
        for (from, to, amount, more) in moves {
            let posting = posting(&[(from, -amount), (to, amount), (from, -more), (3, more)]);
            let before = state(&book);
            match book.post(&posting) {
                Err(_) => prop_assert_eq!(state(&book), before),
                Ok(booked) => {
                    for (was, is) in before.iter().zip(state(&book)) {
                        let own: Vec<_> = booked.iter().filter(|line| line.entry.account_id == was.id).collect();
                        let moved: i64 = own.iter().map(|line| line.entry.amount.get()).sum();
                        prop_assert_eq!(is.balance.get(), was.balance.get() + moved);
                        let seqs: Vec<i64> = own.iter().map(|line| line.account_seq).collect();
                        prop_assert_eq!(seqs, ((was.seq + 1)..=is.seq).collect::<Vec<_>>());
                        prop_assert_eq!(own.last().map_or(was.balance, |line| line.balance_after), is.balance);
                    }
                }
            }
            let now = state(&book);
            prop_assert_eq!(now.iter().map(|account| account.balance.get()).sum::<i64>(), 0);
            prop_assert!(now.iter().all(|account| account.floor.is_none_or(|floor| account.balance >= floor)));
        }
    }
}
