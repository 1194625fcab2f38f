//! What is taken from an autoconfig file, and what is not.

use super::*;

fn file(servers: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<clientConfig version=\"1.1\">\n<emailProvider id=\"isp.example\">\n\
         <incomingServer type=\"imap\"><hostname>imap.isp.example</hostname></incomingServer>\n{servers}\n\
         </emailProvider>\n</clientConfig>\n"
    )
}

fn outgoing(host: &str, port: &str, socket: &str, rest: &str) -> String {
    format!(
        "<outgoingServer type=\"smtp\"><hostname>{host}</hostname><port>{port}</port>\
         <socketType>{socket}</socketType>{rest}</outgoingServer>"
    )
}

fn found(text: &str) -> Result<Server, String> {
    read(text, &Address::parse("jo.doe@isp.example").unwrap()).map_err(|error| error.to_string())
}

#[test]
fn the_first_server_with_implicit_tls_comes_before_one_with_starttls() {
    let username = "<username>%EMAILLOCALPART%</username>";
    let both =
        outgoing("SMTP.%EMAILDOMAIN%", "587", "STARTTLS", "") + &outgoing("mail.isp.example", "465", "SSL", username);
    let expected = Server {
        host: "mail.isp.example".to_owned(),
        port: 465,
        tls: Tls::Implicit,
        username: Some("jo.doe".to_owned()),
    };
    assert_eq!(found(&file(&both)), Ok(expected));
    let starttls = found(&file(&outgoing("SMTP.%EMAILDOMAIN%", " 587 ", "STARTTLS", ""))).unwrap();
    assert_eq!((starttls.host.as_str(), starttls.tls, starttls.username), ("smtp.isp.example", Tls::Starttls, None));
}

#[test]
fn a_server_without_tls_or_with_a_name_that_is_none_is_not_taken() {
    for (host, port, socket) in [
        ("mail.isp.example", "25", "plain"),
        ("mail.isp.example", "0", "SSL"),
        ("mail.isp.example", "70000", "SSL"),
        ("mail", "465", "SSL"),
        ("192.0.2.1", "465", "SSL"),
        ("mail.isp.example:25", "465", "SSL"),
        ("mail.isp.example\"] x", "465", "SSL"),
        ("", "465", "SSL"),
    ] {
        let none = Err("it names no outgoing server with TLS".to_owned());
        assert_eq!(found(&file(&outgoing(host, port, socket, ""))), none, "{host} {port} {socket}");
    }
    let strange = outgoing("mail.isp.example", "465", "SSL", "<username>%REALNAME%</username>");
    assert_eq!(found(&file(&strange)).unwrap().username, None, "a placeholder that nobody knows");
}

#[test]
fn a_comment_in_a_text_is_no_part_of_it_and_does_not_end_it() {
    let username = "<username>jo<!-- x -->@isp.example</username>";
    let server = found(&file(&outgoing("<!-- ours -->smtp.isp.example", "58<!-- -->7", "STARTTLS", username))).unwrap();
    assert_eq!((server.host.as_str(), server.port), ("smtp.isp.example", 587));
    assert_eq!(server.username.as_deref(), Some("jo@isp.example"));
}

#[test]
fn what_attacks_a_reader_of_xml_is_refused() {
    let entities = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><clientConfig>&b;</clientConfig>";
    let external = "<!DOCTYPE x SYSTEM \"https://elsewhere.example/x.dtd\"><clientConfig/>";
    let nested = format!("{}{}", "<a>".repeat(9000), "</a>".repeat(9000));
    for attack in [entities, external, &nested, "<clientConfig>", "", "<html><body>Not found</body></html>"] {
        assert!(found(attack).is_err(), "{attack:.60}");
    }
}
