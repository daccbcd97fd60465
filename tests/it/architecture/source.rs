//! Rust source as tokens: enough to see imports and the extent of functions, without a parser.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of ours.
pub(super) struct Source {
    /// From the root of the repository, such as `src/token/verify.rs`.
    pub(super) path: PathBuf,
    /// As it stands on disk.
    pub(super) text: String,
    /// The same lines, with comments and the insides of literals blanked.
    code: String,
}

/// One token and the line it stands on, from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

impl Source {
    /// Reads what stands at `path`, for messages under that name.
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        let code = blank(&text);
        Self { path, text, code }
    }

    /// Every Rust file below `folder`, in order.
    pub(super) fn below(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        collect(&root.join(folder), &mut paths);
        paths.sort();
        let relative = |path: &PathBuf| path.strip_prefix(root).unwrap().to_path_buf();
        paths.iter().map(|path| Self::new(relative(path), fs::read_to_string(path).unwrap())).collect()
    }

    /// Whether the file holds tests only.
    pub(super) fn is_tests(&self) -> bool {
        self.path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
    }

    /// The lines of code, before the first `#[cfg(test)]` that stands at the left margin.
    pub(super) fn lines_before_tests(&self) -> usize {
        self.code.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
    }

    /// The tokens of the file: identifiers, `::`, `->`, and single characters.
    pub(super) fn tokens(&self) -> Vec<Token<'_>> {
        self.code.lines().enumerate().flat_map(|(at, line)| tokens_of(line, at + 1)).collect()
    }

    /// The module that the file is, such as `["token", "verify"]`; empty for `lib.rs` and `main.rs`.
    pub(super) fn module(&self) -> Vec<String> {
        let inside = self.path.strip_prefix("src").unwrap_or(&self.path).with_extension("");
        let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        module
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn tokens_of(line: &str, number: usize) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            c if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") || rest.starts_with("->") || rest.starts_with("=>") => 2,
            c => c.len_utf8(),
        };
        tokens.push(Token { text: &rest[..length], line: number });
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Replaces comments, and the insides of string and character literals, by spaces. Keeps every line break.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = out.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let length = literal_or_comment(rest, after_word);
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// How many bytes of `rest` are one comment or literal; 0 when it starts with neither.
fn literal_or_comment(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if after_word || !rest.starts_with(['b', 'c', 'r']) {
        return 0;
    }
    let prefix = rest.find(|c| !"bcr#".contains(c)).unwrap_or(rest.len());
    match (&rest[..prefix], rest[prefix..].chars().next()) {
        ("b" | "c", Some('"')) => prefix + quoted(&rest[prefix..], '"'),
        ("b", Some('\'')) => prefix + character(&rest[prefix..]),
        (raw, Some('"')) if ["r", "br", "cr"].contains(&raw.trim_end_matches('#')) => {
            let end = format!("\"{}", "#".repeat(raw.len() - raw.trim_end_matches('#').len()));
            rest[prefix + 1..].find(&end).map_or(rest.len(), |at| prefix + 1 + at + end.len())
        }
        _ => 0,
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, or 0 for a lifetime: `'a'` against `'a`.
fn character(rest: &str) -> usize {
    let mut inside = rest.chars().skip(1);
    match (inside.next(), inside.next()) {
        (Some('\\'), _) => quoted(rest, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

#[test]
fn comments_and_literals_are_blanked_and_code_is_kept() {
    for (text, expected, why) in [
        ("a // c::x\nb", "a        \nb", "line comment"),
        ("a /* /* crate::x */ */ b", "a                      b", "nested block comment"),
        (r#"f("crate::\"x", y)"#, "f(            , y)", "escaped quote"),
        ("f(r#\"a\"b\"#, y)", "f(        , y)", "raw string"),
        ("f(b\"x\", b'y', '\\'', 'z')", "f(    ,     ,     ,    )", "bytes and characters"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)", "lifetimes are no characters"),
        ("rb(x)", "rb(x)", "a name that looks like a prefix"),
    ] {
        assert_eq!(blank(text), expected, "{why}");
    }
}
