//! The schemas of ids, times and amounts, named once for the whole document.

use super::Time;
use std::borrow::Cow;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// 22 characters of base 58, of which the first stays below 2^128.
const DIGITS: &str = "[1-9A-HJ-NP-X][1-9A-HJ-NP-Za-km-z]{21}";

fn id_schema(prefix: &str, what: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("The id of {what}.")))
        .pattern(Some(format!("^{prefix}_{DIGITS}$")))
        .examples([format!("{prefix}_1C4KqX7YvQe3Jm9TzR5bNd")])
        .build()
        .into()
}

macro_rules! id_schemas {
    ($($name:ident: $what:literal;)*) => {$(
        #[doc = concat!("The schema of the id of ", $what, ".")]
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                id_schema(overround_domain::ids::$name::PREFIX, $what)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

id_schemas! {
    AccountId: "a wallet account";
    BetId: "a bet";
    LegId: "one leg of a bet";
    MarketId: "a market";
    EventId: "a sporting event";
    OutcomeId: "an outcome of a market";
    PostingId: "a posting";
    EntryId: "a ledger entry";
}

/// The schema of a user's id, which is derived from the identity provider's and so has any digits.
#[derive(Debug)]
pub struct UserId;

impl PartialSchema for UserId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The id of a user."))
            .pattern(Some("^usr_[1-9A-HJ-NP-Za-km-z]{22}$"))
            .build()
            .into()
    }
}

impl ToSchema for UserId {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("UserId")
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("An instant: RFC 3339 in UTC with milliseconds."))
            .examples(["2026-11-23T18:04:05.123Z"])
            .build()
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}
