//! Which node of a cluster has which keys: hash slots, and who owns them.

use crate::node::{Node, place_of};
use redis::{Arg, from_redis_value};
use redis::{Cmd, Value};
use std::sync::Arc;

/// How many slots there are.
const SLOTS: u16 = 16_384;

/// The slot of a key: of what stands in its first braces, or else of all of it.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    crc16(hash_tag(key).unwrap_or(key)) % SLOTS
}

fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let inside = key.get(open + 1..)?;
    let close = inside.iter().position(|byte| *byte == b'}')?;
    inside.get(..close).filter(|tag| !tag.is_empty())
}

/// CRC-16/XMODEM, which is the cluster's.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// The key that a command is about: a script's first one, else its first argument. None of a command without.
pub(crate) fn key_of_command(command: &Cmd) -> Option<&[u8]> {
    let mut words = command.args_iter().filter_map(|word| match word {
        Arg::Simple(word) => Some(word),
        _ => None,
    });
    let is_script = words.next()?.eq_ignore_ascii_case(b"EVALSHA");
    if is_script {
        let keys = words.nth(1)?;
        return words.next().filter(|_| keys != b"0");
    }
    words.next()
}

/// Slots and their owners, as far as they are known.
#[derive(Default)]
pub(crate) struct SlotMap {
    /// First and last slot, ascending.
    ranges: Vec<(u16, u16, Arc<Node>)>,
}

impl SlotMap {
    /// Reads what `CLUSTER SLOTS` answered. `node` finds the node at a host and port; without a host it is `asked`'s.
    pub(crate) fn read(
        answer: Value,
        asked: &Node,
        mut node: impl FnMut(&str, u16) -> Arc<Node>,
    ) -> Option<Self> {
        let said: Vec<Vec<Value>> = from_redis_value(answer).ok()?;
        let mut ranges = Vec::with_capacity(said.len());
        for range in said {
            let mut parts = range.into_iter();
            let first: u16 = from_redis_value(parts.next()?).ok()?;
            let last: u16 = from_redis_value(parts.next()?).ok()?;
            let owner: Vec<Value> = from_redis_value(parts.next()?).ok()?;
            let mut owner = owner.into_iter();
            let host: Option<String> = from_redis_value(owner.next()?).ok()?;
            let port: u16 = from_redis_value(owner.next()?).ok()?;
            let host = match &host {
                Some(host) if !host.is_empty() => host,
                _ => place_of(asked.info().addr())?.0,
            };
            ranges.push((first, last, node(host, port)));
        }
        ranges.sort_by_key(|(first, ..)| *first);
        Some(Self { ranges })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(node)
    }

    /// The primaries, each once.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for (_, _, node) in &self.ranges {
            if !nodes.iter().any(|known| Arc::ptr_eq(known, node)) {
                nodes.push(Arc::clone(node));
            }
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::{ConnectionAddr, IntoConnectionInfo};

    #[test]
    fn slots_are_those_of_the_cluster_s_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, slot) in [("foo", 12_182), ("bar", 5_061), ("", 0)] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        for key in ["{foo}", "a{foo}b", "{foo}{bar}", "markets:{foo}:clock"] {
            assert_eq!(slot_of(key.as_bytes()), 12_182, "{key}");
        }
        assert_eq!(slot_of(b"{}foo"), crc16(b"{}foo") % SLOTS, "empty braces are part of the key");
        assert_eq!(slot_of(b"{foo"), crc16(b"{foo") % SLOTS);
    }

    #[test]
    fn a_command_is_where_its_key_is() {
        let command = |words: &[&str]| {
            let mut command = Cmd::new();
            command.arg(words);
            command
        };
        for (words, key) in [
            (&["EVALSHA", "hash", "2", "a", "b", "c"][..], Some("a")),
            (&["EVALSHA", "hash", "0", "c"], None),
            (&["SET", "a", "b"], Some("a")),
            (&["PING"], None),
        ] {
            assert_eq!(key_of_command(&command(words)), key.map(str::as_bytes), "{words:?}");
        }
    }

    fn node(host: &str, port: u16) -> Arc<Node> {
        let info = "redis://x".into_connection_info().unwrap();
        Arc::new(Node::new(info.set_addr(ConnectionAddr::Tcp(host.to_owned(), port))))
    }

    #[test]
    fn the_map_says_who_owns_a_slot() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let range = |first, last, owner: Vec<Value>| {
            Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(owner)])
        };
        let answer = Value::Array(vec![
            range(200, 300, vec![text(""), Value::Int(2), text("id")]),
            range(0, 100, vec![text("a"), Value::Int(1), text("id")]),
            range(301, 301, vec![Value::Nil, Value::Int(3), text("id")]),
        ]);
        let map = SlotMap::read(answer, &node("asked", 9), node).unwrap();
        let owner = |slot| map.owner(slot).and_then(|node| place_of(node.info().addr()));
        for (slot, expected) in [
            (0, Some(("a", 1))),
            (100, Some(("a", 1))),
            (101, None),
            (200, Some(("asked", 2))),
            (301, Some(("asked", 3))),
            (302, None),
        ] {
            assert_eq!(owner(slot), expected, "{slot}");
        }
        assert!(SlotMap::read(Value::Int(1), &node("asked", 9), node).is_none());
    }
}
