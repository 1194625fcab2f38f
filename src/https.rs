//! Requests to web servers: over TLS with a verified certificate and never without, bounded in time and size. Every answer is
//! hostile input to whoever reads it.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::tls;

/// How long a request may take as a whole, redirects included.
const TIME: Duration = Duration::from_secs(8);
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
    /// No server of that name, no connection, no valid certificate, or no time left.
    #[error("{0}")]
    Unreachable(String),
}

/// What is at an https address, at most so many bytes of it.
pub fn get(url: &str, most: u64) -> Result<Vec<u8>, FetchError> {
    let roots = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(tls::provider())
        .build();
    let agent: Agent = Agent::config_builder()
        .https_only(true)
        .max_redirects(MOST_REDIRECTS)
        .timeout_global(Some(TIME))
        .user_agent(concat!("postrider/", env!("CARGO_PKG_VERSION")))
        .tls_config(roots)
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(|error| failed(error, most))?;
    response.body_mut().with_config().limit(most).read_to_vec().map_err(|error| failed(error, most))
}

fn failed(error: ureq::Error, most: u64) -> FetchError {
    match error {
        ureq::Error::StatusCode(status) => FetchError::Status(status),
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge(most),
        ureq::Error::RequireHttpsOnly(_) => FetchError::Plaintext,
        ureq::Error::HostNotFound => FetchError::Unreachable("there is no such host".to_owned()),
        ureq::Error::Timeout(_) => FetchError::Unreachable(format!("no answer within {} s", TIME.as_secs())),
        error => FetchError::Unreachable(error.to_string()),
    }
}
