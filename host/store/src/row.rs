//! A row of a result, read by column name into the host's own words.

use heptad_model::{Millis, Minor};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::StoreError;

/// A row of a result.
pub struct Row(pub(crate) AnyRow);

fn column(column: &'static str, problem: impl ToString) -> StoreError {
    StoreError::Column { column, problem: problem.to_string() }
}

impl Row {
    fn get<'r, T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>>(
        &'r self,
        name: &'static str,
    ) -> Result<T, StoreError> {
        self.0.try_get(name).map_err(|error| column(name, error))
    }

    /// A text column.
    pub fn text(&self, name: &'static str) -> Result<String, StoreError> {
        self.get(name)
    }

    /// A text column that may be null.
    pub fn opt_text(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        self.get(name)
    }

    /// An integer column.
    pub fn int(&self, name: &'static str) -> Result<i64, StoreError> {
        self.get(name)
    }

    /// An integer column that may be null.
    pub fn opt_int(&self, name: &'static str) -> Result<Option<i64>, StoreError> {
        self.get(name)
    }

    /// An integer column that holds 0 or 1.
    pub fn flag(&self, name: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(name)? != 0)
    }

    /// A column of bytes.
    pub fn bytes(&self, name: &'static str) -> Result<Vec<u8>, StoreError> {
        self.get(name)
    }

    /// A moment.
    pub fn millis(&self, name: &'static str) -> Result<Millis, StoreError> {
        self.int(name).map(Millis::new)
    }

    /// An amount in minor units.
    pub fn minor(&self, name: &'static str) -> Result<Minor, StoreError> {
        Minor::new(self.int(name)?).map_err(|error| column(name, error))
    }

    /// A whole number that is not negative and fits 32 bits, such as a quantity.
    pub fn count(&self, name: &'static str) -> Result<u32, StoreError> {
        u32::try_from(self.int(name)?).map_err(|error| column(name, error))
    }

    /// An id, a currency, or anything else that is written as text.
    pub fn parse<T: std::str::FromStr<Err: ToString>>(&self, name: &'static str) -> Result<T, StoreError> {
        self.text(name)?.parse().map_err(|error: T::Err| column(name, error.to_string()))
    }

    /// The same, where the column may be null.
    pub fn opt_parse<T: std::str::FromStr<Err: ToString>>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        self.opt_text(name)?
            .map(|text| text.parse().map_err(|error: T::Err| column(name, error.to_string())))
            .transpose()
    }

    /// A text column that holds JSON.
    pub fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(name)?).map_err(|error| column(name, error))
    }
}
