//! What a domain publishes about its server, and is odd: names beyond ASCII, several targets, none at all, rows that are of no use,
//! and a file that allows no password or names a stranger.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use super::scene::{PASSWORD, server};
use crate::deliver::name_server::Network;
use crate::machine::Ended;
use support::name_server::Record::{A, Srv};
use support::provider::{Provider, Verb};
use support::web::{WebServer, page};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Nobody is there to ask.
fn unattended(network: &Network, authorities: &[&str], address: &str) -> Ended {
    let given = network.made().with_file_name("given");
    fs::write(&given, format!("{PASSWORD}\n")).unwrap();
    network.init(authorities, &["--address", address, "--yes", "--password-file", given.to_str().unwrap()])
}

/// The `relay` that was written.
#[track_caller]
fn relay(network: &Network, ended: &Ended) -> String {
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let config = fs::read_to_string(network.made().join("config.toml")).unwrap();
    config.lines().find_map(|line| line.strip_prefix("relay = ")).unwrap().trim_matches('"').to_owned()
}

fn mail_server(name: &str, username: &str) -> Provider {
    server(name, 465, "PLAIN LOGIN", username).start()
}

#[test]
fn a_domain_beyond_ascii_is_looked_up_by_its_name_in_dns() {
    let domain = "xn--bcher-kva.example";
    Network::hosts(|network| {
        network.knows("_submissions._tcp.xn--bcher-kva.example", &[Srv(0, 1, 465, "mail.xn--bcher-kva.example")]);
        network.knows("mail.xn--bcher-kva.example", &[A(HERE)]);
        let isp = mail_server("mail.xn--bcher-kva.example", "me@bücher.example");
        let ended = unattended(network, &[isp.authority()], "me@bücher.example");
        assert_eq!(relay(network, &ended), format!("[mail.{domain}]:465"));
    });
    Network::hosts(|network| {
        for name in ["autoconfig.xn--bcher-kva.example", "smtp.xn--bcher-kva.example"] {
            network.knows(name, &[A(HERE)]);
        }
        let file = page(
            b"<clientConfig><emailProvider><outgoingServer type=\"smtp\"><hostname>smtp.%EMAILDOMAIN%</hostname>\
              <port>465</port><socketType>SSL</socketType></outgoingServer></emailProvider></clientConfig>",
        );
        let names = ["autoconfig.xn--bcher-kva.example"];
        let web = WebServer::start(SocketAddr::from((HERE, 443)), &names, Box::new(move |_| file.clone()));
        let isp = mail_server("smtp.xn--bcher-kva.example", "me@bücher.example");
        let ended = unattended(network, &[isp.authority(), &web.authority], "me@bücher.example");
        assert_eq!(relay(network, &ended), format!("[smtp.{domain}]:465"));
        assert_eq!(web.asked().len(), 1, "{}", ended.said);
    });
    Network::hosts(|network| {
        network.knows("smtp.xn--bcher-kva.example", &[A(HERE)]);
        let isp = mail_server("smtp.xn--bcher-kva.example", "me@bücher.example");
        let ended = unattended(network, &[isp.authority()], "me@bücher.example");
        assert_eq!(relay(network, &ended), format!("[smtp.{domain}]:465"));
    });
}

#[test]
fn the_next_target_is_tried_where_the_first_is_not_there() {
    for first in ["gone.isp.example", "silent.isp.example"] {
        Network::hosts(|network| {
            let targets = [Srv(10, 1, 465, "mail.isp.example"), Srv(0, 1, 465, first)];
            network.knows("_submissions._tcp.isp.example", &targets);
            network.knows("silent.isp.example", &[A(Ipv4Addr::new(127, 0, 0, 2))]);
            network.knows("mail.isp.example", &[A(HERE)]);
            let isp = mail_server("mail.isp.example", "jo@isp.example");
            let ended = unattended(network, &[isp.authority()], "jo@isp.example");
            assert!(ended.said.contains(first), "{}", ended.said);
            assert_eq!(relay(network, &ended), "[mail.isp.example]:465");
        });
    }
}

#[test]
fn rows_of_no_use_are_stepped_over() {
    Network::hosts(|network| {
        let rows =
            [Srv(0, 1, 0, "mail.isp.example"), Srv(1, 1, 465, "192.0.2.1"), Srv(2, 1, 465, "mail_x.isp.example")];
        network.knows("_submissions._tcp.isp.example", &rows);
        network.knows("_submission._tcp.isp.example", &[Srv(0, 1, 587, ".")]);
        network.knows("smtp.isp.example", &[A(HERE)]);
        let isp = mail_server("smtp.isp.example", "jo@isp.example");
        let ended = unattended(network, &[isp.authority()], "jo@isp.example");
        assert!(ended.said.contains("that can be used"), "{}", ended.said);
        assert_eq!(relay(network, &ended), "[smtp.isp.example]:465");
    });
}

#[test]
fn a_domain_that_says_that_it_has_no_server_is_believed() {
    Network::hosts(|network| {
        for name in ["_submissions._tcp.isp.example", "_submission._tcp.isp.example"] {
            network.knows(name, &[Srv(0, 0, 0, ".")]);
        }
        network.knows("smtp.isp.example", &[A(HERE)]);
        let isp = mail_server("smtp.isp.example", "jo@isp.example");
        let ended = unattended(network, &[isp.authority()], "jo@isp.example");
        assert_eq!(ended.code, Some(78), "{}", ended.said);
        assert!(ended.said.contains("has no server that takes mail of its users"), "{}", ended.said);
        assert!(ended.said.contains("--relay") && !ended.said.contains("smtp.isp.example"), "{}", ended.said);
        assert_eq!((isp.connections(), network.made().exists()), (0, false));
    });
}

/// A domain whose file says this of its server.
fn with_file(network: &Network, rest: &str) -> WebServer {
    for name in ["autoconfig.isp.example", "mail.isp.example", "smtp.isp.example"] {
        network.knows(name, &[A(HERE)]);
    }
    let text = format!(
        "<clientConfig><emailProvider><outgoingServer type=\"smtp\"><hostname>mail.isp.example</hostname>\
         <port>465</port><socketType>SSL</socketType>{rest}</outgoingServer></emailProvider></clientConfig>"
    );
    let file = page(text.as_bytes());
    WebServer::start(SocketAddr::from((HERE, 443)), &["autoconfig.isp.example"], Box::new(move |_| file.clone()))
}

#[test]
fn no_password_goes_to_a_server_that_takes_tokens_only() {
    Network::hosts(|network| {
        let web = with_file(network, "<authentication>OAuth2</authentication>");
        let isp = mail_server("mail.isp.example", "jo@isp.example");
        let ended = unattended(network, &[isp.authority(), &web.authority], "jo@isp.example");
        assert_eq!(ended.code, Some(78), "{}", ended.said);
        assert!(ended.said.contains("OAuth 2.0") && ended.said.contains("postrider login"), "{}", ended.said);
        assert_eq!((isp.count(Verb::Auth), network.made().exists()), (0, false));
    });
    // A password is one of several ways.
    Network::hosts(|network| {
        let both = "<authentication>OAuth2</authentication><authentication>password-cleartext</authentication>";
        let web = with_file(network, both);
        let isp = mail_server("mail.isp.example", "jo@isp.example");
        let ended = unattended(network, &[isp.authority(), &web.authority], "jo@isp.example");
        assert_eq!(relay(network, &ended), "[mail.isp.example]:465");
    });
}

#[test]
fn a_user_name_that_is_not_the_users_is_told_and_not_used() {
    Network::hosts(|network| {
        let web = with_file(network, "<username>root</username>");
        let isp = mail_server("mail.isp.example", "jo@isp.example");
        let ended = unattended(network, &[isp.authority(), &web.authority], "jo@isp.example");
        assert!(ended.said.contains("\"root\""), "{}", ended.said);
        assert_eq!(relay(network, &ended), "[mail.isp.example]:465");
        assert_eq!(isp.logins()[0].0.username, "jo@isp.example");
    });
}
