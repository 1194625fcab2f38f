//! Requests to a token endpoint and a device authorization endpoint, and their answers as types. One request each, never repeated
//! here: some answers come only once.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::clock;
use crate::config::Secret;
use crate::config::oauth::OAuth;
use crate::https::{self, Answer, FetchError};
use crate::mail::printable::printable;

/// No answer is larger, in octets.
const MOST: u64 = 64 << 10;
/// Where a reply names no lifetime (RFC 6749 section 5.1 recommends that it does).
const USUAL_LIFETIME: Duration = Duration::from_mins(10);
/// No lifetime and no interval counts as longer.
const LONGEST: Duration = Duration::from_hours(24);
/// Where a device reply names no interval (RFC 8628 section 3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
/// What a URL's query may hold as it is (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The service says no, in its words (RFC 6749 section 5.2).
    #[error(
        "{issuer} refused: {code}{}{}",
        .description.as_ref().map_or(String::new(), |text| format!(" ({text})")),
        .clock.as_ref().map_or(String::new(), |words| format!("; {words}"))
    )]
    Refused {
        /// Whose service it is.
        issuer: String,
        /// `invalid_grant`, ...
        code: String,
        /// For people.
        description: Option<String>,
        /// Its clock and ours, if they differ.
        clock: Option<String>,
    },
    /// It says itself that it cannot answer now, so it has granted nothing.
    #[error("the token endpoint of {issuer} answered with status {status}")]
    Unavailable {
        /// Whose service it is.
        issuer: String,
        /// Of HTTP, 500 or more.
        status: u16,
    },
    /// It cannot be reached, is slow, or says what no such service says. Whether it has granted anything is not known.
    #[error("the token endpoint of {issuer} {what}")]
    Endpoint {
        /// Whose service it is.
        issuer: String,
        /// What it did.
        what: String,
    },
    /// Something on this machine that passes by itself, such as a full disk or another process that holds the lock.
    #[error("{0}")]
    Busy(String),
    /// Something on this machine; our words, with the way out.
    #[error("{0}")]
    Local(String),
}

impl TokenError {
    /// Whether the refresh token or the code is of no use any more.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "invalid_grant")
    }

    /// The code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unavailable { .. } | Self::Endpoint { .. } | Self::Busy(_) | Self::Local(_) => None,
        }
    }
}

/// What a token endpoint grants.
#[derive(Debug)]
pub struct Granted {
    /// Short-lived.
    pub access: Secret,
    /// From when it was asked for.
    pub lifetime: Duration,
    /// The next one, where it changes or is the first.
    pub refresh: Option<Secret>,
    /// What was granted, where that is said.
    pub scope: Option<String>,
    /// Its clock and ours, if they differ.
    pub clock: Option<String>,
}

/// How the user agrees on another device (RFC 8628 section 3.2).
#[derive(Debug)]
pub struct DeviceCode {
    /// What is asked with; a secret.
    pub device: Secret,
    /// What the user enters.
    pub user: String,
    /// Where.
    pub address: String,
    /// The same with the code in it.
    pub complete: Option<String>,
    /// How long that is possible.
    pub lifetime: Duration,
    /// Between two questions.
    pub interval: Duration,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    refresh_token: Option<String>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct DeviceReply {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Seconds,
    interval: Option<Seconds>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Some services write numbers as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok().map(|time| time.min(LONGEST))
    }
}

/// The client's secret, where it has one: fetched once for a login, since a command may print it or a person be asked.
pub fn client_secret(oauth: &OAuth) -> Result<Option<Secret>, TokenError> {
    let secret = oauth.client_secret.as_ref().map(|secret| secret.fetch()).transpose();
    secret.map_err(|error| TokenError::Local(format!("the client secret: {error}")))
}

/// Asks the token endpoint. `fields` are those of the grant.
pub fn token(oauth: &OAuth, secret: Option<&Secret>, fields: &[(&str, &str)]) -> Result<Granted, TokenError> {
    let answer = post(oauth, &oauth.token, secret, fields)?;
    let reply: TokenReply = read(oauth, &answer)?;
    if reply.token_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(endpoint(oauth, "grants a token that is not a bearer token"));
    }
    if reply.access_token.is_empty() || reply.access_token.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(endpoint(oauth, "grants a token that cannot be sent"));
    }
    let lifetime = reply.expires_in.and_then(|seconds| seconds.duration()).unwrap_or(USUAL_LIFETIME);
    Ok(Granted {
        access: Secret::new(reply.access_token),
        lifetime,
        refresh: reply.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
        scope: reply.scope,
        clock: clock(oauth, &answer),
    })
}

/// Asks for a code that the user enters on any device.
pub fn device_code(oauth: &OAuth, secret: Option<&Secret>, address: &str) -> Result<DeviceCode, TokenError> {
    let answer = post(oauth, address, secret, &[("scope", &oauth.scope)])?;
    let reply: DeviceReply = read(oauth, &answer)?;
    let is_address = |text: &str| text.starts_with("https://") && !text.contains(|c: char| !c.is_ascii_graphic());
    if !is_address(&reply.verification_uri) {
        return Err(endpoint(oauth, "names no https address for the code"));
    }
    Ok(DeviceCode {
        device: Secret::new(reply.device_code),
        user: printable(&reply.user_code),
        address: reply.verification_uri,
        complete: reply.verification_uri_complete.filter(|text| is_address(text)),
        lifetime: reply.expires_in.duration().unwrap_or(USUAL_LIFETIME),
        interval: reply
            .interval
            .and_then(|seconds| seconds.duration())
            .unwrap_or(USUAL_INTERVAL)
            .max(Duration::from_secs(1)),
    })
}

/// `name=value&...`, for the query of a URL.
#[must_use]
pub fn query(fields: &[(&str, &str)]) -> String {
    let encoded = |text| utf8_percent_encode(text, RESERVED);
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Posts the fields with the client's id; with its secret, where it has one, in the form as every service takes it.
fn post(oauth: &OAuth, address: &str, secret: Option<&Secret>, fields: &[(&str, &str)]) -> Result<Answer, TokenError> {
    let mut all = vec![("client_id", oauth.client_id.as_str())];
    all.extend(secret.map(|secret| ("client_secret", secret.expose())));
    all.extend_from_slice(fields);
    https::post_form(address, &all, MOST).map_err(|error| match error {
        FetchError::Timeout(seconds) => endpoint(oauth, &format!("gave no answer within {seconds} s")),
        FetchError::Redirect => endpoint(oauth, "redirects to another address, which is not followed"),
        FetchError::Certificate(words) => endpoint(oauth, &format!("cannot be trusted: {words}")),
        error => endpoint(oauth, &format!("gave no answer: {error}")),
    })
}

fn clock(oauth: &OAuth, answer: &Answer) -> Option<String> {
    clock::difference(&oauth.issuer, answer.date?, Timestamp::now())
}

/// A success of this shape, or the refusal. Nothing of an answer that is neither goes into a text: it may be a token.
fn read<'a, T: Deserialize<'a>>(oauth: &OAuth, answer: &'a Answer) -> Result<T, TokenError> {
    if (200..300).contains(&answer.status) {
        return serde_json::from_slice(&answer.body).map_err(|_| endpoint(oauth, "gave an answer that is not valid"));
    }
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(Refusal { error, error_description }) if answer.status < 500 => Err(TokenError::Refused {
            issuer: oauth.issuer.clone(),
            code: short(&error),
            description: error_description.map(|text| short(&text)),
            clock: clock(oauth, answer),
        }),
        _ if answer.status >= 500 => {
            Err(TokenError::Unavailable { issuer: oauth.issuer.clone(), status: answer.status })
        }
        _ => Err(endpoint(oauth, &format!("answered with status {}", answer.status))),
    }
}

fn endpoint(oauth: &OAuth, what: &str) -> TokenError {
    TokenError::Endpoint { issuer: oauth.issuer.clone(), what: what.to_owned() }
}

/// A line of a stranger's text.
fn short(text: &str) -> String {
    printable(text.lines().next().unwrap_or_default()).chars().take(300).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
