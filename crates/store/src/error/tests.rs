use super::Error;
use sqlx::error::{DatabaseError, ErrorKind};
use std::borrow::Cow;
use std::fmt;

/// What PostgreSQL reports, as far as it is told apart.
#[derive(Debug)]
struct Reported {
    code: &'static str,
    constraint: Option<&'static str>,
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for Reported {}

impl DatabaseError for Reported {
    fn message(&self) -> &str {
        self.code
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.into())
    }

    fn constraint(&self) -> Option<&str> {
        self.constraint
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

fn kind_of(error: sqlx::Error) -> &'static str {
    match Error::from(error) {
        Error::Unavailable(_) => "away",
        Error::Serialization(_) => "again",
        Error::Constraint(_) => "constraint",
        Error::Database(_) => "defect",
        Error::Inconsistent { .. } => "inconsistent",
        Error::Schema(_) => "schema",
    }
}

#[test]
fn what_postgres_reports_is_told_apart_by_its_code() {
    let table = [
        ("40001", "again"),  // serialization_failure
        ("40P01", "again"),  // deadlock_detected
        ("08006", "away"),   // connection_failure
        ("08P01", "away"),   // protocol_violation
        ("25006", "away"),   // read_only_sql_transaction
        ("25P03", "away"),   // idle_in_transaction_session_timeout
        ("25P04", "away"),   // transaction_timeout
        ("53100", "away"),   // disk_full
        ("53200", "away"),   // out_of_memory
        ("53300", "away"),   // too_many_connections
        ("53400", "away"),   // configuration_limit_exceeded
        ("55P03", "away"),   // lock_not_available
        ("57014", "away"),   // query_canceled
        ("57P01", "away"),   // admin_shutdown
        ("57P02", "away"),   // crash_shutdown
        ("57P03", "away"),   // cannot_connect_now
        ("57P04", "away"),   // database_dropped
        ("57P05", "away"),   // idle_session_timeout
        ("25P02", "defect"), // in_failed_sql_transaction
        ("28P01", "defect"), // invalid_password
        ("42501", "defect"), // insufficient_privilege
        ("42P01", "defect"), // undefined_table
        ("55000", "defect"), // object_not_in_prerequisite_state
        ("XX000", "defect"), // internal_error
    ];
    for (code, kind) in table {
        let error = sqlx::Error::Database(Box::new(Reported { code, constraint: None }));
        assert_eq!(kind_of(error), kind, "{code}");
    }
    let table = [
        ("accounts_pkey", "constraint"),
        ("settlements_pkey", "again"),
        ("settlements_pkey_102008", "again"),
        ("settlements_pkey_of_others", "constraint"),
    ];
    for (constraint, kind) in table {
        let refused = Reported { code: "23505", constraint: Some(constraint) };
        assert_eq!(kind_of(sqlx::Error::Database(Box::new(refused))), kind, "{constraint}");
    }
}

#[test]
fn what_goes_wrong_on_the_way_to_postgres_is_told_apart() {
    let table = [
        (sqlx::Error::Io(std::io::Error::other("reset")), "away"),
        (sqlx::Error::Tls("handshake".into()), "away"),
        (sqlx::Error::Protocol("unexpected message".to_owned()), "away"),
        (sqlx::Error::AnyDriverError("driver".into()), "away"),
        (sqlx::Error::BeginFailed, "away"),
        (sqlx::Error::PoolTimedOut, "away"),
        (sqlx::Error::PoolClosed, "away"),
        (sqlx::Error::WorkerCrashed, "away"),
        (sqlx::Error::RowNotFound, "defect"),
        (sqlx::Error::ColumnNotFound("id".to_owned()), "defect"),
        (sqlx::Error::Decode("text".into()), "defect"),
    ];
    for (error, kind) in table {
        let text = error.to_string();
        assert_eq!(kind_of(error), kind, "{text}");
    }
}
