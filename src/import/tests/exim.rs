//! Exim, case by case: the answers to Debian's questions, and what they become or do not become.

use super::{case, secrets, translated};
use crate::import::Program;

const BOX: &str = "dc_other_hostnames='box.home.lan'\ndc_local_interfaces='127.0.0.1 ; ::1'\ndc_relay_domains=''\n\
    dc_minimaldns='false'\ndc_relay_nets=''\ndc_smarthost='smtp.isp.example::587'\nCFILEMODE='644'\n\
    dc_use_split_config='false'\ndc_mailname_in_oh='true'\ndc_localdelivery='mail_spool'\n";

fn files<'t>(conf: &'t str, passwords: &'t str) -> [(&'t str, &'t str); 5] {
    [
        ("/c/update-exim4.conf.conf", conf),
        ("/c/passwd.client", passwords),
        ("/etc/email-addresses", "# comment\nalice: alice@isp.example\n"),
        ("/etc/mailname", "box.home.lan\n"),
        ("/etc/aliases", "root: alice\n"),
    ]
}

#[test]
fn a_smarthost_of_exim_moves_over() {
    let conf =
        format!("dc_eximconfig_configtype='smarthost'\ndc_readhost='isp.example'\ndc_hide_mailname='true'\n{BOX}");
    let passwords = "# host:login:password\nother.example:x:y\nsmtp.isp.example:me@isp.example:p:w\n";
    let (config, draft, text) = translated(Program::Exim, "/c", &files(&conf, passwords));
    assert_eq!(secrets(&draft), [("isp", "p:w")], "{text}");
    assert_eq!(config.accounts[0].relays[0].to_string(), "[smtp.isp.example]:587");
    assert!(draft.serves.is_empty(), "{:?}", draft.serves);
    let rows = "generic = [{ \"alice\" = \"alice@isp.example\", \"@box.home.lan\" = \"@isp.example\"";
    for part in [rows, "aliases = [\"/etc/aliases\"]", "# No effect: CFILEMODE", "username = \"me@isp.example\""] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("# Not imported"), "{text}");
}

#[test]
fn answers_of_exim_decide_names_logins_and_relays() {
    for (conf, passwords, has, has_not) in [
        (
            "dc_hide_mailname='true'\ndc_readhost='isp.example'\n",
            "",
            "\"@box.home.lan\" = \"@isp.example\"",
            "username",
        ),
        ("dc_hide_mailname='false'\ndc_readhost='isp.example'\n", "", "\"alice\" = \"alice@isp.example\"", "\"@isp"),
        ("", "*.isp.example:me:x\n", "username = \"me\"", "# Not imported: password"),
        ("", "*:me:x\n", "username = \"me\"", "# Not imported: password"),
        ("", "*.other.example:me:x\n", "relay = \"[smtp.isp.example]:587\"", "username"),
        ("", "*.other.example:me:x\n", "# Not imported: passwd.client entry for *.other.example", "username"),
        ("dc_smarthost='a.example::465'\n", "", "tls = \"implicit\"", "starttls"),
        // A bridge on this machine speaks no TLS.
        ("dc_smarthost='127.0.0.1::1025'\n", "*:me:x\n", "allow_plaintext = true", "starttls"),
        ("dc_smarthost='a.example'\n", "", "relay = \"[a.example]:25\"", "implicit"),
        (
            "dc_smarthost='a.example::587;b.example::587'\n",
            "a.example:u:p\nb.example:v:q\n",
            "# Changed: relay b.example",
            "b.example]",
        ),
        (
            "dc_smarthost='a.example::587;b.example::587'\n",
            "*:u:p\n",
            "[\"[a.example]:587\", \"[b.example]:587\"]",
            "# Changed: relay",
        ),
        ("dc_smarthost='a.example::587;b.example::465'\n", "*:u:p\n", "# Changed: relay b.example", "b.example]"),
        ("dc_smarthost='a.example::587;b.example::587'\n", "", "[\"[a.example]:587\", \"[b.example]:587\"]", "# Not"),
        ("dc_other_hostnames='box.home.lan:nas.home.lan'\n", "", "\"localhost\", \"nas.home.lan\"]", "# Not"),
    ] {
        let conf = format!("dc_eximconfig_configtype='smarthost'\n{BOX}{conf}");
        case(Program::Exim, &files(&conf, passwords), &[has], &[has_not]);
    }
}

#[test]
fn an_exim_that_receives_mail_is_known() {
    for (conf, serves) in [
        ("dc_eximconfig_configtype='smarthost'\ndc_relay_domains='example.org'\n", "dc_relay_domains"),
        (
            "dc_eximconfig_configtype='smarthost'\ndc_other_hostnames='example.org'\ndc_local_interfaces=''\n",
            "example.org",
        ),
        ("dc_eximconfig_configtype='smarthost'\ndc_other_hostnames='example.org'\n", ""),
        ("dc_eximconfig_configtype='satellite'\ndc_local_interfaces=''\n", ""),
    ] {
        let conf = format!("{BOX}{conf}");
        let (_, draft, text) = translated(Program::Exim, "/c", &files(&conf, ""));
        assert_eq!(draft.serves.is_empty(), serves.is_empty(), "{:?}\n{text}", draft.serves);
        assert!(draft.serves.iter().all(|how| how.contains(serves)), "{:?}", draft.serves);
    }
}

#[test]
fn the_first_entry_of_passwd_client_for_the_host_is_the_login() {
    for (passwords, login) in [
        ("^smtp\\.isp\\.(net|example)$:me@isp.example:pw1\n*:other@x:pw2\n", Some(("me@isp.example", "pw1"))),
        ("^SMTP[0-9]*\\.isp:me:pw1\n*:other@x:pw2\n", Some(("me", "pw1"))),
        ("^mail\\.isp:me:pw1\n*:other:p:w\n", Some(("other", "p:w"))),
        ("*:other:pw2\n^smtp:me:pw1\n", Some(("other", "pw2"))),
        ("\"^(?:smtp|mail)\\\\.isp\":me:pw1\n*:other:pw2\n", Some(("me", "pw1"))),
        // Not a pattern, and what Exim only knows itself.
        ("^smtp(:me:pw1\n*:other:pw2\n", None),
        ("!other.example:me:pw1\n*:other:pw2\n", None),
        ("lsearch;/x:me:pw1\n*:other:pw2\n", None),
        ("smtp.isp.example me:secret\n", Some(("me", "secret"))),
        ("smtp.isp.example\tme:a b\n", Some(("me", "a b"))),
        ("smtp.isp.example : me:secret \n", Some(("me", "secret"))),
        ("\"smtp.isp.example\": me:secret\n", Some(("me", "secret"))),
        ("smtp.isp.example:\n  me:secret\n", Some(("me", "secret"))),
        ("smtp.isp.example:me:se\n# comment\n\n   cret\n", Some(("me", "se cret"))),
        ("  smtp.isp.example:me:secret\n", None),
        ("smtp.isp.example\n", None),
    ] {
        let conf = format!("dc_eximconfig_configtype='smarthost'\n{BOX}");
        let (config, draft, text) = translated(Program::Exim, "/c", &files(&conf, passwords));
        let user = config.accounts[0].username.as_deref();
        assert_eq!(user, login.map(|(user, _)| user), "{passwords}\n{text}");
        let secret = secrets(&draft).first().map(|(_, secret)| *secret);
        assert_eq!(secret, login.map(|(_, secret)| secret), "{passwords}");
        let is_told = text.contains("# Not imported: passwd.client entry");
        assert_eq!(is_told, login.is_none() && passwords.contains(";\n") | passwords.contains("*:"), "{text}");
    }
}

#[test]
fn entries_of_email_addresses_are_those_of_lsearch() {
    for (addresses, has, has_not) in [
        ("alice me-alice@isp.example\n", "\"alice\" = \"me-alice@isp.example\"", "# Not"),
        ("alice  :   me@isp.example\n", "\"alice\" = \"me@isp.example\"", "# Not"),
        ("\"root\": me@isp.example\n", "\"root\" = \"me@isp.example\"", "\\"),
        ("alice:\n\tme@isp.example\n", "\"alice\" = \"me@isp.example\"", "# Not"),
        ("alice: me\n", "# Not imported: /etc/email-addresses entry for alice", "generic"),
        ("alice@box.home.lan: me@isp.example\n", "# No effect: /etc/email-addresses entry for alice@", "generic"),
    ] {
        let conf = format!("dc_eximconfig_configtype='smarthost'\n{BOX}");
        let mut files = files(&conf, "");
        files[2].1 = addresses;
        case(Program::Exim, &files, &[has], &[has_not]);
    }
}

#[test]
fn the_mail_name_completes_addresses_and_is_no_domain_of_the_machine() {
    for (conf, has, has_not) in [
        ("", "own_domains = [\"box.home.lan\", \"localhost\"]", "own_domains = [\"isp.example"),
        ("", "origin = \"isp.example\"", "\"@"),
        (
            "dc_other_hostnames='isp.example'\n",
            "own_domains = [\"box.home.lan\", \"localhost\", \"isp.example\"]",
            "# Not",
        ),
        ("dc_other_hostnames=''\n", "own_domains = [\"box.home.lan\", \"localhost\"]", "# Not"),
        // All of them are rewritten.
        (
            "dc_other_hostnames='nas.home.lan'\ndc_readhost='me.example'\ndc_hide_mailname='true'\n",
            "\"@isp.example\" = \"@me.example\", \"@box.home.lan\" = \"@me.example\", \"@localhost\" = \"@me.example\", \
             \"@nas.home.lan\" = \"@me.example\"",
            "# Not",
        ),
    ] {
        let conf = format!("dc_eximconfig_configtype='smarthost'\n{BOX}{conf}");
        let mut files = files(&conf, "");
        files[3].1 = "isp.example  # the provider\n";
        case(Program::Exim, &files, &[has], &[has_not]);
    }
}

#[test]
fn a_smarthost_of_exim_is_written_as_its_manual_says() {
    for (smarthost, relay) in [
        ("host.domain.example", "\"[host.domain.example]:25\""),
        ("host.domain.example::587", "\"[host.domain.example]:587\""),
        ("192.168.2.4", "\"[192.168.2.4]:25\""),
        ("192.168.2.4::587", "\"[192.168.2.4]:587\""),
        ("[192.168.2.4]::587", "\"[192.168.2.4]:587\""),
        ("2001::0db8::f::4::::2", "\"[2001:0db8:f:4::2]:25\""),
        ("[2001::0db8::f::4::::2]::587", "\"[2001:0db8:f:4::2]:587\""),
        ("[2001:db8::25]::587", "\"[2001:db8::25]:587\""),
        ("2001:db8::25", "\"[2001:db8::25]:25\""),
        ("a.example::587 : b.example::587", "[\"[a.example]:587\", \"[b.example]:587\"]"),
        ("a.example::587;[2001::db8::::25]::587", "[\"[a.example]:587\", \"[2001:db8::25]:587\"]"),
    ] {
        let conf = format!("dc_eximconfig_configtype='smarthost'\n{BOX}dc_smarthost='{smarthost}'\n");
        case(Program::Exim, &files(&conf, ""), &[&format!("relay = {relay}")], &[]);
    }
}

#[test]
fn what_is_added_to_the_answers_of_exim_is_named() {
    let conf = format!("dc_eximconfig_configtype='smarthost'\n{BOX}");
    let split = format!("{conf}dc_use_split_config='true'\n");
    let macros = "REMOTE_SMTP_SMARTHOST_PROTOCOL = smtps\nMAIN_TLS_ENABLE = true\n";
    for (conf, name, text, has, serves) in [
        (&conf, "exim4.conf", "begin routers\n", "# Changed: exim4.conf: Exim used it", true),
        (
            &conf,
            "exim4.conf.localmacros",
            macros,
            "# Changed: exim4.conf.localmacros: its REMOTE_SMTP_SMARTHOST_PROTOCOL",
            false,
        ),
        (&conf, "exim4.conf.localmacros", macros, "# No effect: exim4.conf.localmacros: MAIN_TLS_ENABLE", false),
        (&split, "conf.d/main/000_localmacros", macros, "# Changed: conf.d/main/000_localmacros", false),
        (&conf, "hubbed_hosts", "kid.example: mx.kid.example\n", "# Not imported: hubbed_hosts entry", false),
    ] {
        let path = format!("/c/{name}");
        let mut files = files(conf, "").to_vec();
        files.push((&path, text));
        let (_, draft, text) = translated(Program::Exim, "/c", &files);
        assert!(text.contains(has), "{has}\n{text}");
        assert_eq!(!draft.serves.is_empty(), serves, "{name}: {:?}", draft.serves);
    }
}

#[test]
fn the_addresses_of_exims_users_are_for_senders_alone() {
    let files = |kind: &str| {
        let conf = format!(
            "dc_eximconfig_configtype='{kind}'\ndc_other_hostnames='box.home.lan'\ndc_local_interfaces='127.0.0.1'\ndc_readhost='hub.example'\ndc_smarthost='hub.example'\n"
        );
        [
            ("/c/update-exim4.conf.conf", conf),
            ("/etc/mailname", "box.home.lan\n".to_owned()),
            ("/etc/email-addresses", "bob: bob@isp.example\n".to_owned()),
        ]
    };
    for (kind, has, has_not) in [
        (
            "satellite",
            &[
                "sender_canonical = [{ \"bob\" = \"bob@isp.example\" }]",
                "generic_classes = [\"envelope_sender\", \"header_sender\", \"envelope_recipient\"]",
            ][..],
            "generic = [{ \"bob\"",
        ),
        (
            "smarthost",
            &[
                "generic = [{ \"bob\" = \"bob@isp.example\"",
                "generic_classes = [\"envelope_sender\", \"header_sender\"]",
            ],
            "sender_canonical",
        ),
    ] {
        let files = files(kind);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        case(Program::Exim, &files, has, &[has_not]);
    }
}
