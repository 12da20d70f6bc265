//! Messages that were sent in parts, put together again.

use super::message::{Change, Message, SegmentType};
use std::collections::BTreeMap;

/// A message with all its parts.
#[derive(Debug)]
pub(super) struct Complete {
    /// The instant of its last part, in milliseconds; none when the message carries none.
    pub(super) pt: Option<i64>,
    pub(super) heartbeat: bool,
    pub(super) late: bool,
    /// Whether it is the image of a subscription, or what was missed while one was cut.
    pub(super) image: bool,
    pub(super) resumption: bool,
    /// Where the stream stands after it.
    pub(super) initial_clk: Option<String>,
    pub(super) clk: Option<String>,
    pub(super) changes: Vec<Change>,
}

/// What a part led to: possibly a complete message, possibly a part that fits nowhere.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    pub(super) complete: Option<Complete>,
    pub(super) error: Option<&'static str>,
}

/// The messages begun and not ended, by their subscription.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    begun: BTreeMap<Option<i64>, Complete>,
}

impl Assembler {
    /// Takes the next message or part of one.
    pub(super) fn push(&mut self, mut message: Message) -> Assembled {
        let part = Complete {
            pt: message.pt,
            heartbeat: message.is_heartbeat(),
            late: message.is_late(),
            image: message.is_subscription_image(),
            resumption: message.is_resumption(),
            initial_clk: message.initial_clk.take(),
            clk: message.clk.take(),
            changes: message.take_changes(),
        };
        let subscription = message.id;
        match message.segment_type.unwrap_or(SegmentType::Whole) {
            SegmentType::Whole => Assembled { complete: Some(part), error: self.cut_off(subscription) },
            SegmentType::Start => {
                let error = self.cut_off(subscription);
                self.begun.insert(subscription, part);
                Assembled { complete: None, error }
            }
            SegmentType::Middle => match self.begun.get_mut(&subscription) {
                Some(begun) => {
                    begun.append(part);
                    Assembled::default()
                }
                None => Assembled::without_start(),
            },
            SegmentType::End => match self.begun.remove(&subscription) {
                Some(mut begun) => {
                    begun.append(part);
                    Assembled { complete: Some(begun), error: None }
                }
                None => Assembled::without_start(),
            },
        }
    }

    /// Ends the input: a message still begun is lost.
    pub(super) fn finish(&mut self) -> Option<&'static str> {
        self.begun.pop_first().map(|_| "the input ends before SEG_END")
    }

    fn cut_off(&mut self, subscription: Option<i64>) -> Option<&'static str> {
        self.begun.remove(&subscription).map(|_| "another message begins before SEG_END")
    }
}

impl Complete {
    fn append(&mut self, mut part: Self) {
        self.pt = part.pt.or(self.pt);
        self.late |= part.late;
        self.image |= part.image;
        self.resumption |= part.resumption;
        self.initial_clk = part.initial_clk.or(self.initial_clk.take());
        self.clk = part.clk.or(self.clk.take());
        self.changes.append(&mut part.changes);
    }
}

impl Assembled {
    fn without_start() -> Self {
        Self { complete: None, error: Some("a segment without SEG_START before it") }
    }
}
