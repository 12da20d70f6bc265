//! Messages of feeds, on the wire.

use super::names::ProducerState;
use crate::feeds::MessageTaken;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The largest number of a producer.
const PRODUCER_MAX: u32 = 65_535;

/// The number of a producer in a path, as messages have it in `product`.
#[derive(Debug, Clone, Copy)]
pub struct ProducerNumber(pub u32);

impl<'de> Deserialize<'de> for ProducerNumber {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let number = text.parse().ok().filter(|number| is_plain && (1..=PRODUCER_MAX).contains(number));
        let wanted = || serde::de::Error::custom(format!("a producer is a number from 1 to {PRODUCER_MAX}"));
        number.map(Self).ok_or_else(wanted)
    }
}

/// What a message of a feed came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct TakenMessage {
    /// The kind of message.
    #[schema(example = "odds_change")]
    pub message: &'static str,
    /// How many markets stand differently after it.
    #[schema(example = 3)]
    pub markets_changed: u64,
    /// Its producer's state after it.
    pub producer_state: ProducerState,
    /// While the producer is `RECOVERING`: the request id of the full odds recovery that the house waits for. Ask the
    /// producer for one with this id; its `snapshot_complete` ends it.
    #[schema(example = 1_048_577)]
    pub recovery_request_id: Option<u64>,
}

impl From<MessageTaken> for TakenMessage {
    fn from(taken: MessageTaken) -> Self {
        let MessageTaken { message, markets_changed, state, recovery } = taken;
        Self { message, markets_changed, producer_state: state.into(), recovery_request_id: recovery }
    }
}
