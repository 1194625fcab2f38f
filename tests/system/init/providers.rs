//! Ten ways to a first account: providers of the built-in table, one that is not in it, and domains that publish their server, or
//! nothing. Texts of refusals are those that people have met.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use super::scene::{Scene, at, login, recorded, server};
use crate::deliver::name_server::Network;
use support::name_server::Record::{A, Srv};
use support::provider::{Certificate, Verb, after_dot, on};
use support::web::{WebServer, page};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A provider of the table; its answers are all as they are proposed.
fn known_provider(host: &str, scene: Scene) {
    Network::hosts(|network| {
        network.knows(host, &[A(HERE)]);
        scene.play(network);
    });
}

#[test]
fn gmail() {
    let host = "smtp.gmail.com";
    known_provider(
        host,
        Scene {
            refusals: vec![
                login(
                    "534-5.7.9 Application-specific password required. For more information, go to\n\
                 534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp",
                    78,
                    "wants an app password (https://myaccount.google.com/apppasswords)",
                ),
                login(
                    "535-5.7.8 Username and Password not accepted. For more information, go to\n\
                 535 5.7.8  https://support.google.com/mail/?p=BadCredentials - gsmtp",
                    78,
                    "wrong: Gmail takes an app password (https://myaccount.google.com/apppasswords)",
                ),
                login(
                    "534-5.7.14 Please log in via your web browser and\n534 5.7.14 then try again. - gsmtp",
                    78,
                    "sign in on its web site and allow SMTP",
                ),
                login(
                    "454 4.7.0 Too many login attempts, please try again later. - gsmtp",
                    75,
                    "wait a few minutes, and try again",
                ),
                at(on(Verb::Ehlo), "421 4.7.0 Try again later, closing connection. (EHLO) - gsmtp", 78, "`hostname`"),
                at(
                    after_dot(),
                    "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\n\
                 550 5.4.5 sending limits go to https://support.google.com/a/answer/166852 - gsmtp",
                    75,
                    "limits how much account gmail may send",
                ),
            ],
            ..Scene::of(
                "gmail",
                "jo@gmail.com",
                server(host, 465, "LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH", "jo@gmail.com"),
            )
        },
    );
}

#[test]
fn icloud() {
    let host = "smtp.mail.me.com";
    known_provider(
        host,
        Scene {
            refusals: vec![
                login(
                    "535 5.7.8 Error: authentication failed: authentication failure",
                    78,
                    "wrong: iCloud Mail takes an app password",
                ),
                at(
                    on(Verb::Mail),
                    "550 5.7.0 From address is not one of your addresses",
                    69,
                    "is not allowed to send as",
                ),
                at(
                    after_dot(),
                    "550 5.7.1 <jo@icloud.com>: You have exceeded your daily sending limit. Please try again later.",
                    75,
                    "limits how much account icloud may send",
                ),
            ],
            ..Scene::of("icloud", "jo@icloud.com", server(host, 587, "PLAIN LOGIN XOAUTH2", "jo@icloud.com"))
        },
    );
}

#[test]
fn web_de() {
    let host = "smtp.web.de";
    known_provider(
        host,
        Scene {
            refusals: vec![
                login("535 Authentication credentials invalid", 78, "POP3 and IMAP access must be switched on first"),
                at(
                    on(Verb::Mail),
                    "550-Requested action not taken: mailbox unavailable\n550 Sender address is not allowed.",
                    69,
                    "is not allowed to send as",
                ),
                at(
                    after_dot(),
                    "554-Transaction failed\n554-Reject due to policy restrictions.\n\
                 554 For explanation visit https://postmaster.web.de/en/case?c=hi&i=ip&v=127.0.0.1",
                    69,
                    "content",
                ),
            ],
            ..Scene::of("web.de", "jo@web.de", server(host, 465, "LOGIN PLAIN", "jo"))
        },
    );
}

#[test]
fn ocn_in_japan() {
    let host = "smtp.ocn.ne.jp";
    known_provider(
        host,
        Scene {
            refusals: vec![
                login(
                    "535 5.7.8 Error: authentication failed: (reason unavailable)",
                    78,
                    "the user name or the password is wrong",
                ),
                at(
                    on(Verb::Rcpt),
                    "553 5.7.1 <jo@aqua.ocn.ne.jp>: Sender address rejected: not owned by user jo@aqua.ocn.ne.jp",
                    69,
                    "is not allowed to send as",
                ),
            ],
            ..Scene::of("ocn", "jo@aqua.ocn.ne.jp", server(host, 465, "PLAIN LOGIN", "jo@aqua.ocn.ne.jp"))
        },
    );
}

#[test]
fn amazon_ses() {
    let host = "email-smtp.eu-west-1.amazonaws.com";
    Network::hosts(|network| {
        network.knows(host, &[A(HERE)]);
        network.knows("shop.example", &[A(HERE)]);
        let scene = Scene {
            typed: &["email-smtp.eu-west-1.amazonaws.com", "AKIAIOSFODNN7EXAMPLE"],
            options: &["--relay", "email-smtp.eu-west-1.amazonaws.com:587", "--username", "AKIAIOSFODNN7EXAMPLE"],
            refusals: vec![
                login("535 Authentication Credentials Invalid", 78, "wrong: Amazon SES takes only what it issues"),
                at(
                    after_dot(),
                    "554 Message rejected: Email address is not verified. The following identities failed the check \
                     in region EU-WEST-1: jo@shop.example",
                    69,
                    "is not allowed to send as",
                ),
                at(
                    after_dot(),
                    "454 Throttling failure: Daily message quota exceeded.",
                    75,
                    "limits how much account shop may send",
                ),
            ],
            ..Scene::of("ses", "jo@shop.example", server(host, 587, "PLAIN LOGIN", "AKIAIOSFODNN7EXAMPLE"))
        };
        scene.play(network);
    });
}

#[test]
fn a_domain_with_service_records() {
    Network::hosts(|network| {
        network.knows("_submission._tcp.isp.example", &[Srv(0, 1, 587, "mail.isp.example")]);
        network.knows("_submissions._tcp.isp.example", &[Srv(0, 1, 465, "mail.isp.example")]);
        network.knows("mail.isp.example", &[A(HERE)]);
        let scene = Scene {
            // Exim's.
            refusals: vec![
                login("535 Incorrect authentication data", 78, "the user name or the password is wrong"),
                at(on(Verb::Rcpt), "550 relay not permitted", 69, "is the provider's submission server"),
            ],
            ..Scene::of(
                "service-records",
                "jo@isp.example",
                server("mail.isp.example", 465, "PLAIN LOGIN", "jo@isp.example"),
            )
        };
        scene.play(network);
    });
}

#[test]
fn a_domain_with_an_autoconfig_file() {
    Network::hosts(|network| {
        let file = page(
            b"<clientConfig version=\"1.1\"><emailProvider id=\"isp.example\"><outgoingServer type=\"smtp\">\
              <hostname>mail.isp.example</hostname><port>587</port><socketType>STARTTLS</socketType>\
              <username>%EMAILLOCALPART%</username></outgoingServer></emailProvider></clientConfig>",
        );
        let names = ["autoconfig.isp.example", "mail.isp.example", "isp.example"];
        for name in names {
            network.knows(name, &[A(HERE)]);
        }
        let web = WebServer::start(SocketAddr::from((HERE, 443)), &names, Box::new(move |_| file.clone()));
        let scene = Scene {
            authorities: vec![web.authority.clone()],
            // OpenSMTPD's.
            refusals: vec![
                login("535 Authentication failed", 78, "the user name or the password is wrong"),
                at(on(Verb::Mail), "530 Sender rejected", 69, "is not allowed to send as"),
            ],
            ..Scene::of("autoconfig", "jo@isp.example", server("mail.isp.example", 587, "PLAIN LOGIN", "jo"))
        };
        scene.play(network);
    });
}

#[test]
fn a_domain_that_says_nothing() {
    Network::hosts(|network| {
        network.knows("unknown.example", &[A(HERE)]);
        network.knows("post.unknown.example", &[A(HERE)]);
        let scene = Scene {
            typed: &["post.unknown.example", "jo"],
            options: &["--relay", "post.unknown.example", "--username", "jo"],
            // Postfix's.
            refusals: vec![
                login(
                    "535 5.7.8 Error: authentication failed: (reason unavailable)",
                    78,
                    "the user name or the password is wrong",
                ),
                at(
                    on(Verb::Rcpt),
                    "553 5.7.1 <jo@unknown.example>: Sender address rejected: not owned by user jo",
                    69,
                    "is not allowed to send as",
                ),
                at(
                    on(Verb::Rcpt),
                    "554 5.7.1 <jo@unknown.example>: Recipient address rejected: Access denied",
                    69,
                    "is the provider's submission server",
                ),
            ],
            ..Scene::of("nothing", "jo@unknown.example", server("post.unknown.example", 587, "PLAIN LOGIN", "jo"))
        };
        scene.play(network);
    });
}

#[test]
fn proton_bridge() {
    Network::hosts(|network| {
        let bridge = server("127.0.0.1", 1025, "PLAIN LOGIN", "jo@proton.me");
        let scene = Scene {
            typed_after: &["trust"],
            options: &["--tls-fingerprint", "FINGERPRINT"],
            refusals: vec![
                login("454 4.7.0 invalid username or password", 78, "the user name or the password is wrong"),
                at(
                    on(Verb::Mail),
                    "451 4.0.0 backend: invalid return path: not owned by user",
                    69,
                    "is not allowed to send as",
                ),
                at(
                    after_dot(),
                    "554 5.0.0 Error: The account is not available in Bridge. Verify the outgoing server settings",
                    69,
                    "sign in at the provider",
                ),
            ],
            ..Scene::of(
                "proton-bridge",
                "jo@proton.me",
                bridge.certificate(Certificate::SelfSigned(vec!["127.0.0.1".to_owned()])),
            )
        };
        scene.play(network);
    });
}

/// No password works there: what is asked for is a client of OAuth 2.0, and no server is spoken to before somebody has agreed.
#[test]
fn outlook() {
    let host = "smtp-mail.outlook.com";
    Network::hosts(|network| {
        network.knows(host, &[A(HERE)]);
        let isp = server(host, 587, "LOGIN XOAUTH2 PLAIN", "jo@outlook.com").start();
        let id = "00000000-1111-2222-3333-444444444444";
        let config = || fs::read_to_string(network.made().join("config.toml")).unwrap();
        let shown = network.typed_init(&[isp.authority()], &["jo@outlook.com"], &["", "", id]);
        assert_eq!(shown.code, Some(0), "{}", shown.text);
        let by_hand = config();
        let shown =
            format!("$ postrider init jo@outlook.com\n{}\n$ cat /etc/postrider/config.toml\n{by_hand}", shown.text);
        recorded("outlook", &shown.replace(network.made().to_str().unwrap(), "/etc/postrider"));
        fs::remove_dir_all(network.made()).unwrap();
        let unattended = network.init(&[isp.authority()], &["--address", "jo@outlook.com", "--yes"]);
        assert_eq!(unattended.code, Some(78), "{}", unattended.said);
        assert!(unattended.said.contains("--client-id") && !network.made().exists(), "{}", unattended.said);
        let args = ["--address", "jo@outlook.com", "--yes", "--client-id", id];
        assert_eq!(network.init(&[isp.authority()], &args).code, Some(0));
        assert_eq!((config(), isp.connections()), (by_hand, 0));

        // An account of an older guide.
        network.account(&isp, &format!("relay = \"[{host}]:587\""));
        for (words, code, cure) in [
            (
                "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [AM0PR01.EURPRD01]",
                78,
                "write `oauth` in place of `password` in [account.isp]",
            ),
            (
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit \
                 https://aka.ms/smtp_auth_disabled for more information.",
                78,
                "allow SMTP for this account there",
            ),
            ("535 5.7.3 Authentication unsuccessful [AM0PR01.EURPRD01]", 78, "wrong user name or password"),
            ("451 4.7.0 Temporary server error. Please try again later. PRX4", 75, "tries again automatically"),
        ] {
            isp.behave();
            isp.add(on(Verb::Auth).reply(words));
            let tested = network.postrider(&["test"], "");
            assert_eq!(tested.code, Some(code), "{words}: {}", tested.printed);
            assert!(tested.printed.contains(cure), "{words}: {}", tested.printed);
        }
    });
}
