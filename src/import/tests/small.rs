//! ssmtp, nullmailer and dma, case by case: one line of a configuration, and what it becomes or does not become.

use super::{case, secrets, translated};
use crate::import::Program;

fn ssmtp(lines: &str, has: &[&str], has_not: &[&str]) {
    case(Program::Ssmtp, &[("/c/ssmtp.conf", lines)], has, has_not);
}

#[test]
fn the_hub_of_ssmtp_is_a_host_with_or_without_a_port() {
    for (hub, relay) in [
        ("smtp.isp.example", "[smtp.isp.example]:25"),
        ("smtp.isp.example:587", "[smtp.isp.example]:587"),
        ("192.0.2.1:26", "[192.0.2.1]:26"),
        ("[::1]:465", "[::1]:465"),
        ("[2001:db8::1]", "[2001:db8::1]:25"),
        ("2001:db8::1", "[2001:db8::1]:25"),
    ] {
        ssmtp(&format!("mailhub={hub}\n"), &[&format!("relay = \"{relay}\"")], &[]);
    }
}

#[test]
fn without_a_hub_ssmtp_asks_mailhub() {
    ssmtp("root=postmaster\n", &["relay = \"[mailhub]:25\""], &[]);
}

#[test]
fn a_user_name_without_a_password_stays() {
    let asks = "run \"postrider password set isp\"";
    let hub = "mailhub=smtp.isp.example:587\nUseSTARTTLS=YES\n";
    for lines in ["AuthUser=me\n", "AuthUser=me\nAuthPass=\n"] {
        let has = ["username = \"me\"", "password = { file = \"secrets/isp\" }", asks];
        ssmtp(&format!("{hub}{lines}"), &has, &[]);
    }
    ssmtp(&format!("{hub}AuthUser=me\nAuthPass=x\n"), &["password = { file = \"secrets/isp\" }"], &[asks]);
    ssmtp(hub, &[], &["username", "password = "]);
    let (config, draft, _) = translated(
        Program::Dma,
        "/c",
        &[
            ("/c/dma.conf", "SMARTHOST a.isp.example\nSECURETRANSFER\nAUTHPATH auth.conf\n"),
            ("/c/auth.conf", "me|a.isp.example:\n"),
        ],
    );
    assert_eq!(config.accounts[0].username.as_deref(), Some("me"));
    assert!(draft.accounts[0].secret.is_none());
}

#[test]
fn a_relay_on_this_machine_gets_the_password_of_a_small_program_without_tls() {
    let login = "AuthUser=me\nAuthPass=x\n";
    for (hub, has, has_not) in [
        ("127.0.0.1:1025", "allow_plaintext = true", "starttls"),
        ("[::1]:1025", "allow_plaintext = true", "starttls"),
        ("localhost", "allow_plaintext = true", "starttls"),
        ("192.0.2.1", "tls = \"starttls\"", "allow_plaintext"),
    ] {
        ssmtp(&format!("mailhub={hub}\n{login}"), &[has], &[has_not]);
    }
    let remotes = "127.0.0.1 smtp port=1025 user=me pass=x\n";
    case(Program::Nullmailer, &[("/c/remotes", remotes)], &["allow_plaintext = true"], &["starttls"]);
    let files = [
        ("/c/dma.conf", "SMARTHOST 127.0.0.1\nPORT 1025\nINSECURE\nAUTHPATH auth.conf\n"),
        ("/c/auth.conf", "me|127.0.0.1:x\n"),
    ];
    case(Program::Dma, &files, &["allow_plaintext = true"], &["starttls"]);
}

#[test]
fn only_what_a_program_keeps_on_the_machine_is_an_own_domain() {
    let own = |program, files: &[(&str, &str)]| {
        let (config, ..) = translated(program, "/c", files);
        config.own_domains.is_none_or(|listed| !listed.is_empty())
    };
    assert!(!own(Program::Nullmailer, &[("/c/remotes", "a.example\n")]));
    assert!(!own(Program::Ssmtp, &[("/c/ssmtp.conf", "mailhub=a.example\nroot=postmaster\n")]));
    assert!(!own(Program::Dma, &[("/c/dma.conf", "SMARTHOST a.example\nNULLCLIENT\n")]));
    assert!(own(Program::Dma, &[("/c/dma.conf", "SMARTHOST a.example\n")]), "dma has mailboxes");
    for (aliases, stays) in
        [("root: me\n", true), ("*: me\n", true), ("*: me@isp.example\n", false), ("*: a@b, me\n", true)]
    {
        let files = [("/c/dma.conf", "SMARTHOST a.example\n"), ("/etc/aliases", aliases)];
        let (.., text) = translated(Program::Dma, "/c", &files);
        assert_eq!(
            text.contains("# Changed: local mailboxes: mail to the users of this machine stayed on it;"),
            stays,
            "{text}"
        );
    }
}

#[test]
fn names_that_are_no_domains_are_left_out() {
    for (program, files) in [
        (Program::Nullmailer, [("/c/remotes", "a.example\n"), ("/c/me", "[192.168.1.1]\n")]),
        (Program::Ssmtp, [("/c/ssmtp.conf", "mailhub=a.example\nhostname=[192.168.1.1]\n"), ("/x", "")]),
        (Program::Dma, [("/c/dma.conf", "SMARTHOST a.example\nMAILNAME [192.168.1.1]\n"), ("/x", "")]),
    ] {
        case(program, &files, &["# Not imported:", "[192.168.1.1]: not a domain name"], &["\nhostname ="]);
    }
}

#[test]
fn entries_that_are_there_twice_or_incomplete_make_no_broken_config() {
    let conf = "mailhub=a.example\nFromLineOverride=YES\n";
    for (text, has) in [
        ("root:a@isp.example\nroot:b@isp.example\n", "sender_canonical = [{ \"root\" = \"b@isp.example\" }]"),
        (":a@isp.example\nroot:\nbob:b@isp.example\n", "sender_canonical = [{ \"bob\" = \"b@isp.example\" }]"),
    ] {
        case(Program::Ssmtp, &[("/c/ssmtp.conf", conf), ("/c/revaliases", text)], &[has], &[]);
    }
    // Whatever a comment repeats cannot end it.
    ssmtp("mailhub=a.example\nweird\u{1}\u{202e}=x\n", &["# Not imported: weird??: not supported"], &[]);
}

#[test]
fn mail_to_bare_names_that_nullmailer_completed_otherwise_is_told() {
    let told = "# Changed: adminaddr: mail to a bare name";
    for (defaulthost, is_told) in [("isp.example\n", true), ("me.home.lan\n", false), ("", false)] {
        let files = [
            ("/c/remotes", "a.example\n"),
            ("/c/me", "me.home.lan\n"),
            ("/c/defaulthost", defaulthost),
            ("/c/adminaddr", "me@isp.example\n"),
        ];
        let (has, has_not): (&[&str], &[&str]) = if is_told { (&[told], &[]) } else { (&[], &[told]) };
        case(Program::Nullmailer, &files, has, has_not);
    }
}

#[test]
fn on_debian_the_name_of_nullmailers_machine_is_mailname() {
    for (folder, name) in [("/etc/nullmailer", "m.home.lan"), ("/c", "me.home.lan")] {
        let files = [
            (&*format!("{folder}/remotes"), "a.example\n"),
            (&format!("{folder}/me"), "me.home.lan\n"),
            ("/etc/mailname", "m.home.lan\n"),
        ];
        let (config, ..) = translated(Program::Nullmailer, folder, &files);
        assert_eq!(config.hostname, name);
    }
}

#[test]
fn every_file_and_option_of_nullmailer_is_carried_over_or_named() {
    for (name, text, has) in [
        ("helohost", "mail.isp.example", "hostname = \"mail.isp.example\""),
        ("bounceto", "me@isp.example", "# Not imported: bounceto"),
        ("bouncelines", "20", "# Not imported: bouncelines"),
        ("doublebounceto", "me@isp.example", "# Not imported: doublebounceto"),
        ("idhost", "x.example", "# Not imported: idhost"),
        ("allmailfrom", "me@isp.example", "from = \"me@isp.example\""),
        ("pausetime", "120", "retry_min = \"120s\""),
    ] {
        case(Program::Nullmailer, &[("/c/remotes", "a.example\n"), (&format!("/c/{name}"), text)], &[has], &[]);
    }
    for (option, has) in [
        ("auth-external", "auth = [\"external\"]"),
        ("auth-login", "auth = [\"login\"]"),
        ("--tls", "relay = \"[a.example]:465\""),
        ("ssl --port=4650", "relay = \"[a.example]:4650\""),
        ("starttls insecure", "# Changed: insecure"),
        ("x509crlfile=/crl", "# Not imported: remotes option x509crlfile"),
        ("source=192.0.2.1", "source_address = \"192.0.2.1\""),
        ("tls x509certfile=/c x509keyfile=/k", "tls_client_key = \"/k\""),
    ] {
        case(Program::Nullmailer, &[("/c/remotes", &format!("a.example smtp {option}\n"))], &[has], &[]);
    }
}

#[test]
fn a_login_of_dma_is_divided_as_dma_divides_it() {
    for row in ["me|a.example:p w#|x", "me|a.example p w#|x", "# me|a.example:no\nme|a.example\tp w#|x"] {
        let files =
            [("/c/dma.conf", "SMARTHOST a.example\nSECURETRANSFER\nAUTHPATH auth.conf\n"), ("/c/auth.conf", row)];
        let (config, draft, _) = translated(Program::Dma, "/c", &files);
        assert_eq!(config.accounts[0].username.as_deref(), Some("me"), "{row}");
        assert_eq!(secrets(&draft)[0].1, "p w#|x", "{row}");
    }
}

#[test]
fn every_setting_of_dma_is_carried_over_or_named() {
    for (setting, has, has_not) in [
        ("SECURETRANSFER", "tls = \"implicit\"", "starttls"),
        ("SECURETRANSFER\nSTARTTLS", "tls = \"starttls\"", "implicit"),
        ("SECURETRANSFER\nVERIFYCERT", "# No effect: VERIFYCERT", "# Changed: VERIFYCERT"),
        ("SECURETRANSFER\nSTARTTLS", "# Changed: VERIFYCERT", "# No effect"),
        ("STARTTLS", "tls = \"none\"", "VERIFYCERT"),
        ("FULLBOUNCE", "bounce_size = \"50MB\"", "FULLBOUNCE:"),
        ("DEFER", "# Not imported: DEFER", "x x"),
        ("CERTFILE /cert", "tls_client_cert = \"/cert\"", "# Not"),
        ("MASQUERADE me@isp.example", "from = \"me@isp.example\"", "generic ="),
        ("MASQUERADE isp.example", "\"@box.home.lan\" = \"@isp.example\"", "from ="),
        ("SPOOLDIR /s", "# Not imported: SPOOLDIR", "spool ="),
        ("PORT 587 # for submission", "relay = \"[a.example]:587\"", "# for"),
        ("PORT\t587#x", "relay = \"[a.example]:587\"", "#x"),
    ] {
        case(Program::Dma, &[("/c/dma.conf", &format!("SMARTHOST a.example\n{setting}\n"))], &[has], &[has_not]);
    }
}

#[test]
fn every_setting_of_ssmtp_is_carried_over_or_named() {
    for (setting, has, has_not) in [
        ("UseTLS=YES", "relay = \"[a.example]:465\"", "# Not"),
        ("UseTLS=YES\nUseSTARTTLS=YES", "tls = \"starttls\"", "implicit"),
        ("UseTLS=NO", "tls = \"none\"", "implicit"),
        ("rewriteDomain=isp.example", "\"@box.home.lan\" = \"@isp.example\"", "# Not"),
        ("hostname=isp.example", "origin = \"isp.example\"", "# Not"),
        ("root=me@isp.example", "virtual = [{ root = \"me@isp.example\" }]", "aliases ="),
        (
            "FromLineOverride=YES",
            "# Changed: FromLineOverride: a From field that a program writes was the envelope",
            "# Not",
        ),
        ("FromLineOverride=NO", "# Changed: FromLineOverride", "# Not"),
        ("AuthMethod=CRAM-MD5", "auth = [\"cram-md5\"]", "# Not"),
        ("TLSCert=/c\nTLSKey=/k\nUseTLSCert=YES", "tls_client_cert = \"/c\"", "# Not"),
        ("MinUserId=500", "# Not imported: minuserid", "x x"),
        ("RemotePort=587", "relay = \"[a.example]:587\"", "remoteport"),
        ("mailhub=b.example\nmailhub=c.example:26", "relay = \"[c.example]:26\"", "b.example"),
        ("AuthUser=one\nAuthUser=two\nAuthPass=x", "username = \"one\"", "username = \"two\""),
    ] {
        ssmtp(&format!("mailhub=a.example\n{setting}\n"), &[has], &[has_not]);
    }
}

#[test]
fn the_aliases_of_ssmtp_are_for_senders_alone() {
    for conf in ["mailhub=a.example\nhostname=isp.example\n", "mailhub=a.example\nrewriteDomain=isp.example\n"] {
        let files = [("/c/ssmtp.conf", conf), ("/c/revaliases", "ann:ann@x.example\n")];
        case(
            Program::Ssmtp,
            &files,
            &["sender_canonical = [{ \"ann\" = \"ann@x.example\" }]"],
            &["generic = [{ \"ann\""],
        );
    }
}
