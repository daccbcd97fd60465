//! One parsed file.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::{Diagnostics, Place, Table};

/// One parsed TOML file (TOML 1.0). Borrows the text, so that a large trust directory is never held twice.
pub struct Document<'t> {
    file: Arc<Path>,
    lines: Lines<'t>,
    root: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// Parses a file's text. Reports every syntax error, the first of each line, and gives `None` when there was one: what the parser
    /// could recover from a broken file would only earn bewildering reports.
    #[must_use]
    pub fn parse(file: &Path, text: &'t str, diagnostics: &Diagnostics) -> Option<Self> {
        let file: Arc<Path> = file.into();
        let lines = Lines::of(text);
        let (root, mut errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Some(Self { file, lines, root: root.into_inner() });
        }
        let start = |error: &toml::de::Error| error.span().map_or(text.len(), |span| span.start);
        errors.sort_by_key(start);
        let mut last_line = 0;
        for error in errors {
            let place = lines.place(&file, start(&error));
            if place.line != last_line {
                last_line = place.line;
                diagnostics.error_at(&place, format!("not TOML: {}", error.message()));
            }
        }
        None
    }

    /// The table that the file is.
    pub fn root<'a>(&'a self, diagnostics: &'a Diagnostics) -> Table<'a> {
        Table::new(Context { document: self, diagnostics }, String::new(), 0..0, &self.root)
    }
}

/// What every part of a document needs to speak of itself.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    document: &'a Document<'a>,
    diagnostics: &'a Diagnostics,
}

impl<'a> Context<'a> {
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        self.document.lines.place(&self.document.file, span.start)
    }

    /// The text between two offsets; empty when they are not in it.
    pub(super) fn text(&self, span: &Range<usize>) -> &'a str {
        self.document.lines.text.get(span.clone()).unwrap_or_default()
    }

    pub(super) fn error(&self, span: &Range<usize>, message: String) {
        self.diagnostics.error_at(&self.place(span), message);
    }
}

/// Turns byte offsets into lines and columns.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after_newline = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_newline).collect() }
    }

    fn place(&self, file: &Arc<Path>, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        Place { file: Arc::clone(file), line, column: before.chars().count() + 1 }
    }
}
