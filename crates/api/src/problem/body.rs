//! The body of a problem answer.

use super::Problem;
use crate::wire::{PriceTerms, schema};
use overround_domain::betting::Refusal;
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// One place of the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the place in the body; empty for the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/legs/0/market_id")]
    pub pointer: Option<String>,
    /// The parameter of the path or the query, or the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "limit")]
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// Something wrong in the body.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, detail: detail.into() }
    }

    /// Something wrong with a parameter of the path or the query, or with a header.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), detail: detail.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter.as_deref().or(self.pointer.as_deref()) {
            Some(place) if !place.is_empty() => write!(f, "{place}: {}", self.detail),
            _ => f.write_str(&self.detail),
        }
    }
}

/// What went wrong, in the form of RFC 9457, and what helps to go on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A URI that names the kind of problem: the code again.
    #[serde(rename = "type")]
    #[schema(example = "urn:overround:problem:PRICE_CHANGED")]
    pub kind: String,
    /// The kind of problem in words.
    #[schema(example = "Price changed")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened, to what, and what to do.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// The code, for programs.
    #[schema(example = "PRICE_CHANGED")]
    pub code: String,
    /// The trace id of the request that was answered so first.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// The places of bad input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// The parts that are away or full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, value_type = Vec<String>)]
    pub unavailable: Vec<&'static str>,
    /// The limits that take no more requests now, as the field `RateLimit-Policy` names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub violated_policies: Vec<String>,
    /// What belongs to a refused bet.
    #[serde(flatten)]
    pub refusal: RefusalBody,
}

/// What a refusal carries so that the next request can be right.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = RefusalData)]
pub struct RefusalBody {
    /// The position of the leg that was refused, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<usize>,
    /// The outcome's price now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_price: Option<PriceTerms>,
    /// The market's version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<i64>,
    /// The outcome's line now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_line: Option<String>,
    /// The least stake, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_cents_min: Option<i64>,
    /// The largest stake that would be taken, in minor units; 0 where none would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_cents_max: Option<i64>,
    /// What can be staked or withdrawn, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_cents: Option<i64>,
    /// The outcomes that do not go together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::OutcomeId>>)]
    pub related_outcomes: Option<Vec<String>>,
}

impl RefusalBody {
    fn new(refusal: &Refusal) -> Self {
        let data = &refusal.data;
        Self {
            leg: refusal.leg,
            current_price: data.current_price.map(Into::into),
            current_version: data.current_version,
            current_line: data.current_line.map(|line| line.to_string()),
            stake_cents_min: data.stake_cents_min,
            stake_cents_max: data.stake_cents_max,
            available_cents: data.available_cents,
            related_outcomes: (!data.related_outcomes.is_empty())
                .then(|| data.related_outcomes.iter().map(ToString::to_string).collect()),
        }
    }
}

impl ProblemBody {
    /// The body of `problem`, as answered to the request of `trace_id` (unless it is a kept one).
    pub fn new(problem: &Problem, trace_id: &str, instance: &str) -> Self {
        Self {
            kind: format!("urn:overround:problem:{}", problem.code),
            title: title(problem.code),
            status: problem.status.as_u16(),
            detail: problem.detail.to_string(),
            instance: instance.to_owned(),
            code: problem.code.to_owned(),
            trace_id: problem.trace_id.as_deref().unwrap_or(trace_id).to_owned(),
            errors: problem.errors.clone(),
            unavailable: problem.unavailable.clone(),
            violated_policies: problem.violated_policies.clone(),
            refusal: problem.refusal.as_deref().map(RefusalBody::new).unwrap_or_default(),
        }
    }
}

/// A code in words: `PRICE_CHANGED` is "Price changed".
pub fn title(code: &str) -> String {
    let words = code.replace('_', " ").to_ascii_lowercase();
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
