//! msmtp, case by case: one command, and what it becomes or does not become.

use super::case;
use crate::import::Program;

const ACCOUNT: &str = "account default\nhost mail.isp.example\ntls on\nauth on\nuser me\npassword x\n";

/// An account with these commands.
#[track_caller]
fn with(commands: &str, has: &[&str], has_not: &[&str]) {
    case(Program::Msmtp, &[("/c/msmtprc", &format!("{ACCOUNT}{commands}"))], has, has_not);
}

#[test]
fn the_aliases_of_msmtp_with_their_default_move_over() {
    let aliases = |text: &str, has: &[&str], has_not: &[&str]| {
        let rc = format!("{ACCOUNT}aliases ~/.aliases\n");
        case(Program::Msmtp, &[("/c/msmtprc", &rc), ("/home/me/.aliases", text)], has, has_not);
    };
    aliases("root: me@isp.example\n", &["aliases = [\"hash:/home/me/.aliases\"]"], &["static:"]);
    let both = "aliases = [\"hash:/home/me/.aliases\", \"static:me@isp.example, you@isp.example\"]";
    aliases("# mine\nroot: admin\ndefault: me@isp.example, you@isp.example\n", &[both], &[]);
    // A comment behind a value would become part of it.
    let copied = "aliases = [\"hash:tables/aliases\", \"static:me@isp.example\"]";
    aliases("default: me@isp.example # all of them\n", &[copied], &["# all of them"]);
    case(
        Program::Msmtp,
        &[("/c/msmtprc", &format!("{ACCOUNT}aliases /etc/aliases\n"))],
        &["Not imported: aliases /etc/aliases: cannot be read"],
        &["\naliases ="],
    );
}

#[test]
fn aliases_move_over_from_an_account_that_is_not_called_the_default() {
    let account = |name: &str, rest: &str| format!("account {name}\nhost mail.isp.example\n{rest}");
    let with = |rc: &str, has: &[&str], has_not: &[&str]| {
        let files = [("/c/msmtprc", rc), ("/a", "root: me@isp.example\n"), ("/b", "root: you@isp.example\n")];
        case(Program::Msmtp, &files, has, has_not);
    };
    let of_a = "aliases = [\"hash:/a\"]";
    with(&account("isp", "aliases /a\ndomain box.example\n"), &[of_a, "hostname = \"box.example\""], &["# Not"]);
    with(&format!("{}{}", account("isp", ""), account("work", "aliases /a\n")), &[of_a], &["# Not"]);
    let two = format!("{}{}", account("isp", "aliases /a\n"), account("work", "aliases /b\n"));
    with(&two, &[of_a, "Not imported: aliases /b (account work)"], &[]);
    let default = format!("{two}account default : work\n");
    with(&default, &["aliases = [\"hash:/b\"]", "Not imported: aliases /a (account isp)"], &[]);
    let none = format!("{}{}account default : isp\n", account("isp", ""), account("work", "aliases /b\n"));
    with(&none, &["Not imported: aliases /b (account work)"], &["\naliases ="]);
}

#[test]
fn every_command_of_msmtp_is_carried_over_or_named() {
    for (command, has, has_not) in [
        ("timeout 30", "timeout = \"30s\"", "# Not"),
        ("connect_timeout 30", "timeout = \"30s\"", "# Not"),
        ("timeout off", "", "timeout ="),
        ("tls_nocertcheck", "# Changed: tls_certcheck", "# Not"),
        ("tls_certcheck on", "", "tls_certcheck"),
        ("tls_nostarttls", "tls = \"implicit\"", "# Not"),
        ("tls_trust_file ~/ca.pem", "tls_ca = \"/home/me/ca.pem\"", "# Not"),
        ("tls_cert_file ~/c.pem\ntls_key_file ~/k.pem", "tls_client_key = \"/home/me/k.pem\"", "# Not"),
        ("logfile ~/.msmtp.log", "# No effect: logfile", "# Not"),
        ("syslog on", "# No effect: syslog", "# Not"),
        ("tls_priorities NORMAL", "# No effect: tls_priorities", "# Not"),
        ("dsn_notify failure", "# Not imported: dsn_notify", "# No effect"),
        ("dsn_notify off", "# No effect: dsn_notify", "# Not"),
        ("keepbcc on", "# Changed: keepbcc", "# No effect"),
        ("keepbcc off", "# No effect: keepbcc", "# Changed"),
        ("set_from_header off", "# Changed: set_from_header", "# No effect"),
        ("set_from_header auto", "# No effect: set_from_header", "# Changed"),
        ("proxy_host 127.0.0.1", "# Not imported: proxy_host", "# No effect"),
        ("eval echo password x", "# Not imported: eval", "echo"),
        ("from_full_name Me", "# Not imported: from_full_name", "# No effect"),
        ("undisclosed_recipients on", "# Not imported: undisclosed_recipients", "# No effect"),
        ("undisclosed_recipients off", "# No effect: undisclosed_recipients", "# Not"),
        ("tls_crl_file /crl", "# Not imported: tls_crl_file", "# No effect"),
        ("source_ip 192.0.2.1", "source_address = \"192.0.2.1\"", "# Not"),
        ("host smtp.other.example", "relay = \"[smtp.other.example]:25\"", "mail.isp.example"),
        ("password=hunter2", "# Not imported: password (account default): msmtp has no such command", "hunter2"),
        ("auth off", "# Not imported: password (account default): auth is off", "username"),
        ("user", "# Not imported: auth (account default): no user is set", "username ="),
        (
            "account b : isp\nhost b.example",
            "# Not imported: account b : isp: no account isp comes before it",
            "[account.isp]",
        ),
        ("account default\nhost b.example", "# Not imported: the second account default", "# No effect"),
        ("frobnicate x", "# Not imported: frobnicate", "# No effect"),
    ] {
        with(&format!("{command}\n"), &[has], &[has_not]);
    }
}

#[test]
fn from_in_each_of_its_forms() {
    for (commands, has, has_not) in [
        ("from me@isp.example", "senders = [\"me@isp.example\"]", "\nfrom ="),
        ("from me@isp.example", "\"@localhost\" = \"me@isp.example\"", "\nfrom ="),
        ("from me@isp.example\nset_from_header on", "\nfrom = \"me@isp.example\"", "generic ="),
        ("from me@isp.example\nallow_from_override off", "\nfrom = \"me@isp.example\"", "generic ="),
        ("from %U@isp.example", "senders = [\"@isp.example\"]", "\nfrom ="),
        ("from %U@%H", "senders = [\"@box.home.lan\"]", "generic ="),
        ("from *@isp.example", "senders = [\"@isp.example\"]", "generic ="),
        ("from me?@isp.example", "# Not imported: from me?@isp.example", "senders ="),
        ("from m*@isp.example", "senders = [\"m*@isp.example\"]", "# Not imported"),
        ("from *@*.isp.example", "senders = [\"*@*.isp.example\"]", "# Not imported"),
        ("from cron-*@%H", "senders = [\"cron-*@box.home.lan\"]", "# Not imported"),
        ("from *", "# Not imported: from *", "senders ="),
        ("from *@*", "# Not imported: from *@*", "senders ="),
        ("from %U-*@isp.example", "# Not imported: from %U-*@isp.example", "senders ="),
        ("from me", "# Not imported: from me ", "senders ="),
        ("auto_from on\nmaildomain isp.example", "\"@box.home.lan\" = \"@isp.example\"", "# No effect"),
        ("auto_from off\nmaildomain isp.example", "# No effect: maildomain", "generic ="),
    ] {
        with(&format!("{commands}\n"), &[has], &[has_not]);
    }
}

#[test]
fn a_login_at_a_domain_makes_no_recipients_of_it() {
    let waits = "# Changed: mail to local users: msmtp gave a recipient without a domain";
    let senders = "generic_classes = [\"envelope_sender\", \"header_sender\"]";
    for (host, commands, has, has_not) in [
        ("smtp.gmail.com", "auto_from on\nmaildomain gmail.com", &[waits, senders][..], &[][..]),
        ("smtp.gmail.com", "from %U@gmail.com", &[waits, senders], &[]),
        ("smtp.sendgrid.net", "from %U@isp.example", &[waits, senders, "\"root: you@isp.example\""], &[]),
        // A server of the domain's own completes them so.
        (
            "mail.oursite.example",
            "from %U@oursite.example",
            &["\"@box.home.lan\" = \"@oursite.example\"", "it is now root@oursite.example"],
            &[waits, senders],
        ),
        ("oursite.example", "auto_from on\nmaildomain oursite.example", &["generic = "], &[waits, senders]),
        (
            "127.0.0.1\nuser me\ntls_host_override mail.oursite.example",
            "from %U@oursite.example",
            &["generic = "],
            &[senders],
        ),
        ("notoursite.example", "from %U@oursite.example", &[waits, senders], &[]),
        // On this machine, there are mailboxes for them.
        ("localhost", "from %U@isp.example", &["own_domains = []", senders], &[waits]),
        ("localhost", "from %U@%H", &["own_domains = []"], &[waits, "generic"]),
    ] {
        let text = format!("host {host}\n{commands}\n");
        case(Program::Msmtp, &[("/m", &text)], has, has_not);
    }
    let text = "host smtp.gmail.com\nfrom %U@gmail.com\naliases /a\n";
    case(Program::Msmtp, &[("/m", text), ("/a", "default: me@gmail.com\n")], &[senders], &[waits]);
    case(Program::Msmtp, &[("/m", text), ("/a", "root: me@gmail.com\n")], &[senders, waits], &[]);
}

#[test]
fn mail_for_this_machine_goes_to_the_relay_where_msmtp_sends_in_its_name() {
    let senders = "generic_classes = [\"envelope_sender\", \"header_sender\"]";
    for (commands, has, has_not) in [
        ("host localhost\nfrom root@box.home.lan", &["own_domains = []", senders][..], "goes there"),
        ("host localhost\nfrom root@%H", &["own_domains = []", senders], "goes there"),
        ("host localhost\nfrom root@%H\ndomain mail.isp.example", &["own_domains = []", senders], "goes there"),
        ("host a.example\nfrom root@localhost", &["own_domains = []", senders], "goes there"),
        ("host a.example\nfrom me@isp.example", &["mail to those addresses goes there"], "own_domains = []"),
    ] {
        case(Program::Msmtp, &[("/m", &format!("{commands}\n"))], has, &[has_not]);
    }
}

#[test]
fn the_name_in_ehlo_is_a_domain_or_this_machine() {
    for (domain, has, has_not) in [
        ("isp.example", "hostname = \"isp.example\"", "# Not"),
        ("localhost", "", "hostname ="),
        ("%H", "", "hostname ="),
        ("[192.168.1.1]", "# Not imported: domain [192.168.1.1]", "hostname ="),
    ] {
        with(&format!("domain {domain}\n"), &[has], &[has_not]);
    }
}

#[test]
fn a_relay_on_this_machine_gets_the_password_without_tls() {
    for (host, has, has_not) in [
        ("127.0.0.1", "allow_plaintext = true", "tls = \"starttls\""),
        ("localhost", "allow_plaintext = true", "tls = \"starttls\""),
        ("::1", "relay = \"[::1]:1025\"", "tls = \"starttls\""),
        ("192.0.2.1", "tls = \"starttls\"", "allow_plaintext"),
        ("localhost.isp.example", "tls = \"starttls\"", "allow_plaintext"),
    ] {
        with(&format!("host {host}\nport 1025\ntls off\n"), &[has], &[has_not]);
    }
}

#[test]
fn accounts_are_made_of_others() {
    let base = "account work\nhost work.example\nfrom me@work.example\naccount home\nhost home.example\n";
    for (more, has, has_not) in [
        ("account default : work\n", "default_account = \"work\"", "[account.default]"),
        ("account default : work\nport 26\n", "default_account = \"default\"", "x"),
        ("account default : work, home\n", "[account.default]\nrelay = \"[home.example]:25\"", "x"),
        ("account default : work\nport 26\n", "account work is used for mail that names me@work.example", "x"),
    ] {
        let has_not = if has_not == "x" { "unknown" } else { has_not };
        case(Program::Msmtp, &[("/c/msmtprc", &format!("{base}{more}"))], &[has], &[has_not]);
    }
    case(
        Program::Msmtp,
        &[("/c/msmtprc", "host isp.example\nfrom me@isp.example\n")],
        &["[account.default]", "relay = \"[isp.example]:25\""],
        &[],
    );
}

#[test]
fn mail_that_names_no_sender_keeps_the_default_account_of_msmtp() {
    let default = "account default\nhost a.example\n";
    let own = "\"@box.home.lan\", \"@box\", \"@localhost\"]    # ";
    for (other, from, has, has_not) in [
        // What the default account's mail is rewritten to is another account's sender.
        ("from me@isp.example", "from me@isp.example", &format!("senders = [{own}")[..], "x x"),
        ("from %U@isp.example", "from me@isp.example", &format!("senders = [\"me@isp.example\", {own}"), "x x"),
        ("from m*@isp.example", "from me@isp.example", &format!("senders = [\"me@isp.example\", {own}"), "x x"),
        ("from root@isp.example", "from %U@isp.example", &format!("senders = [\"@isp.example\", {own}"), "x x"),
        (
            "from root@isp.example",
            "from me@isp.example\nset_from_header on",
            &format!("senders = [\"me@isp.example\", {own}"),
            "x x",
        ),
        ("from root@box.home.lan", "", &format!("senders = [{own}"), "x x"),
        ("from %U@%H", "", "senders = [\"@box\", \"@localhost\"]", "x x"),
        ("from me@other.example", "from me@isp.example", "senders = [\"me@isp.example\"]", "@box.home.lan\", \"@box\""),
    ] {
        let other = format!("account other\nhost b.example\n{other}\n");
        for text in [format!("{other}{default}{from}\n"), format!("{default}{from}\n{other}")] {
            // Who comes first has an address that both name.
            let is_same = other.contains(&format!("\n{from}\n"));
            let has = if is_same && text.starts_with(default) { "senders = [\"me@isp.example\"]" } else { has };
            case(Program::Msmtp, &[("/m", &text)], &["default_account = \"default\"", has], &[has_not]);
        }
    }
}

#[test]
fn aliases_hold_also_where_a_server_on_this_machine_has_the_other_mail() {
    let server = "host localhost\nauto_from on\nmaildomain isp.example\naliases /a\n";
    let rows = ("/a", "root: joe@isp.example, jane@isp.example # us\ndefault: catch@isp.example\n");
    let is_virtual = "virtual = [{ \"root@box.home.lan\" = \"joe@isp.example, jane@isp.example\", \"@box.home.lan\" = \"catch@isp.example\" }]";
    case(Program::Msmtp, &[("/m", server), rows], &["own_domains = []", is_virtual], &["\naliases ="]);
    let own = "host a.example\nfrom root@localhost\naliases /a\n";
    case(Program::Msmtp, &[("/m", own), rows], &["own_domains = []", is_virtual], &["\naliases ="]);
}

#[test]
fn a_password_of_msmtp_comes_before_a_command_that_prints_one() {
    for text in ["passwordeval echo x\npassword p", "password p\npasswordeval echo x"] {
        let text = format!("host a.example\nauth on\nuser me\ntls on\n{text}\n");
        case(Program::Msmtp, &[("/m", &text)], &["password = { file", "# No effect: passwordeval"], &["command"]);
    }
}

#[test]
fn a_host_name_that_may_be_a_shorter_one_in_msmtp_is_told() {
    let told = "# Changed: from %U@%H (account default): %H is now box.home.lan";
    case(Program::Msmtp, &[("/m", "host a.example\nfrom %U@%H\n")], &[told, "senders = [\"@box.home.lan\"]"], &[]);
    case(Program::Msmtp, &[("/m", "host a.example\nfrom %U@%C\n")], &["senders = [\"@box.home.lan\"]"], &["%H"]);
}
