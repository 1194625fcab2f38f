//! The provider against a small client of our own, over loopback and TLS.

use std::io::{BufRead, BufReader, Read, Write};

use super::super::stage::Scratch;
use super::*;
use crate::config::Mechanism;
use crate::tls::certificate::{Authority, Validity};
use crate::tls::{self, Roots, TlsStream};

fn provider() -> (Provider, Authority) {
    let authority = Authority::generate("test").unwrap();
    let tls = Server::new(authority.issue(&["mail.isp.example"], Validity::LONG).unwrap()).unwrap();
    let customer = Customer {
        host: "mail.isp.example",
        username: "hisaccount",
        domain: "isp.example",
        password: Secret::new("pw".to_owned()),
    };
    (Provider::start(customer, tls, Port::reserve().unwrap()).unwrap(), authority)
}

/// Sends, and reads replies up to `count` last lines; their codes.
fn talk<S: Read + Write>(stream: &mut BufReader<S>, send: &str, count: usize) -> Vec<String> {
    stream.get_mut().write_all(send.as_bytes()).unwrap();
    stream.get_mut().flush().unwrap();
    let mut codes = Vec::new();
    while codes.len() < count {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "closed after {codes:?}");
        if line.as_bytes()[3] == b' ' {
            codes.push(line[..3].to_owned());
        }
    }
    codes
}

fn connect(provider: &Provider) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", provider.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    BufReader::new(stream)
}

fn secure(clear: BufReader<TcpStream>, authority: &Authority) -> BufReader<TlsStream<TcpStream>> {
    let scratch = Scratch::new().unwrap();
    let roots = scratch.write("ca.pem", authority.pem()).unwrap();
    let client = tls::Client::new(Roots::File(&roots)).unwrap();
    BufReader::new(client.connect("mail.isp.example", clear.into_inner()).unwrap())
}

#[test]
fn a_customer_submits_over_tls() {
    let (provider, authority) = provider();
    let mut clear = connect(&provider);
    assert_eq!(talk(&mut clear, "EHLO homebox\r\nMAIL FROM:<>\r\nSTARTTLS\r\n", 4), ["220", "250", "530", "220"]);
    let mut stream = secure(clear, &authority);
    let login = "EHLO homebox\r\nAUTH PLAIN AGhpc2FjY291bnQAbm8=\r\nAUTH PLAIN AGhpc2FjY291bnQAcHc=\r\n";
    assert_eq!(talk(&mut stream, login, 3), ["250", "535", "235"]);
    let senders = "MAIL FROM:<root@home.lan>\r\nMAIL FROM:<hisaccount+home@isp.example>\r\n";
    assert_eq!(talk(&mut stream, senders, 2), ["553", "250"]);
    let group = "RCPT TO:<root@home.lan>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n";
    assert_eq!(talk(&mut stream, group, 3), ["550", "250", "354"]);
    assert_eq!(talk(&mut stream, "Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n", 2), ["250", "221"]);
    let received = provider.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].content, b"Subject: x\r\n\r\n.\r\n");
    assert_eq!(received[0].client.tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(received[0].client.login, Some(("hisaccount".to_owned(), Mechanism::Plain)));
}

#[test]
fn injected_cleartext_never_reaches_the_secure_side() {
    let (provider, _authority) = provider();
    let mut clear = connect(&provider);
    talk(&mut clear, "EHLO homebox\r\n", 2);
    assert_eq!(talk(&mut clear, "STARTTLS\r\nRSET\r\n", 1), ["554"]);
}

#[test]
fn it_stops_when_dropped() {
    let is_closed = || {
        let (provider, _authority) = provider();
        let port = provider.port;
        drop(provider);
        TcpStream::connect(("127.0.0.1", port)).is_err()
    };
    // Another process may get the port at once.
    assert!((0..3).any(|_| is_closed()));
}

#[test]
fn a_reserved_port_refuses_connections() {
    let port = Port::reserve().unwrap();
    let refused = TcpStream::connect(("127.0.0.1", port.number())).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
