//! How long the sender says its answer stays fresh.

use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

use crate::domain::Seconds;

/// The remaining freshness of an answer (RFC 9111 §4.2): `max-age` less `Age`; zero where the sender forbids storing or keeping it,
/// or where its words make no sense; `None` where it says nothing. We are no shared cache: `s-maxage` is not for us.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Seconds> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let stated = directives.filter_map(freshness).min()?;
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()).map_or(0, |age| seconds(age.trim()));
    Some(Seconds(stated.saturating_sub(age)))
}

fn freshness(directive: &str) -> Option<u64> {
    let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "max-age" => Some(seconds(argument.trim().trim_matches('"'))),
        // `no-cache="Set-Cookie"` is about single header fields.
        "no-cache" if argument.is_empty() => Some(0),
        "no-store" => Some(0),
        _ => None,
    }
}

/// Delta-seconds (RFC 9111 §1.2.2): more digits than fit mean "very long", anything but digits means nothing.
fn seconds(text: &str) -> u64 {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_freshness_the_sender_states_counts() {
        for (cache_control, age, expected, why) in [
            (&["max-age=600"][..], None, Some(600), "plain"),
            (&["public, MAX-AGE=\"600\", must-revalidate"], None, Some(600), "any case, quoted, among others"),
            (&["max-age=600"], Some("100"), Some(500), "a shared cache kept it for a while"),
            (&["max-age=600"], Some("700"), Some(0), "older than it may get"),
            (&["max-age=600", "max-age=60"], None, Some(60), "the shorter of two"),
            (&["max-age=600, no-store"], None, Some(0), "not to be kept"),
            (&["no-cache"], None, Some(0), "to be asked for each time"),
            (&["no-cache=\"Set-Cookie\", max-age=60"], None, Some(60), "about one header only"),
            (&["s-maxage=600"], None, None, "for shared caches"),
            (&["max-age=-1"], None, Some(0), "nonsense is stale"),
            (&["max-age"], None, Some(0), "no argument"),
            (&["max-age=99999999999999999999999"], None, Some(u64::MAX), "very long"),
            (&["public"], None, None, "says nothing"),
            (&[], Some("10"), None, "says nothing, only its age"),
        ] {
            let mut headers = HeaderMap::new();
            for value in cache_control {
                headers.append(CACHE_CONTROL, value.parse().unwrap());
            }
            if let Some(age) = age {
                headers.insert(AGE, age.parse().unwrap());
            }
            assert_eq!(max_age(&headers), expected.map(Seconds), "{why}");
        }
    }
}
