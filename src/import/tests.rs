//! Set-ups as their manuals show them, and what is made of them: always a config that
//! reads without a fault.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod exim;
mod msmtp;
mod msmtp_commands;
mod opensmtpd;
mod postfix;
mod postfix_destinations;
mod postfix_parameters;
mod postfix_submission;
mod sendmail;
mod small;

use std::collections::HashMap;

use super::*;
use crate::config::{Config, TlsMode, read};

/// Translates files; the config that comes of it, read, and the draft.
pub(crate) fn translated(program: Program, source: &str, files: &[(&str, &str)]) -> (Config, Draft, String) {
    translated_with(None, program, source, files)
}

/// The same with clients that are known by their address, which belong to this login.
pub(crate) fn translated_with(
    trust_networks: Option<&str>,
    program: Program,
    source: &str,
    files: &[(&str, &str)],
) -> (Config, Draft, String) {
    let draft = drafted_with(trust_networks, program, source, files);
    let text = draft.config(source);
    let config = read::read(Path::new("/x/config.toml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (config, draft, text)
}

/// Translates files that may come to no account.
pub(crate) fn drafted(program: Program, source: &str, files: &[(&str, &str)]) -> Draft {
    drafted_with(None, program, source, files)
}

fn drafted_with(trust_networks: Option<&str>, program: Program, source: &str, files: &[(&str, &str)]) -> Draft {
    drafted_of("box.home.lan", trust_networks, program, source, files)
}

fn drafted_of(
    hostname: &str,
    trust_networks: Option<&str>,
    program: Program,
    source: &str,
    files: &[(&str, &str)],
) -> Draft {
    let files: HashMap<&Path, &str> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
    let read_file = |path: &Path| {
        files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let is_file = files.contains_key(Path::new(source));
    let context = ImportContext {
        source: Path::new(source),
        source_is: if is_file { SourceIs::File } else { SourceIs::Folder },
        hostname,
        home: Some(Path::new("/home/me")),
        tables: Tables::Copied,
        trust_networks,
        read: &read_file,
    };
    translate(program, &context).unwrap()
}

/// The same on a machine of another name, which the configuration need not load with.
pub(crate) fn drafted_on(hostname: &str, program: Program, files: &[(&str, &str)]) -> Draft {
    drafted_of(hostname, None, program, "/c", files)
}

/// A configuration in the folder `/c`, and what its translation says and does not say.
#[track_caller]
pub(crate) fn case(program: Program, files: &[(&str, &str)], has: &[&str], has_not: &[&str]) {
    let source = if program == Program::Msmtp { files[0].0 } else { "/c" };
    let (.., text) = translated(program, source, files);
    for part in has {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    for part in has_not {
        assert!(!text.contains(part), "{part:?} is there:\n{text}");
    }
}

pub(crate) fn secrets(draft: &Draft) -> Vec<(&str, &str)> {
    let with =
        draft.accounts.iter().filter_map(|account| Some((account.name.as_str(), account.secret.as_ref()?.expose())));
    with.collect()
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
    assert_eq!((config.origin.as_str(), config.generic.len(), config.rewriting.virtuals.len()), ("box.home.lan", 1, 1));
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
    assert!(shown.contains("proxy_host (account provider)"), "{shown}");
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
        assert!(left_out(&draft, "DEFER") && text.contains("aliases = [\"/al\", \"static:me\"]"), "{text}");
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

#[test]
fn msmtp_takes_only_quotes_around_a_whole_value_away() {
    for (written, meant) in [
        (r#"it's a"b\c"#, r#"it's a"b\c"#),
        (r#""with blanks  ""#, "with blanks  "),
        (r#""a" and "b""#, r#"a" and "b"#),
        (r"WORK\me", r"WORK\me"),
        ("\"", "\""),
    ] {
        let text = format!("account a\nhost a.example\ntls on\nauth on\nuser {written}\npassword {written}\n");
        let (config, draft, shown) = translated(Program::Msmtp, "/m", &[("/m", &text)]);
        assert_eq!(secrets(&draft), [("a", meant)], "{shown}");
        assert_eq!(config.accounts[0].username.as_deref(), Some(meant), "{shown}");
    }
    let command = r#"awk '/^smtp "x\\/ { print $2 }' ~/.netrc | tr -d "\n""#;
    let text = format!("account a\nhost a.example\ntls on\nauth on\nuser me\npasswordeval {command}\n");
    let (_, _, shown) = translated(Program::Msmtp, "/m", &[("/m", &text)]);
    assert!(shown.contains(&draft::quoted(command)), "{shown}");
}

#[test]
fn account_names_of_msmtp_become_names_that_are_allowed() {
    let named = ["../../x", "work/main", "work main", "b\u{fc}ro", "\"my provider\"", "..", "-v"];
    let account = |name: &str| format!("account {name}\nhost a.example\ntls on\nauth on\nuser me\npassword x\n");
    let text = named.map(account).concat() + "account default : work main\n";
    let (config, draft, shown) = translated(Program::Msmtp, "/m", &[("/m", &text)]);
    let secret_names: Vec<&str> = secrets(&draft).iter().map(|(name, _)| *name).collect();
    assert_eq!(secret_names, ["_.._x", "work_main", "work_main2", "b_ro", "my_provider", "account", "v"], "{shown}");
    assert_eq!(config.default_account.as_deref(), Some("work_main2"));
    assert!(shown.contains("# Changed: account ../../x: its name is now _.._x"), "{shown}");
}

#[test]
fn the_login_of_a_postfix_sender_with_an_unknown_transport_goes_to_no_other_relay() {
    for row in ["kid@kid.example", "@kid.example"] {
        let main = format!(
            "relayhost = [smtp.isp.example]:587\nsmtp_sasl_auth_enable = yes\nsmtp_tls_security_level = encrypt\n\
             smtp_sender_dependent_authentication = yes\n\
             smtp_sasl_password_maps = inline:{{ {{ kid@kid.example = kid:theirs }}, {{ [smtp.isp.example]:587 = me:mine }} }}\n\
             sender_dependent_default_transport_maps = inline:{{ {{ {row} = smtps-relay:[smtp.kid.example]:465 }} }}\n"
        );
        let (config, draft, shown) = translated(Program::Postfix, "/p", &[("/p/main.cf", &main)]);
        assert_eq!((secrets(&draft), config.accounts.len()), (vec![("isp", "mine")], 1), "{shown}");
        assert!(shown.contains("smtps-relay:[smtp.kid.example]:465 is not understood"), "{shown}");
    }
}
