//! Text from outside, made safe to stand in a line: escaped and capped.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

/// Appends `text` as a JSON string of at most `limit` bytes between the quotes; one that was cut ends with `…` beyond them.
///
/// Beside what JSON escapes, characters that steer a terminal or hide text are escaped: U+007F to U+009F, line and paragraph
/// separators, bidirectional controls and invisible characters.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str, limit: usize) {
    out.push(b'"');
    // Nearly all text is short and plain: copied at once.
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    let mut escaper = Escaper::new(limit);
    for character in text.chars() {
        if escaper.put(out, character).is_err() || escaper.cut {
            break;
        }
    }
    out.push(b'"');
}

/// Appends a value as JSON whose strings, member names included, are each escaped and capped like those of [`push_text`].
pub(super) fn push_json(out: &mut Vec<u8>, value: &impl Serialize, limit: usize) {
    let (begin, formatter) = (out.len(), SafeStrings(Escaper::new(limit), limit));
    if value.serialize(&mut Serializer::with_formatter(&mut *out, formatter)).is_err() {
        // Only a map whose keys are no strings fails, and JSON has none.
        out.truncate(begin);
        out.extend_from_slice(b"null");
    }
}

/// The longest prefix of at most `limit` bytes that ends between characters.
pub(super) fn prefix(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Milliseconds since 1970 as RFC 3339 in UTC, always with three decimals.
pub(super) fn rfc3339(unix_millis: u64) -> String {
    let instant = i64::try_from(unix_millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    instant.map_or_else(|| format!("@{unix_millis}"), |instant| format!("{instant:.3}"))
}

/// Writes one string, character by character, until its budget is used up.
struct Escaper {
    left: usize,
    cut: bool,
}

impl Escaper {
    fn new(limit: usize) -> Self {
        Self { left: limit, cut: false }
    }

    fn put(&mut self, out: &mut (impl Write + ?Sized), character: char) -> io::Result<()> {
        if self.cut {
            return Ok(());
        }
        let mut buffer = [0; 12];
        let escaped = escape(character, &mut buffer);
        if let Some(left) = self.left.checked_sub(escaped.len()) {
            self.left = left;
            return out.write_all(escaped);
        }
        self.cut = true;
        out.write_all("…".as_bytes())
    }
}

fn escape(character: char, buffer: &mut [u8; 12]) -> &[u8] {
    match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        _ if is_hidden(character) => {
            let mut length = 0;
            for unit in character.encode_utf16(&mut [0; 2]) {
                for byte in [b'\\', b'u', hex(*unit >> 12), hex(*unit >> 8), hex(*unit >> 4), hex(*unit)] {
                    buffer[length] = byte;
                    length += 1;
                }
            }
            &buffer[..length]
        }
        _ => character.encode_utf8(buffer).as_bytes(),
    }
}

fn hex(unit: u16) -> u8 {
    b"0123456789abcdef"[usize::from(unit & 15)]
}

/// Control, separator, bidirectional, invisible and tag characters.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The compact format of `serde_json` with our strings: the budget of each and all of them.
struct SafeStrings(Escaper, usize);

impl Formatter for SafeStrings {
    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0 = Escaper::new(self.1);
        writer.write_all(b"\"")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        fragment.chars().try_for_each(|character| self.0.put(writer, character))
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let character = match escape {
            CharEscape::Quote => '"',
            CharEscape::ReverseSolidus => '\\',
            CharEscape::Solidus => '/',
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => char::from(byte),
        };
        self.0.put(writer, character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize, limit: usize) -> String {
        let mut out = b"before ".to_vec();
        push_json(&mut out, value, limit);
        String::from_utf8(out).unwrap().strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn nothing_that_steers_a_terminal_or_hides_text_stands_raw() {
        for (text, expected, why) in [
            ("plain é ✓", r#""plain é ✓""#, "ordinary text stays readable"),
            ("a\"b\\c", r#""a\"b\\c""#, "JSON's own"),
            ("a\r\nb\tc", r#""a\r\nb\tc""#, "a line stays one line"),
            ("\u{1b}[2J", r#""\u001b[2J""#, "ANSI sequences"),
            ("\u{0}\u{7f}\u{85}\u{9b}", r#""\u0000\u007f\u0085\u009b""#, "C0, DEL and C1 controls"),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#, "line ends of other readers"),
            ("\u{202e}gpj\u{2066}", r#""\u202egpj\u2066""#, "bidirectional controls"),
            ("\u{200b}\u{feff}\u{ad}", r#""\u200b\ufeff\u00ad""#, "invisible characters"),
            ("\u{e0041}", r#""\udb40\udc41""#, "tag characters, as a surrogate pair"),
        ] {
            let mut out = Vec::new();
            push_text(&mut out, text, 100);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{why}");
            assert_eq!(json(&text, 100), expected, "{why}, through serde");
            assert_eq!(serde_json::from_str::<String>(expected).unwrap(), text, "{why}, read back");
        }
        let nested = serde_json::json!({"\u{202e}k": ["\n", {"x": "\u{9b}"}, 1.5]});
        assert_eq!(json(&nested, 100), r#"{"\u202ek":["\n",{"x":"\u009b"},1.5]}"#);
    }

    #[test]
    fn a_cap_counts_escaped_bytes_and_never_splits_a_character() {
        for (text, limit, expected) in [
            ("abcdef", 6, "\"abcdef\""),
            ("abcdef", 5, "\"abcde…\""),
            ("éé", 3, "\"é…\""),
            ("\0\0", 11, "\"\\u0000…\""),
            ("abc", 0, "\"…\""),
            ("", 0, "\"\""),
        ] {
            let mut out = Vec::new();
            push_text(&mut out, text, limit);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?} in {limit}");
        }
        assert_eq!(json(&["long\n", "text"], 4), r#"["long…","text"]"#, "each string has its own budget");
        assert_eq!(prefix("aé", 2), "a");
    }

    #[test]
    fn times_have_milliseconds_always() {
        assert_eq!(rfc3339(1_800_000_000_000), "2027-01-15T08:00:00.000Z");
        assert_eq!(rfc3339(1_800_000_000_120), "2027-01-15T08:00:00.120Z");
        assert_eq!(rfc3339(u64::MAX), format!("@{}", u64::MAX));
    }
}
