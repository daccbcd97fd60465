//! What is wrong with the documents of one run: all of it, not only the first fault.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Place;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is accepted, and somebody should look at it.
    Warning,
}

/// One thing to mend, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where; `None` when it is about no single place.
    pub place: Option<Place>,
    /// The name of the lint that speaks; `None` for everything that is no lint.
    pub code: Option<&'static str>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    /// One line: `config/trust/web.toml:14:1: error: …`. Control characters are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })?;
        if let Some(code) = self.code {
            write!(f, "[{code}]")?;
        }
        f.write_str(": ")?;
        for c in self.message.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { fmt::Write::write_char(f, c)? }
        }
        Ok(())
    }
}

/// The diagnostics of one run.
///
/// Shared by everything that reads during the run, hence filled through `&self`.
#[derive(Default)]
pub struct Diagnostics(Mutex<Vec<Diagnostic>>);

impl Diagnostics {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.all().push(diagnostic);
    }

    /// Adds an error that stands somewhere.
    pub fn error_at(&self, place: &Place, message: impl Into<String>) {
        self.push(Diagnostic { severity: Severity::Error, place: Some(place.clone()), code: None, message: message.into() });
    }

    /// Adds an error that is about no single place.
    pub fn error(&self, message: impl Into<String>) {
        self.push(Diagnostic { severity: Severity::Error, place: None, code: None, message: message.into() });
    }

    /// Adds what the lint `code` has to say.
    pub fn lint_at(&self, code: &'static str, place: &Place, message: impl Into<String>) {
        self.push(Diagnostic { severity: Severity::Warning, place: Some(place.clone()), code: Some(code), message: message.into() });
    }

    /// Whether there is an error among them: then nothing that was read may be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.all().iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all().len()
    }

    /// Adds everything that another run found.
    pub fn absorb(&self, other: Self) {
        let others = other.into_sorted();
        self.all().extend(others);
    }

    /// All of them by file, line and column; those without a place come first. Each is said once.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        sort(&mut all);
        all
    }

    /// A sorted copy.
    #[must_use]
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut all = self.all().clone();
        sort(&mut all);
        all
    }

    fn all(&self) -> MutexGuard<'_, Vec<Diagnostic>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sort(all: &mut Vec<Diagnostic>) {
    all.sort_by(|a, b| (&a.place, a.severity, a.code).cmp(&(&b.place, b.severity, b.code)));
    all.dedup();
}

impl fmt::Display for Diagnostics {
    /// One line each, sorted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.sorted().iter().enumerate() {
            write!(f, "{}{diagnostic}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sorted()).finish()
    }
}

impl std::error::Error for Diagnostics {}
