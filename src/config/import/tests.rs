//! Set-ups as their manuals show them, and what is made of them: always a config that
//! reads without a fault.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use super::*;
use crate::config::{Config, Mechanism, TlsMode, read};

/// Translates files; the config that comes of it, read, and the draft.
fn translated(program: Program, source: &str, files: &[(&str, &str)]) -> (Config, Draft, String) {
    let files: HashMap<&Path, &str> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
    let read_file = |path: &Path| {
        files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let given = Given { source: Path::new(source), hostname: "box.home.lan", read: &read_file };
    let draft = translate(program, &given).unwrap();
    let text = draft.config(source);
    let config = read::read(Path::new("/x/config.toml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (config, draft, text)
}

fn secrets(draft: &Draft) -> Vec<(&str, &str)> {
    let with =
        draft.accounts.iter().filter_map(|account| Some((account.name.as_str(), account.secret.as_ref()?.expose())));
    with.collect()
}

#[test]
fn the_soho_readme_moves_over() {
    let main = "myhostname = hostname.localdomain\nmydomain = localdomain\nmyorigin = $mydomain\n\
        smtp_generic_maps = hash:/etc/postfix/generic\n\
        smtp_sender_dependent_authentication = yes\n\
        sender_dependent_relayhost_maps = hash:/etc/postfix/sender_relay\n\
        smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n\
        relayhost = [mail.isp.example]\n    # or\n\n# x\nsmtp_sasl_security_options = noanonymous\n\
        smtp_tls_security_level = may\nsmtpd_banner = hello\n";
    let (config, draft, text) = translated(
        Program::Postfix,
        "/mnt/etc/postfix",
        &[
            ("/mnt/etc/postfix/main.cf", main),
            ("/mnt/etc/postfix/generic", "his@localdomain.local his@isp.example\n"),
            (
                "/mnt/etc/postfix/sender_relay",
                "user1@example.com [mail.example.com]:submission\nuser2@example.net [mail.example.net]\n",
            ),
            (
                "/mnt/etc/postfix/sasl_passwd",
                "user1@example.com username1:password1\nuser2@example.net username2:pass:word2\n[mail.isp.example] username:password\n",
            ),
        ],
    );
    assert_eq!((config.hostname.as_str(), config.origin.as_str()), ("hostname.localdomain", "localdomain"));
    assert!(text.contains("generic = [\"hash:/mnt/etc/postfix/generic\"]"), "{text}");
    let shown: Vec<_> = config
        .accounts
        .iter()
        .map(|a| (a.name.as_str(), a.relays[0].to_string(), a.username.clone().unwrap(), a.senders.join(" ")))
        .collect();
    let expected = [
        ("isp", "[mail.isp.example]:25", "username", ""),
        ("example", "[mail.example.com]:587", "username1", "user1@example.com"),
        ("example2", "[mail.example.net]:25", "username2", "user2@example.net"),
    ];
    assert_eq!(shown, expected.map(|(n, r, u, s)| (n, r.to_owned(), u.to_owned(), s.to_owned())));
    assert_eq!(config.default_account.as_deref(), Some("isp"));
    assert_eq!(secrets(&draft), [("isp", "password"), ("example", "password1"), ("example2", "pass:word2")]);
    assert!(!text.contains("password1"), "no password in the config");
    assert!(text.contains("Changed: TLS for account isp") && text.contains("Not carried over: smtpd_banner"), "{text}");
    assert_eq!(config.queue.max_message_size, 10_240_000);
    assert_eq!(config.recipient_delimiter, "");
}

#[test]
fn tls_and_names_of_postfix_move_over() {
    let main = "relayhost = smtp.isp.example:465\nsmtp_tls_wrappermode = yes\nsmtp_tls_security_level = encrypt\n\
        smtp_tls_CAfile = /etc/postfix/ca.pem\nsmtp_fallback_relay = [b.isp.example]\nmyorigin = /etc/mailname\n\
        recipient_delimiter = +\npropagate_unmatched_extensions = canonical, virtual, include\n\
        masquerade_domains = !a.$mydomain $mydomain\nmasquerade_exceptions = root\nmaximal_queue_lifetime = 3d\n\
        minimal_backoff_time = 300\nmydestination = $myhostname, localhost.$mydomain, localhost\n\
        transport_maps = hash:/etc/postfix/transport\nalias_maps = hash:/etc/aliases\nsmtp_nonsense = 1\n";
    let (config, draft, text) = translated(
        Program::Postfix,
        "/etc/postfix/main.cf",
        &[
            ("/etc/postfix/main.cf", main),
            ("/etc/mailname", "home.lan\n"),
            ("/etc/postfix/transport", "x.example relay:[y]\n"),
        ],
    );
    let account = &config.accounts[0];
    assert_eq!(
        account.relays.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["smtp.isp.example:465", "[b.isp.example]:25"]
    );
    assert_eq!(
        (account.tls, account.tls_ca.as_deref()),
        (Some(TlsMode::Implicit), Some(Path::new("/etc/postfix/ca.pem")))
    );
    assert_eq!(config.origin, "home.lan");
    assert_eq!(config.rewriting.masquerade_domains, ["!a.home.lan", "home.lan"]);
    assert!(config.rewriting.aliases.is_empty(), "there is no /etc/aliases");
    for said in ["transport_maps row", "mydestination = localhost.home.lan", "alias_maps", "smtp_nonsense", "= include"]
    {
        assert!(
            draft.notes.iter().any(|note| matches!(note, draft::Note::LeftOut(what, _) if what.contains(said))),
            "{said}: {text}"
        );
    }
}

/// A main.cf with a login, and two tables.
fn household(more: &str, relays: &str, passwords: &str) -> (Config, Draft, String) {
    let main = format!(
        "myhostname = box.home.lan\nsmtp_sasl_auth_enable = yes\nsmtp_tls_security_level = secure\n\
         sender_dependent_relayhost_maps = hash:/etc/postfix/relays\nsmtp_sasl_password_maps = hash:/etc/postfix/passwd\n{more}"
    );
    let files =
        [("/etc/postfix/main.cf", main.as_str()), ("/etc/postfix/relays", relays), ("/etc/postfix/passwd", passwords)];
    translated(Program::Postfix, "/etc/postfix", &files)
}

fn is_noted(draft: &Draft, what: &str) -> bool {
    draft.notes.iter().any(|note| match note {
        draft::Note::Changed(subject, _) | draft::Note::LeftOut(subject, _) => subject.contains(what),
    })
}

#[test]
fn what_main_cf_sets_to_nothing_is_not_what_it_leaves_out() {
    let passwords = "[mail.isp.example] me:secret\n";
    let (config, ..) = household("relayhost = [mail.isp.example]\n", "", passwords);
    assert!(!config.accounts[0].auth.contains(&Mechanism::Plain), "Postfix's default is noplaintext");
    let (config, ..) = household(
        "relayhost = [mail.isp.example]\nsmtp_sasl_security_options =\npropagate_unmatched_extensions =\n",
        "",
        passwords,
    );
    assert!(config.accounts[0].auth.is_empty() || config.accounts[0].auth.contains(&Mechanism::Plain));
    assert!(config.rewriting.propagate_extensions.is_empty());
}

#[test]
fn a_sender_with_an_extension_finds_the_rows_of_the_one_without() {
    let (config, ..) = household(
        "recipient_delimiter = +\nsmtp_sender_dependent_authentication = yes\nrelayhost = [mail.isp.example]\n",
        "@Club.example [mail.club.example]:587\nclub@club.example [mail.club.example]:26\n",
        "club+news@club.example news:secret\n",
    );
    let news = config.accounts.iter().find(|account| account.username.as_deref() == Some("news")).unwrap();
    assert_eq!(
        (news.relays[0].to_string().as_str(), news.senders.join(" ").as_str()),
        ("[mail.club.example]:26", "club+news@club.example")
    );
}

#[test]
fn a_login_under_the_name_of_a_mail_host_is_found_and_one_that_nobody_gets_is_told() {
    let (config, draft, text) = household(
        "relayhost = isp.example\n",
        "",
        "mx.isp.example me:secret\nmx.else.example me:secret\nme@isp.example me:secret\n",
    );
    assert_eq!(config.accounts[0].username.as_deref(), Some("me"));
    for row in ["mx.isp.example", "mx.else.example", "me@isp.example"] {
        assert!(is_noted(&draft, &format!("row for {row}")), "{row}: {text}");
    }
}

#[test]
fn the_small_programs_move_over() {
    let (config, draft, _) = translated(
        Program::Nullmailer,
        "/etc/nullmailer",
        &[
            ("/etc/nullmailer/remotes", "# x\nsmtp.isp.example smtp --port=587 --starttls --user=me --pass='p w'\n"),
            ("/etc/nullmailer/me", "box.home.lan\n"),
            ("/etc/nullmailer/adminaddr", "me@isp.example\n"),
        ],
    );
    assert_eq!(config.accounts[0].relays[0].to_string(), "[smtp.isp.example]:587");
    assert_eq!((secrets(&draft), config.postmaster.as_str()), (vec![("isp", "p w")], "me@isp.example"));

    let (config, draft, _) = translated(
        Program::Ssmtp,
        "/etc/ssmtp",
        &[
            (
                "/etc/ssmtp/ssmtp.conf",
                "root=me@isp.example\nmailhub=smtp.isp.example:587\nrewriteDomain=home.lan\nhostname=box.home.lan\n\
                 UseSTARTTLS=YES\nAuthUser=me\nAuthPass=pw\nFromLineOverride=YES\n",
            ),
            ("/etc/ssmtp/revaliases", "root:me@isp.example:smtp.isp.example:587\n"),
        ],
    );
    assert_eq!((config.origin.as_str(), config.generic.len(), config.rewriting.aliases.len()), ("box.home.lan", 1, 1));
    assert_eq!(secrets(&draft), [("isp", "pw")]);

    let (config, draft, _) = translated(
        Program::Dma,
        "/etc/dma",
        &[
            (
                "/etc/dma/dma.conf",
                "SMARTHOST smtp.isp.example\nPORT 465\nSECURETRANSFER\nAUTHPATH /etc/dma/auth.conf\nMASQUERADE me@isp.example\n",
            ),
            ("/etc/dma/auth.conf", "me|smtp.isp.example:p:w\n"),
        ],
    );
    let account = &config.accounts[0];
    assert_eq!(
        (account.tls, account.from.as_ref().map(ToString::to_string).as_deref()),
        (Some(TlsMode::Implicit), Some("me@isp.example"))
    );
    assert_eq!(secrets(&draft), [("isp", "p:w")]);
}

#[test]
fn msmtp_moves_over() {
    let text = "defaults\ntls on\nauth on\ntls_trust_file /etc/ssl/certs/ca-certificates.crt\nlogfile ~/.msmtp.log\n\
        account freemail\nhost smtp.freemail.example\nfrom joe@freemail.example\nuser joe\npassword \"se cret\"\n\
        account provider : freemail\nhost mail.provider.example\nport 465\ntls_starttls off\nfrom smith@provider.example\n\
        user smith\npasswordeval \"pass show x\"\nproxy_host localhost\naccount default : provider\n";
    let (config, draft, shown) = translated(Program::Msmtp, "/home/me/.msmtprc", &[("/home/me/.msmtprc", text)]);
    assert_eq!(config.default_account.as_deref(), Some("provider"));
    let tls: Vec<_> =
        config.accounts.iter().map(|a| (a.relays[0].to_string(), a.tls.unwrap(), a.senders.clone())).collect();
    assert_eq!(
        tls[0],
        ("[smtp.freemail.example]:25".to_owned(), TlsMode::Starttls, vec!["joe@freemail.example".to_owned()])
    );
    assert_eq!(tls[1].0, "[mail.provider.example]:465");
    assert_eq!(secrets(&draft)[0], ("freemail", "se cret"));
    assert!(shown.contains("proxy_host of account provider"), "{shown}");
}

#[test]
fn what_a_small_program_says_otherwise_is_told_by_name() {
    let left_out = |draft: &Draft, what: &str| {
        draft.notes.iter().any(|note| matches!(note, draft::Note::LeftOut(name, _) if name.contains(what)))
    };
    let remotes = "a.example qmqp\n::1 smtp ssl port=4650 source=::1\n";
    let files =
        [("/n/remotes", remotes), ("/n/pausetime", "0\n"), ("/n/maxpause", "soon\n"), ("/etc/mailname", "m.lan\n")];
    let (config, draft, text) = translated(Program::Nullmailer, "/n", &files);
    assert_eq!((config.accounts[0].relays[0].to_string().as_str(), config.origin.as_str()), ("[::1]:4650", "m.lan"));
    assert!(["a.example", "pausetime", "maxpause"].iter().all(|what| left_out(&draft, what)), "{text}");

    for (masquerade, from) in [
        ("percolator.example", None),
        ("@percolator.example", None),
        ("john@", Some("john@box.home.lan")),
        ("herb@ert.example", Some("herb@ert.example")),
    ] {
        let conf = format!("SMARTHOST a.example\nOPPORTUNISTIC_TLS\nDEFER\nMASQUERADE {masquerade}\nALIASES /al\n");
        let (config, draft, text) = translated(Program::Dma, "/d", &[("/d/dma.conf", &conf), ("/al", "*: me\n")]);
        let forced = config.accounts[0].from.as_ref().map(ToString::to_string);
        assert_eq!(forced.as_deref(), from, "{text}");
        assert_eq!(text.contains("\"@box.home.lan\" = \"@percolator.example\""), from.is_none(), "{text}");
        assert!(left_out(&draft, "DEFER") && left_out(&draft, "row *"), "{text}");
    }

    let account = "account a\nhost a.example\ntls on\nauth gssapi\nuser me\npassword x\nfrom %U-%H@a.example\n\
        tls_fingerprint 00:11\nsource_ip 1.2.3.4\naccount b : a\nfrom *@b.example\nauth external\nprotocol lmtp\n\
        account c : a\nfrom *@c.example\nauth xoauth2\nallow_from_override off\n";
    let (config, draft, text) = translated(Program::Msmtp, "/m", &[("/m", account)]);
    assert!(["auth gssapi", "from %U-%H", "tls_fingerprint", "account b"].iter().all(|what| left_out(&draft, what)));
    assert_eq!(config.accounts.len(), 2, "{text}");
    assert_eq!(
        (config.accounts[1].senders.join(""), config.accounts[1].auth[0].name()),
        ("@c.example".to_owned(), "XOAUTH2")
    );
}
