//! The use cases, one file an intent. They own the transactions; all that moves money goes through
//! the [`lanes`], which load, decide and write.
//!
//! [`App`] is the one handle: cheap to clone, shared by the API, the workers and the feed's driver.

mod authored;
mod betting;
mod clock;
mod error;
mod lanes;
pub(crate) mod markets;
mod page;
mod presence;
mod rate_limits;
mod settings;
mod settlement;
mod state;
mod stream;
mod task;
mod wallet;

pub use betting::{
    BetReceipt, BetView, CapView, CurrencyExposure, ExposureView, FactorView, LegReceipt, LimitView,
};
pub use clock::Clock;
pub use error::{Error, KeptRefusal};
pub use markets::*;
pub use overround_live::{Chronicle, LimitKey, Place, Position, Subject};
pub use overround_store::wallet::reports::KindBalance;
pub use page::{Answer, Keyed, Listed, Page};
pub use presence::PlaceView;
pub use rate_limits::Policy;
pub use settings::Settings;
pub use settlement::Paid;
pub use state::App;
pub use stream::{
    BetPlaced, BetSettled, Change, ChronicleEvent, ChronicleFrame, ChronicleNews, Delivery, EventChanged,
    Frame, FrameKind, Frozen, LegTaken, MarketOpened, MarketSettled, Moved, Reader, Standing, Subscribed,
    WalletOpened,
};
pub use wallet::{
    AccountView, AsOf, BalanceView, EntryView, FreezeView, Movement, PostingView, Report, StatementView,
    WHOLE_STATEMENT_MAX, WalletView,
};
