//! The provider against a small client of its own: a test tool that lies is worse
//! than none.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use support::provider::{Provider, Verb, after_dot, greeting, handshake, on};

const PLAIN: &str = "AUTH PLAIN AGhpc2FjY291bnQAY29ycmVjdCBob3JzZQ==";

trait Duplex: std::io::Read + Write {}
impl<T: std::io::Read + Write> Duplex for T {}

struct Client(BufReader<Box<dyn Duplex>>);

impl Client {
    fn connect(provider: &Provider) -> (Self, TcpStream) {
        let tcp = TcpStream::connect(("127.0.0.1", provider.port())).unwrap();
        (Self(BufReader::new(Box::new(tcp.try_clone().unwrap()))), tcp)
    }

    fn secure(tcp: TcpStream, provider: &Provider) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(provider.authority().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(BufReader::new(Box::new(StreamOwned::new(connection, tcp))))
    }

    /// The next reply, its last line only; empty at the end.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return String::new();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    fn say(&mut self, text: &str) {
        write!(self.0.get_mut(), "{}\r\n", text.replace('\n', "\r\n")).unwrap();
    }

    fn ask(&mut self, command: &str) -> String {
        self.say(command);
        self.reply()
    }

    /// Greeting, EHLO, STARTTLS, EHLO, AUTH.
    fn logged_in(provider: &Provider) -> Self {
        let (mut clear, tcp) = Self::connect(provider);
        assert!(clear.reply().starts_with("220"));
        assert!(clear.ask("EHLO me").starts_with("250"));
        assert!(clear.ask("STARTTLS").starts_with("220"));
        let mut client = Self::secure(tcp, provider);
        assert_eq!(client.ask("EHLO me"), "250 AUTH PLAIN LOGIN");
        assert!(client.ask(PLAIN).starts_with("235"));
        client
    }
}

#[test]
fn takes_a_message_over_tls_and_keeps_it_as_it_was() {
    let provider = Provider::start();
    let mut client = Client::logged_in(&provider);
    client.say("MAIL FROM:<a@x> BODY=8BITMIME\nRCPT TO:<b@y>\nRCPT TO:<c@y>\nDATA");
    let replies = [client.reply(), client.reply(), client.reply(), client.reply()];
    assert_eq!(replies.map(|reply| reply[..3].to_owned()), ["250", "250", "250", "354"]);
    assert!(client.ask("Subject: x\n\n..dot\nend\n.").starts_with("250"));
    assert!(client.ask("QUIT").starts_with("221"));
    let mail = provider.mail();
    assert_eq!((mail.from.as_str(), mail.to.join(" ").as_str(), mail.username()), ("a@x", "b@y c@y", "hisaccount"));
    assert_eq!((mail.parameter("BODY"), mail.field("subject").as_str()), (Some("8BITMIME"), "x"));
    assert_eq!(mail.body(), b".dot\r\nend\r\n");
    assert!(mail.tls);
    assert_eq!((provider.connections(), provider.count(Verb::Rcpt), provider.dots()), (1, 2, 1));
    assert!(provider.heard_in_clear().starts_with("EHLO me"));
    assert!(!provider.heard_in_clear().contains("AUTH"));
}

#[test]
fn a_wrong_password_is_refused_and_written_down() {
    let provider = Provider::setup().login("hisaccount", "another").start();
    let (mut clear, tcp) = Client::connect(&provider);
    clear.reply();
    clear.ask("EHLO me");
    clear.ask("STARTTLS");
    let mut client = Client::secure(tcp, &provider);
    client.ask("EHLO me");
    assert!(client.ask("MAIL FROM:<a@x>").starts_with("530"));
    assert!(client.ask(PLAIN).starts_with("535"));
    let logins = provider.logins();
    assert_eq!(logins.len(), 1);
    assert!(!logins[0].1);
}

#[test]
fn plays_its_script_as_often_as_it_says() {
    let provider = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user"))
        .rule(on(Verb::Noop).nth(2).reply("250-two\n250 lines"))
        .rule(after_dot().once().close())
        .start();
    let mut client = Client::logged_in(&provider);
    assert_eq!(client.ask("NOOP"), "250 2.0.0 nothing done");
    assert_eq!(client.ask("NOOP"), "250 lines");
    assert_eq!(client.ask("NOOP"), "250 2.0.0 nothing done");
    assert!(client.ask("MAIL FROM:<>").starts_with("250"));
    assert_eq!(client.ask("RCPT TO:<nobody@y>"), "550 5.1.1 no such user");
    assert!(client.ask("RCPT TO:<b@y>").starts_with("250"));
    assert!(client.ask("DATA").starts_with("354"));
    assert_eq!(client.ask("x\n."), "");
    assert_eq!((provider.received(), provider.unanswered().len()), (0, 1));
}

#[test]
fn glues_bytes_behind_its_reply() {
    let provider = Provider::setup()
        .rule(on(Verb::StartTls).reply("220 go").glued(b"250 evil\r\n"))
        .rule(handshake().close())
        .start();
    let (mut client, _tcp) = Client::connect(&provider);
    client.reply();
    client.ask("EHLO me");
    assert_eq!(client.ask("STARTTLS"), "220 go");
    assert_eq!(client.reply(), "250 evil");
    assert_eq!(client.reply(), "");
}

#[test]
fn a_closed_door_refuses_and_an_opened_one_greets() {
    let provider = Provider::setup().rule(greeting().reply("554 5.3.2 not today")).start_closed();
    assert_eq!(
        TcpStream::connect(("127.0.0.1", provider.port())).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    provider.open();
    let (mut client, _tcp) = Client::connect(&provider);
    assert_eq!(client.reply(), "554 5.3.2 not today");
}

#[test]
fn complains_of_clients_that_break_the_rules() {
    let provider = Provider::setup().without("PIPELINING").start();
    let mut client = Client::logged_in(&provider);
    client.say("MAIL FROM:<a@x>\nRCPT TO:<b@y>");
    client.reply();
    client.reply();
    assert!(client.ask("DATA").starts_with("354"));
    client.say("bare\rhere\n.");
    client.reply();
    let violations = provider.violations().join("\n");
    assert!(violations.contains("pipelined"), "{violations}");
    assert!(violations.contains("bare CR"), "{violations}");
    provider.forgive();
}
