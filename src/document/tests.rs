//! What readers of documents are told.

use std::path::Path;

use insta::assert_snapshot;

use super::{Diagnostics, Document, Kind, Table};
use crate::domain::IssuerUrl;

/// Reads a file with `read` and renders what was found.
fn report(text: &str, read: impl FnOnce(Table<'_>)) -> String {
    let diagnostics = Diagnostics::new();
    if let Some(document) = Document::parse(Path::new("f.toml"), text, &diagnostics) {
        read(document.root(&diagnostics));
    }
    diagnostics.to_string()
}

fn read_every_type(mut table: Table<'_>) {
    table.required_text("owner", "name who answers for it");
    table.bool("flag");
    table.integer("count");
    table.duration("lifetime");
    table.date("day");
    table.parsed("url", IssuerUrl::parse);
    table.texts("names");
    if let Some(inner) = table.table("inner") {
        inner.finish();
    }
    for item in table.tables("items") {
        item.finish();
    }
    table.finish();
}

#[test]
fn every_fault_of_a_file_is_reported_with_its_place() {
    let text = "\
flag = \"yes\"
count = 1.5
lifetime = 90
day = 2027-06-30T10:00:00Z
url = \"http://issuer.example\"
names = [\"a\", 2, \"c\"]
inner = \"x\"
items = [1]
ownr = \"é\"
";
    assert_snapshot!(report(text, read_every_type), @r#"
    f.toml:1:1: error: `owner` is missing: name who answers for it
    f.toml:1:8: error: flag: expected `true` or `false`, found a string
    f.toml:2:9: error: count: expected an integer, found a float
    f.toml:3:12: error: lifetime: expected a duration with a unit, in quotes ("90s", "15m", "12h", "30d"), found an integer
    f.toml:4:7: error: day: expected a date without quotes and without a time (2027-06-30), found a date or time
    f.toml:5:7: error: url: not an issuer URL: `http` is allowed for a loopback host only; write `https`
    f.toml:6:15: error: names[1]: expected a string in quotes, found an integer
    f.toml:7:9: error: inner: expected a table, found a string
    f.toml:8:10: error: items[0]: expected a table, found an integer
    f.toml:9:1: error: unknown field `ownr` (did you mean `owner`?), expected one of `owner`, `flag`, `count`, `lifetime`, `day`, `url`, `names`, `inner`, `items`
    "#);
}

#[test]
fn a_good_file_has_nothing_to_report() {
    let text = "owner = 'o'\nflag = true\ncount = 0x10\nlifetime = \"15m\"\nday = 2027-06-30\nurl = \"https://i.example\"\nnames = []\ninner = {}\n[[items]]\n";
    assert_eq!(report(text, read_every_type), "");
}

#[test]
fn all_syntax_errors_are_reported_and_nothing_is_read() {
    let text = "a = \nb = 1\nb = 2\n[t\nc = \"open\nd = 2\n";
    let read = |_: Table<'_>| panic!("a broken file must not be read");
    assert_snapshot!(report(text, read), @r"
    f.toml:1:5: error: not TOML: string values must be quoted, expected literal string
    f.toml:3:1: error: not TOML: duplicate key
    f.toml:4:3: error: not TOML: unclosed table, expected `]`
    ");
}

#[test]
fn unknown_fields_are_named_at_any_depth_with_their_path() {
    let read = |mut root: Table<'_>| {
        let mut issuers = root.table("issuer").unwrap().entries();
        let Kind::Table(mut issuer) = issuers.remove(0).value.kind() else { panic!("a table") };
        issuer.text("url");
        issuer.finish();
        root.finish();
    };
    assert_snapshot!(report("[issuer.\"git hub\"]\nurl = \"x\"\naudiance = \"é\"\n[other]\n", read), @r#"
    f.toml:3:1: error: issuer."git hub": unknown field `audiance`, expected one of `url`
    f.toml:4:2: error: unknown field `other`, expected one of `issuer`
    "#);
}

#[test]
fn columns_count_characters_and_lines_survive_every_ending() {
    let read = |mut root: Table<'_>| {
        root.bool("b");
        root.text("a");
        root.finish();
    };
    assert_snapshot!(report("a = \"é\" # é\r\nb = { x = \"éé\", y = 1 }\r\n", read), @"f.toml:2:5: error: b: expected `true` or `false`, found a table");
}

#[test]
fn a_dotted_key_is_told_from_a_quoted_one_and_from_an_inline_table() {
    let text = "a.b = 1\n\"c.d\" = 2\ne = { f = 3 }\n[g]\nh = 4\n[i.j]\nk = 5\n";
    let read = |root: Table<'_>| {
        let seen: Vec<_> = root
            .entries()
            .into_iter()
            .map(|entry| format!("{} implicit={} inline={}", entry.value.path(), entry.is_implicit_table(), entry.value.is_inline_table()))
            .collect();
        assert_snapshot!(seen.join("\n"), @r#"
        a implicit=true inline=false
        "c.d" implicit=false inline=false
        e implicit=false inline=true
        g implicit=false inline=false
        i implicit=true inline=false
        "#);
    };
    assert_eq!(report(text, read), "");
}

#[test]
fn control_characters_cannot_forge_a_line_of_the_report() {
    let read = |mut root: Table<'_>| {
        root.text("known");
        root.finish();
    };
    assert_snapshot!(report("\"a\\nb\\u001b[31m\" = 1\n", read), @r"f.toml:1:1: error: unknown field `a\nb\u{1b}[31m`, expected one of `known`");
}
