//! Certificates of scripted providers, made on the spot: good ones, and each kind of
//! bad one that a client must refuse.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// What the provider shows in the handshake.
#[derive(Debug, Clone)]
pub enum Certificate {
    /// Valid for these names, by the provider's own authority.
    For(Vec<String>),
    /// The same, but its time is over.
    Expired(Vec<String>),
    /// The same, but its time has not come.
    Early(Vec<String>),
    /// The same, but only for so many days from now.
    ForDays(Vec<String>, u64),
    /// Signed by itself; no authority knows it.
    SelfSigned(Vec<String>),
}

/// A server's TLS settings, and the authority that a client may trust.
#[derive(Debug)]
pub struct Identity {
    /// For the handshake.
    pub server: Arc<ServerConfig>,
    /// PEM of the authority's certificate.
    pub authority: String,
    /// SHA-256 of the certificate that is shown, in hexadecimal digits.
    pub fingerprint: String,
    /// Of a customer who logs in by certificate.
    pub customer: Customer,
}

/// Who logs in by certificate, and what he shows.
#[derive(Debug)]
pub struct Customer {
    /// His login.
    pub name: String,
    /// PEM of certificate and key.
    pub pem: String,
    certificate: Vec<u8>,
}

/// Whose login it is.
const CUSTOMER: &str = "customer@isp.example";

impl Identity {
    /// Makes keys and certificates.
    pub fn new(certificate: &Certificate) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "scripted authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);

        let key = KeyPair::generate().unwrap();
        let leaf = match certificate {
            Certificate::For(names) => leaf_params(names).signed_by(&key, &issuer),
            Certificate::Expired(names) => {
                let mut params = leaf_params(names);
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
                params.signed_by(&key, &issuer)
            }
            Certificate::Early(names) => {
                let mut params = leaf_params(names);
                params.not_before = date_time_ymd(2090, 1, 1);
                params.not_after = date_time_ymd(2099, 1, 1);
                params.signed_by(&key, &issuer)
            }
            Certificate::ForDays(names, days) => {
                let mut params = leaf_params(names);
                end_in(&mut params, *days);
                params.signed_by(&key, &issuer)
            }
            Certificate::SelfSigned(names) => leaf_params(names).self_signed(&key),
        };
        let chain = vec![leaf.unwrap().der().clone()];
        let digest = ring::digest::digest(&ring::digest::SHA256, &chain[0]);
        let fingerprint = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
        let customer = Customer::new(&issuer);
        let mut authorities = RootCertStore::empty();
        authorities.add(authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // A certificate is asked for; who has none is served all the same.
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, private)
            .unwrap();
        Self { server: Arc::new(server), authority: authority.pem(), fingerprint, customer }
    }

    /// Whose certificate it is.
    pub fn owner(&self, certificate: &[u8]) -> Option<String> {
        (certificate == self.customer.certificate).then(|| self.customer.name.clone())
    }
}

impl Customer {
    fn new(issuer: &Issuer<'_, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf_params(&[CUSTOMER.to_owned()]).signed_by(&key, issuer).unwrap();
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        Self { name: CUSTOMER.to_owned(), pem, certificate: certificate.der().to_vec() }
    }
}

/// Certificate and key of a machine in one PEM text, signed by itself, for so many days from now.
pub fn pem_for_days(name: &str, days: u64) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    end_in(&mut params, days);
    params.self_signed(&key).unwrap().pem() + &key.serialize_pem()
}

fn end_in(params: &mut CertificateParams, days: u64) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_hours(24 * days);
}

fn leaf_params(names: &[String]) -> CertificateParams {
    let mut params = CertificateParams::new(names.to_vec()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("nobody", String::as_str));
    params
}
