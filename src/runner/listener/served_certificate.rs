//! The certificate that a listener shows: the owner's, re-read when its files change, or one from the private CA, which is kept
//! current.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::private_certificate::PrivateCertificate;
use crate::config::listener::{ListenTls, Listener};
use crate::log;
use crate::tls::certificate::Identity;
use crate::tls::{self, Facts};

/// Where a listener's certificate comes from.
#[derive(Debug)]
enum Origin {
    /// PEM files of the owner: chain and key.
    Files(PathBuf, PathBuf),
    /// The private CA.
    Private(PrivateCertificate),
    /// The listener has no TLS.
    None,
}

/// The certificate of one listener.
#[derive(Debug)]
pub struct ServedCertificate {
    listener: String,
    origin: Origin,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    edition: Option<[SystemTime; 2]>,
    server: Option<tls::Server>,
    facts: Option<Facts>,
    /// Why the files on disk cannot be used.
    failure: Option<String>,
    /// Why a certificate cannot be made or renewed.
    obstacle: Option<String>,
}

impl ServedCertificate {
    /// Of this listener; `private` where it has none of its owner.
    pub fn of(listener: &Listener, private: Option<PrivateCertificate>) -> Self {
        let origin = match (&listener.certificate, private) {
            (Some((chain, key)), _) if listener.tls != Some(ListenTls::None) => {
                Origin::Files(chain.clone(), key.clone())
            }
            (None, Some(private)) => Origin::Private(private),
            (Some(_) | None, _) => Origin::None,
        };
        Self { listener: listener.name.clone(), origin, loaded: Mutex::default() }
    }

    /// The certificate that is on disk now, or else the last one that could be read.
    ///
    /// Asked for every client, so a renewed certificate is used without a reload. Chain and key of the owner are two files, and
    /// between the writing of one and of the other they do not match; the last pair that did stays in use, and the
    /// next client tries again.
    pub fn server(&self) -> Option<tls::Server> {
        let mut loaded = self.loaded.lock();
        let (chain, key) = match &self.origin {
            Origin::None => return None,
            Origin::Files(chain, key) => (chain.clone(), key.clone()),
            Origin::Private(private) => {
                // One that was removed is wanted anew.
                let shown = loaded.facts.clone().filter(|_| edition(&private.file()).is_some());
                let obstacle = private.keep_current(shown.as_ref()).err();
                self.note(&mut loaded.obstacle, obstacle.map(|error| format!("cannot make its certificate: {error}")));
                (private.file(), private.file())
            }
        };
        let edition = edition(&chain).zip(edition(&key)).map(|(chain, key)| [chain, key]);
        if edition.is_none() || edition != loaded.edition {
            match self.read(&chain, &key) {
                Ok(Some((server, facts))) => {
                    (loaded.edition, loaded.server, loaded.facts, loaded.failure) =
                        (edition, Some(server), facts, None);
                }
                // Why it could not be made has been said.
                Ok(None) => loaded.server = None,
                Err(why) => self.note(&mut loaded.failure, Some(format!("cannot use its certificate: {why}"))),
            }
        }
        loaded.server.clone()
    }

    fn read(&self, chain: &Path, key: &Path) -> Result<Option<(tls::Server, Option<Facts>)>, String> {
        let identity = match &self.origin {
            Origin::Private(private) => private.read().map_err(|error| error.to_string())?,
            _ => Some(Identity::read(chain, key).map_err(|error| error.to_string())?),
        };
        let Some(identity) = identity else { return Ok(None) };
        let facts = identity.facts();
        let server = tls::Server::new(identity).map_err(|error| format!("{}: {error}", chain.display()))?;
        Ok(Some((server, facts)))
    }

    /// Remembers what is wrong, and says it when it is new.
    fn note(&self, known: &mut Option<String>, why: Option<String>) {
        if let Some(why) = why.as_ref().filter(|why| known.as_ref() != Some(*why)) {
            log::warning(format_args!("[listen.{}]: {why}", self.listener));
        }
        *known = why;
    }
}

fn edition(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}
