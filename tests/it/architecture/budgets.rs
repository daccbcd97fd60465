//! How large a file, a function and a folder may grow, and what may not stand in any of them.

use std::collections::BTreeMap;

use super::source::{Source, Token};

/// Lines of a file before its tests.
const FILE: usize = 300;
/// Lines of a file with its tests; more tests than that go to `tests.rs`.
const FILE_WITH_TESTS: usize = 400;
/// Lines of a file that holds tests only.
const TESTS: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION: usize = 50;
/// Arguments of a function, `self` not counted.
const ARGUMENTS: usize = 5;
/// Files of a folder beside `mod.rs` and `tests.rs`.
const FOLDER: usize = 10;

#[test]
fn files_stay_short() {
    let mut over = Vec::new();
    for source in Source::below("src") {
        let (code, all) = (source.lines_before_tests(), source.text.lines().count());
        let path = source.path.display();
        match source.is_tests() {
            true if all > TESTS => over.push(format!("{path}: {all} lines of tests, at most {TESTS}")),
            false if code > FILE => over.push(format!("{path}: {code} lines, at most {FILE}")),
            false if all > FILE_WITH_TESTS => over.push(format!("{path}: {all} lines with its tests, at most {FILE_WITH_TESTS}")),
            _ => {}
        }
    }
    for source in Source::below("tests").iter().chain(&Source::below("benches")) {
        let all = source.text.lines().count();
        if all > TESTS {
            over.push(format!("{}: {all} lines, at most {TESTS}", source.path.display()));
        }
    }
    assert!(over.is_empty(), "\n{}", over.join("\n"));
}

#[test]
fn functions_stay_short_and_take_few_arguments() {
    let mut over = Vec::new();
    for source in Source::below("src").iter().filter(|source| !source.is_tests()) {
        let end = source.lines_before_tests();
        for function in functions(&source.tokens()).into_iter().filter(|function| function.line <= end) {
            let place = format!("{}:{}: `{}`", source.path.display(), function.line, function.name);
            if function.lines > FUNCTION {
                over.push(format!("{place} has {} lines, at most {FUNCTION}", function.lines));
            }
            if function.arguments > ARGUMENTS {
                over.push(format!("{place} takes {} arguments, at most {ARGUMENTS}", function.arguments));
            }
        }
    }
    assert!(over.is_empty(), "\n{}", over.join("\n"));
}

#[test]
fn folders_stay_small() {
    let mut files = BTreeMap::<_, usize>::new();
    for source in Source::below("src") {
        let beside = !matches!(source.path.file_name().and_then(|name| name.to_str()), Some("mod.rs" | "tests.rs" | "lib.rs" | "main.rs"));
        *files.entry(source.path.parent().unwrap().to_path_buf()).or_default() += usize::from(beside);
    }
    for (folder, count) in files {
        assert!(count <= FOLDER, "{}: {count} files beside mod.rs, at most {FOLDER}", folder.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words =
        [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["to", "do!"].concat(), ["unimple", "mented!"].concat(), ["#[ig", "nore"].concat()];
    for source in ["src", "tests", "benches"].iter().flat_map(|folder| Source::below(folder)) {
        for (at, line) in source.text.lines().enumerate() {
            // The second half of a test that needs a process of its own is no test that was put off.
            let found = words.iter().find(|word| line.contains(word.as_str()) && !line.contains("= \"run by another test"));
            assert!(found.is_none(), "{}:{}: {}", source.path.display(), at + 1, line.trim());
        }
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
    arguments: usize,
}

/// Every function with a body, in order of appearance; methods and nested ones too.
fn functions(tokens: &[Token<'_>]) -> Vec<Function> {
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn" && pair[1].text.starts_with(char::is_alphabetic));
    starts.filter_map(|(at, pair)| function(&tokens[at..], pair[1].text)).collect()
}

fn function(tokens: &[Token<'_>], name: &str) -> Option<Function> {
    let open = generics_end(tokens, 2);
    let close = matching(tokens, open)?;
    let body = close + tokens[close..].iter().position(|token| matches!(token.text, "{" | ";"))?;
    if tokens[body].text == ";" {
        return None;
    }
    let end = matching(tokens, body)?;
    let (first, last) = (tokens[0].line, tokens[end].line);
    Some(Function { name: name.to_owned(), line: first, lines: last - first + 1, arguments: arguments(&tokens[open + 1..close]) })
}

/// Where the arguments open: after `<…>`, when there is one.
fn generics_end(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "(" if depth == 0 => break,
            "<" => depth += 1,
            ">" => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    at
}

/// The index of the bracket that closes the one at `open`.
fn matching(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// How many arguments stand between the brackets, `self` not counted.
fn arguments(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    let mut arguments: Vec<Vec<&str>> = vec![Vec::new()];
    for token in tokens {
        match token.text {
            "(" | "[" | "{" | "<" => depth += 1,
            ")" | "]" | "}" | ">" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                arguments.push(Vec::new());
                continue;
            }
            _ => {}
        }
        arguments.last_mut().unwrap().push(token.text);
    }
    let receiver = |argument: &&Vec<&str>| argument.iter().take_while(|text| **text != ":").any(|text| *text == "self");
    let written = arguments.iter().filter(|argument| !argument.is_empty()).count();
    written - arguments.iter().take(1).filter(receiver).count()
}

#[test]
fn functions_are_measured() {
    for (text, expected, why) in [
        ("fn f() {}", (1, 0), "nothing"),
        ("fn f(a: u8, b: [u8; 2],\n) -> X {\n}", (3, 2), "a trailing comma is no argument"),
        ("fn f(&'a mut self, a: u8) {\n\n}", (3, 1), "self is not counted"),
        ("fn f(self: Arc<Self>) {}", (1, 0), "typed self neither"),
        ("fn f<F: Fn(u8, u8) -> bool>(go: F, map: Map<K, V>) {}", (1, 2), "commas inside types"),
        ("fn f((a, b): (u8, u8), g: fn(u8, u8) -> u8) {}", (1, 2), "patterns and function types"),
        ("fn f(this: &Self) where Self: Sized {\n}", (2, 1), "a where clause"),
    ] {
        let source = Source::new("src/x.rs".into(), text.into());
        let found = functions(&source.tokens());
        let measured = found.first().map(|function| (function.lines, function.arguments));
        assert_eq!((found.len(), measured), (1, Some(expected)), "{why}");
    }
    let abstract_only = Source::new("src/x.rs".into(), "trait T { fn f(&self) -> u8; }".into());
    assert_eq!(functions(&abstract_only.tokens()), []);
}
