//! Postfix as a submission service: master.cf's services of the SMTP server with what their `-o` options set, and what they become.
//! The articles' examples stand here word for word: the listeners and clients, and each remark.

use super::{translated, translated_with};
use crate::import::Program;

/// A machine with a relay, a certificate and Cyrus SASL, as most articles begin.
const MAIN: &str = "myhostname = box.home.lan\nmyorigin = home.lan\nmydestination = localhost\nrelayhost = [smtp.isp.example]:587\n\
    smtp_tls_security_level = encrypt\nsmtpd_tls_cert_file = /etc/ssl/box.pem\nsmtpd_tls_key_file = /etc/ssl/private/box.key\n";

const CLIENT: &str = "smtp unix - - y - - smtp\n";

/// What each of these gets.
const LISTENER: &str = r#"[listen.submission]
address = [":587"]    # submission in master.cf
certificate = "/etc/ssl/box.pem"    # smtpd_tls_cert_file
key = "/etc/ssl/private/box.key"    # smtpd_tls_key_file
public = true    # anybody may connect (submission)"#;
const KEY: &str = "Changed: /etc/ssl/private/box.key (smtpd_tls_key_file): Postfix reads it as root; the user postrider must be able to \
                   read it";
const PORTS: &str = "Changed: ports below 1024 (master.cf): the service is not root: set address = \"systemd\" and enable \
                     postrider-submission.socket, or see `address` in postrider.toml(5)";
const LOGINS: &str = "Not imported: logins (smtpd_sasl_auth_enable): passwords are not imported, and a client may send only as its \
                      `senders`; for each login, run \"postrider client add NAME --sender ADDRESS\"";

/// The listeners and clients of a config.
fn sections(text: &str) -> String {
    let begin = text.find("\n[listen.").or(text.find("\n[client.")).map_or(text.len(), |at| at + 1);
    text[begin..].split("\n[queue]").next().unwrap().trim_end().to_owned()
}

/// The remarks that people get, without those that every import has.
fn remarks(text: &str) -> Vec<&str> {
    let usual = ["delay_warning_time", "append_dot_mydomain", "TLS for account isp"];
    let told = text.lines().filter_map(|line| line.strip_prefix("# "));
    let told = told.filter(|line| line.starts_with("Changed: ") || line.starts_with("Not imported: "));
    told.filter(|line| !usual.iter().any(|name| line.contains(name))).collect()
}

#[track_caller]
fn becomes(main: &str, master: &str, files: &[(&str, &str)], listening: &str, told: &[&str]) {
    let (main, master) = (format!("{MAIN}{main}"), format!("{CLIENT}{master}"));
    let files = [&[("/c/main.cf", main.as_str()), ("/c/master.cf", master.as_str())], files].concat();
    let (.., text) = translated(Program::Postfix, "/c", &files);
    assert_eq!(sections(&text), listening, "{text}");
    assert_eq!(remarks(&text), told, "{text}");
}

#[test]
fn submission_with_restrictions_by_stage() {
    let main = "mua_client_restrictions =\nmua_helo_restrictions =\n\
        mua_sender_restrictions = reject_sender_login_mismatch, permit_sasl_authenticated, reject\n\
        smtpd_sender_login_maps = inline:{ { alice@home.lan = alice }, { @alice.example = alice }, { scanner@home.lan = scanner@home.lan } }\n";
    let master = "submission inet n - y - - smtpd\n  -o syslog_name=postfix/submission\n  -o smtpd_tls_security_level=encrypt\n  \
        -o smtpd_sasl_auth_enable=yes\n  -o smtpd_tls_auth_only=yes\n  -o smtpd_reject_unlisted_recipient=no\n  \
        -o smtpd_client_restrictions=$mua_client_restrictions\n  -o smtpd_helo_restrictions=$mua_helo_restrictions\n  \
        -o smtpd_sender_restrictions=$mua_sender_restrictions\n  -o smtpd_recipient_restrictions=\n  \
        -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n  -o milter_macro_daemon_name=ORIGINATING\n";
    becomes(
        main,
        master,
        &[],
        LISTENER,
        &[
            KEY,
            "Changed: reject_sender_login_mismatch (smtpd_sender_restrictions, submission): `senders` of each client lists the addresses \
         that it may send from",
            PORTS,
            "Not imported: login alice (smtpd_sender_login_maps): its password is not imported; run \"postrider client add alice --sender \
         alice@home.lan --sender @alice.example\"",
            "Not imported: login scanner (smtpd_sender_login_maps): its password is not imported; run \"postrider client add scanner \
         --sender scanner@home.lan\"",
        ],
    );
}

#[test]
fn a_parameter_of_ones_own_names_the_table_of_senders() {
    let main = "check_sender_mydomain = check_sender_access hash:/etc/postfix/permit_mydomain\n";
    let master = "submission inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n  -o smtpd_sasl_auth_enable=yes\n  \
        -o smtpd_sender_restrictions=${check_sender_mydomain},reject\n";
    becomes(
        main,
        master,
        &[("/c/permit_mydomain", "home.lan OK\n")],
        LISTENER,
        &[
            KEY,
            "Changed: check_sender_access hash:/etc/postfix/permit_mydomain (smtpd_sender_restrictions, submission): its addresses and \
         domains are in `senders` of the clients; others are refused",
            PORTS,
            "Not imported: logins (smtpd_sasl_auth_enable): passwords are not imported; for each login, run \"postrider client add NAME \
         --sender hash:tables/permit_mydomain\"",
        ],
    );
}

#[test]
fn smtps_and_submission_beside_each_other_are_one_listener() {
    let master = "submission inet n - y - - smtpd\n  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes\n\
        smtps inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes\n";
    becomes(
        "",
        master,
        &[],
        &LISTENER.replace(
            "[\":587\"]    # submission in master.cf",
            "[\":587\", \":465\"]    # submission in master.cf, smtps",
        ),
        &[KEY, PORTS, LOGINS],
    );
}

#[test]
fn what_follows_permit_sasl_authenticated_concerns_no_client() {
    let main = "smtpd_sasl_auth_enable = yes\nsmtpd_tls_security_level = encrypt\n\
        smtpd_helo_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_invalid_hostname\n\
        smtpd_recipient_restrictions = reject_rbl_client zen.example, permit_sasl_authenticated, reject_unauth_destination\n";
    becomes(
        main,
        "587 inet n - y - - smtpd\n",
        &[],
        &LISTENER.replace("submission in master.cf", "587 in master.cf").replace("(submission)", "(587)"),
        &[
            KEY,
            PORTS,
            "Not imported: reject_rbl_client zen.example (smtpd_recipient_restrictions, 587): clients are not looked up in DNS; `networks` \
         says who may connect",
            LOGINS,
        ],
    );
}

#[test]
fn sasldb_with_realms() {
    let main = "smtpd_sasl_local_domain = home.lan\nsmtpd_sasl_security_options = noanonymous\nbroken_sasl_auth_clients = yes\n\
        smtpd_sasl_path = smtpd\n";
    let master = "submission inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt\n";
    let conf =
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 NTLM GSSAPI\n";
    becomes(
        main,
        master,
        &[("/c/sasl/smtpd.conf", conf)],
        LISTENER,
        &[
            KEY,
            PORTS,
            "Not imported: CRAM-MD5 (mech_list in /c/sasl/smtpd.conf): it needs the password in clear text on the server; use \
         SCRAM-SHA-256, or PLAIN under TLS",
            "Not imported: DIGEST-MD5 (mech_list in /c/sasl/smtpd.conf): obsolete (RFC 6331); use SCRAM-SHA-256, or PLAIN under TLS",
            "Not imported: NTLM (mech_list in /c/sasl/smtpd.conf): obsolete; use SCRAM-SHA-256, or PLAIN under TLS",
            "Not imported: GSSAPI (mech_list in /c/sasl/smtpd.conf): Kerberos is not supported; give the client a password and use \
         SCRAM-SHA-256, or PLAIN under TLS",
            "Not imported: sasldb (/c/sasl/smtpd.conf): its passwords are not imported; \"sasldblistusers2\" lists its users: add a client \
         for each, which then logs in as user or as user@realm, where the realm is a domain of this machine",
            LOGINS,
        ],
    );
}

#[test]
fn what_has_no_substitute_is_named_with_its_reason() {
    let main = "smtpd_sasl_auth_enable = yes\nsmtpd_tls_security_level = may\nsmtpd_etrn_restrictions = permit_mynetworks\n\
        proxy_interfaces = 203.0.113.4\nsmtpd_sender_login_maps = mysql:/etc/postfix/logins.cf\n";
    let master = "submission inet n - y - - smtpd\n";
    let listener = LISTENER
        .replace("certificate", "tls = \"optional\"    # smtpd_tls_security_level (submission)\ncertificate")
        .replace("public = true    # anybody may connect (submission)", "networks = [\"local\"]");
    for (conf, verifies) in [
        (
            "pwcheck_method: saslauthd\n",
            "Not imported: pwcheck_method: saslauthd (/etc/sasl2/smtpd.conf): postrider keeps its own passwords and asks neither \
             saslauthd nor PAM; add a client for each user",
        ),
        (
            "pwcheck_method: auxprop\nauxprop_plugin: sql\n",
            "Not imported: auxprop_plugin: sql (/etc/sasl2/smtpd.conf): postrider keeps its own passwords and asks no SQL database; add \
             a client for each login",
        ),
    ] {
        let told = [
            KEY,
            "Changed: clients from outside (service submission): only this machine's own networks may connect; set `networks`, or \
             public = true with TLS and without `trust`",
            "Changed: smtpd_tls_auth_only (submission): clients log in under TLS only, unless their section has `networks` and \
             allow_plaintext = true",
            PORTS,
            verifies,
            "Not imported: smtpd_sender_login_maps = mysql:/etc/postfix/logins.cf: tables of type mysql are not supported; write the \
             entries to a text file",
            LOGINS,
            "Not imported: smtpd_etrn_restrictions: ETRN is not supported, since postrider keeps no mail for other servers to fetch; \
             \"postrider flush\" sends all that waits",
            "Not imported: proxy_interfaces: the router's addresses need not be known, since no mail is received for this machine; for \
             clients that come through the router, set public = true in [listen.NAME]",
        ];
        becomes(main, master, &[("/etc/sasl2/smtpd.conf", conf)], &listener, &told);
    }
}

#[test]
fn clients_without_a_password_come_with_trust_networks_only() {
    let main = format!(
        "{MAIN}mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 192.168.1.0/24 10.0.0.0/8 !10.0.0.66\n"
    );
    let files =
        [("/c/main.cf", main.as_str()), ("/c/master.cf", "smtp unix - - y - - smtp\nsmtp inet n - y - - smtpd\n")];
    let (.., text) = translated(Program::Postfix, "/c", &files);
    assert_eq!(sections(&text), "");
    let why = "Not imported: mynetworks: clients that submit by SMTP without a password, identified by their address, are imported \
               only with --trust-networks";
    assert_eq!(remarks(&text), [why]);
    let (config, _, text) = translated_with(Some("alice"), Program::Postfix, "/c", &files);
    let listening = r#"[listen.smtp]
address = [":25"]    # smtp in master.cf
tls = "none"    # smtpd_tls_security_level (smtp)
networks = ["192.168.1.0/24"]    # mynetworks
trust = ["mynetworks"]    # permit_mynetworks"#;
    let client = r#"[client.mynetworks]
owner = "alice"    # gets its bounces and sees its mail
networks = ["127.0.0.0/8", "::1", "192.168.1.0/24"]    # mynetworks
senders = ["@home.lan"]
account = "isp""#;
    assert_eq!(sections(&text), format!("{listening}\n\n{client}"));
    assert!(config.clients[0].scram.is_empty() && config.clients[0].owner == "alice");
    let told = [
        "Changed: clients without a password (client mynetworks): they may send only as @home.lan: add other addresses to `senders`; \
         \"postrider check\" lists what this exposes",
        PORTS,
        "Not imported: mynetworks = !10.0.0.66: there are no exceptions, so the network around it is not imported; list its other \
         addresses in `networks` of the client",
    ];
    assert_eq!(remarks(&text), told);
}

#[test]
fn mynetworks_style_is_this_machine_or_is_named() {
    let files = |style: &str| format!("{MAIN}mynetworks_style = {style}\n");
    let master = "smtp unix - - y - - smtp\nsmtp inet n - y - - smtpd\n";
    let (_, _, text) = translated_with(
        Some("alice"),
        Program::Postfix,
        "/c",
        &[("/c/main.cf", &files("host")), ("/c/master.cf", master)],
    );
    assert!(sections(&text).contains("[listen.localhost]\naddress = [\"127.0.0.1:25\", \"[::1]:25\"]"), "{text}");
    assert!(text.contains("[client.localhost]") && text.contains("networks = [\"127.0.0.0/8\", \"::1\"]"), "{text}");
    for style in ["subnet", "class"] {
        let files = files(style);
        let (_, _, text) =
            translated_with(Some("alice"), Program::Postfix, "/c", &[("/c/main.cf", &files), ("/c/master.cf", master)]);
        assert_eq!(sections(&text), "");
        let why = "Not imported: mynetworks_style: list this machine's networks in mynetworks, or in `networks` of a client: they are \
                   not looked up";
        assert_eq!(remarks(&text), [why]);
    }
}

#[test]
fn a_service_through_which_nobody_could_submit_is_named_and_none_is_made_of_it() {
    let main = "mynetworks = 127.0.0.0/8\n";
    let master =
        "submission inet n - y - - smtpd -o smtpd_relay_restrictions=reject\n127.0.0.1:10025 inet n - y - - smtpd\n";
    let told = [
        "Not imported: service submission (master.cf): nobody could submit there: smtpd_sasl_auth_enable is not yes, and no \
                 client is known by its address",
    ];
    becomes(main, master, &[], "", &told);
}

/// What a main.cf and the options of its submission service become; `owner` of those in mynetworks, where they are trusted.
fn submission(owner: Option<&str>, main: &str, options: &str) -> String {
    let main = format!("{MAIN}smtpd_tls_security_level = encrypt\nsmtpd_sasl_auth_enable = yes\n{main}\n");
    let master = format!("{CLIENT}submission inet n - y - - smtpd {options}\n");
    let files = [("/c/main.cf", main.as_str()), ("/c/master.cf", master.as_str())];
    let (.., text) = translated_with(owner, Program::Postfix, "/c", &files);
    sections(&text)
}

const DEBIAN: &str = "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination";

#[test]
fn mynetworks_is_trusted_only_where_every_list_of_postfix_lets_it_pass() {
    let networks = "mynetworks = 127.0.0.0/8 192.168.0.0/16\n";
    for (main, options) in [
        (DEBIAN, "-o smtpd_client_restrictions=permit_sasl_authenticated,reject"),
        (
            "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination",
            "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject",
        ),
        ("", "-o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"),
        (DEBIAN, "-o smtpd_helo_restrictions=permit_sasl_authenticated,defer"),
        (DEBIAN, "-o smtpd_sender_restrictions=REJECT,permit_mynetworks"),
        (DEBIAN, "-o smtpd_data_restrictions=permit_sasl_authenticated,reject"),
        (DEBIAN, "-o smtpd_client_restrictions=permit_sasl_authenticated,check_client_access,static:reject"),
        (DEBIAN, "-o { smtpd_client_restrictions = check_client_access cidr:/etc/postfix/some, reject }"),
        ("", "-o smtpd_recipient_restrictions=permit_sasl_authenticated,reject_unauth_destination"),
        ("", "-o smtpd_recipient_restrictions=permit_sasl_authenticated,defer_if_permit"),
        (
            "smtpd_restriction_classes = mua\nmua = permit_sasl_authenticated, reject",
            "-o smtpd_client_restrictions=mua,permit_mynetworks",
        ),
        (DEBIAN, "-o mynetworks="),
    ] {
        let listening = submission(Some("alice"), &format!("{networks}{main}"), options);
        assert!(!listening.contains("trust = ") && !listening.contains("[client."), "{main} {options}\n{listening}");
        assert!(listening.starts_with("[listen.submission]"), "{main} {options}\n{listening}");
    }
    for (main, options) in [
        (DEBIAN, ""),
        ("", ""),
        ("", "-o smtpd_client_restrictions= -o smtpd_helo_restrictions=permit"),
        (DEBIAN, "-o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject"),
        (DEBIAN, "-o smtpd_sender_restrictions=reject_non_fqdn_sender,warn_if_reject,reject,PERMIT_MYNETWORKS,reject"),
        ("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination", ""),
    ] {
        let listening = submission(Some("alice"), &format!("{networks}{main}"), options);
        assert!(listening.contains("trust = [\"mynetworks\"]"), "{main} {options}\n{listening}");
    }
}

#[test]
fn a_service_with_networks_of_its_own_trusts_no_others() {
    let main = format!("{MAIN}mynetworks = 127.0.0.0/8 192.168.0.0/16\n");
    let master =
        format!("{CLIENT}smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o mynetworks=192.168.7.0/24\n");
    let files = [("/c/main.cf", main.as_str()), ("/c/master.cf", master.as_str())];
    let (config, _, text) = translated_with(Some("alice"), Program::Postfix, "/c", &files);
    assert!(text.contains("trust = [\"mynetworks\"]") && text.contains("trust = [\"mynetworks2\"]"), "{text}");
    let networks = |at: usize| config.clients[at].networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (networks(0), networks(1)),
        (vec!["127.0.0.0/8".into(), "192.168.0.0/16".into()], vec!["192.168.7.0/24".into()])
    );
}

#[test]
fn a_service_that_refuses_logins_from_outside_is_not_public() {
    for (options, is_public) in [
        ("", true),
        ("-o smtpd_client_restrictions=permit_sasl_authenticated,reject", true),
        ("-o smtpd_client_restrictions=permit", true),
        ("-o smtpd_sender_restrictions=check_sender_access,inline:{a@home.lan=OK},reject", true),
        ("-o { smtpd_client_restrictions = check_client_access cidr:/etc/postfix/allowed, reject }", false),
        ("-o smtpd_client_restrictions=permit_mynetworks,reject", false),
        ("-o smtpd_client_restrictions=reject,permit_sasl_authenticated", false),
        ("-o smtpd_helo_restrictions=permit_mynetworks,defer", false),
        ("-o smtpd_relay_restrictions=permit_mynetworks,reject_unauth_destination", false),
    ] {
        let listening = submission(None, "", options);
        assert_eq!(listening.contains("public = true"), is_public, "{options}\n{listening}");
        assert_eq!(listening.contains("networks = [\"local\"]"), !is_public, "{options}\n{listening}");
    }
}
