//! A statement with its parameters, on its way to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heptad_model::{Millis, Minor};
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::Arguments;
use sqlx::any::AnyArguments;

use crate::dialect::Dialect;
use crate::{Row, StoreError};

/// What a parameter may be. Ids and other words are bound by their text: `.bind(id.to_string())`, or [`Statement::text`].
pub trait Bind {
    /// Adds the value as the next parameter.
    fn add_to(self, arguments: &mut AnyArguments) -> Result<(), sqlx::error::BoxDynError>;
}

macro_rules! bind {
    ($($kind:ty => |$value:ident| $as:expr;)*) => {$(
        impl Bind for $kind {
            fn add_to(self, arguments: &mut AnyArguments) -> Result<(), sqlx::error::BoxDynError> {
                let $value = self;
                arguments.add($as)
            }
        }
    )*};
}

bind! {
    &str => |value| value.to_owned();
    String => |value| value;
    &String => |value| value.clone();
    Option<String> => |value| value;
    Option<&str> => |value| value.map(str::to_owned);
    i64 => |value| value;
    u32 => |value| i64::from(value);
    Option<i64> => |value| value;
    bool => |value| i64::from(value);
    Vec<u8> => |value| value;
    &[u8] => |value| value.to_vec();
    Millis => |value| value.as_millis();
    Option<Millis> => |value| value.map(Millis::as_millis);
    Minor => |value| value.get();
}

/// Counts statements, for metrics and for the tests that bound them.
pub(crate) type Counter = Arc<AtomicU64>;

/// A connection that runs statements.
pub(crate) struct Session<'c> {
    pub(crate) connection: &'c mut AnyConnection,
    pub(crate) dialect: Dialect,
    pub(crate) counter: &'c AtomicU64,
}

impl<'c> Session<'c> {
    /// A statement; parameters begin with `$1`.
    pub(crate) fn statement(&mut self, sql: &'static str) -> Statement<'_> {
        Session { connection: self.connection, dialect: self.dialect, counter: self.counter }.into_statement(sql)
    }

    /// The last statement.
    pub(crate) fn into_statement(self, sql: &'static str) -> Statement<'c> {
        let Self { connection, dialect, counter } = self;
        Statement { connection, dialect, counter, sql, arguments: Ok(AnyArguments::default()) }
    }
}

/// A statement being made; the parameters are bound in their order.
pub struct Statement<'t> {
    connection: &'t mut AnyConnection,
    dialect: Dialect,
    counter: &'t AtomicU64,
    sql: &'static str,
    arguments: Result<AnyArguments, StoreError>,
}

impl<'t> Statement<'t> {
    /// Binds the next parameter.
    #[must_use]
    pub fn bind(mut self, value: impl Bind) -> Self {
        if let Ok(arguments) = &mut self.arguments
            && let Err(error) = value.add_to(arguments)
        {
            self.arguments = Err(StoreError::Database(sqlx::Error::Encode(error)));
        }
        self
    }

    /// Binds the text of an id, a currency or the like.
    #[must_use]
    pub fn text(self, value: impl std::fmt::Display) -> Self {
        self.bind(value.to_string())
    }

    /// Binds the text of an id or the like that may be absent.
    #[must_use]
    pub fn opt_text(self, value: Option<impl std::fmt::Display>) -> Self {
        self.bind(value.map(|value| value.to_string()))
    }

    /// Binds a value as JSON; a list is read in the statement by `select value from json_each($n)`.
    #[must_use]
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => self.bind(text),
            Err(error) => {
                self.arguments = Err(StoreError::Database(sqlx::Error::Encode(Box::new(error))));
                self
            }
        }
    }

    fn ready(
        self,
    ) -> Result<(&'t mut AnyConnection, Dialect, sqlx::query::Query<'static, sqlx::Any, AnyArguments>), StoreError>
    {
        self.counter.fetch_add(1, Ordering::Relaxed);
        Ok((self.connection, self.dialect, sqlx::query_with(self.sql, self.arguments?)))
    }

    /// Runs the statement; the number of rows that it wrote.
    pub async fn execute(self) -> Result<u64, StoreError> {
        let (connection, dialect, query) = self.ready()?;
        query.execute(connection).await.map(|done| done.rows_affected()).map_err(|error| StoreError::of(dialect, error))
    }

    /// Runs the statement; all rows, each read by `read`.
    pub async fn fetch_all<T>(self, read: impl Fn(&Row) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
        let (connection, dialect, query) = self.ready()?;
        let rows = query.fetch_all(connection).await.map_err(|error| StoreError::of(dialect, error))?;
        rows.into_iter().map(|row| read(&Row(row))).collect()
    }

    /// Runs the statement; the first row, if there is one, read by `read`.
    pub async fn fetch_optional<T>(
        self,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let (connection, dialect, query) = self.ready()?;
        let row = query.fetch_optional(connection).await.map_err(|error| StoreError::of(dialect, error))?;
        row.map(|row| read(&Row(row))).transpose()
    }

    /// Runs a statement that always gives a row, such as `select count(*)`; no row is an error.
    pub async fn fetch_one<T>(self, read: impl Fn(&Row) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let dialect = self.dialect;
        self.fetch_optional(read).await?.ok_or_else(|| StoreError::of(dialect, sqlx::Error::RowNotFound))
    }
}
