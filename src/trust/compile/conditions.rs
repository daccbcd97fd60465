//! Conditions against what the preset knows of the claims.

use crate::document::field_path;
use crate::domain::{ClaimPath, ClaimValue, SpiffeId, TrustDomain};
use crate::policy::{ClaimMatcher, Condition, Scalar};
use crate::trust::preset::{ClaimType, Preset};

/// Why the condition can never hold, and what to write; `None` when it can, or when the claim is not known.
pub(super) fn contradiction(preset: &Preset, condition: &Condition) -> Option<String> {
    let claim_type = preset.claim(&condition.claim)?.claim_type;
    let advice = match &condition.matcher {
        ClaimMatcher::Exact(value) => scalar_advice(claim_type, value),
        ClaimMatcher::OneOf(values) => values.iter().find_map(|value| scalar_advice(claim_type, value)),
        ClaimMatcher::Glob(glob) => match claim_type {
            ClaimType::Text => None,
            ClaimType::Array => Some("a glob is for strings: write { contains = \"…\" }".into()),
            ClaimType::Boolean | ClaimType::Number => Some(format!("{glob} is for strings: write the value")),
            ClaimType::Object => Some(member_advice(&condition.claim)),
        },
        ClaimMatcher::Contains(value) => match claim_type {
            ClaimType::Array => None,
            ClaimType::Object => Some(member_advice(&condition.claim)),
            ClaimType::Boolean | ClaimType::Number | ClaimType::Text => Some(format!("`contains` is for arrays: write {value}")),
        },
        ClaimMatcher::NoneOf(_) => None,
    };
    advice.map(|advice| sentence(preset, &condition.claim, claim_type, &advice))
}

/// The same for the subject of JWT-SVIDs of this trust domain. A glob is not looked into.
pub(super) fn foreign_subject(domain: &TrustDomain, condition: &Condition) -> Option<String> {
    let values = match &condition.matcher {
        ClaimMatcher::Exact(value) => std::slice::from_ref(value),
        ClaimMatcher::OneOf(values) => values,
        ClaimMatcher::Contains(_) | ClaimMatcher::Glob(_) | ClaimMatcher::NoneOf(_) => return None,
    };
    let written = values.iter().filter_map(|value| if let Scalar::Text(text) = value { Some(text) } else { None });
    let own = |text: &str| SpiffeId::parse(text).is_ok_and(|id| id.is_of(domain));
    let foreign = written.filter(|_| condition.claim.as_str() == "sub").find(|text| !own(text))?;
    Some(format!("`{foreign}` is no SPIFFE ID of `{domain}`: write {}/…, byte for byte as the workload is registered", domain.as_uri()))
}

/// The same for the value that a trust test gives to a claim. What is vacant stands for an absent claim, whatever its type.
pub(super) fn impossible(preset: &Preset, claim: &ClaimPath, value: &ClaimValue) -> Option<String> {
    let claim_type = preset.claim(claim).filter(|_| !value.is_vacant())?.claim_type;
    let fits = match value {
        ClaimValue::Null => true,
        ClaimValue::Bool(_) => claim_type == ClaimType::Boolean,
        ClaimValue::Number(_) => claim_type == ClaimType::Number,
        ClaimValue::Text(_) => claim_type == ClaimType::Text,
        ClaimValue::List(_) => claim_type == ClaimType::Array,
        ClaimValue::Object(_) => claim_type == ClaimType::Object,
    };
    let value = serde_json::to_string(value).unwrap_or_default();
    (!fits).then(|| sentence(preset, claim, claim_type, &format!("no token holds {value}")))
}

fn sentence(preset: &Preset, claim: &ClaimPath, claim_type: ClaimType, advice: &str) -> String {
    let article = if matches!(claim_type, ClaimType::Array | ClaimType::Object) { "an" } else { "a" };
    format!("`{claim}` is {article} {} in the tokens of `{}`: {advice}", claim_type.name(), preset.name)
}

fn scalar_advice(claim_type: ClaimType, value: &Scalar) -> Option<String> {
    match (claim_type, value) {
        (ClaimType::Text, Scalar::Text(_)) | (ClaimType::Boolean, Scalar::Bool(_)) | (ClaimType::Number, Scalar::Number(_)) => None,
        (ClaimType::Text, Scalar::Bool(_) | Scalar::Number(_)) => Some(format!("write \"{value}\"")),
        (ClaimType::Boolean, _) => Some("write true or false, without quotes".into()),
        (ClaimType::Number, Scalar::Text(text)) => Some(format!("write {text}, without quotes")),
        (ClaimType::Number, Scalar::Bool(_)) => Some("write a number".into()),
        (ClaimType::Array, _) => Some(format!("write {{ contains = {value} }}")),
        (ClaimType::Object, _) => Some("write a JSON Pointer to the member that is meant".into()),
    }
}

fn member_advice(claim: &ClaimPath) -> String {
    let name = claim.as_str();
    let pointer = if name.starts_with('/') { name.to_owned() } else { format!("/{}", name.replace('~', "~0").replace('/', "~1")) };
    format!("write a JSON Pointer to the member that is meant: \"{pointer}/…\"")
}

/// The path of a condition in its document.
pub(super) fn path(relationship: &str, claim: &ClaimPath) -> String {
    field_path(&format!("trust.{relationship}.when"), claim.as_str())
}
