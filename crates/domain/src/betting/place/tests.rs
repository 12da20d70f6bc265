mod accepted;
mod limited;
mod prices;
mod refusals;

use super::{AcceptedBet, place};
use crate::betting::{
    CapRoom, Fence, FillMode, LegLimits, LegRequest, LegType, MarketView, PlaceBet, PlaceContext, PlayerView,
    PricePolicy, RecentBet, Refusal, RefusalCode, Rules,
};
use crate::ids::{EventId, MarketId, OutcomeId};
use crate::markets::{Line, MarketStatus, Quote, Snapshot};
use crate::money::Currency;
use crate::odds::Price;
use crate::test_support::{cents, price, uuid};
use crate::time::Timestamp;
use crate::wallet::AccountStatus;
use serde_json::Map;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// The version of every market, and its status version.
const VERSION: i64 = 7;
const STATUS_VERSION: i64 = 3;

fn event(n: usize) -> EventId {
    EventId::from_uuid(uuid(100 + n as u64))
}

fn market(n: usize) -> MarketId {
    MarketId::from_uuid(uuid(200 + n as u64))
}

/// The outcome that the leg at a position is on.
fn outcome(n: usize) -> OutcomeId {
    OutcomeId::from_uuid(uuid(300 + n as u64))
}

/// The line of the leg at a position: on every second one.
fn line(n: usize) -> Option<Line> {
    (n % 2 == 1).then(|| Line::from_quarters(10))
}

/// A bet with everything that it is decided over. As made it is accepted; tests change it.
#[derive(Clone)]
struct Attempt {
    request: PlaceBet,
    player: PlayerView,
    markets: BTreeMap<MarketId, MarketView>,
    rules: Rules,
    caps: Vec<CapRoom>,
    now: Timestamp,
}

impl Attempt {
    /// 10.00 on legs at those prices, each on a market of its own event.
    fn at(prices: &[Price]) -> Self {
        let legs = prices.iter().enumerate().map(|(n, price)| LegRequest {
            market_id: market(n),
            outcome_id: outcome(n),
            price: *price,
            line: line(n),
            market_version: VERSION,
            leg_type: LegType::Straight,
            attrs: Map::new(),
        });
        let markets = prices.iter().enumerate().map(|(n, price)| (market(n), view(n, *price)));
        Self {
            request: PlaceBet {
                stake: cents(1000),
                fill: FillMode::Normal,
                currency: Currency::EUR,
                price_policy: PricePolicy::None,
                confirm_duplicate: false,
                legs: legs.collect(),
            },
            player: PlayerView {
                status: AccountStatus::Active,
                currency: Currency::EUR,
                available: cents(5000),
                recent: Vec::new(),
                today: None,
            },
            markets: markets.collect(),
            rules: Rules::default(),
            caps: Vec::new(),
            now: NOW,
        }
    }

    fn place(&self) -> Result<AcceptedBet, Refusal> {
        let Self { request, player, markets, rules, caps, now } = self;
        place(request, &PlaceContext { now: *now, player, markets, rules, limits_version: 4, caps })
    }

    /// The code and the leg of its refusal.
    fn refused(&self) -> Option<(RefusalCode, Option<usize>)> {
        self.place().err().map(|refusal| (refusal.code, refusal.leg))
    }

    /// Remembers the same bet as placed so many milliseconds ago.
    fn placed_before(&mut self, ms: i64) {
        let recent = RecentBet { fingerprint: self.request.fingerprint(), at: self.now.plus_millis(-ms) };
        self.player.recent.push(recent);
    }

    fn market(&mut self, n: usize) -> &mut MarketView {
        self.markets.get_mut(&market(n)).unwrap()
    }

    fn fence(&mut self, n: usize) -> &mut Fence {
        self.market(n).fence.as_mut().unwrap()
    }

    fn snapshot(&mut self, n: usize) -> &mut Snapshot {
        std::sync::Arc::make_mut(self.market(n).snapshot.as_mut().unwrap())
    }

    /// Moves the market's price on the leg at a position.
    fn reprice(&mut self, n: usize, price: Price) {
        self.snapshot(n).prices.get_mut(&outcome(n)).unwrap().price = price;
    }
}

fn view(n: usize, price: Price) -> MarketView {
    let prices = BTreeMap::from([(outcome(n), Quote { price, line: line(n) })]);
    let fence = Fence { status: MarketStatus::Open, status_version: STATUS_VERSION };
    let snapshot = Snapshot {
        market_id: market(n),
        event_id: event(n),
        version: VERSION,
        status_version: STATUS_VERSION,
        status: MarketStatus::Open,
        in_play: false,
        bet_delay_ms: 0,
        cutoff_at: None,
        as_of: NOW.plus_millis(-1000),
        prices,
        suspensions: Vec::new(),
    };
    MarketView { fence: Some(fence), snapshot: Some(snapshot.into()), limits: LegLimits::default() }
}

/// A bet of one leg at 2.00.
fn single() -> Attempt {
    Attempt::at(&[price(2, 1)])
}
