//! `OpenSMTPD`, case by case: the lines of smtpd.conf, and what they become or do not become.

mod rules;

use super::{case, drafted, secrets, translated};
use crate::config::TlsMode;
use crate::import::Program;

/// smtpd.conf(5)'s own example of a relay with a login.
const CONF: &str = "table aliases file:/etc/aliases\ntable secrets file:/etc/mail/secrets\n\nlisten on lo0\n\n\
    action \"local_mail\" mbox alias <aliases>\naction \"outbound\" relay host smtp+tls://bob@smtp.isp.example:587 \\\n\t\
    auth <secrets>\n\nmatch from local for local action \"local_mail\"\nmatch from local for any action \"outbound\"\n";

const SECRETS: &str = "# label user:password\nbob me@isp.example:p:w #1\nkid kid:theirs\n";

fn with_files<'t>(conf: &'t str, more: &[(&'t str, &'t str)]) -> Vec<(&'t str, &'t str)> {
    let mut files =
        vec![("/c/smtpd.conf", conf), ("/etc/mail/secrets", SECRETS), ("/etc/aliases", "root: me@isp.example\n")];
    files.extend(more);
    files
}

fn smtpd(conf: &str, more: &[(&str, &str)], has: &[&str], has_not: &[&str]) {
    case(Program::OpenSmtpd, &with_files(conf, more), has, has_not);
}

#[test]
fn a_relay_of_opensmtpd_moves_over() {
    let (config, draft, text) = translated(Program::OpenSmtpd, "/c", &with_files(CONF, &[]));
    let account = &config.accounts[0];
    assert_eq!(
        (account.relays[0].to_string().as_str(), account.tls),
        ("[smtp.isp.example]:587", Some(TlsMode::Starttls))
    );
    assert_eq!((account.username.as_deref(), secrets(&draft)), (Some("me@isp.example"), vec![("isp", "p:w #1")]));
    assert!(draft.serves.is_empty(), "{:?}", draft.serves);
    for part in
        ["aliases = [\"/etc/aliases\"]", "own_domains = [\"box.home.lan\", \"localhost\"]", "default_account = \"isp\""]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("# Not imported"), "{text}");
}

#[test]
fn the_url_of_a_relay_says_host_port_and_tls() {
    for (url, has, has_not) in [
        ("smtps://bob@smtp.isp.example", "relay = \"[smtp.isp.example]:465\"", "starttls"),
        ("smtps://bob@smtp.isp.example:4650", "relay = \"[smtp.isp.example]:4650\"", "starttls"),
        ("smtp+tls://bob@smtp.isp.example", "# Changed: port 25 (account isp)", "implicit"),
        ("smtp+notls://smtp.isp.example", "tls = \"none\"", "username = "),
        ("smtp://smtp.isp.example:587", "# Changed: TLS for account isp", "tls = \"none\""),
        ("smtp.isp.example", "relay = \"[smtp.isp.example]:25\"", "tls = \"none\""),
        ("smtp://127.0.0.1:1025", "tls = \"none\"", "# Changed: TLS"),
        ("\"smtp+tls://bob@[2001:db8::1]:587\"", "relay = \"[2001:db8::1]:587\"", "# Changed: port 25"),
        ("SMTPS://bob@smtp.isp.example", "tls = \"implicit\"", "starttls"),
    ] {
        smtpd(&CONF.replace("smtp+tls://bob@smtp.isp.example:587", url), &[], &[has], &[has_not]);
    }
    let lmtp = CONF.replace("smtp+tls://bob@smtp.isp.example:587", "lmtp://127.0.0.1:24");
    let draft = drafted(Program::OpenSmtpd, "/c", &with_files(&lmtp, &[]));
    assert!(draft.accounts.is_empty() && draft.mentions("SMTP"));
}

#[test]
fn the_login_of_a_relay_is_that_of_its_label() {
    let secrets_are = |declared: &str| CONF.replace("file:/etc/mail/secrets", declared);
    for (conf, more, has, has_not) in [
        (secrets_are("{ bob = \"me:x\" }"), &[][..], "username = \"me\"", "# Not imported"),
        (secrets_are("{\n\tkid = kid:y,\n\tbob = me:x\n}"), &[], "username = \"me\"", "kid"),
        (secrets_are("db:/etc/mail/secrets.db"), &[], "username = \"me@isp.example\"", "# Not imported"),
        (secrets_are("\"/etc/mail/secrets\""), &[], "username = \"me@isp.example\"", "# Not imported"),
        (secrets_are("/srv/secrets"), &[("/srv/secrets", "bob: me:x\n")], "username = \"me\"", "# Not imported"),
        // A copy of the configuration has its tables beside it.
        (secrets_are("/etc/secrets"), &[("/c/secrets", "bob me:x\n")], "username = \"me\"", "# Not imported"),
        (
            secrets_are("/srv/gone"),
            &[],
            "# Not imported: login bob of action outbound: cannot read /srv/gone",
            "username = ",
        ),
        (secrets_are("ldap:/etc/ldap.conf"), &[], "tables like ldap:/etc/ldap.conf are not supported", "username = "),
        (CONF.replace("bob@", "alice@"), &[], "its table has no such label", "username = "),
        (CONF.replace("bob@", ""), &[], "# Not imported: auth of action outbound", "username = "),
        (CONF.replace("auth <secrets>", ""), &[], "the action names no table of logins", "username = "),
    ] {
        smtpd(&conf, more, &[has], &[has_not]);
    }
}

#[test]
fn mail_for_this_machine_goes_where_opensmtpd_sent_it() {
    let no_local = CONF.replace("match from local for local action \"local_mail\"\n", "");
    let relayed = CONF.replace("for local action \"local_mail\"", "for local action \"outbound\"");
    let last = no_local.clone() + "match for local action \"local_mail\"\n";
    for conf in [no_local, relayed, last] {
        smtpd(&conf, &[], &["own_domains = []"], &["aliases =", "# Changed: local mailboxes"]);
    }
    for (method, has, has_not) in [
        (
            "mbox",
            "# Changed: local mailboxes: mail to the users of this machine stayed on it, or went where ~/.forward",
            "x x",
        ),
        ("expand-only", "own_domains = [\"box", "# Changed: local mailboxes"),
        ("forward-only", "# Not imported: forward-only: ~/.forward is not read", "# Changed: local mailboxes"),
    ] {
        smtpd(&CONF.replace("mbox", method), &[], &[has], &[has_not]);
    }
    smtpd(
        CONF,
        &[("/etc/mailname", "mail.home.lan\n")],
        &["own_domains = [\"mail.home.lan\", \"localhost\"]"],
        &["= []"],
    );
    for (declared, more, has) in [
        ("file:/etc/mail/aliases", &[("/etc/mail/aliases", "root: me\n")][..], "aliases = [\"tables/aliases\"]"),
        ("{ root = me }", &[], "aliases = [\"tables/aliases\"]"),
        ("file:/srv/aliases", &[("/srv/aliases", "root me\n")], "aliases = [\"tables/aliases\"]"),
        ("file:/srv/aliases", &[("/srv/aliases", "root:me\n")], "aliases = [\"/srv/aliases\"]"),
        ("file:/srv/gone", &[], "# Not imported: alias: cannot read /srv/gone"),
    ] {
        smtpd(&CONF.replace("file:/etc/aliases", declared), more, &[has], &[]);
    }
    let virtuals =
        CONF.replace("mbox alias <aliases>", "maildir virtual { \"me@nas.lan\" = me, \"@tv.lan\" = bob, root = me }");
    smtpd(
        &virtuals,
        &[],
        &["virtual = [{ \"me@nas.lan\" = \"me\", \"@tv.lan\" = \"bob\" }]", "# Not imported: virtual entry root"],
        &[],
    );
}

#[test]
fn what_else_an_action_says_is_carried_over_or_named() {
    for (option, has, has_not) in [
        ("mail-from \"me@isp.example\"", "from = \"me@isp.example\"", "# Not"),
        ("mail-from \"@isp.example\"", "\"@box.home.lan\" = \"@isp.example\"", "from = "),
        ("mail-from me", "# Not imported: mail-from me", "from = "),
        ("tls no-verify", "# Changed: TLS of action outbound", "# Not"),
        ("helo mail.home.lan", "hostname = \"mail.home.lan\"", "# Not"),
        ("src 192.0.2.1", "source_address = \"192.0.2.1\"", "# Not"),
        ("src { 192.0.2.1, 192.0.2.2 }", "source_address = \"192.0.2.1\"", "# Not"),
        ("pki me", "tls_client_cert = \"/srv/me.crt\"", "# Not"),
        ("srs", "# No effect: srs", "# Not"),
        ("helo-src <names>", "# Not imported: helo-src", "x x"),
        ("backup", "# Not imported: backup", "x x"),
    ] {
        let pki = "pki me cert \"/srv/me.crt\"\npki me key \"/srv/me.key\"\n";
        smtpd(
            &(pki.to_owned() + &CONF.replace("auth <secrets>", &format!("auth <secrets> {option}"))),
            &[],
            &[has],
            &[has_not],
        );
    }
    for (line, has, has_not) in [
        ("queue ttl 3d", "lifetime = \"3d\"", "# Not"),
        ("bounce warn-interval 1h, 6h", "warn_after = \"1h\"", "# Not"),
        ("smtp max-message-size \"20M\"", "max_message_size = 20971520", "# Not"),
        ("smtp max-message-size 20000000", "max_message_size = 20000000", "# Not"),
        ("smtp sub-addr-delim \"-\"", "recipient_delimiter = \"-\"", "# Not"),
        ("filter \"dkimsign\" proc-exec \"filter-dkimsign -d x\"", "# Not imported: filter dkimsign", "x x"),
        ("smtp ciphers \"HIGH\"", "# No effect: smtp", "# Not"),
        ("listen on socket senders <users>", "# Not imported: listen on socket senders", "x x"),
        ("accept from local for any relay via tls+auth://bob@h auth <secrets>", "# Not imported: accept", "x x"),
        ("include \"/etc/more.conf\"", "# Not imported: include /etc/more.conf", "x x"),
    ] {
        smtpd(&format!("{line}\n{CONF}"), &[], &[has], &[has_not]);
    }
}

#[test]
fn macros_comments_and_included_files_are_read() {
    for (conf, has) in [
        (
            format!(
                "host = \"smtp+tls://bob@smtp.isp.example:587\"\n{}",
                CONF.replace("smtp+tls://bob@smtp.isp.example:587", "$host")
            ),
            "[smtp.isp.example]:587",
        ),
        (CONF.replace("auth <secrets>", "auth <secrets> # the login"), "username = \"me@isp.example\""),
        (format!("# action \"x\" relay \\\nmatch for any reject\n{CONF}"), "[smtp.isp.example]:587"),
        (format!("include \"/etc/first.conf\"\n{CONF}"), "default_account = \"first\""),
        (CONF.replace('"', "'"), "[smtp.isp.example]:587"),
    ] {
        let first = "action first relay host smtps://smtp.first.example\nmatch for any action first\n";
        smtpd(&conf, &[("/etc/first.conf", first)], &[has], &["# Not imported: include", "# Not imported: match"]);
    }
}

#[test]
fn an_opensmtpd_that_receives_mail_is_known() {
    let outside = |rules: &str| {
        format!("{}{rules}", CONF.replace("listen on lo0", "listen on lo0\nlisten on egress tls pki x auth-optional"))
    };
    for (conf, mailname, serves) in [
        (CONF.to_owned(), "", ""),
        (outside(""), "", ""),
        (
            outside("match from any for domain \"example.org\" action \"local_mail\"\n"),
            "",
            "receives mail for example.org",
        ),
        (
            outside("match from any for domain { a.example, b.example } action \"local_mail\"\n"),
            "",
            "receives mail for a.example",
        ),
        (
            outside("match from any for local action \"local_mail\"\n"),
            "mail.example.org",
            "receives mail for mail.example.org",
        ),
        (outside("match from any for local action \"local_mail\"\n"), "box.home.lan", ""),
        (
            outside("match from any for rcpt-to { \"info@example.org\" } action \"local_mail\"\n"),
            "",
            "receives mail for certain recipients",
        ),
        (outside("match from any for any action \"outbound\"\n"), "", "sends mail of other machines"),
        (outside("match auth from any for any action \"outbound\"\n"), "", ""),
        (format!("{CONF}match from any for domain \"example.org\" action \"local_mail\"\n"), "", ""),
        (
            CONF.replace(" host smtp+tls://bob@smtp.isp.example:587 \\\n\tauth <secrets>", ""),
            "",
            "delivers mail without a relay",
        ),
    ] {
        let files = with_files(&conf, &[("/etc/mailname", mailname)]);
        let draft = drafted(Program::OpenSmtpd, "/c", &files);
        assert_eq!(draft.serves.is_empty(), serves.is_empty(), "{conf}\n{:?}", draft.serves);
        assert!(draft.serves.iter().all(|how| how.contains(serves)), "{:?}", draft.serves);
    }
}

#[test]
fn what_stands_behind_the_place_of_a_mailbox_is_read() {
    for method in [
        "maildir",
        "maildir junk",
        "maildir \"/srv/mail/%{user.username}\"",
        "maildir \"~/Mail\" junk",
        "mda \"/usr/bin/procmail -f -\"",
        "lmtp \"/run/lmtp\"",
        "lmtp localhost:24 rcpt-to",
        "maildir user vmail",
        "mbox ttl 4d",
    ] {
        let conf = CONF.replace("mbox alias", &format!("{method} alias"));
        smtpd(&conf, &[], &["aliases = [\"/etc/aliases\"]", "# Changed: local mailboxes"], &["# Not imported"]);
    }
}
