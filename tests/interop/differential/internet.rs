//! The world as a machine with a network of its own sees it: a name server, and one host that answers to every provider's name on
//! each of their addresses and ports, records what it is given, and has a certificate for all its names. Nothing of it is outside.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::recorder::{Door, Implicit, Recorder};
use support::namespace::Namespace;

/// Mail hosts and their addresses.
const HOSTS: [(&str, Ipv4Addr); 6] = [
    ("mail.isp.example", Ipv4Addr::new(127, 0, 1, 1)),
    ("smtp.work.example", Ipv4Addr::new(127, 0, 1, 2)),
    ("mail.club.example", Ipv4Addr::new(127, 0, 1, 3)),
    ("mx.byname.example", Ipv4Addr::new(127, 0, 1, 4)),
    ("mail.example.com", Ipv4Addr::new(127, 0, 1, 5)),
    ("mail.example.net", Ipv4Addr::new(127, 0, 1, 6)),
];

/// Domains whose mail host is another one, with its MX.
const EXCHANGERS: [(&str, &str); 1] = [("byname.example", "mx.byname.example")];

const PORTS: [(u16, Implicit); 3] = [(25, Implicit::No), (587, Implicit::No), (465, Implicit::Yes)];

const OFFERS: [&str; 6] =
    ["PIPELINING", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN"];

/// The authority and the certificate of all hosts.
pub struct Internet {
    /// PEM of the authority's certificate.
    pub authority: String,
    server: Arc<ServerConfig>,
}

impl Internet {
    /// Makes keys and certificates.
    pub fn new() -> Self {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Authority of all providers");
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = authority.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let names = HOSTS.map(|(name, _)| name.to_owned());
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Self { authority: pem, server: Arc::new(server) }
    }

    /// Opens all doors inside, and the name server's.
    pub fn open(&self, namespace: &Namespace, recorder: &Recorder) {
        namespace.in_network(|| {
            let names = UdpSocket::bind(("127.0.0.1", 53)).unwrap();
            std::thread::spawn(move || answer_questions(&names));
            for (host, address) in HOSTS {
                for (port, implicit) in PORTS {
                    let listener = TcpListener::bind((address, port)).unwrap();
                    let tls = Some(Arc::clone(&self.server));
                    let door = Door { name: format!("{host}:{port}"), offers: OFFERS.to_vec(), tls, implicit };
                    recorder.open(listener, door);
                }
            }
        });
    }
}

/// A (type 1) and MX (15) records; of other types there are none, and other names do not exist.
fn answer_questions(socket: &UdpSocket) {
    let mut packet = [0; 1500];
    while let Ok((octets, from)) = socket.recv_from(&mut packet) {
        if let Some(answer) = answer(&packet[..octets]) {
            // Who asked and went away asks again.
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while *question.get(at)? != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(question.get(at + 1..=at + length)?).to_lowercase());
        at += 1 + length;
    }
    let (kind, end) = (u16::from_be_bytes([*question.get(at + 1)?, *question.get(at + 2)?]), at + 5);
    let name = labels.join(".");
    let host = HOSTS.iter().find(|(host, _)| *host == name);
    let exchanger = EXCHANGERS.iter().find(|(domain, _)| *domain == name);
    let data: Option<Vec<u8>> = match (kind, host, exchanger) {
        (1, Some((_, address)), _) => Some(address.octets().to_vec()),
        (15, _, Some((_, mx))) => Some([&10_u16.to_be_bytes()[..], &encoded(mx)].concat()),
        _ => None,
    };
    let exists = host.is_some() || exchanger.is_some();
    // An answer, authoritative, to what was asked; recursion is there.
    let (flags, answers) = (if exists { 0x8580_u16 } else { 0x8583 }, u16::from(data.is_some()));
    let mut packet = question.get(..2)?.to_vec();
    for field in [flags, 1, answers, 0, 0] {
        packet.extend(field.to_be_bytes());
    }
    packet.extend_from_slice(question.get(12..end)?);
    if let Some(data) = data {
        // The name is the question's; one minute.
        packet.extend([0xc0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60]);
        packet.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        packet.extend(data);
    }
    Some(packet)
}

fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat());
    labels.chain([0]).collect()
}
