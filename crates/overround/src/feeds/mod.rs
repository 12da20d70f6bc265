//! Live producers of market data: what their feeds say goes to the house, and how far they may be trusted with it.

mod betfair;
mod keeper;
mod send;
mod uof;

pub use betfair::hear as hear_betfair;
pub use send::send;
pub use uof::Uof;

use overround_domain::markets::ProducerState;
use overround_feed::health::State;

/// A feed's word for a producer's health in the house's.
const fn state_of(health: State) -> ProducerState {
    match health {
        State::Up => ProducerState::Up,
        State::Recovering => ProducerState::Recovering,
        State::Down => ProducerState::Down,
    }
}
