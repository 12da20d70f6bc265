//! Several writes as one statement: PostgreSQL is asked once for all that a batch writes.

use crate::{Error, Tx};
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Encode, Postgres, Type};
use std::fmt::Write as _;

/// Writes of several tables, carried out by one statement: each is a query of its WITH list. All of them see the
/// rows as they were before it, and they run in no particular order, so no two may change the same row.
#[derive(Default)]
pub struct Statement {
    sql: String,
    arguments: PgArguments,
    unencodable: Option<BoxDynError>,
    writes: usize,
}

impl Statement {
    /// Adds an INSERT, UPDATE or DELETE, whose own arguments are `$1` and so on, in the order of
    /// [`Write::bind`].
    pub(crate) fn add(&mut self, sql: &'static str) -> Write<'_> {
        self.sql.push_str(if self.writes == 0 { "WITH " } else { ", " });
        // Writing to a string does not fail.
        let _ = write!(self.sql, "w{} AS (", self.writes);
        self.push_renumbered(sql);
        self.sql.push(')');
        self.writes += 1;
        Write { statement: self }
    }

    /// The statement's numbers go on where the last write's ended.
    fn push_renumbered(&mut self, sql: &str) {
        let before = self.arguments.len();
        let mut parts = sql.split('$');
        self.sql.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = part.split_at(digits);
            match number.parse::<usize>() {
                Ok(number) => drop(write!(self.sql, "${}{rest}", before + number)),
                Err(_) => drop(write!(self.sql, "${part}")),
            }
        }
    }

    /// Carries the writes out; nothing is asked where there are none.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(self, tx: &mut Tx) -> Result<(), Error> {
        if self.writes == 0 {
            return Ok(());
        }
        let arguments = self.unencodable.map_or(Ok(self.arguments), Err);
        // Only constants of this crate are put together here.
        let sql = sqlx::AssertSqlSafe(format!("{} SELECT", self.sql));
        sqlx::query_with(sql, arguments.map_err(sqlx::Error::Encode)?).execute(&mut **tx).await?;
        Ok(())
    }
}

/// A write that was added, and takes its arguments.
pub(crate) struct Write<'s> {
    statement: &'s mut Statement,
}

impl Write<'_> {
    /// The write's next argument.
    pub(crate) fn bind<'t, T: Encode<'t, Postgres> + Type<Postgres>>(self, value: T) -> Self {
        if let Err(error) = self.statement.arguments.add(value) {
            self.statement.unencodable.get_or_insert(error);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Statement;

    #[test]
    fn the_arguments_of_each_write_are_numbered_after_those_before_it() {
        let mut statement = Statement::default();
        let _ = statement.add("INSERT INTO a SELECT $1, $2").bind(1).bind(2);
        let _ = statement.add("UPDATE b SET x = $2, y = '$' WHERE z = any($1)").bind(vec![3]).bind(4);
        assert_eq!(
            statement.sql,
            "WITH w0 AS (INSERT INTO a SELECT $1, $2), w1 AS (UPDATE b SET x = $4, y = '$' WHERE z = any($3))"
        );
    }
}
