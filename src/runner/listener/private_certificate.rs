//! A listener's certificate from the private CA: made when the listener needs it, renewed before it ends, and issued again when the
//! machine has other names or addresses. The CA itself is made once, by the first listener that needs it.
//!
//! Everything is written durably before it is shown to anybody: a CA that a power cut takes back would be on devices already.
//! Renewal keeps the key, so that a device that remembers the key and not the certificate does not notice it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::config::listener::Listener;
use crate::config::places;
use crate::control::private_ca::{self, CA, CA_KEY, PrivateCaError};
use crate::log;
use crate::rules::listener_certificate::{self, Renewal};
use crate::spool::state_dir::StateDir;
use crate::sys::interfaces;
use crate::tls::Facts;
use crate::tls::certificate::{CertificateError, Identity};
use crate::tls::private_ca::{Days, PrivateCa, new_key};

/// Why a certificate cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum NoCertificate {
    /// The CA, or a file.
    #[error(transparent)]
    Ca(#[from] PrivateCaError),
    /// It could not be made.
    #[error(transparent)]
    Making(#[from] CertificateError),
    /// The clock is not set yet.
    #[error("the clock says {0}, so no certificate is made before it is right")]
    Clock(Date),
}

impl From<crate::spool::SpoolError> for NoCertificate {
    fn from(error: crate::spool::SpoolError) -> Self {
        Self::Ca(error.into())
    }
}

/// What is needed to have a certificate for a listener.
#[derive(Debug)]
pub struct PrivateCertificate {
    state: PathBuf,
    hostname: String,
    listener: String,
    addresses: Vec<SocketAddr>,
    /// Two threads that accept while the configuration changes must not make two CAs.
    making: Arc<Mutex<()>>,
    /// The day whose renewal has been announced in the log.
    announced: Mutex<Option<Date>>,
    /// The names that were wanted when the certificate was last found, or made, as good as it can be: the CA does not vouch for
    /// all of them.
    settled: Mutex<Vec<String>>,
}

impl PrivateCertificate {
    /// For a listener on these addresses; `None`: it needs none.
    pub fn of(config: &Config, listener: &Listener, addresses: &[SocketAddr], making: &Arc<Mutex<()>>) -> Option<Self> {
        listener.needs_private_certificate(addresses).then(|| Self {
            state: places::state_dir(&config.spool),
            hostname: config.hostname.clone(),
            listener: listener.name.clone(),
            addresses: addresses.to_vec(),
            making: Arc::clone(making),
            announced: Mutex::default(),
            settled: Mutex::default(),
        })
    }

    /// Where it is.
    pub fn file(&self) -> PathBuf {
        self.state.join(private_ca::certificate_file(&self.listener))
    }

    /// The certificate as it is on disk.
    pub fn read(&self) -> Result<Option<Identity>, NoCertificate> {
        let Some(state) = StateDir::find(&self.state)? else { return Ok(None) };
        Ok(private_ca::identity(&state, &self.listener)?)
    }

    /// Makes or renews it, where that is due. What is there stays in use if that fails.
    pub fn keep_current(&self, shown: Option<&Facts>) -> Result<(), NoCertificate> {
        let today = private_ca::day(Timestamp::now());
        let own: Vec<IpAddr> = interfaces::addresses().iter().map(|one| one.address).collect();
        let names = listener_certificate::names(&self.hostname, &self.addresses, &own);
        if shown.is_some_and(|facts| self.is_current(facts, &names, today)) {
            return Ok(());
        }
        if !listener_certificate::is_plausible(today) {
            return Err(NoCertificate::Clock(today));
        }
        let _making = self.making.lock();
        let state = StateDir::open(&self.state)?;
        let ca = private_ca::with_key(&state)?.map_or_else(|| self.make_ca(&state, today), Ok)?;
        self.issue(&state, &ca, &names, today)?;
        *self.settled.lock() = names;
        Ok(())
    }

    /// Whether nothing is to be done, and nothing to be looked at. Called for every client.
    fn is_current(&self, facts: &Facts, names: &[String], today: Date) -> bool {
        let Some(until) = private_ca::day_of(facts.not_after) else { return false };
        match listener_certificate::renewal(until, today) {
            Renewal::Due => return false,
            Renewal::Announced(day) => self.announce(day),
            Renewal::Later => {}
        }
        names.iter().all(|name| facts.names.contains(name)) || *self.settled.lock() == names
    }

    fn announce(&self, day: Date) {
        if self.announced.lock().replace(day) != Some(day) {
            log::warning(format_args!(
                "[listen.{}]: its certificate will be renewed on {day}, with the same key and CA; devices that trust \
                 only this certificate will ask again",
                self.listener
            ));
        }
    }

    /// The key comes first: a key without a certificate is used for it, a certificate without a key is worth nothing.
    fn make_ca(&self, state: &StateDir, today: Date) -> Result<PrivateCa, NoCertificate> {
        let key = if let Some(key) = state.read(CA_KEY)? {
            key
        } else {
            let key = new_key()?;
            state.write(CA_KEY, key.as_bytes())?;
            Zeroizing::new(key.as_bytes().to_vec())
        };
        let name = format!("postrider private CA of {}", self.hostname);
        let hosts = listener_certificate::hosts(&self.hostname);
        let networks = listener_certificate::networks(&self.addresses);
        let ca = PrivateCa::generate(&key, &name, &hosts, &networks, listener_certificate::days_of_ca(today))?;
        state.write(CA, ca.certificate.pem.as_bytes())?;
        log::private_ca_made(ca.certificate.fingerprint());
        Ok(ca)
    }

    fn issue(&self, state: &StateDir, ca: &PrivateCa, names: &[String], today: Date) -> Result<(), NoCertificate> {
        let file = private_ca::certificate_file(&self.listener);
        // What the CA was not made for would make devices refuse the certificate as a whole.
        let names: Vec<String> = names.iter().filter(|name| ca.certificate.permits(name)).cloned().collect();
        let ca_until = private_ca::day_of(ca.certificate.facts.not_after).unwrap_or(today);
        let days = listener_certificate::days_of_certificate(today, ca_until);
        let before = state.read(&file)?;
        let pem = match before.as_deref() {
            Some(before) if is_good(before, ca, &names, today, days) => return Ok(()),
            Some(before) => ca.issue(&names, before, days)?,
            None => ca.issue(&names, new_key()?.as_bytes(), days)?,
        };
        state.write(&file, pem.as_bytes())?;
        log::certificate_issued(&self.listener, days.until, names.join(", "));
        Ok(())
    }
}

/// Whether a certificate that is there need not be issued again, for days that would be these.
fn is_good(pem: &[u8], ca: &PrivateCa, names: &[String], today: Date, days: Days) -> bool {
    let here = Path::new("");
    let facts = Identity::parse((here, pem), (here, pem)).ok().and_then(|identity| identity.facts());
    facts.is_some_and(|facts| {
        let until = private_ca::day_of(facts.not_after).unwrap_or(today);
        // At the end of the CA's own time, another would not last longer.
        let is_due = listener_certificate::renewal(until, today) == Renewal::Due && until < days.until;
        let is_of_ca = memchr::memmem::find(pem, ca.certificate.pem.as_bytes()).is_some();
        !is_due && is_of_ca && names.iter().all(|name| facts.names.contains(name))
    })
}
