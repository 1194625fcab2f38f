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
