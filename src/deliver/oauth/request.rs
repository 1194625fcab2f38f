//! Requests to a token endpoint and a device authorization endpoint, and their answers as types. One request each, never repeated
//! here: some answers come only once.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::clock;
use super::reply::{self, Reply, Seconds};
use crate::config::Secret;
use crate::config::oauth::{Flow, OAuth};
use crate::deliver::confidential::{Confidential, WITHHELD};
use crate::https::{self, Answer, FetchError};
use crate::mail::printable::printable;
use crate::rules::token_refusal::{self, Needs};

/// No answer is larger, in octets.
const MOST: u64 = 64 << 10;
/// Where a reply names no lifetime (RFC 6749 section 5.1 recommends that it does).
const USUAL_LIFETIME: Duration = Duration::from_mins(10);
/// No lifetime and no interval counts as longer.
const LONGEST: Duration = Duration::from_hours(24);
/// Where a device reply names no interval (RFC 8628 section 3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
/// Fields of a request that are no secrets.
const PUBLIC: [&str; 4] = ["client_id", "grant_type", "scope", "redirect_uri"];
/// What a URL's query may hold as it is (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why there is no token. What a service says is in it only as far as it shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The service says no, in its words (RFC 6749 section 5.2).
    #[error("{issuer} refused: {words}{}", .clock.as_ref().map_or(String::new(), |words| format!("; {words}")))]
    Refused {
        /// Whose service it is.
        issuer: String,
        /// `invalid_grant`, ...
        code: String,
        /// The same for people.
        words: String,
        /// Its clock and ours, if they differ.
        clock: Option<String>,
        /// What mends it.
        needs: Needs,
    },
    /// It answers that it cannot grant anything now, or something in front of it does, so it has granted nothing.
    #[error("the token endpoint of {issuer} answered with status {status}{}", .words.as_ref().map_or(String::new(), |words| format!(": {words}")))]
    Unavailable {
        /// Whose service it is.
        issuer: String,
        /// Of HTTP.
        status: u16,
        /// What it calls it, in the flow of another device also `authorization_pending`.
        code: Option<String>,
        /// The same for people.
        words: Option<String>,
        /// How long it wants to be left alone.
        wait: Option<Duration>,
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
    /// What the service calls it.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unavailable { code, .. } => code.as_deref(),
            Self::Endpoint { .. } | Self::Busy(_) | Self::Local(_) => None,
        }
    }

    /// What the owner must do about a refusal; `None` for what passes by itself, and where the words have it.
    #[must_use]
    pub fn remedy(&self, oauth: &OAuth) -> Option<String> {
        let Self::Refused { needs, .. } = self else { return None };
        let (account, flow) = (&oauth.account, oauth.flow);
        let of_keys = |keys: &str| Some(format!("check {keys} in `oauth` of [account.{account}]"));
        match needs {
            Needs::Login if flow != Flow::Client => Some(format!("run \"postrider login {account}\"")),
            Needs::Login | Needs::Client => of_keys("client_id and client_secret"),
            Needs::Scope => of_keys("`scope`"),
            Needs::Endpoints => of_keys("`provider` or the endpoints, and `flow`,"),
            Needs::Time => None,
        }
    }
}

/// What a token endpoint grants.
#[derive(Debug)]
pub struct Granted {
    /// Short-lived; or why the one in the answer cannot be used. What else is in the answer counts all the same: a refresh token
    /// that is lost is a login that is lost.
    pub access: Result<Secret, TokenError>,
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

/// The client's secret, where it has one: fetched once for a login, since a command may print it or a person be asked.
pub fn client_secret(oauth: &OAuth) -> Result<Option<Secret>, TokenError> {
    let secret = oauth.client_secret.as_ref().map(|secret| secret.fetch()).transpose();
    secret.map_err(|error| TokenError::Local(format!("the client secret: {error}")))
}

/// Asks the token endpoint. `fields` are those of the grant.
pub fn token(oauth: &OAuth, secret: Option<&Secret>, fields: &[(&str, &str)]) -> Result<Granted, TokenError> {
    let asked = Asked::new(oauth, secret, fields);
    let answer = asked.post(&oauth.token)?;
    if !(200..300).contains(&answer.status) {
        return Err(asked.refusal(&answer));
    }
    let Reply { access, kind, lifetime, refresh, scope } = Reply::read(&answer.body);
    let is_bearer = kind.is_none_or(|kind| kind.trim().eq_ignore_ascii_case("bearer"));
    let access = match access {
        None if refresh.is_none() => return Err(asked.endpoint("gave an answer that is not valid")),
        None => Err(asked.endpoint("gave an answer without an access token")),
        Some(_) if !is_bearer => Err(asked.endpoint("grants a token that is not a bearer token")),
        Some(token) if token.expose().is_empty() || token.expose().contains(|c: char| !c.is_ascii_graphic()) => {
            Err(asked.endpoint("grants a token that cannot be sent"))
        }
        Some(token) => Ok(token),
    };
    let lifetime = lifetime.map_or(USUAL_LIFETIME, |time| time.min(LONGEST));
    Ok(Granted { access, lifetime, refresh, scope, clock: asked.clock(&answer) })
}

/// Asks for a code that the user enters on any device.
pub fn device_code(oauth: &OAuth, secret: Option<&Secret>, address: &str) -> Result<DeviceCode, TokenError> {
    let mut asked = Asked::new(oauth, secret, &[("scope", &oauth.scope)]);
    let answer = asked.post(address)?;
    if !(200..300).contains(&answer.status) {
        return Err(asked.refusal(&answer));
    }
    let body = reply::without_mark(&answer.body);
    let reply: DeviceReply =
        serde_json::from_slice(body).map_err(|_| asked.endpoint("gave an answer that is not valid"))?;
    // What is shown must not be what only this side may know.
    asked.confidential.add_token(&reply.device_code);
    let is_shown = |text: &str| asked.confidential.without_secrets(text) == text;
    let is_address =
        |text: &str| text.starts_with("https://") && !text.contains(|c: char| !c.is_ascii_graphic()) && is_shown(text);
    if !is_address(&reply.verification_uri) {
        return Err(asked.endpoint("names no https address for the code"));
    }
    if !is_shown(&reply.user_code) {
        return Err(asked.endpoint("gave an answer that is not valid"));
    }
    Ok(DeviceCode {
        device: Secret::new(reply.device_code),
        user: printable(&reply.user_code),
        address: reply.verification_uri,
        complete: reply.verification_uri_complete.filter(|text| is_address(text)),
        lifetime: reply.expires_in.duration().map_or(USUAL_LIFETIME, |time| time.min(LONGEST)),
        interval: reply
            .interval
            .and_then(|seconds| seconds.duration())
            .map_or(USUAL_INTERVAL, |time| time.min(LONGEST))
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

/// A request, with what its answer must not bring into any text.
struct Asked<'a> {
    oauth: &'a OAuth,
    fields: Vec<(&'a str, &'a str)>,
    confidential: Confidential,
}

impl<'a> Asked<'a> {
    /// The fields with the client's id; with its secret, where it has one, in the form as every service takes it.
    fn new(oauth: &'a OAuth, secret: Option<&'a Secret>, grant: &[(&'a str, &'a str)]) -> Self {
        let mut fields = vec![("client_id", oauth.client_id.as_str())];
        fields.extend(secret.map(|secret| ("client_secret", secret.expose())));
        fields.extend_from_slice(grant);
        let mut confidential = Confidential::default();
        for (_, value) in fields.iter().filter(|(name, _)| !PUBLIC.contains(name)) {
            confidential.add_token(value);
        }
        Self { oauth, fields, confidential }
    }

    fn post(&self, address: &str) -> Result<Answer, TokenError> {
        https::post_form(address, &self.fields, MOST).map_err(|error| match error {
            FetchError::Timeout(seconds) => self.endpoint(&format!("gave no answer within {seconds} s")),
            FetchError::Redirect => self.endpoint("redirects to another address, which is not followed"),
            FetchError::Certificate(words) => self.endpoint(&format!("cannot be trusted: {}", self.short(&words))),
            error => self.endpoint(&format!("gave no answer: {}", self.short(&error.to_string()))),
        })
    }

    /// Why an answer that is no success grants nothing.
    fn refusal(&self, answer: &Answer) -> TokenError {
        let (issuer, status) = (self.oauth.issuer.clone(), answer.status);
        let Ok(Refusal { error, error_description }) = serde_json::from_slice(reply::without_mark(&answer.body)) else {
            let wait = answer.retry_after;
            return TokenError::Unavailable { issuer, status, code: None, words: None, wait };
        };
        let code = self.short(&error);
        let words = match error_description.as_deref() {
            None | Some("") => code.clone(),
            // A secret may be spread over both.
            Some(text) if self.confidential.shows_secret(&[error.clone(), text.to_owned()]) => {
                format!("{code} {WITHHELD}")
            }
            Some(text) => format!("{code} ({})", self.short(text)),
        };
        match token_refusal::needs(status, &error, error_description.as_deref()) {
            Needs::Time => TokenError::Unavailable {
                issuer,
                status,
                code: Some(code),
                words: Some(words),
                wait: answer.retry_after,
            },
            needs => TokenError::Refused { issuer, code, words, clock: self.clock(answer), needs },
        }
    }

    fn clock(&self, answer: &Answer) -> Option<String> {
        clock::difference(&self.oauth.issuer, answer.date?, Timestamp::now())
    }

    fn endpoint(&self, what: &str) -> TokenError {
        TokenError::Endpoint { issuer: self.oauth.issuer.clone(), what: what.to_owned() }
    }

    /// A line of a stranger's text. All of it is searched for secrets, before a part is left of one.
    fn short(&self, text: &str) -> String {
        let shown = self.confidential.without_secrets(text);
        printable(shown.lines().next().unwrap_or_default()).chars().take(300).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
