//! main.cf as people write it, and what is made of it: what is carried over has its effect, and of the rest every
//! parameter is named.
#![allow(clippy::unwrap_used)]

use std::io;
use std::path::Path;

use super::*;
use crate::config::{Config, Mechanism, TlsMode};
use crate::import::tests::{secrets, translated};
use crate::import::{Program, SourceIs, Tables, draft, translate};

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
    assert!(text.contains("generic = [\"hash:tables/generic\"]"), "{text}");
    let shown: Vec<_> = config
        .accounts
        .iter()
        .map(|a| (a.name.as_str(), a.relays[0].to_string(), a.username.clone().unwrap(), a.senders.join(" ")))
        .collect();
    let expected = [
        (
            "isp",
            "[mail.isp.example]:25",
            "username",
            "@hostname.localdomain @localhost.localdomain @localhost @localdomain",
        ),
        ("example", "[mail.example.com]:587", "username1", "user1@example.com"),
        ("example2", "[mail.example.net]:25", "username2", "user2@example.net"),
    ];
    assert_eq!(shown, expected.map(|(n, r, u, s)| (n, r.to_owned(), u.to_owned(), s.to_owned())));
    assert_eq!(config.default_account.as_deref(), Some("isp"));
    assert_eq!(secrets(&draft), [("isp", "password"), ("example", "password1"), ("example2", "pass:word2")]);
    assert!(!text.contains("password1"), "no password in the config");
    assert!(text.contains("Changed: TLS for account isp") && text.contains("No effect: smtpd_banner"), "{text}");
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
    for said in ["alias_maps", "smtp_nonsense", "= include"] {
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
        draft::Note::Changed(subject, _) | draft::Note::LeftOut(subject, _) | draft::Note::NoEffect(subject, _) => {
            subject.contains(what)
        }
    })
}

#[test]
fn what_main_cf_sets_to_nothing_is_not_what_it_leaves_out() {
    let passwords = "[mail.isp.example] me:secret\n";
    let noplaintext = "relayhost = [mail.isp.example]\nsmtp_sasl_security_options = noplaintext\n";
    let (config, ..) = household(noplaintext, "", passwords);
    assert!(!config.accounts[0].auth.contains(&Mechanism::Plain));
    let (config, draft, _) = household("relayhost = [mail.isp.example]\n", "", passwords);
    assert!(
        config.accounts[0].auth == Mechanism::usual(),
        "TLS protects the password, so Postfix's default is not needed"
    );
    assert!(is_noted(&draft, "smtp_sasl_security_options"));
    let (config, ..) = household(
        "relayhost = [mail.isp.example]\nsmtp_sasl_security_options =\npropagate_unmatched_extensions =\n",
        "",
        passwords,
    );
    assert!(config.accounts[0].auth == Mechanism::usual());
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
        assert!(is_noted(&draft, &format!("entry for {row}")), "{row}: {text}");
    }
}

/// What comes of a main.cf with a relay and a login, and these lines.
fn with(lines: &str) -> (Config, Draft, String) {
    let main = format!(
        "myhostname = box.home.lan\nrelayhost = [mail.isp.example]:587\nsmtp_tls_security_level = secure\n\
         smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n\
         smtp_sasl_password_maps = inline:{{ {{ [mail.isp.example]:587 = me:secret }} }}\n{lines}\n"
    );
    let files = [
        ("/etc/postfix/main.cf", main.as_str()),
        ("/etc/postfix/generic", "his@home.lan his@isp.example\n"),
        (
            "/etc/postfix/patterns",
            "/^his@home\\.lan$/ [a.example]:587\n/@work\\.example$/ [b.example]:587\n/x/ [c.example]\n",
        ),
        (
            "/etc/postfix/policy",
            "[mail.isp.example]:587 encrypt match=mail.example.net protocols=!SSLv3:!TLSv1.2 ciphers=high\nother.example none\n",
        ),
        ("/etc/postfix/prints", "[mail.isp.example]:587 fingerprint match=3D:95|4A:0F\n"),
        ("/etc/postfix/transport", "* relay:[out.isp.example]\nx.example smtp:[x.example]\n"),
    ];
    translated(Program::Postfix, "/etc/postfix", &files)
}

#[test]
fn what_the_client_is_told_becomes_keys_of_the_account() {
    for (lines, expected) in [
        (
            "smtp_bind_address = 192.0.2.7\nsmtp_bind_address6 = [2001:db8::7]",
            "source_address = [\"192.0.2.7\", \"2001:db8::7\"]",
        ),
        ("smtp_tls_cert_file = /etc/postfix/me.pem", "tls_client_cert = \"/etc/postfix/me.pem\""),
        ("smtp_tls_cert_file = $config_directory/me.pem\nsmtp_tls_key_file = /k.pem", "tls_client_key = \"/k.pem\""),
        ("smtp_tls_chain_files = /c.pem", "tls_client_cert = \"/c.pem\""),
        ("smtp_tls_eccert_file = /ec.pem\nsmtp_tls_eckey_file = /eck.pem", "tls_client_key = \"/eck.pem\""),
        ("smtp_tls_CAfile = /ca.pem", "tls_ca = \"/ca.pem\""),
        ("smtp_tls_secure_cert_match = mail.example.org", "tls_name = \"mail.example.org\""),
        ("smtp_tls_mandatory_protocols = >=TLSv1.3", "tls_min = \"1.3\""),
        ("smtp_tls_mandatory_protocols = !SSLv2, !SSLv3", "tls_min = \"1.2\""),
        ("smtp_tls_policy_maps = hash:/etc/postfix/policy", "tls_name = \"mail.example.net\""),
        ("smtp_tls_policy_maps = hash:/etc/postfix/policy", "tls_min = \"1.3\""),
        ("smtp_tls_wrappermode = yes", "tls = \"implicit\""),
        (
            "smtp_fallback_relay = [b.example], c.example:26\nsmtp_sasl_password_maps = static:me:x",
            "relay = [\"[mail.isp.example]:587\", \"[b.example]:25\", \"c.example:26\"]",
        ),
        (
            "relayhost = [mail.isp.example]:587, [b.example]\nsmtp_sasl_password_maps = static:me:x",
            "relay = [\"[mail.isp.example]:587\", \"[b.example]:25\"]",
        ),
        ("smtp_fallback_relay = [b.example]", "fallback = \"b\"    # smtp_fallback_relay"),
        ("relayhost = mail.isp.example\ndisable_dns_lookups = yes", "relay = \"[mail.isp.example]:25\""),
        ("relayhost = [ipv6:2001:db8::1]", "relay = \"[ipv6:2001:db8::1]:25\""),
        ("relayhost = [mail.isp.example]\nsmtp_tcp_port = 2525", "relay = \"[mail.isp.example]:2525\""),
        ("transport_maps = hash:/etc/postfix/transport", "relay = \"[out.isp.example]:25\""),
        ("default_transport = smtp:[out.isp.example]:26", "relay = \"[out.isp.example]:26\""),
        (
            "sender_dependent_default_transport_maps = inline:{ a@x.example=smtp:[x.example]:587 }",
            "senders = [\"a@x.example\"]",
        ),
        ("sender_dependent_relayhost_maps = regexp:/etc/postfix/patterns", "senders = [\"@work.example\"]"),
        ("sender_dependent_relayhost_maps = regexp:/etc/postfix/patterns", "senders = [\"his@home.lan\"]"),
        ("sender_dependent_relayhost_maps = static:[s.example]:26", "relay = \"[s.example]:26\""),
        ("smtp_sasl_password_maps = static:you:sec:ret", "username = \"you\""),
        ("smtp_sasl_mechanism_filter = !gssapi, PLAIN", "auth = [\"plain\"]"),
        (
            "smtp_sasl_tls_security_options = noplaintext",
            "auth = [\"external\", \"scram-sha-256-plus\", \"scram-sha-1-plus\", \"scram-sha-256\", \"scram-sha-1\", \"cram-md5\"]",
        ),
        (
            "smtp_connect_timeout = 10\nsmtp_helo_timeout = 1m",
            "timeouts = { connect = \"10s\", helo = \"1m\", greeting = \"1m\" }",
        ),
        ("smtp_destination_concurrency_limit = 5", "max_connections = 5"),
        ("default_destination_concurrency_limit = 3", "max_connections = 3"),
        ("smtp_destination_rate_delay = 10s", "max_per_minute = 6"),
        ("smtp_connection_reuse_count_limit = 20", "max_messages_per_connection = 20"),
        ("message_size_limit = 20480000", "max_message_size = 20480000"),
        ("maximal_queue_lifetime = 3d", "lifetime = \"3d\""),
        ("minimal_backoff_time = 120", "retry_min = \"120s\""),
        ("delay_warning_time = 1", "warn_after = \"1h\""),
        ("sender_canonical_maps = static:me@isp.example", "sender_canonical = [\"static:me@isp.example\"]"),
        ("smtp_generic_maps = proxy:hash:$config_directory/generic", "generic = [\"hash:tables/generic\"]"),
        ("smtp_generic_maps = texthash:/etc/postfix/generic", "generic = [\"texthash:tables/generic\"]"),
        (
            "smtp_generic_maps = inline:{ a@b.example=c@d.example, { \"x y\"@b.example = e@d.example } }",
            "generic = [{ \"a@b.example\" = \"c@d.example\", \"\\\"x y\\\"@b.example\" = \"e@d.example\" }]",
        ),
    ] {
        let (.., text) = with(lines);
        assert!(
            text.lines().any(|line| line.starts_with(expected)),
            "{lines}\n-- wants --\n{expected}\n-- has --\n{text}"
        );
        let names = lines.lines().map(|line| line.split(' ').next().unwrap());
        for name in names {
            assert!(text.contains(name), "{name} is named:\n{text}");
        }
    }
}

#[test]
fn what_cannot_be_carried_over_is_named_with_its_reason() {
    for (lines, what) in [
        ("smtp_tls_policy_maps = hash:/etc/postfix/policy", "smtp_tls_policy_maps entry for other.example: no relay"),
        ("smtp_tls_policy_maps = hash:/etc/postfix/policy", "smtp_tls_policy_maps ciphers=high: "),
        ("smtp_tls_policy_maps = hash:/etc/postfix/prints", "smtp_tls_policy_maps match: not a SHA-256"),
        ("smtp_tls_fingerprint_cert_match = 3D:95", "smtp_tls_fingerprint_cert_match: these are md5"),
        ("smtp_tls_security_level = dane", "smtp_tls_security_level = dane: unknown level"),
        ("smtp_tls_secure_cert_match = nexthop, dot-nexthop, x.example", "one name can be set"),
        ("smtp_tls_secure_cert_match = *.isp.example", "smtp_tls_secure_cert_match = *.isp.example: only one name"),
        (
            "compatibility_level = 3.6\nsmtp_tls_security_level = fingerprint\nsmtp_tls_fingerprint_cert_match = 3D:95",
            "smtp_tls_fingerprint_cert_match: not a SHA-256",
        ),
        ("myhostname = 1", "myhostname = 1: not a domain name"),
        ("myorigin = [x]", "myorigin = [x]: not a domain name"),
        ("masquerade_domains = hash:/etc/postfix/x, isp.example", "masquerade_domains = hash:/etc/postfix/x: "),
        ("minimal_backoff_time = 4000s", "delay_warning_time"),
        ("mydestination = hash:/x, $myhostname", "mydestination = hash:/x: only names"),
        ("sender_dependent_relayhost_maps = inline:{ a@=[x.example] }", "sender a@: neither"),
        ("smtp_tls_chain_files = /a.pem, /b.pem", "smtp_tls_chain_files = /b.pem"),
        ("smtp_bind_address = 0.0.0.0", "smtp_bind_address: any address"),
        (
            "smtp_generic_maps = ldap:/etc/postfix/x.cf",
            "smtp_generic_maps = ldap:/etc/postfix/x.cf: tables of type ldap",
        ),
        (
            "smtp_generic_maps = unionmap:{static:a, static:b}",
            "smtp_generic_maps = unionmap:{static:a, static:b}: unionmap combines",
        ),
        ("canonical_maps = pipemap:{hash:/a,hash:/b}", "canonical_maps = pipemap:{hash:/a,hash:/b}: pipemap combines"),
        ("smtp_generic_maps = hash:/etc/postfix/gone", "smtp_generic_maps = hash:/etc/postfix/gone: cannot read"),
        (
            "sender_dependent_relayhost_maps = regexp:/etc/postfix/patterns",
            "sender_dependent_relayhost_maps entry /x/: ",
        ),
        (
            "sender_dependent_relayhost_maps = inline:{ joe=[x.example], <>=[y.example] }",
            "sender_dependent_relayhost_maps entry for <>",
        ),
        ("transport_maps = hash:/etc/postfix/transport", "transport_maps entry \"x.example smtp:[x.example]\""),
        ("smtp_sasl_security_options = noanonymous, nodictionary", "smtp_sasl_security_options = nodictionary"),
        ("smtp_sasl_mechanism_filter = /etc/postfix/mechs", "smtp_sasl_mechanism_filter = /etc/postfix/mechs"),
        ("smtp_destination_rate_delay = 5m", "smtp_destination_rate_delay: set `max_per_minute`"),
        ("always_bcc = archive@isp.example", "# Changed: always_bcc: postrider sends no additional copies"),
        ("=bad line", "# Not imported: line \"=bad line\": Postfix reads `name = value` alone"),
        ("smtp_header_checks = regexp:/x", "smtp_header_checks: "),
        ("authorized_submit_users = !www-data, static:all", "authorized_submit_users: list the permitted logins"),
        ("our_relay = x\nrelayhost = [$our_relay.example]:587", "our_relay: used only in other values"),
        ("smtp_tls_loglevel =", "smtp_tls_loglevel: empty"),
    ] {
        let (.., text) = with(lines);
        let notes: Vec<&str> = text.lines().filter(|line| line.starts_with("# ")).collect();
        assert!(notes.iter().any(|line| line.contains(what)), "{lines}\n-- wants --\n{what}\n-- has --\n{text}");
    }
}

#[test]
fn no_parameter_of_postfix_is_dropped_silently() {
    // All that Postfix 3.7 knows (postconf -d), each set to something.
    let names: Vec<&str> = include_str!("postfix_parameters.txt").lines().collect();
    let main: Vec<String> = names.iter().map(|name| format!("{name} = 1\n")).collect();
    let main = main.concat();
    let read = |path: &Path| match path.to_str() {
        Some("/etc/postfix/main.cf") => Ok(main.clone()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let context = ImportContext {
        source: Path::new("/etc/postfix"),
        source_is: SourceIs::Folder,
        hostname: "box.home.lan",
        home: None,
        tables: Tables::Copied,
        trust_networks: None,
        read: &read,
    };
    let text = translate(Program::Postfix, &context).unwrap().config("/etc/postfix");
    let words: std::collections::HashSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing: Vec<&&str> = names.iter().filter(|name| !words.contains(**name)).collect();
    assert!(names.len() > 800 && missing.is_empty(), "{missing:?}");
}

#[test]
fn a_real_domain_that_is_not_delivered_here_is_not_an_own_name() {
    for (lines, own, others) in [
        ("myorigin = isp.example\nmydestination =", "", "isp.example home.lan box.home.lan box localhost"),
        ("myorigin = home.lan\nmydestination =", "", "home.lan box.home.lan localhost"),
        ("myorigin = isp.example\nmydestination = $myorigin, nas.home.lan", "isp.example nas.home.lan", "home.lan box"),
        ("myorigin = isp.example", "box.home.lan localhost.home.lan localhost", "isp.example"),
        ("", "box.home.lan localhost.home.lan", "home.lan"),
    ] {
        let (config, _, text) = with(lines);
        let all = |names: &str, wanted: bool| names.split_whitespace().all(|name| config.is_own_domain(name) == wanted);
        assert!(all(own, true) && all(others, false), "{lines}\n{text}");
        assert!(config.is_users_domain(&config.origin));
    }
}

#[test]
fn an_ugly_main_cf_is_read_as_postfix_reads_it() {
    let main = "# a comment\n  # one that is indented, before anything\n\
        myhostname=box.$mydomain\nmydomain\t=\thome.lan\n\
        provider = isp.example\n\
        port = ${{$compatibility_level} >= {3.6} ? {587} : {25}}\ncompatibility_level = 3.6\n\
        relayhost = [one.example]\n\
        relayhost =\n\n  # the provider's\n\t[mail.${provider}]:${port?{$port}:{25}}\n# in the middle\n  [b.${provider}]\n\
        myorigin = ${nothing:{$mydomain}}\nrecipient_delimiter = ${mydomain?+}\n\
        smtp_generic_maps = proxy:texthash:$(config_directory)/generic\n\
        \x20   inline:{ { root@home.lan = me@isp.example } },\n\x20   static:all@isp.example\n\
        smtp_tls_security_level=$level\nlevel = ${smtp_use_tls?encrypt}${smtp_use_tls:secure}\n\
        smtp_sasl_auth_enable = YES\nsmtp_sasl_security_options=\nsmtp_sasl_password_maps = static:{me:sec$$ret}\n\
        no equals sign here\n";
    let files = [("/etc/postfix/main.cf", main), ("/etc/postfix/generic", "his his@isp.example\n")];
    let (config, draft, text) = translated(Program::Postfix, "/etc/postfix", &files);
    assert_eq!((config.hostname.as_str(), config.origin.as_str()), ("box.home.lan", "home.lan"));
    assert_eq!(config.recipient_delimiter, "+");
    let relays: Vec<String> = config.accounts[0].relays.iter().map(ToString::to_string).collect();
    assert_eq!(relays, ["[mail.isp.example]:587", "[b.isp.example]:25"]);
    let sources = "generic = [\"texthash:tables/generic\", { \"root@home.lan\" = \"me@isp.example\" }, \"static:all@isp.example\"]";
    assert!(text.contains(sources), "{text}");
    assert_eq!((config.accounts[0].tls, secrets(&draft)), (Some(TlsMode::Starttls), vec![("isp", "sec$ret")]));
}

#[test]
fn options_of_the_client_in_master_cf_come_before_main_cf() {
    let master = "smtp inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=no\n\
        smtp unix - - y - - smtp\n  -o smtp_tls_wrappermode=yes -o { smtp_tls_security_level = encrypt }\n\
        relay unix - - y - - smtp -o smtp_bind_address=192.0.2.1\n";
    let main = "relayhost = [mail.isp.example]:465\n";
    let files = [("/etc/postfix/main.cf", main), ("/etc/postfix/master.cf", master)];
    let (config, _, text) = translated(Program::Postfix, "/etc/postfix", &files);
    assert_eq!(
        (config.accounts[0].tls, config.accounts[0].source_address.len()),
        (Some(TlsMode::Implicit), 0),
        "{text}"
    );
    assert!(text.contains("No effect: master.cf"), "{text}");
}

#[test]
fn tls_that_postfix_did_not_demand_is_told() {
    for (lines, told) in [
        (
            "smtp_tls_security_level = may",
            "# Changed: TLS for account isp: smtp_tls_security_level = may: TLS was optional",
        ),
        (
            "smtp_tls_security_level = encrypt",
            "# Changed: TLS for account isp: smtp_tls_security_level = encrypt: any certificate",
        ),
        ("smtp_tls_security_level =\nsmtp_use_tls = yes", "# Changed: TLS for account isp: smtp_use_tls = may: "),
        (
            "smtp_tls_security_level =",
            "# Changed: TLS for account isp: smtp_tls_security_level (default) = none: Postfix sent",
        ),
        (
            "smtp_tls_policy_maps = static:may",
            "# Changed: TLS for account isp: smtp_tls_policy_maps = may: TLS was optional",
        ),
    ] {
        let (config, _, text) = with(lines);
        assert_eq!(config.accounts[0].tls, Some(TlsMode::Starttls), "{lines}");
        assert!(text.lines().any(|line| line.starts_with(told)), "{lines}\n{text}");
    }
    let (.., text) = with("");
    assert!(!text.contains("Changed: TLS"), "{text}");
}
