//! How far a reader of Server-Sent Events has read its channels, as the `id` of an event, which comes back to us as
//! `Last-Event-ID`.

use crate::wire::stream::Channel;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use overround_app::Position;
use sha2::{Digest, Sha256};

/// How many bytes say whose places they are.
const MARK_BYTES: usize = 4;
const EPOCH_BYTES: usize = 8;
/// A byte of a number has seven bits of it, and one that says whether more follow.
const MORE: u8 = 0x80;

/// The places of a reader in its channels, in the order in which it named them.
///
/// As a text: base64url of a mark (the first bytes of the SHA-256 of the channels' names), and for each channel its seq,
/// in bytes of seven bits from the lowest on, and its epoch. A seq of 0 is no place, and has no epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    mark: [u8; MARK_BYTES],
    channels: Vec<(Channel, Option<Position>)>,
}

impl Places {
    /// Nothing was read of these channels yet.
    pub fn new(channels: &[Channel]) -> Self {
        let mut hash = Sha256::new();
        for channel in channels {
            hash.update(channel.to_string());
            hash.update("\n");
        }
        let mut mark = [0; MARK_BYTES];
        for (to, from) in mark.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self { mark, channels: channels.iter().map(|channel| (*channel, None)).collect() }
    }

    /// The places that an id says of these channels; none if it is none of theirs.
    pub fn of_id(id: &str, channels: &[Channel]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let mut places = Self::new(channels);
        let mut rest = bytes.strip_prefix(&places.mark[..])?;
        for (_, seen) in &mut places.channels {
            let seq = number(&mut rest)?;
            if seq > 0 {
                let (epoch, after) = rest.split_first_chunk::<EPOCH_BYTES>()?;
                rest = after;
                let epoch = format!("{:016x}", u64::from_be_bytes(*epoch)).into();
                *seen = Some(Position { epoch, seq });
            }
        }
        rest.is_empty().then_some(places)
    }

    /// The channels, and how far each was read.
    pub fn channels(&self) -> impl Iterator<Item = &(Channel, Option<Position>)> {
        self.channels.iter()
    }

    /// Notes how far a channel was read.
    pub fn read(&mut self, read: Channel, at: Position) {
        for (channel, seen) in &mut self.channels {
            if *channel == read {
                *seen = Some(at);
                return;
            }
        }
    }

    /// The id.
    pub fn id(&self) -> String {
        let mut bytes = self.mark.to_vec();
        for (_, seen) in &self.channels {
            let place = seen.as_ref().and_then(|seen| {
                let epoch = u64::from_str_radix(&seen.epoch, 16).ok()?;
                Some((u64::try_from(seen.seq).ok()?, epoch))
            });
            let (mut seq, epoch) = place.unwrap_or_default();
            while seq >= u64::from(MORE) {
                bytes.push((seq % u64::from(MORE)) as u8 | MORE);
                seq /= u64::from(MORE);
            }
            bytes.push(seq as u8);
            if place.is_some() {
                bytes.extend(epoch.to_be_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// Takes a number from the front of bytes; none if it is none, or none that a seq can be.
fn number(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_i64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= i64::from(byte & !MORE) << shift;
        if byte & MORE == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use overround_domain::ids::MarketId;
    use uuid::Uuid;

    fn market(number: u128) -> MarketId {
        MarketId::from_uuid(Uuid::from_u128(number))
    }

    fn channels() -> Vec<Channel> {
        (1..=4).map(|number| Channel::Market(market(number))).collect()
    }

    #[test]
    fn an_id_says_what_was_read() {
        let mut places = Places::new(&channels());
        assert_eq!(Places::of_id(&places.id(), &channels()), Some(places.clone()));
        for (number, seq) in [(1, 1), (2, 127), (3, 128), (4, i64::MAX)] {
            places.read(
                Channel::Market(market(number)),
                Position { epoch: format!("{:016x}", u64::MAX - 7).into(), seq },
            );
        }
        assert_eq!(Places::of_id(&places.id(), &channels()), Some(places));
    }

    #[test]
    fn what_is_no_id_of_these_channels_is_none() {
        let mut places = Places::new(&channels());
        places.read(Channel::Market(market(2)), Position { epoch: "00000000000000ff".into(), seq: 300 });
        let id = places.id();
        assert_eq!(Places::of_id(&id, &channels()[..3]), None, "other channels");
        let mut turned = channels();
        turned.reverse();
        assert_eq!(Places::of_id(&id, &turned), None, "another order");
        for length in 0..id.len() {
            assert_eq!(Places::of_id(&id[..length], &channels()), None, "{length} of it");
        }
        assert_eq!(Places::of_id(&format!("{id}AAAA"), &channels()), None);
        assert_eq!(Places::of_id("not an id", &channels()), None);
    }
}
