//! What is wrong with the certificate of a web server, for people. Unlike for mail servers, no key of the config changes whom to trust.

use std::io;

use rustls::{CertificateError, Error};

use super::words::{day, names, shown};

/// Why the handshake with a web server failed, where its certificate is the reason.
#[must_use]
pub fn problem(error: &io::Error) -> Option<String> {
    let Error::InvalidCertificate(problem) = error.get_ref()?.downcast_ref::<Error>()? else { return None };
    Some(match problem {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "its certificate expired on {} (this machine's date is {}); it must be renewed, unless this machine's clock is \
             wrong",
            day(not_after.as_secs()),
            day(time.as_secs())
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate is not valid before {} (this machine's date is {}); check this machine's clock",
            day(not_before.as_secs()),
            day(time.as_secs())
        ),
        CertificateError::UnknownIssuer => {
            "its certificate is signed by no authority that this machine trusts; for a private \
             one, add the authority to those of this machine"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("its certificate is for {}; check the address", names(presented))
        }
        other => format!("its certificate is not valid: {}", shown(&other.to_string())),
    })
}
