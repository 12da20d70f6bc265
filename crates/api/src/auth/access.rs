//! Who may call which route: one table. A route that is not in it is answered to nobody.

use super::Role;
use crate::problem::{
    ACCOUNT_EXISTS, ALREADY_HEARD, Code, ILLEGAL_TRANSITION, MESSAGE_UNSUPPORTED, NOT_FOUND, OTHER_PRODUCER,
    PRODUCER_TAKEN, TOO_MANY_CONNECTIONS, UNPROVEN, UPGRADE_REQUIRED, VERSION_NOT_REACHED,
};
use crate::rate_limits::Class;
use overround_domain::betting::RefusalCode;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Public,
    /// Every caller who has any role.
    AnyRole,
    /// Callers who have one of these roles.
    Roles(&'static [Role]),
    /// Whoever proves a feed's secret, without a token; the handler sees to it.
    Secret,
}

impl Access {
    /// Whether the caller shows a bearer token.
    pub const fn takes_token(self) -> bool {
        matches!(self, Self::AnyRole | Self::Roles(_))
    }
}

/// One route, who may call it, and what it answers beside what all routes of its form do.
#[derive(Debug, Clone, Copy)]
pub struct RouteRule {
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The path as the router knows it.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What its requests count as, of those that a caller may send in a time; none: they do not count.
    pub class: Option<Class>,
    /// Whether it is a list that is read part by part.
    pub(crate) pages: bool,
    /// Conflicts with the state of things, or with the form of the request.
    pub(crate) conflicts: &'static [Code],
    /// The rules that may refuse it.
    pub(crate) refusals: &'static [RefusalCode],
}

use Access::{AnyRole, Public, Roles, Secret};
use Role::{Admin, Auditor, Compliance, Finance, Player, Support, Trader};

/// Who reads accounts: a player their own, the others all.
pub const ACCOUNT_READERS: &[Role] = &[Player, Support, Finance, Compliance, Auditor, Admin];
const READS_ACCOUNTS: Access = Roles(ACCOUNT_READERS);
const READS_BETS: Access = Roles(&[Player, Trader, Support, Finance, Compliance, Auditor, Admin]);
const MOVES_MONEY: Access = Roles(&[Finance, Admin]);
const READS_REPORTS: Access = Roles(&[Finance, Auditor, Admin]);
const FREEZES: Access = Roles(&[Support, Compliance, Admin]);
const READS_HOLDS: Access = Roles(&[Trader, Auditor, Admin]);
const RUNS_MARKETS: Access = Roles(&[Trader, Admin]);

const OPENING: &[RefusalCode] = &[RefusalCode::IdempotencyMismatch];
const ACTING: &[RefusalCode] = &[RefusalCode::IdempotencyMismatch];
const FREEZING: &[RefusalCode] = &[RefusalCode::IdempotencyMismatch, RefusalCode::AccountClosed];
const CREDIT: &[RefusalCode] = &[
    RefusalCode::IdempotencyMismatch,
    RefusalCode::AccountClosed,
    RefusalCode::AccountFrozen,
    RefusalCode::CurrencyMismatch,
];
const REVERSAL: &[RefusalCode] = &[
    RefusalCode::IdempotencyMismatch,
    RefusalCode::NotReversible,
    RefusalCode::AlreadyReversed,
    RefusalCode::AccountClosed,
    RefusalCode::AccountFrozen,
    RefusalCode::InsufficientFunds,
    RefusalCode::AboveDebt,
];
/// Of what goes either way on any wallet.
const BALANCING: &[RefusalCode] = &[
    RefusalCode::IdempotencyMismatch,
    RefusalCode::AccountClosed,
    RefusalCode::AccountFrozen,
    RefusalCode::CurrencyMismatch,
    RefusalCode::InsufficientFunds,
    RefusalCode::AboveDebt,
];
const DEBIT: &[RefusalCode] = &[
    RefusalCode::IdempotencyMismatch,
    RefusalCode::AccountClosed,
    RefusalCode::AccountFrozen,
    RefusalCode::CurrencyMismatch,
    RefusalCode::InsufficientFunds,
];

const fn reads(path: &'static str, access: Access) -> RouteRule {
    let class = Some(Class::Reads);
    RouteRule { method: "GET", path, access, class, pages: false, conflicts: &[], refusals: &[] }
}

const fn lists(path: &'static str, access: Access) -> RouteRule {
    RouteRule { pages: true, ..reads(path, access) }
}

const fn writes(
    path: &'static str,
    access: Access,
    conflicts: &'static [Code],
    refusals: &'static [RefusalCode],
) -> RouteRule {
    RouteRule { method: "POST", path, access, class: Some(Class::Writes), pages: false, conflicts, refusals }
}

/// Every route. A player reaches only what is theirs; the handlers see to it.
pub const ROUTES: &[RouteRule] = &[
    writes("/v1/accounts", Roles(&[Player]), &[ACCOUNT_EXISTS], OPENING),
    reads("/v1/accounts", Roles(&[Player])),
    reads("/v1/accounts/{account_id}", READS_ACCOUNTS),
    lists("/v1/accounts/{account_id}/entries", READS_ACCOUNTS),
    reads("/v1/accounts/{account_id}/balance", READS_ACCOUNTS),
    lists("/v1/accounts/{account_id}/statement", READS_ACCOUNTS),
    reads("/v1/accounts/{account_id}/statement.csv", READS_ACCOUNTS),
    writes("/v1/accounts/{account_id}/credits", MOVES_MONEY, &[], CREDIT),
    writes("/v1/accounts/{account_id}/debits", MOVES_MONEY, &[], DEBIT),
    writes("/v1/accounts/{account_id}/adjustments", MOVES_MONEY, &[], BALANCING),
    writes("/v1/accounts/{account_id}/transfers", MOVES_MONEY, &[], BALANCING),
    writes("/v1/accounts/{account_id}/wallets", MOVES_MONEY, &[ACCOUNT_EXISTS], OPENING),
    reads("/v1/accounts/{account_id}/wallets", READS_ACCOUNTS),
    writes("/v1/accounts/{account_id}/postings/{posting_id}/reversals", MOVES_MONEY, &[], REVERSAL),
    writes("/v1/accounts/{account_id}/freeze", FREEZES, &[], FREEZING),
    writes("/v1/accounts/{account_id}/unfreeze", FREEZES, &[], FREEZING),
    RouteRule {
        class: Some(Class::Bets),
        ..writes("/v1/accounts/{account_id}/bets", Roles(&[Player]), &[], RefusalCode::OF_BETS)
    },
    lists("/v1/accounts/{account_id}/bets", READS_BETS),
    reads("/v1/accounts/{account_id}/bets/{bet_id}", READS_BETS),
    lists("/v1/events", AnyRole),
    reads("/v1/events/{event_id}", AnyRole),
    reads("/v1/events/{event_id}/presence", AnyRole),
    lists("/v1/markets", AnyRole),
    RouteRule { conflicts: &[VERSION_NOT_REACHED], ..reads("/v1/markets/{market_id}", AnyRole) },
    writes("/v1/markets/{market_id}/suspend", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/markets/{market_id}/resume", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/markets/{market_id}/close", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/markets/{market_id}/settle", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    reads("/v1/markets/{market_id}/exposure", READS_HOLDS),
    lists("/v1/caps", READS_HOLDS),
    writes("/v1/caps", RUNS_MARKETS, &[], ACTING),
    writes("/v1/caps/release", RUNS_MARKETS, &[], ACTING),
    lists("/v1/limits", READS_HOLDS),
    writes("/v1/limits", RUNS_MARKETS, &[], ACTING),
    writes("/v1/limits/release", RUNS_MARKETS, &[], ACTING),
    reads("/v1/accounts/{account_id}/factors", READS_HOLDS),
    writes("/v1/accounts/{account_id}/factors", RUNS_MARKETS, &[], ACTING),
    lists("/v1/holds", READS_HOLDS),
    reads("/v1/producers", READS_HOLDS),
    writes(
        "/v1/markets/{market_id}/outcomes/{outcome_id}/suspend",
        RUNS_MARKETS,
        &[ILLEGAL_TRANSITION],
        ACTING,
    ),
    writes(
        "/v1/markets/{market_id}/outcomes/{outcome_id}/resume",
        RUNS_MARKETS,
        &[ILLEGAL_TRANSITION],
        ACTING,
    ),
    writes("/v1/markets/{market_id}/margin", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/markets/{market_id}/margin/release", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/markets/{market_id}/prices", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/markets/{market_id}/prices/release", RUNS_MARKETS, &[ILLEGAL_TRANSITION], ACTING),
    writes("/v1/events/{event_id}/suspend", RUNS_MARKETS, &[], ACTING),
    writes("/v1/events/{event_id}/resume", RUNS_MARKETS, &[], ACTING),
    writes("/v1/sports/{sport}/suspend", RUNS_MARKETS, &[], ACTING),
    writes("/v1/sports/{sport}/resume", RUNS_MARKETS, &[], ACTING),
    writes("/v1/trading/suspend", RUNS_MARKETS, &[], ACTING),
    writes("/v1/trading/resume", RUNS_MARKETS, &[], ACTING),
    RouteRule {
        class: Some(Class::Streams),
        conflicts: &[UPGRADE_REQUIRED, TOO_MANY_CONNECTIONS, NOT_FOUND],
        ..reads("/v1/stream", AnyRole)
    },
    RouteRule {
        // Who proves the secret is no stranger, and a feed is as fast as its matches.
        class: None,
        ..writes(
            "/v1/feeds/uof/{producer}",
            Secret,
            &[UNPROVEN, ALREADY_HEARD, PRODUCER_TAKEN, MESSAGE_UNSUPPORTED, OTHER_PRODUCER],
            &[],
        )
    },
    reads("/v1/reports/trial-balance", READS_REPORTS),
    reads("/v1/reports/segregation", READS_REPORTS),
    RouteRule { class: None, ..reads("/health/live", Public) },
    RouteRule { class: None, ..reads("/health/ready", Public) },
    RouteRule { class: None, ..reads("/metrics", Public) },
    reads("/openapi.json", Public),
    reads("/docs", Public),
    reads("/docs/", Public),
    reads("/docs/{*rest}", Public),
];
