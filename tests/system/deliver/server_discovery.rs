//! `postrider init` in a network of its own: what DNS and web servers say about an address, and what it makes of that. Nothing that
//! they say gets a password sent anywhere but to a server within the address's domain, unless somebody agrees.

use std::net::{Ipv4Addr, SocketAddr};

use crate::deliver::name_server::Network;
use support::name_server::Record::{A, Mx, Srv};
use support::provider::{Provider, Verb};
use support::web::{Answer, WebServer, page, redirect, status};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PASSWORD: &str = "correct horse\n";

fn web(answer: Box<Answer>) -> WebServer {
    WebServer::start(SocketAddr::from((HERE, 443)), &["autoconfig.isp.example", "isp.example", "other.example"], answer)
}

fn file(host: &str, port: u16) -> Vec<u8> {
    page(
        format!(
            "<clientConfig version=\"1.1\"><emailProvider id=\"isp.example\"><outgoingServer type=\"smtp\">\
             <hostname>{host}</hostname><port>{port}</port><socketType>STARTTLS</socketType>\
             <username>%EMAILLOCALPART%</username></outgoingServer></emailProvider></clientConfig>"
        )
        .as_bytes(),
    )
}

/// `init` without anybody to ask, with the password in a file.
fn unattended(network: &Network, authorities: &[&str]) -> crate::machine::Ended {
    let given = network.made().with_file_name("given");
    std::fs::write(&given, PASSWORD).unwrap();
    network.init(authorities, &["jo@isp.example", "--yes", "--password-file", given.to_str().unwrap()])
}

#[test]
fn a_domain_that_publishes_its_server_needs_the_address_alone() {
    Network::hosts(|network| {
        let isp = Provider::setup().named("mail.isp.example").login("jo", "correct horse").start();
        let port = isp.port();
        let web = web(Box::new(move |_| file("mail.isp.example", port)));
        for name in ["autoconfig.isp.example", "isp.example", "mail.isp.example"] {
            network.knows(name, &[A(HERE)]);
        }
        let ended = unattended(network, &[isp.authority(), &web.authority]);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let place = "https://autoconfig.isp.example/mail/config-v1.1.xml";
        assert!(ended.said.contains(&format!("{place} names mail.isp.example:{port}")), "{}", ended.said);
        let config = std::fs::read_to_string(network.made().join("config.toml")).unwrap();
        assert!(config.contains("username = \"jo\"\n"), "{config}");
        assert_eq!((isp.count(Verb::Auth), isp.mails()[0].from.as_str()), (1, "jo@isp.example"));
        let asked = web.asked().concat();
        assert!(!asked.contains("jo"), "nobody is told the address: {asked}");
    });
}

#[test]
fn service_records_come_before_a_published_file() {
    Network::hosts(|network| {
        let isp = Provider::setup().named("mail.isp.example").login("jo@isp.example", "correct horse").start();
        network.knows("_submission._tcp.isp.example", &[Srv(0, 1, isp.port(), "mail.isp.example")]);
        network.knows("_submissions._tcp.isp.example", &[Srv(0, 0, 0, "")]);
        network.knows("mail.isp.example", &[A(HERE)]);
        let web = web(Box::new(|_| file("wrong.isp.example", 587)));
        network.knows("autoconfig.isp.example", &[A(HERE)]);
        let ended = unattended(network, &[isp.authority(), &web.authority]);
        assert_eq!((ended.code, isp.count(Verb::Auth)), (Some(0), 1), "{}", ended.said);
        assert!(ended.said.contains("service records of isp.example"), "{}", ended.said);
        assert_eq!(web.asked(), [""; 0]);
    });
}

#[test]
fn hostile_answers_cost_a_line_and_get_no_password() {
    let entities = "<!DOCTYPE x [<!ENTITY a \"ha\">]><clientConfig>&a;</clientConfig>";
    let attacks: [(&str, Box<Answer>); 6] = [
        ("larger than 65536 bytes", Box::new(|_| page(&vec![b' '; 100_000_000]))),
        ("DTD", Box::new(move |_| page(entities.as_bytes()))),
        ("an address without TLS", Box::new(|_| redirect("http://isp.example/config-v1.1.xml"))),
        ("redirect", Box::new(|_| redirect("https://isp.example/again"))),
        ("status 404", Box::new(|_| status(404))),
        // A good file that names somebody else's server.
        ("names mail.other.example:587", Box::new(|_| file("mail.other.example", 587))),
    ];
    for (said, answer) in attacks {
        Network::hosts(|network| {
            let isp = Provider::setup().named("mail.other.example").start();
            let web = web(answer);
            for name in ["autoconfig.isp.example", "isp.example", "mail.other.example"] {
                network.knows(name, &[A(HERE)]);
            }
            network.knows("isp.example", &[A(HERE), Mx(10, "mx.isp.example")]);
            let ended = unattended(network, &[isp.authority(), &web.authority]);
            assert_eq!(ended.code, Some(78), "{said}: {}", ended.said);
            assert!(ended.said.contains(said), "{said:?} in:\n{}", ended.said);
            assert!(ended.said.contains("name the server with --relay"), "{}", ended.said);
            assert_eq!((isp.connections(), isp.count(Verb::Auth)), (0, 0), "{said}");
            assert!(!network.made().exists());
        });
    }
}

#[test]
fn the_central_database_is_asked_only_if_somebody_says_so() {
    const CENTRAL: &str = "autoconfig.thunderbird.net";
    Network::hosts(|network| {
        let isp = Provider::setup().named("mail.isp.example").login("jo", "correct horse").start();
        let port = isp.port();
        let answer: Box<Answer> = Box::new(move |asked| {
            if asked.contains("GET /v1.1/isp.example ") { file("mail.isp.example", port) } else { status(404) }
        });
        let web = WebServer::start(SocketAddr::from((HERE, 443)), &[CENTRAL], answer);
        for name in [CENTRAL, "mail.isp.example"] {
            network.knows(name, &[A(HERE)]);
        }
        let authorities = [isp.authority(), &web.authority];
        assert_eq!((unattended(network, &authorities).code, web.asked().len()), (Some(78), 0));
        let given = network.made().with_file_name("given");
        let args = ["jo@isp.example", "--yes", "--central-database", "--password-file", given.to_str().unwrap()];
        let ended = network.init(&authorities, &args);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(web.asked().len() == 1 && !web.asked()[0].contains("jo@"), "{:?}", web.asked());
    });
}

#[test]
fn who_brings_a_domain_to_a_provider_is_found_by_where_its_mail_goes() {
    Network::hosts(|network| {
        let gmail = Provider::setup().named("smtp.gmail.com").at(465).implicit_tls();
        let gmail = gmail.login("jo@isp.example", "correct horse").start();
        network.knows("isp.example", &[Mx(1, "aspmx.l.google.com")]);
        network.knows("smtp.gmail.com", &[A(HERE)]);
        let ended = unattended(network, &[gmail.authority()]);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(ended.said.contains("mail for isp.example goes to aspmx.l.google.com, which is Google Workspace"));
        assert_eq!(gmail.mails()[0].from, "jo@isp.example");
    });
}

#[test]
fn an_unknown_domain_without_anything_ends_with_one_clear_line() {
    Network::hosts(|network| {
        let ended = unattended(network, &[Provider::start().authority()]);
        assert_eq!(ended.code, Some(78), "{}", ended.said);
        let last = ended.said.lines().last().unwrap_or_default();
        assert!(last.contains("--relay") && last.contains("nothing was written"), "{}", ended.said);
    });
}
