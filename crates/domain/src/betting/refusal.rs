//! The refusal codes, in the order in which a request is checked, and the refusal that carries one.

use crate::ids::OutcomeId;
use crate::markets::Line;
use crate::odds::Price;
use serde::{Deserialize, Serialize};

stored_enum! {
    /// Why a request was refused. The order of the variants is the order of the checks: the first
    /// failure wins. The last three are not of bets ([`RefusalCode::OF_BETS`]): two are checked before
    /// what the account allows, the last with the funds.
    RefusalCode {
        /// The key was used before for another request.
        IdempotencyMismatch = "IDEMPOTENCY_MISMATCH",
        /// The same bet was placed moments ago under another key, and this one is not confirmed.
        DuplicatedRequest = "DUPLICATED_REQUEST",
        /// The account is closed.
        AccountClosed = "ACCOUNT_CLOSED",
        /// The player has excluded themselves.
        SelfExcluded = "SELF_EXCLUDED",
        /// The player is taking a time-out.
        TimeOut = "TIME_OUT",
        /// The account is frozen.
        AccountFrozen = "ACCOUNT_FROZEN",
        /// The player's identity is not verified.
        KycRequired = "KYC_REQUIRED",
        /// The player's place is not known, or was checked too long ago.
        GeoRequired = "GEO_REQUIRED",
        /// The player is where bets may not be taken.
        GeoBlocked = "GEO_BLOCKED",
        /// There is no such market.
        UnknownMarket = "UNKNOWN_MARKET",
        /// The market has no such outcome.
        UnknownOutcome = "UNKNOWN_OUTCOME",
        /// The outcome is a non-runner.
        OutcomeRemoved = "OUTCOME_REMOVED",
        /// The event is not on sale.
        OfflineEvent = "OFFLINE_EVENT",
        /// The market takes no more bets.
        MarketClosed = "MARKET_CLOSED",
        /// The market's last moment for bets has passed.
        PastCutoff = "PAST_CUTOFF",
        /// The market or the outcome is suspended, or its prices are too old to be sold.
        BettingSuspended = "BETTING_SUSPENDED",
        /// The request names a version that the market has not had.
        StalePrice = "STALE_PRICE",
        /// The line is not the one the request names.
        LineChanged = "LINE_CHANGED",
        /// The price moved by more than the request's policy allows.
        PriceChanged = "PRICE_CHANGED",
        /// Legs of one event, or that imply or exclude each other.
        Correlated = "CORRELATED",
        /// More legs than a bet may have.
        TooManyLegs = "TOO_MANY_LEGS",
        /// A leg of a type that this bet or market does not take.
        LegTypeNotAllowed = "LEG_TYPE_NOT_ALLOWED",
        /// The pricing of a combination broke its own bounds.
        PricingFault = "PRICING_FAULT",
        /// The free bet is not the player's, used, or expired.
        FreeBetInvalid = "FREE_BET_INVALID",
        /// The stake's currency is not the account's.
        CurrencyMismatch = "CURRENCY_MISMATCH",
        /// The player's own stake limit.
        StakeLimit = "STAKE_LIMIT",
        /// The player's own loss limit.
        LossLimit = "LOSS_LIMIT",
        /// Less than the least stake.
        BelowMin = "BELOW_MIN",
        /// More than the event still takes.
        AboveEventMax = "ABOVE_EVENT_MAX",
        /// More than the market still takes.
        AboveMax = "ABOVE_MAX",
        /// More than this combination of legs still takes.
        CombinationMax = "COMBINATION_MAX",
        /// The potential payout is above the house's largest.
        MaxPayout = "MAX_PAYOUT",
        /// The player owes the house.
        DebtOutstanding = "DEBT_OUTSTANDING",
        /// The balance does not cover the stake.
        InsufficientFunds = "INSUFFICIENT_FUNDS",
        /// A posting of this kind is not taken back by a reversal.
        NotReversible = "NOT_REVERSIBLE",
        /// The posting was reversed before; it is once.
        AlreadyReversed = "ALREADY_REVERSED",
        /// More than the debt that it would repay.
        AboveDebt = "ABOVE_DEBT",
    }
}

impl RefusalCode {
    /// The codes that a bet may be refused with, in the order of its checks.
    pub const OF_BETS: &'static [Self] = Self::ALL.split_at(Self::ALL.len() - 3).0;
}

/// What the player needs to know to ask again; each refusal fills what it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefusalData {
    /// The leg's price now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_price: Option<Price>,
    /// The market's version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<i64>,
    /// The leg's line now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_line: Option<Line>,
    /// The least stake, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_cents_min: Option<i64>,
    /// The largest stake, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_cents_max: Option<i64>,
    /// What the balance covers, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_cents: Option<i64>,
    /// The outcomes that do not go together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_outcomes: Vec<OutcomeId>,
}

/// A request that a rule refused. It is stored as the answer to its key, hence the round trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The rule.
    pub code: RefusalCode,
    /// The position of the leg that broke it, from 0; none where the bet as a whole did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<usize>,
    /// What happened and what to do, for the player's developer.
    pub message: String,
    /// What is true now.
    #[serde(flatten)]
    pub data: RefusalData,
}

impl Refusal {
    /// A refusal of the bet as a whole.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, leg: None, message: message.into(), data: RefusalData::default() }
    }

    /// The same, because of the leg at a position.
    #[must_use]
    pub fn at_leg(mut self, position: usize) -> Self {
        self.leg = Some(position);
        self
    }

    /// The same, with what is true now.
    #[must_use]
    pub fn with(mut self, data: RefusalData) -> Self {
        self.data = data;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, RefusalCode, RefusalData};
    use crate::ids::OutcomeId;
    use crate::markets::Line;
    use crate::test_support::{price, uuid};

    /// Betting rules, "Placement": the codes as they stand there.
    const IN_ORDER: &str = "IDEMPOTENCY_MISMATCH; ACCOUNT_CLOSED, SELF_EXCLUDED, TIME_OUT, ACCOUNT_FROZEN, \
        KYC_REQUIRED, GEO_REQUIRED, GEO_BLOCKED; UNKNOWN_MARKET, UNKNOWN_OUTCOME, OUTCOME_REMOVED, \
        OFFLINE_EVENT, MARKET_CLOSED, PAST_CUTOFF, BETTING_SUSPENDED; STALE_PRICE, LINE_CHANGED, \
        PRICE_CHANGED; CORRELATED, TOO_MANY_LEGS, LEG_TYPE_NOT_ALLOWED, PRICING_FAULT; FREE_BET_INVALID, \
        CURRENCY_MISMATCH; STAKE_LIMIT, LOSS_LIMIT; BELOW_MIN, ABOVE_EVENT_MAX, ABOVE_MAX, \
        COMBINATION_MAX, MAX_PAYOUT; DEBT_OUTSTANDING, INSUFFICIENT_FUNDS";

    #[test]
    fn the_codes_stand_in_the_order_of_the_rules() {
        let mut expected: Vec<&str> = IN_ORDER.split([';', ',']).map(str::trim).collect();
        // The rules give it no place. A repeat is told from the request alone, as a used key is.
        expected.insert(1, "DUPLICATED_REQUEST");
        let codes: Vec<&str> = RefusalCode::OF_BETS.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes, expected);
    }

    #[test]
    fn a_refusal_reads_back_as_it_was_stored() {
        let data = RefusalData {
            current_price: Some(price(21, 11)),
            current_version: Some(7),
            current_line: Some(Line::from_quarters(-15)),
            stake_cents_min: Some(100),
            stake_cents_max: Some(i64::MAX),
            available_cents: Some(0),
            related_outcomes: vec![OutcomeId::from_uuid(uuid(1)), OutcomeId::from_uuid(uuid(2))],
        };
        let plain = Refusal::new(RefusalCode::AccountFrozen, "the account is frozen");
        let full = Refusal::new(RefusalCode::PriceChanged, "the price moved").at_leg(1).with(data);
        for refusal in [plain, full] {
            let stored = serde_json::to_string(&refusal).unwrap();
            assert_eq!(serde_json::from_str::<Refusal>(&stored).unwrap(), refusal);
        }
    }

    #[test]
    fn a_refusal_says_nothing_of_what_it_does_not_know() {
        let refusal = Refusal::new(RefusalCode::AccountFrozen, "the account is frozen");
        let expected = r#"{"code":"ACCOUNT_FROZEN","message":"the account is frozen"}"#;
        assert_eq!(serde_json::to_string(&refusal).unwrap(), expected);
    }
}
