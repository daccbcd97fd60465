//! A table whose fields are taken one by one.

use std::fmt;
use std::ops::Range;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use crate::domain::Seconds;

use super::source::Context;
use super::spelling::nearest;
use super::value::{Entry, Value, field_path};
use super::{Place, Spanned};

/// A table and the fields taken from it so far.
///
/// Every take reports what is wrong with its field, with place and full path, and gives `None` then, as it does for an absent field.
#[must_use = "call `finish`, or unknown fields go unnoticed"]
pub struct Table<'a> {
    context: Context<'a>,
    path: String,
    span: Range<usize>,
    fields: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn new(context: Context<'a>, path: String, span: Range<usize>, fields: &'a DeTable<'a>) -> Self {
        Self { context, path, span, fields, known: Vec::new() }
    }

    /// Where the table begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.context.place(&self.span)
    }

    /// Its path in the document: `trust.web-shop`; empty for the whole file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it has no fields at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether the field is there, of whatever type. Does not take it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Reports an error at the head of the table, with its path in front.
    pub fn error(&self, message: impl fmt::Display) {
        let separator = if self.path.is_empty() { "" } else { ": " };
        self.context.error(&self.span, format!("{}{separator}{message}", self.path));
    }

    /// Reports the field as missing when it is; `advice` says what to write. Does not take it.
    pub fn require(&self, name: &str, advice: &str) {
        if !self.has(name) {
            self.error(format_args!("`{name}` is missing: {advice}"));
        }
    }

    /// Takes a field of any type.
    pub fn value(&mut self, name: &'static str) -> Option<Value<'a>> {
        self.known.push(name);
        let (_, raw) = self.fields.get_key_value(name)?;
        Some(Value { context: self.context, path: field_path(&self.path, name), span: raw.span(), raw: raw.get_ref() })
    }

    /// Takes a string.
    pub fn text(&mut self, name: &'static str) -> Option<Spanned<&'a str>> {
        self.value(name)?.text()
    }

    /// Takes a string that says something when it is there.
    pub fn non_empty_text(&mut self, name: &'static str) -> Option<Spanned<&'a str>> {
        self.value(name)?.non_empty_text("write something, or leave it out")
    }

    /// Takes a string that must be there and say something; `advice` says what to write.
    pub fn required_text(&mut self, name: &'static str, advice: &str) -> Option<Spanned<&'a str>> {
        self.require(name, advice);
        self.value(name)?.non_empty_text(advice)
    }

    /// Takes a boolean.
    pub fn bool(&mut self, name: &'static str) -> Option<Spanned<bool>> {
        self.value(name)?.bool()
    }

    /// Takes an integer.
    pub fn integer(&mut self, name: &'static str) -> Option<Spanned<i64>> {
        self.value(name)?.integer()
    }

    /// Takes a duration: a string with a unit, such as `"15m"`.
    pub fn duration(&mut self, name: &'static str) -> Option<Spanned<Seconds>> {
        self.value(name)?.duration()
    }

    /// Takes a date without a time.
    pub fn date(&mut self, name: &'static str) -> Option<Spanned<Date>> {
        self.value(name)?.date()
    }

    /// Takes a string and parses it.
    pub fn parsed<T, E: fmt::Display>(&mut self, name: &'static str, parse: impl FnOnce(&'a str) -> Result<T, E>) -> Option<Spanned<T>> {
        self.value(name)?.parse(parse)
    }

    /// Takes an array of strings.
    pub fn texts(&mut self, name: &'static str) -> Option<Vec<Spanned<&'a str>>> {
        self.parsed_list(name, Ok::<_, std::convert::Infallible>)
    }

    /// Takes an array of strings and parses each; gives those that could be parsed.
    pub fn parsed_list<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnMut(&'a str) -> Result<T, E>,
    ) -> Option<Vec<Spanned<T>>> {
        self.value(name)?.parse_list(parse)
    }

    /// Takes a table.
    pub fn table(&mut self, name: &'static str) -> Option<Table<'a>> {
        self.value(name)?.table()
    }

    /// Takes an array of tables; empty when it is absent.
    pub fn tables(&mut self, name: &'static str) -> Vec<Table<'a>> {
        self.value(name).map(|value| value.tables()).unwrap_or_default()
    }

    /// Takes every field, for tables whose names the document chooses, in the order of the file.
    #[must_use]
    pub fn entries(self) -> Vec<Entry<'a>> {
        let entry = |(key, raw): (&'a toml::Spanned<_>, &'a toml::Spanned<DeValue<'a>>)| {
            let name: &'a std::borrow::Cow<'a, str> = key.get_ref();
            Entry {
                key: Spanned { value: name, place: self.context.place(&key.span()) },
                value: Value { context: self.context, path: field_path(&self.path, name), span: raw.span(), raw: raw.get_ref() },
                opened_by_key: key.span() == raw.span(),
            }
        };
        let mut entries: Vec<_> = self.fields.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.value.span.start);
        entries
    }

    /// Reports every field that nobody took.
    pub fn finish(self) {
        for key in self.fields.keys() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let expected: Vec<_> = self.known.iter().map(|known| format!("`{known}`")).collect();
            let hint = nearest(name, &self.known).map(|known| format!(" (did you mean `{known}`?)")).unwrap_or_default();
            let separator = if self.path.is_empty() { "" } else { ": " };
            let message = format!("{}{separator}unknown field `{name}`{hint}, expected one of {}", self.path, expected.join(", "));
            self.context.error(&key.span(), message);
        }
    }
}
