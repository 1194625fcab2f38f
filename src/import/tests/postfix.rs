//! Postfix, case by case: main.cf with master.cf and tables, and what they become or do not become.

use super::{case, secrets, translated};
use crate::config::TlsMode;
use crate::import::Program;

const LOGIN: &str = "myhostname = box.home.lan\nsmtp_sasl_auth_enable = yes\nsmtp_tls_security_level = encrypt\n\
    smtp_sasl_password_maps = inline:{ { kid@kid.example = kid:theirs }, { [smtp.isp.example]:587 = me:mine }, \
    { [smtp.kid.example]:465 = kid:theirs } }\n";

const MASTER: &str = "smtp unix - - y - - smtp\nrelay unix - - y - - smtp -o syslog_name=postfix/relay\n\
    smtps-relay unix - - n - - smtp\n  -o smtp_tls_wrappermode=yes\n  -o smtp_tls_security_level=secure\n\
    maildrop unix - n n - - pipe flags=DRXhu user=vmail argv=/usr/bin/maildrop\n\
    smtps inet n - y - - smtpd\n";

const FALSE_NOTES: [&str; 3] = ["port 465", "is not understood", "no relay has this name"];

#[test]
fn a_sender_with_a_transport_of_its_own_gets_an_account_of_its_own() {
    let main = format!(
        "{LOGIN}relayhost = [smtp.isp.example]:587\nsmtp_sender_dependent_authentication = yes\n\
         sender_dependent_default_transport_maps = inline:{{ {{ kid@kid.example = smtps-relay:[smtp.kid.example]:465 }} }}\n"
    );
    let (config, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", &main), ("/c/master.cf", MASTER)]);
    assert_eq!(secrets(&draft), [("isp", "mine"), ("kid", "theirs")], "{text}");
    let kid = &config.accounts[1];
    assert_eq!((kid.relays[0].to_string().as_str(), kid.tls), ("[smtp.kid.example]:465", Some(TlsMode::Implicit)));
    assert_eq!((kid.senders.join(" ").as_str(), config.accounts[0].tls), ("kid@kid.example", Some(TlsMode::Starttls)));
    assert!(FALSE_NOTES.iter().all(|note| !text.contains(note)), "{text}");
}

#[test]
fn transports_of_the_smtp_client_are_followed_and_others_are_not() {
    let implicit = "relay = \"[smtp.kid.example]:465\"    # ";
    for (lines, has, has_not) in [
        (
            "default_transport = smtps-relay:[smtp.kid.example]:465",
            &[implicit, "tls = \"implicit\""][..],
            &FALSE_NOTES[..2],
        ),
        (
            "transport_maps = inline:{ { * = smtps-relay:[smtp.kid.example]:465 } }",
            &[implicit, "tls = \"implicit\""],
            &FALSE_NOTES[..2],
        ),
        // The transport names the service alone.
        (
            "relayhost = [smtp.kid.example]:465\ndefault_transport = smtps-relay",
            &[implicit, "tls = \"implicit\""],
            &FALSE_NOTES[..2],
        ),
        (
            "relayhost = [smtp.isp.example]:587\ndefault_transport = relay:",
            &["[smtp.isp.example]:587", "starttls"],
            &[],
        ),
        (
            "relayhost = [smtp.kid.example]:465",
            &["# Changed: port 465 (account kid)", "tls = \"starttls\""],
            &["implicit"],
        ),
        // Mail for one domain only.
        (
            "relayhost = [smtp.isp.example]:587\ntransport_maps = inline:{ { nas.lan = smtp:[192.168.1.5] } }",
            &["transport_maps entry \"nas.lan smtp:[192.168.1.5]\"", "[smtp.isp.example]:587"],
            &["relay = \"[192.168.1.5]"],
        ),
        (
            "relayhost = [smtp.isp.example]:587\nsmtp_sender_dependent_authentication = yes\n\
             sender_dependent_default_transport_maps = inline:{ { kid@kid.example = maildrop: } }",
            &["the transport maildrop: is not understood"],
            &["[account.kid]", "senders ="],
        ),
        (
            "relayhost = [smtp.isp.example]:587\nsmtp_sender_dependent_authentication = yes\n\
             sender_dependent_default_transport_maps = inline:{ { @kid.example = dunno } }",
            &["senders = [\"kid@kid.example\"]"],
            &["is not understood"],
        ),
    ] {
        let main = format!("{LOGIN}{lines}\n");
        case(Program::Postfix, &[("/c/main.cf", &main), ("/c/master.cf", MASTER)], has, has_not);
    }
}

#[test]
fn a_service_may_have_its_own_logins() {
    let master = "smtp unix - - y - - smtp\nkids unix - - n - - smtp -o smtp_sasl_auth_enable=yes\n  \
                  -o smtp_sasl_password_maps=static:kid:theirs -o { smtp_tls_security_level = secure }\n";
    let main = "myhostname = box.home.lan\nrelayhost = [smtp.isp.example]\nsmtp_tls_security_level = none\n\
                sender_dependent_default_transport_maps = inline:{ { @kid.example = kids:[smtp.kid.example]:587 } }\n";
    let (config, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", main), ("/c/master.cf", master)]);
    assert_eq!(secrets(&draft), [("kid", "theirs")], "{text}");
    assert_eq!(config.default_account.as_deref(), Some("isp"), "{text}");
    assert_eq!((config.accounts[0].tls, config.accounts[0].username.as_deref()), (Some(TlsMode::None), None), "{text}");
}

#[test]
fn patterns_in_main_cf_become_a_table() {
    let main = "relayhost = [smtp.isp.example]\nsmtp_generic_maps = pcre:{{/^(.*)@box$$/ me+$$1@isp.example}, \
                { /^root@/ me@isp.example }}\n";
    let (config, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", main)]);
    assert_eq!(config.generic.len(), 1, "{text}");
    let table = &draft.tables[0];
    assert_eq!(table.name, "smtp_generic_maps.pcre");
    assert_eq!(table.text, "/^(.*)@box$/ me+$1@isp.example\n/^root@/ me@isp.example\n");
}

#[test]
fn certificates_that_postfix_did_not_verify_with_are_told() {
    for (level, is_told) in [("may", true), ("encrypt", true), ("verify", false), ("secure", false)] {
        let main = format!(
            "relayhost = [smtp.isp.example]\nsmtp_tls_security_level = {level}\nsmtp_tls_CAfile = /etc/ssl/isp.pem\n"
        );
        let note = "# Changed: smtp_tls_CAfile (account isp): Postfix did not verify with it";
        let (has, has_not): (&[&str], &[&str]) = if is_told { (&[note], &[]) } else { (&[], &[note]) };
        case(Program::Postfix, &[("/c/main.cf", &main)], has, has_not);
    }
    let main = "relayhost = [smtp.isp.example]\nsmtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n";
    case(Program::Postfix, &[("/c/main.cf", main)], &[], &["tls_ca ="]);
}

#[test]
fn tables_of_postfix_are_copied_from_its_folder_only() {
    let main = "relayhost = [smtp.isp.example]\nalias_maps = hash:/etc/aliases\nsmtp_generic_maps = hash:/c/generic\n\
                canonical_maps = hash:/c/gone\n";
    let files = [("/c/main.cf", main), ("/c/generic", "root me@isp.example\n"), ("/etc/aliases", "root: me\n")];
    let has =
        ["aliases = [\"hash:/etc/aliases\"]", "generic = [\"hash:tables/generic\"]", "canonical_maps = hash:/c/gone"];
    case(Program::Postfix, &files, &has, &["\ncanonical ="]);
}

#[test]
fn mail_for_this_machine_goes_where_postfix_sent_it() {
    for (lines, own) in [
        ("mydestination =\n", "own_domains = []"),
        ("mydestination = localhost\n", "own_domains = [\"localhost\"]"),
        ("mydestination = $myhostname, localhost\n", "own_domains = [\"host.example.org\", \"localhost\"]"),
    ] {
        let main = format!("myhostname = host.example.org\nrelayhost = [smtp.isp.example]\n{lines}");
        case(Program::Postfix, &[("/c/main.cf", &main)], &[own], &[]);
    }
}

#[test]
fn port_25_by_default_is_told_first() {
    let told = "# Changed: port 25 (account isp)";
    for (lines, is_told) in [
        ("relayhost = [smtp.isp.example]\n", true),
        ("relayhost = smtp.isp.example\n", true),
        ("relayhost = [smtp.isp.example]:587\n", false),
        ("relayhost = [smtp.isp.example]:25\n", false),
        ("relayhost = [smtp.isp.example]\nsmtp_tcp_port = 587\n", false),
        ("relayhost = [127.0.0.1]\n", false),
    ] {
        let (has, has_not): (&[&str], &[&str]) = if is_told { (&[told], &[]) } else { (&[], &[told]) };
        case(Program::Postfix, &[("/c/main.cf", lines)], has, has_not);
    }
}

#[test]
fn what_postfix_3_11_changed_is_known() {
    let relay = "relayhost = [smtp.isp.example]:587\n";
    for (lines, has, has_not) in [
        ("compatibility_level = 3.11\n", "# Changed: TLS for account isp: ", "tls = \"none\""),
        ("compatibility_level = 3.12\n", "tls = \"starttls\"", "tls = \"none\""),
        ("compatibility_level = 3.10\n", "tls = \"none\"", "starttls\"    # smtp"),
        ("compatibility_level = 3.11\nsmtp_tls_security_level =\n", "tls = \"none\"", "# Changed: TLS"),
        ("compatibility_level = 3.11\nsmtp_tls_security_level = secure\n", "tls = \"starttls\"", "# Changed: TLS"),
        ("smtp_generic_maps = lmdb:/c/generic\n", "generic = [\"lmdb:tables/generic\"]", "# Not imported"),
        (
            "default_database_type = lmdb\nsmtp_generic_maps = /c/generic\n",
            "generic = [\"lmdb:tables/generic\"]",
            "# Not imported",
        ),
    ] {
        let main = format!("{relay}{lines}");
        case(Program::Postfix, &[("/c/main.cf", &main), ("/c/generic", "root me@isp.example\n")], &[has], &[has_not]);
    }
}

#[test]
fn a_postfix_that_receives_mail_is_known() {
    let smtpd = "smtp inet n - y - - smtpd\n";
    let client = "smtp unix - - y - - smtp\n";
    for (main, master, serves) in [
        ("myhostname = mail.example.org\n", smtpd, "receives mail for mail.example.org"),
        ("myhostname = box.home.lan\nrelay_domains = example.org\n", smtpd, "receives mail for others (relay_domains)"),
        ("myhostname = box.home.lan\nvirtual_mailbox_domains = example.org\n", smtpd, "receives mail for others"),
        ("myhostname = box.home.lan\n", smtpd, ""),
        ("myhostname = mail.example.org\nmydestination =\n", smtpd, ""),
        ("myhostname = mail.example.org\ninet_interfaces = loopback-only\n", smtpd, ""),
        ("myhostname = mail.example.org\ninet_interfaces = 127.0.0.1, [::1]\n", smtpd, ""),
        ("myhostname = mail.example.org\n", client, ""),
        ("myhostname = mail.example.org\n", "127.0.0.1:smtp inet n - y - - smtpd\n", ""),
    ] {
        let main = format!("relayhost = [smtp.isp.example]:587\n{main}");
        let (_, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", &main), ("/c/master.cf", master)]);
        assert_eq!(draft.serves.is_empty(), serves.is_empty(), "{:?}\n{text}", draft.serves);
        assert!(draft.serves.iter().all(|how| how.contains(serves)), "{:?}", draft.serves);
    }
}

/// A password is for one provider alone.
#[test]
fn relays_with_other_logins_or_other_tls_do_not_share_an_account() {
    let rows = |rows: &str| format!("smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = inline:{{ {rows} }}\n");
    let (one, two) = ("{ [a.one.example]:587 = u1:p1 }", "{ [b.two.example] = u2:p2 }");
    let level = "smtp_tls_security_level = encrypt\n";
    for (lines, alone, why) in [
        (
            format!("relayhost = [a.one.example]:587, [b.two.example]\n{level}{}", rows(&format!("{one}, {two}"))),
            true,
            "logs in there as u2",
        ),
        (
            format!("relayhost = [a.one.example]:587, [b.two.example]\n{level}{}", rows(one)),
            true,
            "has no login for it",
        ),
        (
            format!("relayhost = [b.two.example]:587, [a.one.example]:587\n{level}{}", rows(one)),
            true,
            "logs in there as u1",
        ),
        (
            format!(
                "relayhost = [a.one.example]:587 [a2.one.example]:587\n{level}{}",
                rows("{ [a.one.example]:587 = u1:p1 }, { a2.one.example = u1:p1 }")
            ),
            false,
            "",
        ),
        (
            format!(
                "relayhost = [a.one.example]:587 [b.two.example]:587\n{level}smtp_tls_policy_maps = inline:{{ {{ [b.two.example]:587 = none }} }}\n"
            ),
            true,
            "smtp_tls_policy_maps",
        ),
        // The sender's own login is used wherever the mail goes.
        (
            format!(
                "relayhost = [a.one.example]:587 [b.two.example]:587\nsmtp_sender_dependent_authentication = yes\n{level}{}",
                rows("{ me@one.example = u1:p1 }, { b.two.example = u2:p2 }")
            ),
            true,
            "logs in there as u2",
        ),
    ] {
        let (config, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", &lines)]);
        let default = config.accounts.iter().find(|account| account.senders.is_empty()).unwrap();
        assert_eq!(default.relays.len() == 1, alone, "{text}");
        assert_eq!(text.contains("# Changed: relay ["), alone, "{text}");
        assert!(text.contains(why), "{text}");
        assert!(
            draft.accounts.iter().all(|account| account.secret.as_ref().is_none_or(|secret| secret.expose() != "p2")),
            "{text}"
        );
        if let Some(own) = config.accounts.iter().find(|account| !account.senders.is_empty()) {
            assert_eq!((own.relays.len(), own.username.as_deref()), (2, Some("u1")), "{text}");
        }
    }
}

#[test]
fn mailboxes_stay_where_postfix_has_them() {
    let main = |lines: &str| format!("myhostname = box.home.lan\nrelayhost = [smtp.isp.example]:587\n{lines}");
    for (lines, has) in [
        ("home_mailbox = Maildir/", "mailbox = \"maildir:~/Maildir\""),
        ("home_mailbox = Mailbox", "mailbox = \"mbox:~/Mailbox\""),
        ("mail_spool_directory = /var/spool/mail", "mailbox = \"mbox:/var/spool/mail/%u\""),
        ("mail_spool_directory = /srv/mail/", "mailbox = \"maildir:/srv/mail/%u\""),
        (
            "mailbox_transport = lmtp:unix:private/dovecot-lmtp\nhome_mailbox = Maildir/",
            "mailbox = \"lmtp:/var/spool/postfix/private/dovecot-lmtp\"",
        ),
        ("mailbox_transport = lmtp:unix:/run/dovecot/lmtp", "mailbox = \"lmtp:/run/dovecot/lmtp\""),
        ("mailbox_transport = lmtp:inet:localhost:2003", "mailbox = \"lmtp:[127.0.0.1]:2003\""),
        ("local_transport = lmtp:inet:[::1]:24", "mailbox = \"lmtp:[::1]:24\""),
    ] {
        case(Program::Postfix, &[("/c/main.cf", &main(lines))], &[has], &["mailbox = \"none\""]);
    }
    for lines in [
        "",
        "mydestination =\nhome_mailbox = Maildir/",
        "mailbox_command = /usr/bin/procmail",
        "mailbox_transport = cyrus",
        "mailbox_transport = lmtp:inet:mail.example.net:24",
        "local_transport = error:no local mail",
    ] {
        case(Program::Postfix, &[("/c/main.cf", &main(lines))], &[], &["\nmailbox = "]);
    }
    let named = "# Not imported: mailbox_command = /usr/bin/procmail";
    case(Program::Postfix, &[("/c/main.cf", &main("mailbox_command = /usr/bin/procmail"))], &[named], &[]);
    let users = "home_mailbox = Maildir/\nalias_maps = hash:/etc/aliases\n\
                 local_recipient_maps = proxy:unix:passwd.byname hash:/etc/aliases hash:/c/users";
    let files = [("/c/main.cf", &*main(users)), ("/c/users", "office x\n"), ("/etc/aliases", "root: me\n")];
    case(Program::Postfix, &files, &["local_users = [\"hash:tables/users\"]"], &[]);
    let kept = "home_mailbox = Maildir/\nvirtual_alias_maps = inline:{ { me@isp.example = me } }";
    case(Program::Postfix, &[("/c/main.cf", &main(kept))], &["virtual = "], &["is a local mailbox"]);
}

#[test]
fn keywords_that_postfix_discards_are_discarded_here() {
    let main = |lines: &str| format!("relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = {lines}\n");
    for (lines, has, has_not) in [
        (
            "encrypt\nsmtp_discard_ehlo_keywords = Pipelining, chunking silent-discard ETRN",
            &["discard_ehlo_keywords = [\"pipelining\", \"chunking\", \"silent-discard\", \"etrn\"]    # smtp_discard"]
                [..],
            &["Not imported: smtp_discard", "# No effect: smtp_discard"][..],
        ),
        (
            "encrypt\nsmtp_discard_ehlo_keywords = auth, starttls, size",
            &["discard_ehlo_keywords = [\"size\"]", "# Changed: smtp_discard_ehlo_keywords = auth: ", "= starttls: "],
            &["tls = \"none\""],
        ),
        ("may\nsmtp_discard_ehlo_keywords = STARTTLS", &["tls = \"none\""], &["\ndiscard_ehlo_keywords"]),
        ("may\nsmtp_discard_ehlo_keywords =", &["# No effect: smtp_discard_ehlo_keywords: empty"], &["tls = \"none\""]),
        (
            "may\nsmtp_discard_ehlo_keyword_address_maps = hash:/c/peers",
            &["# Not imported: smtp_discard_ehlo_keyword_address_maps: list keywords in `discard_ehlo_keywords`"],
            &["\ndiscard_ehlo_keywords"],
        ),
    ] {
        case(Program::Postfix, &[("/c/main.cf", &main(lines))], has, has_not);
    }
}

#[test]
fn the_field_of_mail_without_recipients_is_carried_over() {
    for (header, has, has_not) in [
        ("To: undisclosed-recipients:;", &["missing_to = \"undisclosed\""][..], &["# Changed: undisclosed"][..]),
        ("To: undisclosed-recipients: ;", &["missing_to = \"undisclosed\""], &["# Changed: undisclosed"]),
        ("To: many:;", &["missing_to = \"undisclosed\"", "# Changed: undisclosed_recipients_header = To: many:;"], &[]),
        ("", &["# No effect: undisclosed_recipients_header: empty"], &["missing_to ="]),
    ] {
        let main = format!("relayhost = [smtp.isp.example]:587\nundisclosed_recipients_header = {header}\n");
        case(Program::Postfix, &[("/c/main.cf", &main)], has, has_not);
    }
}

#[test]
fn a_fallback_relay_with_a_login_of_its_own_gets_an_account_of_its_own() {
    let main = "relayhost = [a.one.example]:587\nsmtp_tls_security_level = encrypt\nsmtp_sasl_auth_enable = yes\n\
        smtp_fallback_relay = [b.two.example]:587, [b2.two.example]:587, [c.three.example]:465\n\
        smtp_sasl_password_maps = inline:{ { [a.one.example]:587 = u1:p1 }, { [b.two.example]:587 = u2:p2 }, \
        { [b2.two.example]:587 = u2:p2 } }\n";
    let (config, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", main)]);
    assert_eq!(secrets(&draft), [("one", "p1"), ("two", "p2")], "{text}");
    let account = |name: &str| config.account(name).unwrap();
    let way = |name: &str| {
        let account = account(name);
        (account.servers().join(" "), account.username.clone(), account.fallback.clone(), account.senders.len())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(way("one"), ("[a.one.example]:587".to_owned(), some("u1"), some("two"), 0), "{text}");
    let twice = "[b.two.example]:587 [b2.two.example]:587".to_owned();
    assert_eq!(way("two"), (twice, some("u2"), some("three"), 0), "{text}");
    assert_eq!(way("three"), ("[c.three.example]:465".to_owned(), None, None, 0), "{text}");
    assert_eq!(config.default_account.as_deref(), Some("one"));
    assert!(!text.contains("# Changed: relay ["), "{text}");
}

#[test]
fn what_refers_to_itself_or_stands_twice_is_there_once() {
    let main = "relayhost = [a.example]:587\nsmtp_fallback_relay = $relayhost, [b.example]:587\nalias_maps = $alias_maps, hash:/al\n\
        virtual_alias_maps = $other\nother = $virtual_alias_maps hash:/va\nsmtp_discard_ehlo_keywords = chunking, foo-bar\n\
        sender_dependent_relayhost_maps = inline:{ { a*b@x.example = [c.example]:587 } }\n";
    let files = [("/c/main.cf", main), ("/al", "root: me@isp.example\n"), ("/va", "a@x me@isp.example\n")];
    case(
        Program::Postfix,
        &files,
        &[
            "relay = [\"[a.example]:587\", \"[b.example]:587\"]",
            "aliases = [\"hash:/al\"]",
            "virtual = [\"hash:/va\"]",
            "# Not imported: alias_maps: it refers to itself",
            "# Not imported: virtual_alias_maps: it refers to itself",
            "# Not imported: smtp_discard_ehlo_keywords = foo-bar: Postfix has no such keyword",
            "senders = [\"\\\"a*b\\\"@x.example\"]",
        ],
        &[", unset", "neither user@domain"],
    );
}
