//! The three database roles, which belong to the server and not to one database.

use crate::{Error, Role};
use sqlx::{AssertSqlSafe, PgConnection};

/// Held while roles are made and migrations run; the number is only ours ("overround" in ASCII, cut).
const LOCK: i64 = 0x6f76_6572_726f_756e;

/// Every role, the owner first.
const ROLES: [Role; 3] = [Role::Owner, Role::App, Role::Keeper];

/// Takes the lock that migrations run under, makes the roles that are missing and lets the login take
/// those it made. The lock is the session's: it ends with the connection. Returns the roles made.
pub(super) async fn ready(connection: &mut PgConnection) -> Result<Vec<&'static str>, Error> {
    // Timeouts that the login or the pool set are for queries, not for waiting until another process
    // has migrated. PostgreSQL 16 does not know the last one.
    sqlx::query(
        "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN \
         ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query("SET ROLE NONE").execute(&mut *connection).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *connection).await?;
    let created = create_missing(connection).await?;
    for role in ROLES.into_iter().filter(|role| created.contains(&role.name())) {
        if !takes(connection, role).await? {
            grant(connection, role).await?;
        }
    }
    Ok(created)
}

async fn create_missing(connection: &mut PgConnection) -> Result<Vec<&'static str>, Error> {
    let names = ROLES.map(Role::name);
    let there: Vec<String> = sqlx::query_scalar("SELECT rolname::text FROM pg_roles WHERE rolname = any($1)")
        .bind(names.as_slice())
        .fetch_all(&mut *connection)
        .await?;
    let mut created = Vec::new();
    for name in names.into_iter().filter(|name| !there.iter().any(|role| role == name)) {
        match run(connection, format!("CREATE ROLE {name} NOLOGIN")).await {
            Ok(()) => created.push(name),
            // Roles are the server's: a migration of its other database may have made it just now.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("42710" | "23505")) => {}
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
                return Err(Error::Schema(format!(
                    "the role {name} is missing and this login may not make it; let an administrator run: {}",
                    names.map(|name| format!("CREATE ROLE {name};")).join(" ")
                )));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(created)
}

async fn grant(connection: &mut PgConnection, role: Role) -> Result<(), Error> {
    match run(connection, format!("GRANT {} TO CURRENT_USER", role.name())).await {
        Ok(()) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("23505") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn takes(connection: &mut PgConnection, role: Role) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT pg_has_role(current_user, $1::name, 'SET')")
        .bind(role.name())
        .fetch_one(connection)
        .await?)
}

/// Acts as the owner from here on, who can make schemas in this database.
pub(super) async fn become_owner(connection: &mut PgConnection) -> Result<(), Error> {
    let owner = Role::Owner.name();
    let (login, database): (String, String) =
        sqlx::query_as("SELECT quote_ident(current_user), quote_ident(current_database())")
            .fetch_one(&mut *connection)
            .await?;
    if !takes(connection, Role::Owner).await? {
        return Err(Error::Schema(format!(
            "the login {login} may not act as {owner}; let an administrator run: GRANT {owner} TO {login};"
        )));
    }
    if !may_create(connection).await? {
        // Without the right to grant, PostgreSQL warns and grants nothing: so look again.
        run(connection, format!("GRANT CREATE ON DATABASE {database} TO {owner}")).await.or_else(denied)?;
    }
    if may_create(connection).await? {
        let session = "SET ROLE overround_owner; SET search_path = pg_catalog; SET lock_timeout = '30s'";
        return Ok(run(connection, session.to_owned()).await?);
    }
    Err(Error::Schema(format!(
        "{owner} may not make schemas in the database {database}; let its owner run: \
         GRANT CREATE ON DATABASE {database} TO {owner};"
    )))
}

async fn may_create(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT has_database_privilege($1::name, current_database(), 'CREATE')")
        .bind(Role::Owner.name())
        .fetch_one(connection)
        .await?)
}

fn denied(error: sqlx::Error) -> Result<(), sqlx::Error> {
    match &error {
        sqlx::Error::Database(database) if database.code().as_deref() == Some("42501") => Ok(()),
        _ => Err(error),
    }
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}
