//! Requests to web servers: over TLS with a verified certificate and never without, bounded in time and size. Every answer is
//! hostile input to whoever reads it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ureq::config::ConfigBuilder;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::tls;

/// How long a request may take as a whole, redirects included.
const TIME: Duration = Duration::from_secs(8);
/// The same for a form, whose answer is worth waiting for: it may be lost for good.
const FORM_TIME: Duration = Duration::from_secs(30);
/// Redirects that are followed, to https only.
const MOST_REDIRECTS: u32 = 3;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server answered, but not with what was asked for.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// More than the caller wants.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// A redirect to an address without TLS.
    #[error("the server redirects to an address without TLS, which is not followed")]
    Plaintext,
    /// A redirect where none is followed, or one too many.
    #[error("the server redirects to another address, which is not followed")]
    Redirect,
    /// Nothing within so many seconds.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// It is not the server that it should be, as far as its certificate shows.
    #[error("{0}")]
    Certificate(String),
    /// No server of that name, or no connection.
    #[error("{0}")]
    Unreachable(String),
}

/// An answer of whatever status. It may hold a token, so it cannot be printed.
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// What its clock says.
    pub date: Option<Timestamp>,
    /// How long it wants to be left alone, where it says so.
    pub retry_after: Option<Duration>,
    /// At most what was allowed.
    pub body: Zeroizing<Vec<u8>>,
}

/// What is at an https address, at most so many bytes of it.
pub fn get(url: &str, most: u64) -> Result<Vec<u8>, FetchError> {
    let agent: Agent = config(TIME).max_redirects(MOST_REDIRECTS).build().into();
    let mut response = agent.get(url).call().map_err(|error| failed(error, most, TIME))?;
    response.body_mut().with_config().limit(most).read_to_vec().map_err(|error| failed(error, most, TIME))
}

/// Posts a form. What it says is a secret, so no redirect is followed: it would be told to whoever is there.
pub fn post_form(url: &str, fields: &[(&str, &str)], most: u64) -> Result<Answer, FetchError> {
    let agent: Agent = config(FORM_TIME).max_redirects(0).http_status_as_error(false).build().into();
    let request = agent.post(url).header("Accept", "application/json");
    let mut response = request.send_form(fields.iter().copied()).map_err(|error| failed(error, most, FORM_TIME))?;
    let status = response.status().as_u16();
    if (300..400).contains(&status) {
        return Err(FetchError::Redirect);
    }
    let field = |name: &str| response.headers().get(name)?.to_str().ok();
    let date = field("date").and_then(timestamp);
    let retry_after = field("retry-after").and_then(|value| wait(value, date.unwrap_or_else(Timestamp::now)));
    let body = response.body_mut().with_config().limit(most).read_to_vec();
    Ok(Answer {
        status,
        date,
        retry_after,
        body: Zeroizing::new(body.map_err(|error| failed(error, most, FORM_TIME))?),
    })
}

fn timestamp(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// Seconds or a date (RFC 9110 section 10.2.3).
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    Duration::try_from(timestamp(text)?.duration_since(now)).ok()
}

/// Posts a text. The web address is a secret, so no error quotes it, and no redirect is followed.
pub fn post(url: &str, fields: &[(&str, &str)], body: &str) -> Result<(), FetchError> {
    let agent: Agent = config(TIME).max_redirects(0).http_status_as_error(false).build().into();
    let request = fields.iter().fold(agent.post(url), |request, (name, value)| request.header(*name, *value));
    accepted(url, request.send(body))
}

/// Asks for a web address without regard to what is there, with the same care.
pub fn ping(url: &str) -> Result<(), FetchError> {
    let agent: Agent = config(TIME).max_redirects(0).http_status_as_error(false).build().into();
    accepted(url, agent.get(url).call())
}

fn accepted(url: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<(), FetchError> {
    let answer = answer.map_err(|error| match failed(error, 0, TIME) {
        FetchError::Unreachable(why) => FetchError::Unreachable(without(&why, url)),
        FetchError::Certificate(why) => FetchError::Certificate(without(&why, url)),
        error => error,
    })?;
    match answer.status().as_u16() {
        200..300 => Ok(()),
        300..400 => Err(FetchError::Redirect),
        status => Err(FetchError::Status(status)),
    }
}

/// What a library said of a web address, unless it quotes a part of it.
fn without(why: &str, url: &str) -> String {
    let parts = url.split(|c: char| !(c.is_alphanumeric() || "-._~%".contains(c))).filter(|part| part.len() > 3);
    let is_quoted = parts.skip(1).any(|part| why.contains(part));
    if is_quoted { "it cannot be reached, or has no valid certificate".to_owned() } else { why.to_owned() }
}

fn config(time: Duration) -> ConfigBuilder<AgentScope> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(tls::provider())
        .build();
    Agent::config_builder()
        .https_only(true)
        .timeout_global(Some(time))
        .user_agent(concat!("postrider/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
}

fn failed(error: ureq::Error, most: u64, time: Duration) -> FetchError {
    match error {
        ureq::Error::StatusCode(status) => FetchError::Status(status),
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge(most),
        ureq::Error::RequireHttpsOnly(_) => FetchError::Plaintext,
        ureq::Error::TooManyRedirects => FetchError::Redirect,
        ureq::Error::HostNotFound => FetchError::Unreachable("there is no such host".to_owned()),
        ureq::Error::Timeout(_) => FetchError::Timeout(time.as_secs()),
        ureq::Error::Io(error) => match tls::web::problem(&error) {
            Some(words) => FetchError::Certificate(words),
            None => FetchError::Unreachable(error.to_string()),
        },
        error => FetchError::Unreachable(error.to_string()),
    }
}
