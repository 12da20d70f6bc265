use crate::betting::{
    Acceptance, BetKind, BetResult, BetStatus, LegType, RefusalCode, VoidFactor, VoidPolicy,
};
use crate::events::EventType;
use crate::markets::{
    HoldKind, MarginMethod, MarketKind, MarketStatus, OutcomeStatus, ScopeKind, SourceStatus,
    SuspensionReason, TieRule,
};
use crate::wallet::{AccountKind, AccountStatus, EntryType, Freeze, RefType};
use std::collections::BTreeSet;

macro_rules! round_trips {
    ($($name:ident)*) => {
        $({
            let mut words = BTreeSet::new();
            for value in $name::ALL {
                assert_eq!(value.as_str().parse(), Ok(*value));
                assert_eq!(serde_json::to_value(value).unwrap(), value.as_str());
                assert_eq!(serde_json::from_value::<$name>(value.as_str().into()).unwrap(), *value);
                assert!(words.insert(value.as_str()), "{value} stands for two values");
            }
            assert!("nothing".parse::<$name>().is_err());
        })*
    };
}

#[test]
fn every_word_reads_back_as_its_value() {
    round_trips! {
        Acceptance AccountKind AccountStatus BetKind BetResult BetStatus EntryType EventType Freeze HoldKind LegType
        MarginMethod MarketKind MarketStatus OutcomeStatus RefType RefusalCode ScopeKind SourceStatus SuspensionReason TieRule VoidFactor VoidPolicy
    }
}

#[test]
fn an_unknown_word_is_named_with_what_was_expected() {
    let error = "GONE".parse::<OutcomeStatus>().unwrap_err();
    assert_eq!(error.to_string(), "\"GONE\" is no OutcomeStatus: expected one of ACTIVE, REMOVED");
}
