//! The fields that tell a caller of their limits: `RateLimit-Policy` and `RateLimit`, as structured fields
//! (draft-ietf-httpapi-ratelimit-headers). Each policy is named by the class and by whose requests it counts.

use http::{HeaderMap, HeaderName, HeaderValue};
use overround_app::{Policy, Subject};
use overround_domain::rate::Standing;
use std::fmt::Write;

/// What limits there are.
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Where the caller stands under each.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const SECOND_US: i64 = 1_000_000;

/// The fields of one answer. They travel beside it, since a problem's headers are made last.
#[derive(Debug, Clone)]
pub struct RateLimitFields {
    policy: HeaderValue,
    standing: HeaderValue,
}

impl RateLimitFields {
    /// The fields of a request that stands so under its policies; none if it is under none.
    pub fn new(policies: &[Policy], standings: &[Standing]) -> Option<Self> {
        let (mut policy_text, mut standing_text) = (String::new(), String::new());
        for (policy, standing) in policies.iter().zip(standings) {
            let comma = if policy_text.is_empty() { "" } else { ", " };
            let (class, whose) = name(policy);
            let (quota, window_s) = (policy.rate.burst(), seconds(policy.rate.tolerance_us()).max(1));
            let (left, reset_s) = (standing.remaining, seconds(standing.reset_us));
            // Writing to a text cannot fail.
            let _ = write!(policy_text, "{comma}\"{class}-{whose}\";q={quota};w={window_s}");
            let _ = write!(standing_text, "{comma}\"{class}-{whose}\";r={left};t={reset_s}");
        }
        let value = |text: &str| HeaderValue::from_str(text).ok().filter(|_| !text.is_empty());
        Some(Self { policy: value(&policy_text)?, standing: value(&standing_text)? })
    }

    /// Adds them to an answer's.
    pub fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(RATELIMIT_POLICY, self.policy);
        headers.insert(RATELIMIT, self.standing);
    }
}

/// The name of a policy, in its two parts.
pub const fn name(policy: &Policy) -> (&'static str, &'static str) {
    let whose = match policy.key.subject {
        Subject::User(_) => "user",
        Subject::Client(_) => "client",
        Subject::Address(_) => "address",
    };
    (policy.key.class, whose)
}

/// Whole seconds, the last one begun counting.
pub const fn seconds(us: i64) -> i64 {
    (us + SECOND_US - 1) / SECOND_US
}
