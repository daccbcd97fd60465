//! A value as the type that its field has. Anything else is reported, with place and path.

use std::fmt;

use jiff::civil::Date;
use toml::de::DeValue;

use crate::domain::Seconds;

use super::{Kind, Spanned, Table, Value};

impl<'a> Value<'a> {
    fn mismatch(&self, expected: &str) {
        self.error(format_args!("expected {expected}, found {}", self.type_name()));
    }

    fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, place: self.place() }
    }

    /// A string.
    #[must_use]
    pub fn text(&self) -> Option<Spanned<&'a str>> {
        if let DeValue::String(text) = self.raw {
            return Some(self.spanned(text));
        }
        self.mismatch("a string in quotes");
        None
    }

    /// A string that is not blank; `advice` says what to write.
    #[must_use]
    pub fn non_empty_text(&self, advice: &str) -> Option<Spanned<&'a str>> {
        let text = self.text()?;
        if text.value.trim().is_empty() {
            self.error(format_args!("it is empty: {advice}"));
            return None;
        }
        Some(text)
    }

    /// A boolean.
    #[must_use]
    pub fn bool(&self) -> Option<Spanned<bool>> {
        if let DeValue::Boolean(flag) = self.raw {
            return Some(self.spanned(*flag));
        }
        self.mismatch("`true` or `false`");
        None
    }

    /// An integer.
    #[must_use]
    pub fn integer(&self) -> Option<Spanned<i64>> {
        match self.kind() {
            Kind::Integer(integer) => return Some(self.spanned(integer)),
            Kind::Unusable => {}
            _ => self.mismatch("an integer"),
        }
        None
    }

    /// A duration: a string with a unit.
    #[must_use]
    pub fn duration(&self) -> Option<Spanned<Seconds>> {
        if matches!(self.raw, DeValue::String(_)) {
            return self.parse(Seconds::parse);
        }
        self.mismatch("a duration with a unit, in quotes (\"90s\", \"15m\", \"12h\", \"30d\")");
        None
    }

    /// A date without a time.
    #[must_use]
    pub fn date(&self) -> Option<Spanned<Date>> {
        let written = if let DeValue::Datetime(written) = self.raw { written.date.filter(|_| written.time.is_none()) } else { None };
        let Some(written) = written else {
            self.mismatch("a date without quotes and without a time (2027-06-30)");
            return None;
        };
        let parts = (i16::try_from(written.year), i8::try_from(written.month), i8::try_from(written.day));
        let (Ok(year), Ok(month), Ok(day)) = parts else { return None };
        // The parser knows the calendar already.
        Date::new(year, month, day).ok().map(|date| self.spanned(date))
    }

    /// A string, parsed; reports why it is no `T`.
    pub fn parse<T, E: fmt::Display>(&self, parse: impl FnOnce(&'a str) -> Result<T, E>) -> Option<Spanned<T>> {
        match parse(self.text()?.value) {
            Ok(parsed) => Some(self.spanned(parsed)),
            Err(error) => {
                self.error(error);
                None
            }
        }
    }

    /// An array.
    #[must_use]
    pub fn list(&self) -> Option<Vec<Value<'a>>> {
        if let Kind::List(items) = self.kind() {
            return Some(items);
        }
        self.mismatch("an array");
        None
    }

    /// An array of strings, each parsed; those that cannot be are reported and left out.
    pub fn parse_list<T, E: fmt::Display>(&self, mut parse: impl FnMut(&'a str) -> Result<T, E>) -> Option<Vec<Spanned<T>>> {
        let Kind::List(items) = self.kind() else {
            self.mismatch("an array of strings");
            return None;
        };
        Some(items.into_iter().filter_map(|item| item.parse(&mut parse)).collect())
    }

    /// A table.
    #[must_use]
    pub fn table(&self) -> Option<Table<'a>> {
        if let Kind::Table(table) = self.kind() {
            return Some(table);
        }
        self.mismatch("a table");
        None
    }

    /// An array of tables.
    #[must_use]
    pub fn tables(&self) -> Vec<Table<'a>> {
        let Kind::List(items) = self.kind() else {
            self.mismatch(&format!("an array of tables [[{}]]", self.path()));
            return Vec::new();
        };
        items.iter().filter_map(Value::table).collect()
    }
}
