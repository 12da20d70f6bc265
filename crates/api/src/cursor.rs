//! Opaque cursors: where a part of a list ended, as base64url.
//!
//! A cursor holds a place in one list and a checksum over both, so that one that was changed, or
//! that another list gave out, is refused instead of starting somewhere. It grants nothing: what a
//! caller may read is decided without it.

use crate::problem::{FieldError, INVALID_CURSOR, Problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use overround_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A place in a list: `(created_at, id)` of the last row seen.
pub type Place = (Timestamp, Uuid);

const MS_LEN: usize = 8;
const PLACE_LEN: usize = MS_LEN + 16;
const SUM_LEN: usize = 8;

/// The cursor of a place in the list named `list` (its route, owner and filters).
pub fn encode(list: &str, (at, id): Place) -> String {
    let mut bytes = at.millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&checksum(list, &bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of the list named `list` holds.
///
/// # Errors
/// When this list did not give it out.
pub fn decode(list: &str, cursor: &str) -> Result<Place, Problem> {
    parse(list, cursor).ok_or_else(|| {
        let detail = "this list did not give out that cursor; start again without one";
        Problem::invalid(INVALID_CURSOR, FieldError::parameter("cursor", detail))
    })
}

fn parse(list: &str, cursor: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (place, sum) = bytes.split_at_checked(PLACE_LEN)?;
    if sum != checksum(list, place) {
        return None;
    }
    let (ms, id) = place.split_at_checked(MS_LEN)?;
    let at = Timestamp::from_millis(i64::from_be_bytes(ms.try_into().ok()?));
    Some((at, Uuid::from_slice(id).ok()?))
}

fn checksum(list: &str, place: &[u8]) -> [u8; SUM_LEN] {
    let digest = Sha256::new().chain_update(place).chain_update(list).finalize();
    let mut sum = [0; SUM_LEN];
    for (to, from) in sum.iter_mut().zip(digest) {
        *to = from;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_its_place_in_its_list_only() {
        let place = (Timestamp::from_millis(1_700_000_000_123), Uuid::from_u128(7));
        let cursor = encode("bets of acct_1", place);
        assert_eq!(parse("bets of acct_1", &cursor), Some(place));
        assert_eq!(parse("bets of acct_2", &cursor), None, "another list's");
    }

    #[test]
    fn a_changed_cursor_is_refused() {
        let cursor = encode("list", (Timestamp::from_millis(5), Uuid::from_u128(7)));
        for position in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(parse("list", &changed), None, "{changed}");
        }
        for text in ["", "A", "not base64!", &cursor[1..], &format!("{cursor}AAAA")] {
            assert_eq!(parse("list", text), None, "{text}");
        }
    }
}
