//! What is asked of the house, and what it answers.

use super::acts::Act;
use super::trades::TradeAct;
use overround_app::{
    AccountView, Answer, App, BetReceipt, Error, FactorView, FreezeView, KeptRefusal, Keyed, LimitView,
    MarketAction, Paid, PostingView, Published, SettleMarket,
};
use overround_domain::betting::{LegResult, LimitScope, PlaceBet, RefusalCode, StakeLimits};
use overround_domain::ids::{AccountId, MarketId, OutcomeId, UserId};
use overround_domain::markets::SourceMarket;
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a request may take: nothing of the workload is meant to run into it.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often a request is sent again that was answered with "try again".
const TRIES_MAX: u32 = 40;
/// How long is waited before that.
const PAUSE: Duration = Duration::from_millis(25);

/// An operation's place in the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    pub step: u32,
    pub index: u32,
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.step, self.index)
    }
}

/// A request, with all its ids.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Open { slot: usize, user: UserId, currency: Currency },
    ByHand { account: AccountId, act: Act },
    Bet { account: AccountId, bet: PlaceBet },
    Publish { slot: usize, said: Box<SourceMarket> },
    Trade { slot: usize, market: MarketId, act: TradeAct, reason: String },
    Limit { scope: LimitScope, currency: Currency, limits: StakeLimits, reason: String },
    Settle { slot: usize, market: MarketId, outcomes: BTreeMap<OutcomeId, LegResult>, reason: String },
    Pay { slot: usize, market: MarketId },
}

impl Call {
    /// What reports count it as.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open_account",
            Self::ByHand { act, .. } => act.name(),
            Self::Bet { .. } => "place_bet",
            Self::Publish { .. } => "publish",
            Self::Trade { act, .. } => act.name(),
            Self::Limit { scope: LimitScope::Sport(_), .. } => "set_sport_limits",
            Self::Limit { .. } => "set_type_limits",
            Self::Settle { .. } => "settle",
            Self::Pay { .. } => "pay_market",
        }
    }

    /// The player's account that it is about.
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::ByHand { account, .. } | Self::Bet { account, .. } => Some(*account),
            _ => None,
        }
    }

    /// Another request for the same thing, for a key that is used twice.
    #[must_use]
    pub fn twisted(&self) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::ByHand { act, .. } => act.twist(),
            Self::Bet { bet, .. } => bet.stake = Cents::new(bet.stake.get().saturating_add(1)),
            Self::Trade { reason, .. } | Self::Settle { reason, .. } | Self::Limit { reason, .. } => {
                reason.push_str(" again");
            }
            // What their hash is made of says so: see `Cast::keyed`.
            Self::Open { .. } | Self::Publish { .. } | Self::Pay { .. } => {}
        }
        other
    }
}

/// A request as it is sent: to which process, under which key.
#[derive(Debug, Clone)]
pub struct Ask {
    pub op: OpId,
    pub process: usize,
    /// The operation that its key was first used by.
    pub key_of: OpId,
    pub twisted: bool,
    pub call: Call,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub replayed: bool,
    /// Whether it was sent more than once, so that the answer may be that of an earlier time.
    pub resent: bool,
    pub value: Value,
}

/// An answer's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Opened(AccountView),
    Moved(PostingView),
    Frozen(FreezeView),
    Factored(FactorView),
    Placed(Box<BetReceipt>),
    Acted(MarketAction),
    Limited(Box<LimitView>),
    Published(Box<Published>),
    Paid(Paid),
    Refused(Box<KeptRefusal>),
    Conflict(&'static str),
    NotFound(&'static str),
    Invalid(String),
    /// What no request should be answered with.
    Failed(String),
}

impl Value {
    /// What reports count it as.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "OPENED",
            Self::Moved(_) => "MOVED",
            Self::Frozen(view) => view.status.as_str(),
            Self::Placed(receipt) if receipt.requested_stake.is_some() => "ACCEPTED_IN_PART",
            Self::Placed(_) => "ACCEPTED",
            Self::Acted(_) => "DONE",
            Self::Limited(_) => "LIMITED",
            Self::Factored(_) => "SET",
            Self::Published(_) => "PUBLISHED",
            Self::Paid(_) => "PAID",
            Self::Refused(kept) => kept.refusal.code.as_str(),
            Self::Conflict(code) => code,
            Self::NotFound(_) => "NOT_FOUND",
            Self::Invalid(_) => "INVALID",
            Self::Failed(_) => "FAILED",
        }
    }

    /// The code of a refusal.
    pub fn refused(&self) -> Option<RefusalCode> {
        match self {
            Self::Refused(kept) => Some(kept.refusal.code),
            _ => None,
        }
    }

    /// Whether it is kept under its key for ever.
    pub fn is_kept(&self) -> bool {
        match self {
            Self::Opened(_)
            | Self::Moved(_)
            | Self::Frozen(_)
            | Self::Factored(_)
            | Self::Limited(_)
            | Self::Placed(_)
            | Self::Acted(_)
            | Self::Conflict(_) => true,
            Self::Refused(_) => !matches!(
                self.refused(),
                Some(
                    RefusalCode::UnknownMarket
                        | RefusalCode::UnknownOutcome
                        | RefusalCode::IdempotencyMismatch
                )
            ),
            _ => false,
        }
    }
}

/// Who acts on markets and opens accounts, and whose markets they are: apart for every run.
#[derive(Debug, Clone)]
pub struct Cast {
    pub run: String,
}

impl Cast {
    pub fn producer(&self) -> String {
        format!("sim:{}", self.run)
    }

    pub fn actor(&self) -> String {
        format!("sim:{}", self.run)
    }

    /// A sport's name, which begins with the sport's own.
    pub fn sport(&self, sport: &str) -> String {
        format!("{sport} {}", self.run)
    }

    /// The type of its markets.
    pub fn market_type(&self) -> String {
        format!("SIMULATED {}", self.run)
    }

    /// A slot's user: two slots in a row are one user's, in two currencies.
    pub fn user(&self, slot: usize) -> UserId {
        overround_api::user_id_of(&self.actor(), &format!("player-{}", slot / 2))
    }

    fn keyed(&self, ask: &Ask) -> Keyed {
        let said = format!("{:?} {}", ask.call, ask.twisted);
        let trace = Sha256::digest(format!("{} {} {}", self.run, ask.op, ask.process));
        Keyed {
            key: format!("{} {}", self.run, ask.key_of),
            request_hash: Sha256::digest(said).into(),
            trace_id: trace.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            deadline: Instant::now() + DEADLINE,
        }
    }
}

/// Sends a request, again for as long as the house says so, and answers what came back.
pub async fn send(app: &App, cast: &Cast, ask: &Ask) -> Given {
    let mut tries = 1;
    loop {
        match once(app, cast, ask).await {
            Err(Error::Unavailable { .. }) if tries < TRIES_MAX => {
                tries += 1;
                sleep(PAUSE).await;
            }
            answered => {
                let (replayed, value) = told(answered);
                return Given { replayed, resent: tries > 1, value };
            }
        }
    }
}

async fn once(app: &App, cast: &Cast, ask: &Ask) -> Result<Answer<Value>, Error> {
    let (keyed, actor) = (cast.keyed(ask), cast.actor());
    match ask.call.clone() {
        Call::Open { user, currency, .. } => {
            Ok(app.open_account(&actor, keyed, user, currency).await?.map(Value::Opened))
        }
        Call::ByHand { account, act } => act.send(app, cast, account, keyed).await,
        Call::Bet { account, bet } => {
            Ok(app.place_bet(account, keyed, bet).await?.map(|receipt| Value::Placed(Box::new(receipt))))
        }
        Call::Publish { said, .. } => {
            let at: Timestamp = app.clock().now();
            let published = app.publish(&cast.producer(), at, std::slice::from_ref(&*said)).await?;
            let one =
                published.into_iter().next().ok_or_else(|| Error::internal("no market was published"))?;
            Ok(Answer::first(Value::Published(Box::new(one))))
        }
        Call::Trade { market, act, reason, .. } => act.send(app, cast, market, keyed, reason).await,
        Call::Limit { scope, currency, limits, reason } => {
            let set = app.set_limits(scope, currency, limits, &actor, keyed, reason).await?;
            Ok(set.map(|view| Value::Limited(Box::new(view))))
        }
        Call::Settle { market, outcomes, reason, .. } => {
            let settle = SettleMarket { outcomes, reason: Some(reason) };
            Ok(app.record_result(market, &actor, keyed, settle).await?.map(Value::Acted))
        }
        Call::Pay { market, .. } => Ok(Answer::first(Value::Paid(app.pay_market(market).await?))),
    }
}

/// An answer with another content.
pub(super) trait Map<T> {
    fn map<U>(self, value: impl FnOnce(T) -> U) -> Answer<U>;
}

impl<T> Map<T> for Answer<T> {
    fn map<U>(self, value: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { replayed: self.replayed, value: value(self.value) }
    }
}

fn told(answered: Result<Answer<Value>, Error>) -> (bool, Value) {
    match answered {
        Ok(Answer { replayed, value }) => (replayed, value),
        Err(Error::Refused(mut kept)) => (std::mem::take(&mut kept.replayed), Value::Refused(kept)),
        Err(Error::Conflict { code, .. }) => (false, Value::Conflict(code)),
        Err(Error::NotFound { kind, .. }) => (false, Value::NotFound(kind)),
        Err(Error::Invalid { pointer, .. }) => (false, Value::Invalid(pointer)),
        Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => {
            (false, Value::Failed(crate::failure::chain(&error)))
        }
    }
}
