//! Sendmail, case by case: what sendmail.mc or the sendmail.cf that m4 makes of it sets, and what it becomes.

use super::{case, drafted, secrets, translated};
use crate::config::TlsMode;
use crate::import::Program;

/// As people write it for a provider.
const MC: &str = "divert(-1)\n# A comment with `quotes' and SMART_HOST in it\ndivert(0)dnl\n\
    include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\nVERSIONID(`$Id: box, v 1')\nOSTYPE(`debian')dnl\n\
    DAEMON_OPTIONS(`Family=inet,  Name=MTA-v4, Port=smtp, Addr=127.0.0.1')dnl\n\
    define(`SMART_HOST', `[smtp.isp.example]')dnl\ndefine(`RELAY_MAILER_ARGS', `TCP $h 587')dnl\n\
    FEATURE(`authinfo', `hash -o /etc/mail/authinfo.db')dnl\n";

/// The lines of sendmail.cf that m4 makes of the same.
const CF: &str = "#####  $Id: authinfo.m4,v 1.10 2013-11-22 20:51:11 ca Exp $  #####\nV10/Berkeley\nCwlocalhost\n\
    DS[smtp.isp.example]\nKauthinfo hash -o /etc/mail/authinfo.db\n\
    O DaemonPortOptions=Family=inet,  Name=MTA-v4, Port=smtp, Addr=127.0.0.1\n\
    Mrelay,\t\tP=[IPC], F=mDFMuXa8, S=EnvFromSMTP/HdrFromSMTP, E=\\r\\n, L=2040,\n\t\tT=DNS/RFC822/SMTP,\n\t\tA=TCP $h 587\n";

const ROW: &str = "AuthInfo:smtp.isp.example \"U:root\" \"I:me@isp.example\" \"P:p w#1\" \"M:LOGIN PLAIN\"\n";

fn sendmail(lines: &str, more: &[(&str, &str)], has: &[&str], has_not: &[&str]) {
    let text = format!("{MC}{lines}");
    let mut files = vec![("/c/sendmail.mc", text.as_str()), ("/c/authinfo", ROW)];
    files.extend(more);
    case(Program::Sendmail, &files, has, has_not);
}

#[test]
fn a_smart_host_of_sendmail_moves_over_from_either_language() {
    for (name, text) in [("/c/sendmail.mc", MC), ("/c/sendmail.cf", CF)] {
        let (config, draft, shown) = translated(Program::Sendmail, "/c", &[(name, text), ("/c/authinfo", ROW)]);
        let account = &config.accounts[0];
        assert_eq!(
            (account.relays[0].to_string().as_str(), account.tls),
            ("[smtp.isp.example]:587", Some(TlsMode::Starttls))
        );
        assert_eq!(account.username.as_deref(), Some("me@isp.example"), "{shown}");
        assert_eq!(secrets(&draft), [("isp", "p w#1")], "{shown}");
        assert!(shown.contains("auth = [\"login\", \"plain\"]"), "{shown}");
        assert!(shown.contains("own_domains = [\"box.home.lan\", \"box\", \"localhost\"]"), "{shown}");
        assert!(draft.serves.is_empty(), "{:?}", draft.serves);
        assert!(!shown.contains("# Not imported"), "{shown}");
    }
}

#[test]
fn logins_of_sendmail_are_those_that_it_would_use() {
    let not_its = "# Not imported: AuthInfo entry for";
    for (rows, has, has_not) in [
        (ROW, "username = \"me@isp.example\"", "# Not imported"),
        ("AuthInfo:smtp.isp.example \"I:me\" \"P=cyBlIGM=\"\n", "username = \"me\"", "# Not imported"),
        ("AuthInfo:smtp.isp.example \"U:me\" \"P:x\"\n", "username = \"me\"", "# Not imported"),
        ("AuthInfo:smtp.isp.example U:me P:x\n", "username = \"me\"", "# Not imported"),
        ("AUTHINFO:SMTP.ISP.EXAMPLE \"I:me\" \"P:x\"\n", "username = \"me\"", "# Not imported"),
        ("AuthInfo: \"I:me\" \"P:x\"\n", "username = \"me\"", "# Not imported"),
        ("# AuthInfo:smtp.isp.example \"I:me\" \"P:x\"\n", "", "username = "),
        // Another provider's password does not go to this one.
        ("AuthInfo:smtp.kid.example \"I:kid\" \"P:x\"\n", not_its, "username = "),
        // Only the access map is asked for domains.
        ("AuthInfo:isp.example \"I:me\" \"P:x\"\n", not_its, "username = "),
        (
            "AuthInfo:smtp.isp.example \"I:me\" \"P:x\" \"R:isp.example\"\n",
            "# No effect: AuthInfo R:",
            "# Not imported",
        ),
        (
            "AuthInfo:smtp.isp.example \"U:root\" \"I:me\" \"P:x\"\n",
            "# No effect: AuthInfo U:root",
            "username = \"root\"",
        ),
        (
            "AuthInfo:smtp.isp.example \"I:me\" \"P:x\" \"M:DIGEST-MD5\"\n",
            "# Not imported: AuthInfo M:DIGEST-MD5",
            "auth = ",
        ),
        ("AuthInfo:smtp.isp.example \"I:me\"\n", "run \"postrider password set isp\"", "# No effect: AuthInfo"),
    ] {
        case(Program::Sendmail, &[("/c/sendmail.mc", MC), ("/c/authinfo", rows)], &[has], &[has_not]);
    }
    case(
        Program::Sendmail,
        &[("/c/sendmail.mc", MC)],
        &["# Not imported: authinfo /etc/mail/authinfo"],
        &["username = "],
    );
    let (_, draft, text) = translated(
        Program::Sendmail,
        "/c",
        &[("/c/sendmail.mc", MC), ("/c/authinfo", "AuthInfo:smtp.isp.example \"I:me\" \"P=cyBlIGM=\"\n")],
    );
    assert_eq!(secrets(&draft), [("isp", "s e c")], "{text}");
    // In the access map, with rows for a domain.
    let mc = MC.replace("FEATURE(`authinfo', `hash -o /etc/mail/authinfo.db')", "FEATURE(`access_db', , `skip')");
    for row in ["AuthInfo:isp.example", "AuthInfo:smtp.isp.example", "authinfo:"] {
        let rows = format!("Connect:127.0.0.1 RELAY\n{row} \"I:me\" \"P:x\"\n");
        let files = [("/c/sendmail.mc", mc.as_str()), ("/c/access", &rows)];
        case(Program::Sendmail, &files, &["username = \"me\""], &["# Not imported"]);
    }
}

#[test]
fn the_hosts_and_the_port_of_sendmail_are_what_its_mailer_says() {
    let hosts = |host: &str| MC.replace("[smtp.isp.example]", host);
    for (mc, has, has_not) in [
        (hosts("smtp.isp.example"), "relay = \"smtp.isp.example:587\"", "[smtp.isp.example]:"),
        (hosts("smtp.isp.example."), "relay = \"smtp.isp.example:587\"", "example.:"),
        (hosts("esmtp:[smtp.isp.example]"), "relay = \"[smtp.isp.example]:25\"", ":587\""),
        (hosts("relay:[smtp.isp.example]"), "relay = \"[smtp.isp.example]:587\"", "# Changed: port 25"),
        (
            hosts("[a.isp.example]:[b.isp.example]"),
            "[\"[a.isp.example]:587\", \"[b.isp.example]:587\"]",
            "# Changed: port",
        ),
        (hosts("[127.0.0.1]"), "tls = \"none\"", "# Changed: TLS"),
        (MC.replace("TCP $h 587", "TCP $h 465"), "tls = \"implicit\"", "starttls"),
        (MC.replace("TCP $h 587", "TCP $h"), "# Changed: port 25 (account isp)", ":587\""),
        (MC.replace("RELAY_MAILER", "ESMTP_MAILER"), "relay = \"[smtp.isp.example]:25\"", "587\""),
    ] {
        case(Program::Sendmail, &[("/c/sendmail.mc", &mc), ("/c/authinfo", "")], &[has], &[has_not]);
    }
    let mc = hosts("[a.isp.example]:[b.isp.example]");
    for (logins, has, has_not) in [
        (
            "AuthInfo:a.isp.example \"I:u\" \"P:p\"\nAuthInfo:b.isp.example \"I:v\" \"P:q\"\n",
            "# Changed: relay b.isp",
            "b.isp.example]:587",
        ),
        ("AuthInfo:b.isp.example \"I:v\" \"P:q\"\n", "# Changed: relay b.isp", "b.isp.example]:587"),
        ("AuthInfo: \"I:u\" \"P:p\"\n", "[\"[a.isp.example]:587\", \"[b.isp.example]:587\"]", "# Changed: relay"),
    ] {
        case(Program::Sendmail, &[("/c/sendmail.mc", &mc), ("/c/authinfo", logins)], &[has], &[has_not]);
    }
    for mc in [hosts("uucp-dom:uunet"), MC.replace("define(`SMART_HOST'", "dnl define(`SMART_HOST'")] {
        let draft = drafted(Program::Sendmail, "/c", &[("/c/sendmail.mc", &mc)]);
        assert!(draft.accounts.is_empty() && !draft.notes.is_empty());
    }
}

#[test]
fn masquerading_and_generics_of_sendmail_become_generic() {
    let as_isp = "MASQUERADE_AS(`isp.example')dnl\nFEATURE(`masquerade_envelope')dnl\n";
    let own = "\"@box.home.lan\" = \"@isp.example\", \"@box\" = \"@isp.example\", \"@localhost\" = \"@isp.example\"";
    for (lines, has, has_not) in [
        (as_isp, own, "# Changed: masquerade_envelope"),
        ("MASQUERADE_AS(isp.example)\n", "# Changed: masquerade_envelope", "# Not"),
        (
            "MASQUERADE_AS(`isp.example')\nFEATURE(masquerade_envelope)\nMASQUERADE_DOMAIN(`nas.lan tv.lan')\n",
            "\"@tv.lan\" = \"@isp.example\"",
            "# Changed: masq",
        ),
        (
            "MASQUERADE_AS(`isp.example')\nFEATURE(`limited_masquerade')\nMASQUERADE_DOMAIN(`nas.lan')\n",
            "{ \"@box.home.lan\" = \"@isp.example\", \"@nas.lan\" = \"@isp.example\" }]",
            "\"@box\"",
        ),
        // Names without a domain are masqueraded even so.
        (
            "MASQUERADE_AS(`isp.example')\nFEATURE(`limited_masquerade')\n",
            "# Changed: limited_masquerade: addresses that a program completed with box.home.lan",
            "\"@localhost",
        ),
        (
            "MASQUERADE_AS(`isp.example')\nFEATURE(`limited_masquerade')\nMASQUERADE_DOMAIN(`box.home.lan')\n",
            "{ \"@box.home.lan\" = \"@isp.example\" }]",
            "# Changed: limited",
        ),
        (
            "MASQUERADE_AS(`isp.example')\nEXPOSED_USER(`root')\n",
            "\"root@box.home.lan\" = \"root@box.home.lan\", \"@box.home.lan\"",
            "\"root@isp",
        ),
        ("MASQUERADE_AS(`isp.example')\nMASQUERADE_EXCEPTION(`box')\n", "\"@box.home.lan\" = ", "\"@box\" = "),
        (
            "MASQUERADE_AS(`isp.example')\nFEATURE(`masquerade_entire_domain')\n",
            "# Not imported: masquerade_entire_domain",
            "x x",
        ),
        ("MASQUERADE_AS(`[isp.example]')\n", "# Not imported: MASQUERADE_AS", "generic ="),
        ("", "origin = \"box.home.lan\"", "generic ="),
    ] {
        sendmail(lines, &[], &[has], &[has_not]);
    }
    let table =
        "FEATURE(`genericstable', `hash /etc/mail/genericstable')dnl\nGENERICS_DOMAIN(`box.home.lan nas.lan')dnl\n";
    let rows = "# of mine\nroot\tme@isp.example\nkid@nas.lan kid@kid.example\n@nas.lan %1@isp.example\nbob bob\n\
                x@else.lan me@isp.example\nold+*@nas.lan new+%1@isp.example\n";
    let text = format!("{MC}{table}{as_isp}");
    let files = [("/c/sendmail.mc", text.as_str()), ("/c/authinfo", ROW), ("/c/genericstable", rows)];
    let (_, draft, shown) = translated(Program::Sendmail, "/c", &files);
    assert_eq!(
        draft.tables[0].text,
        "root@box.home.lan me@isp.example\nroot@nas.lan me@isp.example\nkid@nas.lan kid@kid.example\n@nas.lan @isp.example\n\
         bob@box.home.lan bob@isp.example\nbob@nas.lan bob@isp.example\n",
    );
    assert!(
        shown.contains("generic = [\"hash:tables/genericstable\", { \"@box.home.lan\" = \"@isp.example\""),
        "{shown}"
    );
    for what in ["genericstable entry for x@else.lan", "genericstable entry for old+*@nas.lan"] {
        assert!(shown.contains(&format!("# Not imported: {what}")), "{shown}");
    }
    // Names without a domain are looked up whatever the class has.
    let rows = &format!("{rows}@box.home.lan %1@isp.example\n");
    for (domains, has_not) in [("", "nas.lan me"), ("GENERICS_DOMAIN(`tv.lan')\n", "kid@nas.lan kid")] {
        let text = format!("{MC}FEATURE(`genericstable')\n{domains}");
        let files = [("/c/sendmail.mc", text.as_str()), ("/c/authinfo", ROW), ("/c/genericstable", rows)];
        let (_, draft, shown) = translated(Program::Sendmail, "/c", &files);
        let table = &draft.tables[0].text;
        assert!(table.contains("root@box.home.lan me@isp.example\n") && !table.contains(has_not), "{table}");
        assert!(table.contains("bob@box.home.lan bob@box.home.lan\n") && !table.contains("\n@"), "{table}");
        assert_eq!(table.contains("root@tv.lan me@isp.example\n"), !domains.is_empty(), "{table}");
        assert!(shown.contains("# Changed: GENERICS_DOMAIN: box.home.lan is not in it"), "{shown}");
        assert!(shown.contains("generic = [\"hash:tables/genericstable\"]"), "{shown}");
    }
    let of_file = "FEATURE(`genericstable')\nGENERICS_DOMAIN_FILE(`/etc/mail/generics-domains')\nFEATURE(`masquerade_envelope')\n";
    let more = [("/c/genericstable", "root me@isp.example\n"), ("/c/generics-domains", "box.home.lan\n")];
    sendmail(
        of_file,
        &more,
        &["generic = [\"hash:tables/genericstable\"]"],
        &["# Not imported", "# Changed: GENERICS_DOMAIN"],
    );
}

#[test]
fn a_null_client_of_sendmail_sends_all_mail_to_its_hub() {
    let mc = "OSTYPE(`freebsd6')\nFEATURE(`nullclient', `mail.isp.example')\n";
    let cf = "#####  $Id: nullclient.m4,v 8.25 2013-11-22 20:51:11 ca Exp $  #####\n\
              #####  $Id: allmasquerade.m4,v 8.14 2013-11-22 20:51:11 ca Exp $  #####\n\
              #####  $Id: masquerade_envelope.m4,v 8.10 2013-11-22 20:51:11 ca Exp $  #####\n\
              Cwlocalhost\nDSmail.isp.example\nDHmail.isp.example\nDMmail.isp.example\nO DaemonPortOptions=Name=MTA\n";
    for (name, text) in [("/c/sendmail.mc", mc), ("/c/sendmail.cf", cf)] {
        let (config, draft, shown) =
            translated(Program::Sendmail, "/c", &[(name, text), ("/etc/aliases", "root: me\n")]);
        assert_eq!(config.own_domains.as_deref().map(<[_]>::len), Some(0), "{shown}");
        assert!(draft.serves.is_empty() && !shown.contains("aliases ="), "{shown}");
        assert!(
            shown.contains("relay = \"mail.isp.example:25\"") && shown.contains("= \"@mail.isp.example\""),
            "{shown}"
        );
    }
    // A hub for mail of this machine that is the smart host too.
    sendmail("define(`MAIL_HUB', `[smtp.isp.example]')\n", &[], &["own_domains = []"], &["# Changed: local mailboxes"]);
    sendmail("define(`MAIL_HUB', `hub.lan')\n", &[], &["# Not imported: MAIL_HUB hub.lan"], &["own_domains = []"]);
}

#[test]
fn what_programs_hand_in_may_go_past_the_daemon() {
    let local = "FEATURE(`msp', `[127.0.0.1]', `25')dnl\n";
    let elsewhere = "FEATURE(`msp', `smtp.isp.example', `MSA')dnl\nMASQUERADE_AS(`isp.example')dnl\n";
    let cf = "D{MTAHost}[smtp.isp.example]\nMrelay, P=[IPC], A=TCP $h 587\n";
    for (name, text, has, has_not) in [
        ("/c/submit.mc", local, "relay = \"[smtp.isp.example]:587\"", "submit.cf"),
        ("/c/submit.mc", elsewhere, "relay = \"smtp.isp.example:587\"", "[smtp.isp.example]"),
        ("/c/submit.cf", cf, "# No effect: sendmail.cf: submit.cf", "authinfo"),
        ("/c/submit.cf", "D{MTAHost}[127.0.0.1]\n", "username = \"me@isp.example\"", "submit.cf"),
    ] {
        case(Program::Sendmail, &[("/c/sendmail.mc", MC), ("/c/authinfo", ROW), (name, text)], &[has], &[has_not]);
    }
}

#[test]
fn a_sendmail_that_receives_mail_is_known() {
    let inside = "DAEMON_OPTIONS(`Family=inet,  Name=MTA-v4, Port=smtp, Addr=127.0.0.1')dnl\n";
    let everywhere = MC.replace(inside, "");
    let listed = |lines: &str| format!("{everywhere}{lines}");
    for (mc, serves) in [
        (MC.to_owned(), ""),
        (everywhere.clone(), ""),
        (listed("LOCAL_DOMAIN(`example.org')\n"), "receives mail for example.org"),
        (format!("{MC}LOCAL_DOMAIN(`example.org')\n"), ""),
        (listed("RELAY_DOMAIN(`example.org')\n"), "receives mail for others"),
        (listed("FEATURE(`virtusertable')\nVIRTUSER_DOMAIN(`example.org')\n"), "receives mail for others"),
        (listed("DAEMON_OPTIONS(`Port=submission, Name=MSA, M=Ea')\nLOCAL_DOMAIN(`example.org')\n"), ""),
        (listed("FEATURE(`use_cw_file')\n"), "receives mail for mail.example.org"),
        (MC.replace("SMART_HOST", "SMART_GHOST"), "delivers mail without a relay"),
    ] {
        let files =
            [("/c/sendmail.mc", mc.as_str()), ("/c/authinfo", ROW), ("/c/local-host-names", "mail.example.org # x\n")];
        let draft = drafted(Program::Sendmail, "/c", &files);
        assert_eq!(draft.serves.is_empty(), serves.is_empty(), "{mc}\n{:?}", draft.serves);
        assert!(draft.serves.iter().all(|how| how.contains(serves)), "{:?}", draft.serves);
    }
}

#[test]
fn what_else_a_sendmail_says_is_carried_over_or_named() {
    for (lines, more, has, has_not) in [
        ("define(`confDOMAIN_NAME', `mail.home.lan')", &[][..], "hostname = \"mail.home.lan\"", "# Not"),
        ("define(`confDOMAIN_NAME', `$w.home.lan')", &[], "origin = \"box.home.lan\"", "hostname ="),
        ("define(`confMAX_MESSAGE_SIZE', `20000000')", &[], "max_message_size = 20000000", "# Not"),
        ("define(`confMAX_MESSAGE_SIZE', `0')", &[], "# Not imported: MaxMessageSize", "max_message_size ="),
        ("define(`confTO_QUEUERETURN', `3d')", &[], "lifetime = \"3d\"", "# Not"),
        ("define(`confTO_QUEUEWARN', `1h30m')", &[], "# Not imported: Timeout.queuewarn", "warn_after ="),
        ("define(`confMIN_QUEUE_AGE', `5m')", &[], "retry_min = \"5m\"", "# Not"),
        (
            "define(`ALIAS_FILE', `/srv/aliases')",
            &[("/srv/aliases", "root: me\n")],
            "aliases = [\"/srv/aliases\"]",
            "# Not",
        ),
        (
            "define(`ALIAS_FILE', `/etc/mail/aliases')",
            &[("/c/aliases", "root: me\n")],
            "aliases = [\"hash:tables/aliases\"]",
            "# Not",
        ),
        ("define(`ALIAS_FILE', `/srv/aliases')", &[], "# Not imported: aliases /srv/aliases", "aliases ="),
        ("", &[("/etc/aliases", "root: me\n")], "aliases = [\"/etc/aliases\"]", "# Not"),
        (
            "FEATURE(`virtusertable')\nLOCAL_DOMAIN(`nas.lan')",
            &[("/c/virtusertable", "@nas.lan %1@isp.example\ninfo@nas.lan me\n")],
            "virtual = [\"hash:tables/virtusertable\"]",
            "# Not",
        ),
        (
            "FEATURE(`virtusertable')",
            &[("/c/virtusertable", "joe@nas.lan error:nouser 550 No\n")],
            "# Not imported: virtusertable entry for joe@nas.lan",
            "virtual =",
        ),
        (
            "FEATURE(`mailertable')",
            &[("/c/mailertable", "nas.lan esmtp:[192.168.1.5]\n")],
            "# Not imported: mailertable entry \"nas.lan esmtp:[192.168.1.5]\"",
            "x x",
        ),
        ("define(`LUSER_RELAY', `hub.lan')", &[], "# Not imported: LUSER_RELAY hub.lan", "x x"),
        ("INPUT_MAIL_FILTER(`spam', `S=local:/run/x')", &[], "# Not imported: INPUT_MAIL_FILTER", "x x"),
        ("LOCAL_RULESETS\nSLocal_check_mail\nR$*\t$@ OK", &[], "# Not imported: LOCAL_RULESETS", "x x"),
        (
            "include(`/etc/mail/m4/provider.m4')",
            &[("/c/m4/provider.m4", "define(`confTO_QUEUERETURN', `2d')\n")],
            "lifetime = \"2d\"",
            "# Not",
        ),
        ("include(`/etc/mail/m4/gone.m4')", &[], "# Not imported: include /etc/mail/m4/gone.m4", "x x"),
        ("FEATURE(`smrsh', `/usr/lib/sm.bin/smrsh')", &[], "# No effect: FEATURE smrsh", "# Not"),
        ("define(`confPRIVACY_FLAGS',dnl\n`needmailhelo,(x)')", &[], "# No effect: confPRIVACY_FLAGS", "# Not"),
        ("define(`confDEF_AUTH_INFO', `/etc/mail/default-auth-info')", &[], "# No effect: DefaultAuthInfo", "# Not"),
        ("define(`confAUTH_MECHANISMS', `PLAIN')", &[], "# No effect: AuthMechanisms", "# Not"),
        (
            "LOCAL_CONFIG\nCE root\nDMisp.example\nMAILER_DEFINITIONS",
            &[],
            "\"root@box.home.lan\" = \"root@box.home.lan\"",
            "# Not",
        ),
    ] {
        sendmail(&format!("{lines}\n"), more, &[has], &[has_not]);
    }
}
