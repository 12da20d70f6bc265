//! Feeds that come in over HTTP: who may send them, and who takes what they send.
//!
//! Both sides hold one secret, and each proves it without telling it. A request carries a nonce of its sender's and the
//! HMAC-SHA256 over method, path, nonce and body; the answer to a request that proves the secret carries the HMAC over
//! that nonce and the answer's status. The two begin with different words, so that neither can be made from the other.

use crate::problem::Problem;
use aws_lc_rs::hmac;
use bytes::Bytes;
use futures::future::BoxFuture;
use overround_domain::markets::ProducerState;
use std::fmt;
use std::sync::Arc;

/// The header of a request's nonce.
pub const FEED_NONCE: &str = "feed-nonce";
/// The header of a request's, and of its answer's, proof: 64 hexadecimal digits.
pub const FEED_SIGNATURE: &str = "feed-signature";
/// The largest message that is taken, in bytes.
pub const FEED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The fewest characters of a secret.
pub const FEED_SECRET_LEN_MIN: usize = 32;
const NONCE_LEN_MIN: usize = 16;
const NONCE_LEN_MAX: usize = 128;

/// The secret that a feed's two sides share. It stands in no log and no `Debug`.
#[derive(Clone)]
pub struct FeedSecret(hmac::Key);

impl FeedSecret {
    /// The key made of a secret text, of at least [`FEED_SECRET_LEN_MIN`] characters.
    pub fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// The proof of a request.
    pub fn sign_request(&self, method: &str, path: &str, nonce: &str, body: &[u8]) -> String {
        hex(self.over(&[b"request", method.as_bytes(), path.as_bytes(), nonce.as_bytes(), body]).as_ref())
    }

    /// The proof of the answer to the request of that nonce.
    pub fn sign_answer(&self, nonce: &str, status: u16) -> String {
        hex(self.over(&[b"answer", nonce.as_bytes(), status.to_string().as_bytes()]).as_ref())
    }

    /// Whether a request is of somebody who holds the secret. It takes as long whatever differs.
    pub fn proves_request(
        &self,
        method: &str,
        path: &str,
        nonce: &str,
        body: &[u8],
        signature: &str,
    ) -> bool {
        let wanted = self.sign_request(method, path, nonce, body);
        aws_lc_rs::constant_time::verify_slices_are_equal(wanted.as_bytes(), signature.as_bytes()).is_ok()
    }

    /// Whether an answer is of somebody who holds the secret.
    pub fn proves_answer(&self, nonce: &str, status: u16, signature: &str) -> bool {
        let wanted = self.sign_answer(nonce, status);
        aws_lc_rs::constant_time::verify_slices_are_equal(wanted.as_bytes(), signature.as_bytes()).is_ok()
    }

    /// No part but the last has a line's end in it, so that no two lists of parts are one text.
    fn over(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                context.update(b"\n");
            }
            context.update(part);
        }
        context.sign()
    }
}

impl fmt::Debug for FeedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FeedSecret").finish_non_exhaustive()
    }
}

/// Whether a text may be a nonce: 16 to 128 visible ASCII characters.
pub fn is_nonce(text: &str) -> bool {
    (NONCE_LEN_MIN..=NONCE_LEN_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a message of a feed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTaken {
    /// The kind of message, such as `odds_change`.
    pub message: &'static str,
    /// How many markets stand differently after it.
    pub markets_changed: u64,
    /// Its producer's state after it.
    pub state: ProducerState,
    /// The number of the recovery that the house waits for.
    pub recovery: Option<u64>,
}

/// Why a message was not taken. Nothing was changed.
#[derive(Debug)]
pub enum MessageRefused {
    /// It cannot be read.
    Malformed(String),
    /// It is of another producer than the path says, or of none.
    OtherProducer(String),
    /// It says what only people may say so far: results and cancellations.
    Unsupported(String),
    /// The producer said it, or something newer, before.
    AlreadyHeard(String),
    /// Another process hears this producer, or another of its source.
    Elsewhere(String),
    /// The house could not take it.
    Failed(overround_app::Error),
}

/// Who takes the messages of the Unified Odds Feed.
pub trait UofFeed: Send + Sync {
    /// Takes one message of a producer. When it answers, what the message changes is committed.
    fn take(&self, producer: u32, body: Bytes) -> BoxFuture<'_, Result<MessageTaken, MessageRefused>>;
}

/// The feeds that this process takes over HTTP.
#[derive(Clone, Default)]
pub struct Feeds {
    uof: Option<(FeedSecret, Arc<dyn UofFeed>)>,
}

impl Feeds {
    /// Takes the Unified Odds Feed from whoever holds the secret.
    pub fn uof(secret: FeedSecret, feed: Arc<dyn UofFeed>) -> Self {
        Self { uof: Some((secret, feed)) }
    }

    /// The Unified Odds Feed, if this process takes it.
    pub(crate) fn of_uof(&self) -> Option<&(FeedSecret, Arc<dyn UofFeed>)> {
        self.uof.as_ref()
    }
}

impl From<MessageRefused> for Problem {
    fn from(refused: MessageRefused) -> Self {
        use crate::problem::{
            ALREADY_HEARD, INVALID_BODY, MESSAGE_UNSUPPORTED, OTHER_PRODUCER, PRODUCER_TAKEN,
        };
        match refused {
            MessageRefused::Malformed(detail) => Self::new(INVALID_BODY, detail),
            MessageRefused::OtherProducer(detail) => Self::new(OTHER_PRODUCER, detail),
            MessageRefused::Unsupported(detail) => Self::new(MESSAGE_UNSUPPORTED, detail),
            MessageRefused::AlreadyHeard(detail) => Self::new(ALREADY_HEARD, detail),
            MessageRefused::Elsewhere(detail) => Self::new(PRODUCER_TAKEN, detail),
            MessageRefused::Failed(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_what_it_was_made_of_and_for_nothing_else() {
        let secret = FeedSecret::new("a secret of thirty-two characters");
        let (nonce, body) = ("0123456789abcdef", b"<alive/>".as_slice());
        let signature = secret.sign_request("POST", "/v1/feeds/uof/1", nonce, body);
        assert_eq!(signature.len(), 64);
        let proves =
            |path, nonce, body, signature: &str| secret.proves_request("POST", path, nonce, body, signature);
        assert!(proves("/v1/feeds/uof/1", nonce, body, &signature));
        assert!(!proves("/v1/feeds/uof/2", nonce, body, &signature));
        assert!(!proves("/v1/feeds/uof/1", "0123456789abcdeg", body, &signature));
        assert!(!proves("/v1/feeds/uof/1", nonce, b"<alive />", &signature));
        assert!(!proves("/v1/feeds/uof/1", nonce, body, &signature.to_uppercase()));
        assert!(!proves("/v1/feeds/uof/1", nonce, body, ""));
        let other = FeedSecret::new("another secret of that many chars");
        assert!(!other.proves_request("POST", "/v1/feeds/uof/1", nonce, body, &signature));
        let answer = secret.sign_answer(nonce, 200);
        assert!(secret.proves_answer(nonce, 200, &answer) && !secret.proves_answer(nonce, 409, &answer));
        assert!(!secret.proves_answer("0123456789abcdeg", 200, &answer) && answer != signature);
        assert!(!format!("{secret:?}").contains("thirty"));
    }

    #[test]
    fn a_nonce_is_visible_and_of_some_length() {
        for (text, good) in [
            ("0123456789abcdef", true),
            ("0123456789abcde", false),
            ("0123456789 bcdef", false),
            ("0123456789äbcdef", false),
            (&"n".repeat(128), true),
            (&"n".repeat(129), false),
        ] {
            assert_eq!(is_nonce(text), good, "{text}");
        }
    }
}
