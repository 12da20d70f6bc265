use super::{AccountId, BetId, IdError, MarketId, PREFIXES};
use crate::test_support::config;
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_uuid_reads_back(bits in any::<u128>()) {
        let id = MarketId::from_uuid(Uuid::from_u128(bits));
        let text = id.to_string();
        prop_assert_eq!(text.len(), "mkt_".len() + 22);
        // bs58 spells each leading zero byte as one digit, not the number with as many digits as it takes.
        let digits = bs58::encode(bits.to_be_bytes()).into_string();
        prop_assert_eq!(text.trim_start_matches("mkt_").trim_start_matches('1'), digits.trim_start_matches('1'));
        prop_assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn no_text_panics_and_none_has_two_spellings(text in "(mkt_)?[1-9A-Za-z_]{0,30}|.{0,30}") {
        if let Ok(id) = text.parse::<MarketId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}

#[test]
fn the_ends_of_the_range_read_back() {
    for bits in [0, 1, u128::MAX] {
        let id = BetId::from_uuid(Uuid::from_u128(bits));
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

#[test]
fn an_id_of_another_kind_is_refused_by_name() {
    let market = MarketId::from_uuid(Uuid::from_u128(7)).to_string();
    let error = market.parse::<BetId>().unwrap_err();
    assert!(matches!(error, IdError::WrongPrefix { expected: "bet", .. }), "{error}");
}

#[test]
fn what_is_above_128_bits_is_malformed() {
    let text = format!("acct_{}", "z".repeat(22));
    assert_eq!(text.parse::<AccountId>(), Err(IdError::Malformed("acct")));
}

#[test]
fn prefixes_are_given_once() {
    let distinct: BTreeSet<_> = PREFIXES.iter().collect();
    assert_eq!(distinct.len(), PREFIXES.len());
}

#[test]
fn a_uuid_v7_tells_its_instant() {
    // The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22.000Z.
    let id = BetId::from_uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap());
    assert_eq!(id.created_at(), Some(Timestamp::from_millis(1_645_557_742_000)));
}
