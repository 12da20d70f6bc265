//! The gate before every handler: it knows the route's rule, or nobody passes.

use super::access::{Access, ROUTES, RouteRule};
use super::{Auth, Caller};
use crate::problem::{FORBIDDEN, Problem};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;

/// Lets a request pass to its handler if the table of routes says so, and tells the handler who is
/// asking. Requests for paths that do not exist pass on to be answered with 404.
pub async fn guard(State(auth): State<Auth>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else {
        return Ok(next.run(request).await);
    };
    let rule = rule_of(request.method().as_str(), path.as_str())?;
    if rule.access != Access::Public {
        let caller = auth.authenticate(request.headers()).await?;
        if !admits(rule.access, &caller) {
            return Err(Problem::new(FORBIDDEN, forbidden(rule)));
        }
        let caller = match rule.access {
            Access::Roles(roles) => caller.admitted_by(roles),
            Access::AnyRole | Access::Public => caller,
        };
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

/// The rule of a route; a method that the path does not take is answered here, with those it does.
fn rule_of(method: &str, path: &str) -> Result<&'static RouteRule, Problem> {
    // Axum answers HEAD with GET's handler.
    let method = if method == "HEAD" { "GET" } else { method };
    if let Some(rule) = ROUTES.iter().find(|rule| rule.path == path && rule.method == method) {
        return Ok(rule);
    }
    let mut allowed: Vec<&str> =
        ROUTES.iter().filter(|rule| rule.path == path).map(|rule| rule.method).collect();
    if allowed.is_empty() {
        tracing::error!(path, "a route is missing in the table of routes");
        return Err(Problem::internal());
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    Err(Problem::method_not_allowed(&allowed.join(", ")))
}

fn admits(access: Access, caller: &Caller) -> bool {
    match access {
        Access::Public => true,
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
        Access::AnyRole | Access::Public => "the token names no role that is known here".to_owned(),
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
