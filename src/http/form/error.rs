//! Why a form is malformed.

use axum::http::StatusCode;

use crate::domain::Seconds;

use super::super::OauthError;
use super::Parameter;
use super::room::OVERLOADED;

/// The request is no form that we read. Says nothing of what the form held.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormError {
    /// The connection broke, or its framing did, before the body was complete.
    #[error("the body broke off")]
    BodyBroken,
    /// The body did not arrive within its deadline.
    #[error("the body took longer than 10 s")]
    BodyTimeout,
    /// The body, or its announced length, is too large.
    #[error("the body is larger than 64 KiB")]
    BodyTooLarge,
    /// The body is compressed; we never decompress what a stranger sends.
    #[error("the request has a Content-Encoding")]
    ContentEncoding,
    /// `Content-Type` is absent, stands twice, or is another than `application/x-www-form-urlencoded` in UTF-8.
    #[error("the Content-Type is not application/x-www-form-urlencoded")]
    ContentType,
    /// Too many large bodies are being read. The only error here that is no fault of the request.
    #[error("too many large bodies are being read")]
    Overloaded,
    /// The URL has a query: secrets there end in the logs of every proxy (RFC 6749 §2.3.1).
    #[error("the URL has a query")]
    Query,
    /// A parameter stands twice (RFC 6749 §3.2).
    #[error("`{}` stands twice", .0.name())]
    Repeated(Parameter),
    /// The body is not the syntax of a form.
    #[error("the form is malformed: {0}")]
    Syntax(FormFault),
}

/// Where the syntax of a form is broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormFault {
    /// A decoded name or value holds a control character.
    #[error("control character")]
    ControlCharacter,
    /// A name is too long.
    #[error("a name is longer than 128 bytes")]
    LongName,
    /// `%` without two hexadecimal digits.
    #[error("percent-encoding")]
    PercentEncoding,
    /// Too many parameters.
    #[error("more than 64 parameters")]
    TooMany,
    /// Decoded octets are not UTF-8.
    #[error("not UTF-8")]
    Utf8,
}

impl FormError {
    /// The stable reason of `docs/errors.md`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BodyBroken | Self::Syntax(_) => "form_syntax",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::ContentEncoding => "content_encoding",
            Self::ContentType => "content_type",
            Self::Overloaded => OVERLOADED,
            Self::Query => "query_string",
            Self::Repeated(_) => "parameter_repeated",
        }
    }

    /// The HTTP status. Where it is 408 or 413 the listener also closes the connection.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BodyBroken | Self::Query | Self::Repeated(_) | Self::Syntax(_) => StatusCode::BAD_REQUEST,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentEncoding | Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<FormError> for OauthError {
    fn from(error: FormError) -> Self {
        if error == FormError::Overloaded {
            return Self::unavailable(error.reason(), Seconds(1));
        }
        let malformed = Self::malformed(error.status(), error.reason());
        match error {
            FormError::Repeated(parameter) => malformed.with_detail(parameter.name()),
            FormError::Syntax(fault) => malformed.with_detail(fault.to_string()),
            FormError::BodyTooLarge => malformed.with_detail("at most 64 KiB"),
            FormError::BodyBroken
            | FormError::BodyTimeout
            | FormError::ContentEncoding
            | FormError::ContentType
            | FormError::Overloaded
            | FormError::Query => malformed,
        }
    }
}
