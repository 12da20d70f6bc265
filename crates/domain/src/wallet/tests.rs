mod book;
mod postings;

use super::{CELLS_MAX, Cell, PlayerAccounts, Posting};
use crate::ids::{AccountId, UserId};
use crate::money::Currency;
use crate::test_support::{config, uuid};
use proptest::prelude::*;

fn account_id(n: u64) -> AccountId {
    AccountId::from_uuid(uuid(n))
}

fn accounts() -> PlayerAccounts {
    PlayerAccounts { player: account_id(1), hold: account_id(2), currency: Currency::EUR }
}

/// What a posting brings to an account, in minor units.
fn net(posting: &Posting, account: AccountId) -> i64 {
    posting.entries().iter().filter(|entry| entry.account_id == account).map(|entry| entry.amount.get()).sum()
}

#[test]
fn a_cell_is_the_hash_of_its_user() {
    // The SHA-256 of 01900000-0000-7000-8000-000000000001 starts with 5b49ad0f1037441f (hashlib).
    let user = UserId::from_uuid(uuid(1));
    for (cells, cell) in [(1, 0), (2, 1), (16, 15), (4096, 1055)] {
        assert_eq!(Cell::of(user, cells).get(), cell, "of {cells}");
    }
}

#[test]
fn a_stored_number_outside_the_range_is_no_cell() {
    assert_eq!(Cell::from_i16(-1), None);
    assert_eq!(Cell::from_i16(4096), None);
    assert_eq!(Cell::from_i16(4095).map(Cell::get), Some(4095));
    assert_eq!(Cell::nth(CELLS_MAX), None);
    assert_eq!(Cell::all(3).map(Cell::get).collect::<Vec<_>>(), [0, 1, 2]);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_user_has_one_of_the_cells(user in any::<u128>(), cells in any::<u16>()) {
        let cell = Cell::of(UserId::from_uuid(uuid::Uuid::from_u128(user)), cells);
        prop_assert!((0..cells.clamp(1, CELLS_MAX)).contains(&u16::try_from(cell.get()).unwrap()));
    }
}
