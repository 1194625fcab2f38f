//! The private CA of this machine and the certificates that its listeners have from it, as they are in the state directory. The
//! runner makes them; `status` and `check` report on them, and devices are given the CA.

use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::config::listener::Listener;
use crate::config::{Config, places};
use crate::rules::listener_certificate::{self, Renewal};
use crate::spool::SpoolError;
use crate::spool::state_dir::StateDir;
use crate::tls::Facts;
use crate::tls::certificate::{CertificateError, Identity, IdentityError};
use crate::tls::private_ca::{CaCertificate, PrivateCa};

/// The CA's certificate.
pub const CA: &str = "ca.pem";
/// Its key.
pub const CA_KEY: &str = "ca.key";

/// Why the CA, or a certificate from it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateCaError {
    /// The state directory or a file in it.
    #[error(transparent)]
    State(#[from] SpoolError),
    /// The system's state directory is not there, and its runner cannot make it.
    #[error("{0} is missing: as root, run \"install -d -m 0700 -o postrider -g postrider {0}\"")]
    NoStateDir(&'static str),
    /// The CA has no key.
    #[error("{} is missing: restore it, or remove {} to have a new CA made, which every device must then trust", .key.display(), .certificate.display())]
    NoKey {
        /// Where the key should be.
        key: PathBuf,
        /// Its certificate.
        certificate: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{}: {error}; restore it, or remove ca.pem, ca.key and the listeners' certificates there to have new ones made, which every device must then trust", .path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: CertificateError,
    },
    /// A listener's certificate is not one.
    #[error("{0}; remove it to have a new one made")]
    BadCertificate(#[from] IdentityError),
}

/// The name of the file with a listener's certificate, its CA's, and its key.
#[must_use]
pub fn certificate_file(listener: &str) -> String {
    format!("listener-{listener}.pem")
}

/// The state directory that belongs to this configuration, if it is there.
pub fn state_dir(config: &Config) -> Result<Option<StateDir>, SpoolError> {
    StateDir::find(&places::state_dir(&config.spool))
}

/// The CA's certificate, once it is made.
pub fn certificate(config: &Config) -> Result<Option<CaCertificate>, PrivateCaError> {
    state_dir(config)?.map_or(Ok(None), |state| certificate_in(&state))
}

fn certificate_in(state: &StateDir) -> Result<Option<CaCertificate>, PrivateCaError> {
    let Some(pem) = state.read(CA)? else { return Ok(None) };
    let bad = || PrivateCaError::Bad { path: state.file(CA), error: CertificateError::NoCertificate };
    CaCertificate::parse(&pem).map(Some).ok_or_else(bad)
}

/// The CA of a configuration with its key, once it is made.
pub fn of(config: &Config) -> Result<Option<PrivateCa>, PrivateCaError> {
    state_dir(config)?.map_or(Ok(None), |state| with_key(&state))
}

/// The CA with its key, once it is made.
pub fn with_key(state: &StateDir) -> Result<Option<PrivateCa>, PrivateCaError> {
    let Some(certificate) = certificate_in(state)? else { return Ok(None) };
    let no_key = || PrivateCaError::NoKey { key: state.file(CA_KEY), certificate: state.file(CA) };
    let key = state.read(CA_KEY)?.ok_or_else(no_key)?;
    let bad = |error| PrivateCaError::Bad { path: state.file(CA_KEY), error };
    PrivateCa::with_key(certificate, &key).map(Some).map_err(bad)
}

/// What a listener shows, once it is made.
pub fn identity(state: &StateDir, listener: &str) -> Result<Option<Identity>, PrivateCaError> {
    let name = certificate_file(listener);
    let Some(pem) = state.read(&name)? else { return Ok(None) };
    let path = state.file(&name);
    Ok(Some(Identity::parse((&path, &pem), (&path, &pem))?))
}

/// The same, of a configuration. Where it is not made yet, what would keep it from being made is an error.
pub fn listener_identity(config: &Config, listener: &Listener) -> Result<Option<Identity>, PrivateCaError> {
    let Some(state) = state_dir(config)? else {
        let is_systems = places::is_system_spool(&config.spool);
        return if is_systems { Err(PrivateCaError::NoStateDir(places::SYSTEM_STATE)) } else { Ok(None) };
    };
    let found = identity(&state, &listener.name)?;
    if found.is_none() {
        with_key(&state)?;
    }
    Ok(found)
}

/// The day on which a listener's certificate will be renewed, where that is near.
#[must_use]
pub fn announced(facts: &Facts, now: Timestamp) -> Option<Date> {
    match listener_certificate::renewal(day_of(facts.not_after)?, day(now)) {
        Renewal::Announced(day) => Some(day),
        Renewal::Later | Renewal::Due => None,
    }
}

/// Whether a CA is in its last year: devices take long to be visited.
#[must_use]
pub fn is_ending(until: Date, now: Timestamp) -> bool {
    until.saturating_sub(1.year()) <= day(now)
}

/// The day of a time, in the only zone that certificates know.
#[must_use]
pub fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// The day of a certificate's time.
#[must_use]
pub fn day_of(seconds: u64) -> Option<Date> {
    Some(day(Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?))
}
