//! Adds to each operation what all of its form have in common, from the table of routes: security,
//! the key of writes, and every problem that it may answer with.

use super::{BEARER, FEED, problems};
use crate::auth::{Access, ROUTES, RouteRule};
use crate::extract::{KEY_LEN_MAX, KEY_PATTERN};
use crate::problem::{Code, ProblemBody, *};
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Components, ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, RefOr, Required, Response};
use utoipa::{PartialSchema, ToSchema};

/// Completes the document.
pub fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    components.add_security_scheme(BEARER, bearer());
    components.add_security_scheme(FEED, feed());
    let mut schemas = vec![("Problem".to_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in [("GET", &mut item.get), ("POST", &mut item.post)] {
            let rule = ROUTES.iter().find(|rule| rule.path == path && rule.method == method);
            if let (Some(operation), Some(rule)) = (operation, rule) {
                complete_operation(operation, rule);
            }
        }
    }
}

fn bearer() -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "A JWT of the configured issuer for the configured audience, signed with EdDSA, RS256 or \
                 ES256. The claim `roles` lists any of player, trader, support, finance, compliance, \
                 auditor, admin.",
            ))
            .build(),
    )
}

fn feed() -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "Feed-Signature",
        "The HMAC-SHA256 of the request under the secret of the feed (`uof_secret`), as the operation says.",
    )))
}

fn complete_operation(operation: &mut Operation, rule: &RouteRule) {
    let writes = rule.method == "POST" && rule.access.takes_token();
    match rule.access {
        Access::Public => operation.security = Some(Vec::new()),
        Access::Secret => {
            operation.security = Some(vec![SecurityRequirement::new(FEED, Vec::<String>::new())]);
        }
        Access::AnyRole | Access::Roles(_) => {
            operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
        }
    }
    if let Access::Roles(roles) = rule.access {
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let text = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{text}\n\nRoles: {}.", names.join(", ")).trim().to_owned());
    }
    if writes {
        operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            add_headers(status, response, writes);
            if rule.class.is_some() {
                add_limits(response);
            }
        }
    }
    for (status, codes) in by_status(operation, rule) {
        let mut response = problems::response(status, &codes);
        if rule.class.is_some() {
            add_limits(&mut response);
        }
        operation.responses.responses.insert(status.to_string(), RefOr::T(response));
    }
}

fn add_headers(status: &str, response: &mut Response, writes: bool) {
    let mut add = |name: &str, header: Header| {
        response.headers.insert(name.to_owned(), RefOr::T(header));
    };
    add("Trace-Id", text_header("The trace that the request belongs to."));
    if writes && status.starts_with('2') {
        add("Idempotent-Replayed", text_header("`true` where the answer is that of an earlier request."));
    }
}

/// The fields that tell of limits (draft-ietf-httpapi-ratelimit-headers).
fn add_limits(response: &mut Response) {
    let fields = [
        (
            "RateLimit-Policy",
            "The limits that the request is under: q requests at once, paid back in w seconds.",
        ),
        (
            "RateLimit",
            "Where the caller stands under each: r more requests at once, all paid back in t seconds.",
        ),
    ];
    for (name, about) in fields {
        response.headers.insert(name.to_owned(), RefOr::T(text_header(about)));
    }
}

/// A header that holds a text.
pub fn text_header(description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::String).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn idempotency_key() -> utoipa::openapi::path::Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(KEY_LEN_MAX))
        .pattern(Some(KEY_PATTERN))
        .build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(
            "Makes the write safe to send again: 1 to 255 visible ASCII characters, a new one for each \
             new intent.",
        ))
        .schema(Some(schema))
        .example(Some(json!("01939c0e-6f3a-7d11-a8e2-54d7b5f2a3c4")))
        .build()
}

/// Every code that the operation may answer with, by status.
fn by_status(operation: &Operation, rule: &RouteRule) -> BTreeMap<u16, Vec<Code>> {
    let mut codes: Vec<Code> = Vec::new();
    let takes = |place: ParameterIn| {
        let parameters = operation.parameters.iter().flatten();
        parameters
            .filter_map(|p| if let RefOr::T(p) = p { Some(p) } else { None })
            .any(|p| p.parameter_in == place)
    };
    if rule.method == "POST" {
        codes.push(INVALID_BODY);
        if rule.access.takes_token() {
            codes.extend([IDEMPOTENCY_KEY_REQUIRED, IDEMPOTENCY_KEY_INVALID]);
        }
        codes.extend([REQUEST_TIMEOUT, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE]);
    }
    if takes(ParameterIn::Path) {
        codes.extend([INVALID_PATH, NOT_FOUND]);
    }
    if rule.method == "GET" && rule.access != Access::Public {
        codes.push(INVALID_QUERY);
    }
    if takes(ParameterIn::Query) && rule.pages {
        codes.push(INVALID_CURSOR);
    }
    if rule.access.takes_token() {
        codes.extend([UNAUTHENTICATED, FORBIDDEN]);
    }
    if rule.access != Access::Public {
        codes.push(INTERNAL);
    }
    if rule.access != Access::Public || rule.path == "/health/ready" {
        codes.push(UNAVAILABLE);
    }
    if rule.class.is_some() {
        codes.push(RATE_LIMITED);
    }
    codes.extend(rule.conflicts);
    codes.extend(rule.refusals.iter().map(|code| refusal_code(*code)));
    let mut grouped: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        grouped.entry(code.status).or_default().push(code);
    }
    grouped
}
