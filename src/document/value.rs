//! A value of any type, for fields whose type the document chooses.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::source::Context;
use super::{Place, Spanned, Table};

/// What a value is.
pub enum Kind<'a> {
    /// A string.
    Text(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A float; may be infinite or no number.
    Float(f64),
    /// A date, a time or both, as it was written.
    Date(toml::value::Datetime),
    /// An array.
    List(Vec<Value<'a>>),
    /// A table, in any notation.
    Table(Table<'a>),
    /// A number that fits no type; already reported.
    Unusable,
}

/// One value and its path.
pub struct Value<'a> {
    pub(super) context: Context<'a>,
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) raw: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// The value itself.
    #[must_use]
    pub fn kind(&self) -> Kind<'a> {
        match self.raw {
            DeValue::String(text) => Kind::Text(text),
            DeValue::Boolean(value) => Kind::Bool(*value),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(value) => Kind::Integer(value),
                Err(_) => self.unusable("the integer does not fit into 64 bits"),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(value) => Kind::Float(value),
                Err(_) => self.unusable("not a number"),
            },
            DeValue::Datetime(date) => Kind::Date(*date),
            DeValue::Array(_) => Kind::List(self.items()),
            DeValue::Table(table) => Kind::Table(self.as_table(table)),
        }
    }

    fn unusable(&self, message: &str) -> Kind<'a> {
        self.error(message);
        Kind::Unusable
    }

    /// The items of an array, each with its index in the path; empty for everything else.
    pub(super) fn items(&self) -> Vec<Value<'a>> {
        let DeValue::Array(items) = self.raw else { return Vec::new() };
        let item = |(index, item): (usize, &'a toml::Spanned<DeValue<'a>>)| Value {
            context: self.context,
            path: format!("{}[{index}]", self.path),
            span: item.span(),
            raw: item.get_ref(),
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(super) fn as_table(&self, table: &'a DeTable<'a>) -> Table<'a> {
        Table::new(self.context, self.path.clone(), self.span.clone(), table)
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.context.place(&self.span)
    }

    /// Its path in the document: `trust.web-shop.when.ref`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As it was written.
    #[must_use]
    pub fn written(&self) -> &'a str {
        self.context.text(&self.span)
    }

    /// Whether it is a table written as `{ … }`, not one that a header or a dotted key opened.
    #[must_use]
    pub fn is_inline_table(&self) -> bool {
        matches!(self.raw, DeValue::Table(_)) && self.written().starts_with('{')
    }

    /// Whether it is an array without items.
    #[must_use]
    pub fn is_empty_list(&self) -> bool {
        matches!(self.raw, DeValue::Array(items) if items.is_empty())
    }

    /// Reports an error here, with the path in front.
    pub fn error(&self, message: impl fmt::Display) {
        self.context.error(&self.span, format!("{}: {message}", self.path));
    }

    /// The kind in words: `a string`, `an array`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.raw {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        }
    }
}

/// One member of a table whose names the document chooses.
pub struct Entry<'a> {
    /// Its name.
    pub key: Spanned<&'a str>,
    /// Its value.
    pub value: Value<'a>,
    pub(super) opened_by_key: bool,
}

impl Entry<'_> {
    /// Whether nothing but a dotted name made this member: `a` in `a.b = 1`, or in `[a.b]` without `[a]`.
    #[must_use]
    pub fn is_implicit_table(&self) -> bool {
        self.opened_by_key && matches!(self.value.raw, DeValue::Table(_))
    }
}

/// The path of a field: its name behind the path of its table, quoted unless it is a bare key.
#[must_use]
pub fn field_path(path: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let dot = if path.is_empty() { "" } else { "." };
    if bare { format!("{path}{dot}{name}") } else { format!("{path}{dot}{name:?}") }
}
