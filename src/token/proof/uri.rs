//! URLs as RFC 9449 §4.3 compares them: without query and fragment, and normalised by syntax and scheme (RFC 3986 §6.2.2, §6.2.3).

/// Longest URL that is compared, in bytes. Our own are shorter: an issuer has at most 1024.
const MAX_BYTES: usize = 2_048;

/// The one spelling of an `https` or `http` URL without its query and fragment. `None` for everything that is no such URL, also where
/// browsers would mend it: two readers of a proof must not disagree about whom it is for.
pub(super) fn normalised(url: &str) -> Option<String> {
    if url.len() > MAX_BYTES || !url.bytes().all(is_uri_byte) {
        return None;
    }
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match &*scheme {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = host_and_port(authority)?;
    let host = unescaped(host)?.to_ascii_lowercase();
    let port = port.filter(|port| !port.is_empty() && *port != default_port).map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{}{port}{}", upper_escapes(&host), without_dots(&unescaped(path)?)))
}

/// What RFC 3986 lets stand in a URI. Brackets belong to the authority, where they are looked at once more.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; no credentials.
fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let literal = authority.strip_prefix('[').and_then(|rest| rest.find(']')).map(|at| at + 2);
    let (host, port) = match literal {
        Some(end) => authority.split_at(end),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
    let brackets = literal.is_none() && host.contains(['[', ']']);
    let digits = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || !port.starts_with('0')));
    if host.is_empty() || brackets || !digits || authority.contains('@') { None } else { Some((host, port)) }
}

/// Escapes of unreserved characters are those characters; the digits of the other escapes are upper-case (RFC 3986 §6.2.2.1, §6.2.2.2).
fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&digits.to_ascii_uppercase());
        }
        out.push_str(&piece[2..]);
    }
    Some(out)
}

/// The escapes of a host that was made lower-case, upper-case again.
fn upper_escapes(host: &str) -> String {
    let mut escaped = 0_u8;
    let upper = |character: char| {
        escaped = if character == '%' { 3 } else { escaped.saturating_sub(1) };
        if escaped > 0 { character.to_ascii_uppercase() } else { character }
    };
    host.chars().map(upper).collect()
}

/// The path without `.` and `..` (RFC 3986 §5.2.4); an empty one is `/` (§6.2.3).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_endpoint_are_equal_and_nothing_else_is() {
        let endpoint = normalised("https://sts.example/t1/token").unwrap();
        for (url, same, why) in [
            ("https://sts.example/t1/token", true, "as it stands"),
            ("HTTPS://STS.Example:443/t1/token?x=/y#z", true, "scheme, host, default port, query, fragment"),
            ("https://sts.example:/t1/token", true, "an empty port"),
            ("https://sts.example/%74%31/tok%65n", true, "escaped letters"),
            ("https://s%74s.example/t1/token", true, "in the host too"),
            ("https://sts.example/a/../t1/./token", true, "dot segments"),
            ("https://sts.example/%2E%2E/t1/token", true, "escaped dots"),
            ("https://sts.example/t1/token/", false, "another path"),
            ("https://sts.example/T1/token", false, "paths have case"),
            ("https://sts.example//t1/token", false, "an empty segment"),
            ("https://sts.example/t1%2Ftoken", false, "an escaped slash separates nothing"),
            ("https://sts.example/t1/token/..", false, "one up"),
            ("https://sts.example:8443/t1/token", false, "another port"),
            ("https://sts.example:0443/t1/token", false, "a port in another spelling"),
            ("https://sts.example:443:443/t1/token", false, "two ports"),
            ("http://sts.example/t1/token", false, "another scheme"),
            ("https://sts.example.evil/t1/token", false, "another host"),
            ("https://sts.example@evil.example/t1/token", false, "a name for the user"),
            ("https://@sts.example/t1/token", false, "an empty one"),
            ("https://sts.example./t1/token", false, "a terminating dot is another name to a resolver"),
            ("https:\\\\sts.example\\t1\\token", false, "browsers mend this, we do not"),
            ("https:/sts.example/t1/token", false, "nor this"),
            (" https://sts.example/t1/token", false, "nor this"),
            ("https://sts.example/t1/to\tken", false, "nor this"),
            ("https://sts.example/t1/token%", false, "half an escape"),
            ("https://sts.example/t1/tok\u{435}n", false, "a letter that looks like one"),
            ("//sts.example/t1/token", false, "relative"),
            ("/t1/token", false, "relative"),
            ("ftp://sts.example/t1/token", false, "another scheme"),
            ("https:///t1/token", false, "no host"),
            ("", false, "nothing"),
        ] {
            assert_eq!(normalised(url).as_ref() == Some(&endpoint), same, "{why}: {url}");
        }
    }

    #[test]
    fn every_url_has_one_normal_form() {
        for (url, expected) in [
            ("https://h", Some("https://h/")),
            ("https://h?x", Some("https://h/")),
            ("http://H:80/", Some("http://h/")),
            ("http://h:443/", Some("http://h:443/")),
            ("https://h/a/..", Some("https://h/")),
            ("https://h/../../a", Some("https://h/a")),
            ("https://h/a/.", Some("https://h/a/")),
            ("https://h/%c3%a9", Some("https://h/%C3%A9")),
            ("https://%c3%A9.example/", Some("https://%C3%A9.example/")),
            ("https://[2001:DB8::1]:443/x", Some("https://[2001:db8::1]/x")),
            ("https://[2001:db8::1]:8443/x", Some("https://[2001:db8::1]:8443/x")),
            ("https://[::1]x/", None),
            ("https://[::1/", None),
            ("https://h]/", None),
        ] {
            let once = normalised(url);
            assert_eq!(once.as_deref(), expected, "{url}");
            assert_eq!(once.as_deref().and_then(normalised), once, "normal forms stay: {url}");
        }
        assert_eq!(normalised(&format!("https://h/{}", "x".repeat(MAX_BYTES))), None, "too long");
    }
}
