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
        stranger: None,
        credential: Credential::Any,
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
    let username = "<username>jo.doe<!-- x -->@isp.example</username>";
    let server = found(&file(&outgoing("<!-- ours -->smtp.isp.example", "58<!-- -->7", "STARTTLS", username))).unwrap();
    assert_eq!((server.host.as_str(), server.port), ("smtp.isp.example", 587));
    assert_eq!(server.username.as_deref(), Some("jo.doe@isp.example"));
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

#[test]
fn a_user_name_that_is_not_made_from_the_address_is_a_strangers() {
    let named = |name: &str| {
        let rest = format!("<username>{name}</username>");
        let server = found(&file(&outgoing("mail.isp.example", "465", "SSL", &rest))).unwrap();
        (server.username, server.stranger)
    };
    for (name, made) in [
        ("%EMAILADDRESS%", "jo.doe@isp.example"),
        ("%EMAILLOCALPART%", "jo.doe"),
        ("ISP\\%EMAILLOCALPART%", "ISP\\jo.doe"),
        ("jo.doe@isp.example", "jo.doe@isp.example"),
    ] {
        assert_eq!(named(name), (Some(made.to_owned()), None), "{name}");
    }
    for (name, made) in [("root", "root"), ("%EMAILDOMAIN%", "isp.example"), ("xjo.doe", "xjo.doe")] {
        assert_eq!(named(name), (None, Some(made.to_owned())), "{name}");
    }
}

#[test]
fn a_server_that_takes_tokens_only_comes_after_one_that_takes_passwords() {
    let way = |way: &str| format!("<authentication>{way}</authentication>");
    let tokens = outgoing("tokens.isp.example", "465", "SSL", &way("OAuth2"));
    let passwords = outgoing("mail.isp.example", "587", "STARTTLS", &(way("OAuth2") + &way("password-cleartext")));
    assert_eq!(found(&file(&tokens)).unwrap().credential, Credential::Token);
    let server = found(&file(&(tokens + &passwords))).unwrap();
    assert_eq!((server.host.as_str(), server.credential), ("mail.isp.example", Credential::Any));
}

#[test]
fn a_domain_beyond_ascii_stands_in_a_host_name_as_dns_has_it() {
    let server = outgoing("smtp.%EMAILDOMAIN%", "465", "SSL", "<username>%EMAILADDRESS%</username>");
    let server = read(&file(&server), &Address::parse("me@b\u{fc}cher.example").unwrap()).unwrap();
    assert_eq!(server.host, "smtp.xn--bcher-kva.example");
    assert_eq!(server.username.as_deref(), Some("me@b\u{fc}cher.example"));
}
