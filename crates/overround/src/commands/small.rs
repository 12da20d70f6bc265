//! `migrate`, `token` and `openapi`.

use crate::cli::{RoleName, Token};
use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::{issuer, out, stores};
use overround_api::Role;
use overround_store::migrate::Report;

/// Brings the schema up to date and says what was done.
///
/// # Errors
/// When it could not be done.
pub async fn migrate(config: &Config) -> Result<(), Failure> {
    let (migrated, place) =
        stores::with(config, async |stores| Ok((stores.migrate().await?, stores.postgres()))).await?;
    let Report { roles_created, applied, version, cells } = migrated;
    if !roles_created.is_empty() {
        out::line(format!("made the roles {}", roles_created.join(", ")));
    }
    for migration in &applied {
        out::line(format!("applied {} {}", migration.version, migration.description));
    }
    let done = if applied.is_empty() { "nothing to do" } else { "migrated" };
    out::line(format!("{done}: {place} is at {version}, with {cells} cells"));
    Ok(())
}

/// Prints a token of the local issuer.
///
/// # Errors
/// Outside development.
pub fn token(config: &Config, token: &Token) -> Result<(), Failure> {
    let roles: Vec<Role> = token.role.iter().map(|role| role_of(*role)).collect();
    let signed = issuer::kept(config)?
        .sign(&token.login, &roles, token.minutes.saturating_mul(60), chrono::Utc::now().into())
        .map_err(|error| Failure::failed(chain(&error), "delete the issuer's key from the state folder"))?;
    out::line(signed);
    Ok(())
}

/// Prints the OpenAPI document.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn openapi() -> Result<(), Failure> {
    let document = serde_json::to_string_pretty(&overround_api::openapi())
        .map_err(|error| Failure::failed(error, "report it"))?;
    out::line(document);
    Ok(())
}

const fn role_of(name: RoleName) -> Role {
    match name {
        RoleName::Player => Role::Player,
        RoleName::Trader => Role::Trader,
        RoleName::Support => Role::Support,
        RoleName::Finance => Role::Finance,
        RoleName::Compliance => Role::Compliance,
        RoleName::Auditor => Role::Auditor,
        RoleName::Admin => Role::Admin,
    }
}
