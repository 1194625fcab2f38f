//! A name server that says what a test wants (RFC 1035): a zone that the test changes while it runs, on port 53 of the loopback
//! interface of the network that it is started in.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};

/// What the server knows of a name.
#[derive(Debug, Clone)]
pub enum Record {
    /// Its address.
    A(Ipv4Addr),
    /// Preference and host; an empty one is the root.
    Mx(u16, &'static str),
    /// Priority, weight, port and host.
    Srv(u16, u16, u16, &'static str),
    /// It is another name for this one.
    Alias(&'static str),
    /// The server cannot tell at the moment (SERVFAIL), whatever is asked.
    Trouble,
    /// It does not answer.
    Silence,
}

impl Record {
    /// Its TYPE on the wire.
    fn number(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Mx(..) => 15,
            Self::Srv(..) => 33,
            Self::Alias(_) => 5,
            Self::Trouble | Self::Silence => 0,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().to_vec(),
            Self::Mx(preference, host) => [&preference.to_be_bytes()[..], &name(host)].concat(),
            Self::Srv(priority, weight, port, host) => {
                [&priority.to_be_bytes()[..], &weight.to_be_bytes(), &port.to_be_bytes(), &name(host)].concat()
            }
            Self::Alias(host) => name(host),
            Self::Trouble | Self::Silence => Vec::new(),
        }
    }
}

/// A name on the wire.
fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

type Zone = HashMap<String, Vec<Record>>;

/// A name server that knows no name yet.
#[derive(Clone, Default)]
pub struct NameServer {
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl NameServer {
    /// Answers from now on in the network of this thread. It ends with the process: nobody can reach it any more once the
    /// network is gone.
    pub fn answer(&self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
        let server = self.clone();
        std::thread::spawn(move || serve(&socket, &server.zone, &server.asked));
    }

    /// Sets all that is known of a name.
    pub fn knows(&self, name: &str, records: &[Record]) {
        self.zone.lock().unwrap().insert(name.to_owned(), records.to_vec());
    }

    /// Whether this type was asked for this name.
    pub fn was_asked(&self, name: &str, kind: u16) -> bool {
        self.asked.lock().unwrap().contains(&(name.to_owned(), kind))
    }
}

fn serve(socket: &UdpSocket, zone: &Mutex<Zone>, asked: &Mutex<Vec<(String, u16)>>) {
    let mut bytes = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut bytes) {
        let Some(question) = Question::read(&bytes[..length]) else { continue };
        asked.lock().unwrap().push((question.name.clone(), question.kind));
        let zone = zone.lock().unwrap();
        if zone.get(&question.name).is_some_and(|records| records.iter().any(|one| matches!(one, Record::Silence))) {
            continue;
        }
        let reply = reply(&question, &zone);
        // Who asked may be gone.
        drop(socket.send_to(&reply, from));
    }
}

/// What was asked.
struct Question<'a> {
    id: &'a [u8],
    name: String,
    kind: u16,
    /// As it came.
    bytes: &'a [u8],
}

impl<'a> Question<'a> {
    fn read(query: &'a [u8]) -> Option<Self> {
        let rest = query.get(12..)?;
        let (mut at, mut labels) = (0, Vec::new());
        loop {
            let length = usize::from(*rest.get(at)?);
            let label = rest.get(at + 1..at + 1 + length)?;
            at += 1 + length;
            if label.is_empty() {
                break;
            }
            labels.push(String::from_utf8_lossy(label).to_lowercase());
        }
        let kind = u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?);
        Some(Self { id: &query[..2], name: labels.join("."), kind, bytes: rest.get(..at + 4)? })
    }
}

/// NOERROR with what is known of the type (nothing: no such record), SERVFAIL, or NXDOMAIN for a name that is not known at all.
fn reply(question: &Question<'_>, zone: &Zone) -> Vec<u8> {
    let known = zone.get(&question.name);
    let code: u8 = match known {
        None => 3,
        Some(records) if records.iter().any(|record| matches!(record, Record::Trouble)) => 2,
        Some(_) => 0,
    };
    let mut answers = Vec::new();
    let mut owner = question.name.as_str();
    let mut records = known.map(Vec::as_slice).unwrap_or_default();
    while let Some(Record::Alias(target)) = records.first() {
        answers.push((owner, &records[0]));
        owner = target;
        records = zone.get(*target).map(Vec::as_slice).unwrap_or_default();
    }
    answers.extend(records.iter().filter(|record| record.number() == question.kind).map(|record| (owner, record)));
    let count = u16::try_from(answers.len()).unwrap().to_be_bytes();
    let mut reply = [question.id, &[0x85, 0x80 | code, 0, 1], &count, &[0; 4], question.bytes].concat();
    for (owner, record) in answers {
        let data = record.data();
        reply.extend(name(owner));
        reply.extend(record.number().to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]);
        reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        reply.extend(data);
    }
    reply
}
