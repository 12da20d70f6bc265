//! The gate before every handler: it knows the route's rule, or nobody passes.

use super::access::{Access, ROUTES, RouteRule};
use super::{Auth, Caller};
use crate::ApiSettings;
use crate::problem::{FORBIDDEN, Problem};
use crate::rate_limits::{self, Limited, RateLimitFields};
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;
use overround_app::{App, Policy};
use overround_domain::rate::Standing;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// What the gate looks at.
pub struct Gate {
    /// Who checks tokens.
    pub auth: Auth,
    /// Who counts requests.
    pub app: App,
    /// How many are taken.
    pub settings: Arc<ApiSettings>,
}

/// Lets a request pass to its handler if the table of routes says so and no limit is reached, and tells the handler who
/// is asking. Requests for paths that do not exist pass on to be answered with 404.
pub async fn guard(gate: &Gate, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else {
        return Ok(next.run(request).await);
    };
    let rule = rule_of(request.method().as_str(), path.as_str())?;
    let Some(class) = rule.class else {
        let caller = gate.admit(rule, request.headers()).await?;
        return Ok(pass(caller, request, next).await);
    };
    let limited = Limited::new(class, &gate.settings, request.headers(), request.extensions());
    // Whoever is known to send too much costs no more than this: not even a look at the token.
    if let Some(policy) = limited.of_address()
        && let Some(standing) = gate.app.is_over_limit(&policy)
    {
        return Ok(answer(&[policy], &[standing], refused(&policy, &standing).into_response()));
    }
    let admitted = gate.admit(rule, request.headers()).await;
    let policies = limited.of(admitted.as_ref().ok().and_then(Option::as_ref));
    let standings = gate.app.charge_request(&policies).await;
    let over = policies.iter().zip(&standings).find(|(_, standing)| !standing.allowed);
    let answered = match (over, admitted) {
        (Some((policy, standing)), _) => refused(policy, standing).into_response(),
        (None, Err(problem)) => problem.into_response(),
        (None, Ok(caller)) => pass(caller, request, next).await,
    };
    Ok(answer(&policies, &standings, answered))
}

async fn pass(caller: Option<Caller>, mut request: Request, next: Next) -> Response {
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

/// An answer, and what it tells of the limits.
fn answer(policies: &[Policy], standings: &[Standing], mut answer: Response) -> Response {
    if let Some(fields) = RateLimitFields::new(policies, standings) {
        answer.extensions_mut().insert(fields);
    }
    answer
}

fn refused(policy: &Policy, standing: &Standing) -> Problem {
    let (class, whose) = rate_limits::name(policy);
    metrics::counter!("overround_rate_limited_total", "class" => class, "by" => whose).increment(1);
    Problem::rate_limited(format!("{class}-{whose}"), rate_limits::seconds(standing.retry_after_us).max(1))
}

impl Gate {
    /// Who asks, if the rule admits them; none where it admits everybody.
    async fn admit(&self, rule: &RouteRule, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        if !rule.access.takes_token() {
            return Ok(None);
        }
        let caller = self.auth.authenticate(headers).await?;
        if !admits(rule.access, &caller) {
            return Err(Problem::new(FORBIDDEN, forbidden(rule)));
        }
        Ok(Some(match rule.access {
            Access::Roles(roles) => caller.admitted_by(roles),
            Access::AnyRole | Access::Public | Access::Secret => caller,
        }))
    }
}

/// The routes' rules by path, each path's by method.
static RULES: LazyLock<HashMap<&'static str, Vec<&'static RouteRule>>> = LazyLock::new(|| {
    let mut rules: HashMap<&'static str, Vec<&'static RouteRule>> = HashMap::new();
    for rule in ROUTES {
        rules.entry(rule.path).or_default().push(rule);
    }
    rules
});

/// A route's path as a label: that of the table where it has it, which is no new text each time.
pub fn route_label(path: &str) -> Cow<'static, str> {
    RULES.get_key_value(path).map_or_else(|| Cow::Owned(path.to_owned()), |(path, _)| Cow::Borrowed(*path))
}

/// The rule of a route; a method that the path does not take is answered here, with those it does.
fn rule_of(method: &str, path: &str) -> Result<&'static RouteRule, Problem> {
    // Axum answers HEAD with GET's handler.
    let method = if method == "HEAD" { "GET" } else { method };
    let Some(rules) = RULES.get(path) else {
        tracing::error!(path, "a route is missing in the table of routes");
        return Err(Problem::internal());
    };
    if let Some(rule) = rules.iter().find(|rule| rule.method == method) {
        return Ok(rule);
    }
    let mut allowed: Vec<&str> = rules.iter().map(|rule| rule.method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    Err(Problem::method_not_allowed(&allowed.join(", ")))
}

fn admits(access: Access, caller: &Caller) -> bool {
    match access {
        Access::Public | Access::Secret => true,
        Access::AnyRole => caller.has_role(),
        Access::Roles(roles) => caller.has_any(roles),
    }
}

fn forbidden(rule: &RouteRule) -> String {
    match rule.access {
        Access::Roles(roles) => {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            format!("this takes one of the roles {}", names.join(", "))
        }
        Access::AnyRole | Access::Public | Access::Secret => {
            "the token names no role that is known here".to_owned()
        }
    }
}

/// The caller whom the guard let pass.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a handler asks for the caller of a public route");
            Problem::internal()
        })
    }
}
