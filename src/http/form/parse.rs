//! From the bytes of a body to the parameters we know.

use std::fmt;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::domain::SubjectToken;

use super::{FormError, FormFault, FormKind, MAX_NAME_BYTES, MAX_PARAMETERS, Parameter, decode};

/// The known parameters of one request, each with a value.
///
/// Invariant: values are not empty (an empty one is absent, RFC 6749 §3.2) and hold no control characters; only `audience` and
/// `resource` stand more than once. Values are wiped on drop, and Debug shows names only.
pub struct Form {
    fields: Vec<(Parameter, Zeroizing<String>)>,
}

impl Form {
    /// Parses a whole body for the token endpoint. `;` separates nothing. Names are compared after decoding, so an escape hides no
    /// repetition.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        Self::parse_as(FormKind::Grant, body)
    }

    pub(super) fn parse_as(kind: FormKind, body: &[u8]) -> Result<Self, FormError> {
        let mut fields: Vec<(Parameter, Zeroizing<String>)> = Vec::with_capacity(8);
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        for (index, pair) in pairs.enumerate() {
            if index == MAX_PARAMETERS {
                return Err(FormError::Syntax(FormFault::TooMany));
            }
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = equals.map_or((pair, [].as_slice()), |at| (&pair[..at], &pair[at + 1..]));
            let name = decode(name).map_err(FormError::Syntax)?;
            if name.len() > MAX_NAME_BYTES {
                return Err(FormError::Syntax(FormFault::LongName));
            }
            let value = decode(value).map_err(FormError::Syntax)?;
            let Some(parameter) = Parameter::from_name(&name, kind) else { continue };
            if value.is_empty() {
                continue;
            }
            if !parameter.is_repeatable() && fields.iter().any(|(known, _)| *known == parameter) {
                return Err(FormError::Repeated(parameter));
            }
            fields.push((parameter, value));
        }
        Ok(Self { fields })
    }

    /// Whether the parameter has a value.
    #[must_use]
    pub fn has(&self, parameter: Parameter) -> bool {
        self.fields.iter().any(|(known, _)| *known == parameter)
    }

    /// Takes the value of a parameter that is no secret; of a repeatable one, the first that is left.
    pub fn take_one(&mut self, parameter: Parameter) -> Option<String> {
        debug_assert!(!parameter.is_secret(), "secrets leave the form through take_secret and take_token");
        if parameter.is_secret() { None } else { self.take(parameter) }
    }

    /// Takes all values of a repeatable parameter, in their order.
    pub fn take_all(&mut self, parameter: Parameter) -> Vec<String> {
        std::iter::from_fn(|| self.take_one(parameter)).collect()
    }

    /// Takes the value of any parameter, wrapped.
    pub fn take_secret(&mut self, parameter: Parameter) -> Option<SecretString> {
        self.take(parameter).map(SecretString::from)
    }

    /// Takes a token that is presented.
    pub fn take_token(&mut self, parameter: Parameter) -> Option<SubjectToken> {
        self.take(parameter).map(SubjectToken::new)
    }

    /// Moves the text out: nothing is copied, so nothing is left behind.
    fn take(&mut self, parameter: Parameter) -> Option<String> {
        let at = self.fields.iter().position(|(known, _)| *known == parameter)?;
        Some(std::mem::take(&mut *self.fields.remove(at).1))
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(parameter, _)| parameter.name())).finish()
    }
}
