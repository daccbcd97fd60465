//! The claims of a record.

use serde::Serialize;

use crate::domain::ClaimValue;

use super::draft::DecisionDraft;
use super::text;

/// The first [`DecisionDraft::MAX_CLAIMS`] claims, each name once, as the members of the object that the line has.
#[derive(Debug, Default)]
pub(super) struct ClaimMembers {
    json: Vec<u8>,
    /// One behind the other.
    names: String,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl ClaimMembers {
    /// Adds the claim, under its name with the prefix before it. What the first claim of a name says stands.
    pub(super) fn add(&mut self, prefix: &str, name: &str, found: &ClaimValue) {
        if self.ends.len() == DecisionDraft::MAX_CLAIMS {
            return;
        }
        let begin = self.names.len();
        self.names.extend([prefix, name]);
        let name = &self.names[begin..];
        if self.names().any(|known| known == name) {
            return self.names.truncate(begin);
        }
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        text::push_text(&mut self.json, name, MAX_NAME_BYTES);
        self.json.push(b':');
        push_value(&mut self.json, found);
        self.ends.push(self.names.len());
    }

    /// The members, without the braces; empty when there are none.
    pub(super) fn json(&self) -> &[u8] {
        &self.json
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.names[begin..*end])
    }
}

/// The value as JSON, each of its strings capped; of one that is still too long only its size.
pub(super) fn push_value(out: &mut Vec<u8>, found: &impl Serialize) {
    let begin = out.len();
    text::push_json(out, found, DecisionDraft::MAX_VALUE_TEXT_BYTES);
    let length = out.len() - begin;
    if length > DecisionDraft::MAX_VALUE_BYTES {
        out.truncate(begin);
        out.extend_from_slice(format!(r#"{{"omitted_bytes":{length}}}"#).as_bytes());
    }
}

/// Longest name of a member, in bytes: that of the longest path to a claim, and a prefix.
const MAX_NAME_BYTES: usize = 256 + 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_the_first_claim_of_it_counts() {
        let mut members = ClaimMembers::default();
        assert_eq!(members.json(), b"");
        for (prefix, name, text) in [("", "ref", "a"), ("actor ", "ref", "b"), ("", "ref", "c"), ("", "actor ref", "d"), ("", "re", "e")] {
            members.add(prefix, name, &ClaimValue::Text(text.into()));
        }
        assert_eq!(str::from_utf8(members.json()).unwrap(), r#""ref":"a","actor ref":"b","re":"e""#);
    }

    #[test]
    fn there_are_no_more_than_a_line_takes() {
        let mut members = ClaimMembers::default();
        (0..=DecisionDraft::MAX_CLAIMS).for_each(|number| members.add("", &number.to_string(), &ClaimValue::Null));
        let read: serde_json::Value = serde_json::from_str(&format!("{{{}}}", str::from_utf8(members.json()).unwrap())).unwrap();
        assert_eq!(read.as_object().unwrap().len(), DecisionDraft::MAX_CLAIMS);
    }

    #[test]
    fn of_a_value_that_is_too_long_the_size_is_kept() {
        let long = ClaimValue::List(vec![ClaimValue::Text("x".repeat(100).into()); 30]);
        let mut out = b"before ".to_vec();
        push_value(&mut out, &long);
        assert_eq!(str::from_utf8(&out).unwrap(), r#"before {"omitted_bytes":3091}"#);
    }
}
