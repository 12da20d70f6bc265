//! What handlers take from a request. Each refuses bad input with a problem that names the place.

pub mod body;
mod keyed;
mod path;
mod query;
mod tags;

pub use keyed::{KEY_LEN_MAX, KEY_PATTERN, KeyedJson};
pub use path::Ids;
pub use query::{ConflateMs, HeartbeatMs, Limit, PageQuery, Params, TimeText, VersionText};
pub use tags::HeldTags;
