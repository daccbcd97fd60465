//! Which modules of ours a file names.

use super::source::{Source, Token};

/// A path of ours that a file names, from the root of the crate.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Import {
    /// Such as `["token", "verify"]`; a final `*` for a glob.
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// Whether it only says who may see an item: `pub(in crate::release)`.
    pub(super) visibility: bool,
}

/// Every `crate::…` and `super::…` in code, tests included, with `use` trees taken apart.
pub(super) fn imports(source: &Source) -> Vec<Import> {
    let tokens = source.tokens();
    let mut found = Vec::new();
    let mut module = source.module();
    // Modules written inside the file, each with the depth of braces at which it ends.
    let mut inline = Vec::new();
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let text = |offset: usize| tokens.get(at + offset).map_or("", |token| token.text);
        let before = if at == 0 { "" } else { tokens[at - 1].text };
        match token.text {
            "mod" if text(2) == "{" => {
                module.push(text(1).to_owned());
                inline.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    module.pop();
                }
            }
            "crate" | "super" if before != "::" && text(1) == "::" => {
                let mut tree = Tree { tokens: &tokens, at, found: &mut found, visibility: before == "in" };
                tree.walk(module.clone());
            }
            "crate" if text(1) == "as" => found.push(Import { path: vec!["*".into()], line: token.line, visibility: false }),
            _ => {}
        }
    }
    found
}

/// Walks one path or `use` tree.
struct Tree<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    found: &'a mut Vec<Import>,
    visibility: bool,
}

impl Tree<'_> {
    fn text(&self) -> &str {
        self.tokens.get(self.at).map_or("", |token| token.text)
    }

    /// From here to the end of the path, below `base`.
    fn walk(&mut self, mut base: Vec<String>) {
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.text() {
                "crate" => base.clear(),
                "super" => drop(base.pop()),
                "self" => {}
                "{" => return self.branches(&base),
                "<" => break,
                segment => base.push(segment.to_owned()),
            }
            self.at += 1;
            if self.text() != "::" {
                break;
            }
            self.at += 1;
        }
        self.found.push(Import { path: base, line, visibility: self.visibility });
    }

    fn branches(&mut self, base: &[String]) {
        self.at += 1;
        while !matches!(self.text(), "}" | "") {
            self.walk(base.to_vec());
            if self.text() == "as" {
                self.at += 2;
            }
            if self.text() == "," {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    for (text, expected, why) in [
        ("use crate::domain::Name;", vec!["domain::Name"], "a plain import"),
        ("use crate::{domain::{A, b::B}, token};", vec!["domain::A", "domain::b::B", "token"], "a tree"),
        ("use crate::domain::{self, A as C};", vec!["domain", "domain::A"], "self and a new name"),
        ("fn f() -> crate::store::Store { crate::http::go() }", vec!["store::Store", "http::go"], "a path in code"),
        ("use super::claims::X;", vec!["token::claims::X"], "a sibling"),
        ("use super::super::policy::X;", vec!["policy::X"], "out of the folder"),
        ("mod tests { use super::super::claims::X; }\nuse super::Y;", vec!["token::claims::X", "token::Y"], "an inline module is a level"),
        ("use crate::*;", vec!["*"], "a glob"),
        ("use crate as c;", vec!["*"], "an alias hides everything"),
        ("// crate::http\nlet x = \"crate::http\";", vec![], "comments and texts name nothing"),
        ("pub(crate) fn f() {} pub(super) fn g() {}", vec![], "visibility alone names nothing"),
    ] {
        let source = Source::new("src/token/verify.rs".into(), text.into());
        let found: Vec<String> = imports(&source).iter().map(|import| import.path.join("::")).collect();
        assert_eq!(found, expected, "{why}");
    }
}
