//! The state of the process and of what it needs.

use serde::Serialize;
use utoipa::ToSchema;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    /// Always `live`.
    #[schema(example = "live")]
    pub status: &'static str,
}

/// All that requests need is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Always `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// The parts that were asked.
    #[schema(value_type = Vec<String>, example = json!(["postgres", "redis"]))]
    pub parts: Vec<&'static str>,
}
