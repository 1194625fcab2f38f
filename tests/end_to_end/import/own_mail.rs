//! What the other program kept on the machine is sent to nobody at the provider: a row that gives every user an address there is
//! for senders. The comparison says what becomes of such mail instead.

use support::provider::Provider;
use support::world::{Ran, World};

/// What came of an import, with a spool of its own.
fn imported(program: &str, source: &str, files: &[(&str, &str)]) -> (World, Ran) {
    let world = World::new();
    for (name, text) in files {
        std::fs::create_dir_all(world.path(name).parent().unwrap()).unwrap();
        world.file(name, text, 0o600);
    }
    let (source, output) = (world.path(source), world.path("moved"));
    let ran = world.postrider(&[
        "import",
        program,
        "--source",
        source.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ]);
    assert!(matches!(ran.status, Some(0 | 1)), "{program}: {}{}", ran.stdout, ran.stderr);
    let text = std::fs::read_to_string(world.path("moved/config.toml"));
    let text = text.unwrap_or_else(|_| panic!("{program}: {}{}", ran.stdout, ran.stderr));
    let own = "spool = \"../spool\"\nlog = \"stderr\"\ndelivery = \"queue\"\n";
    world.file("moved/config.toml", &format!("{own}{text}"), 0o600);
    (world, ran)
}

fn run(world: &World, program: &str, args: &[&str], input: &str) -> Ran {
    let mut command = world.command(program, args);
    command.env("POSTRIDER_CONFIG", world.path("moved/config.toml"));
    support::world::run(command, input.as_bytes())
}

/// A program, its main file, and its files.
type Source = (&'static str, &'static str, Vec<(&'static str, String)>);

/// Configurations that keep mail of this machine on it and send as `@isp.example`, with the relay's port.
fn sources(port: u16) -> Vec<Source> {
    let exim = "dc_eximconfig_configtype='smarthost'\ndc_readhost='isp.example'\ndc_hide_mailname='true'\n\
                dc_local_interfaces='127.0.0.1'\ndc_localdelivery='mail_spool'\n";
    let opensmtpd = "listen on lo\naction \"here\" mbox\n";
    let postfix = "myhostname = box.home.lan\nmydestination = $myhostname, localhost\nsmtp_tls_security_level = none\n";
    vec![
        (
            "exim",
            "e/update-exim4.conf.conf",
            vec![("e/update-exim4.conf.conf", format!("{exim}dc_smarthost='127.0.0.1::{port}'\n"))],
        ),
        (
            "opensmtpd",
            "smtpd.conf",
            vec![(
                "smtpd.conf",
                format!(
                    "{opensmtpd}action \"out\" relay host smtp+notls://127.0.0.1:{port} mail-from \"@isp.example\"\n\
                 match for local action \"here\"\nmatch for any action \"out\"\n"
                ),
            )],
        ),
        ("dma", "dma.conf", vec![("dma.conf", format!("SMARTHOST 127.0.0.1\nPORT {port}\nMASQUERADE isp.example\n"))]),
        (
            "sendmail",
            "sendmail.mc",
            vec![(
                "sendmail.mc",
                format!(
                    "OSTYPE(`linux')\ndefine(`SMART_HOST', `[127.0.0.1]')dnl\ndefine(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl\n\
                 MASQUERADE_AS(`isp.example')dnl\nFEATURE(`masquerade_envelope')dnl\n"
                ),
            )],
        ),
        (
            "postfix",
            "p/main.cf",
            vec![
                (
                    "p/main.cf",
                    format!(
                        "{postfix}relayhost = [127.0.0.1]:{port}\nsmtp_generic_maps = hash:$config_directory/generic\n"
                    ),
                ),
                ("p/generic", "@box.home.lan @isp.example\n".to_owned()),
            ],
        ),
        (
            "postfix",
            "p/main.cf",
            vec![
                (
                    "p/main.cf",
                    format!(
                        "{postfix}relayhost = [127.0.0.1]:{port}\nsmtp_generic_maps = regexp:$config_directory/generic\n"
                    ),
                ),
                ("p/generic", "/^(.*)@box\\.home\\.lan$/ ${1}@isp.example\n".to_owned()),
            ],
        ),
    ]
}

/// A login that no alias of this machine names writes to itself and to a friend.
fn daemon_writes(world: &World) {
    let args = ["-i", "-f", "daemon", "daemon", "friend@elsewhere.example"];
    run(world, env!("CARGO_BIN_EXE_sendmail"), &args, "From: daemon\nTo: daemon\n\nhello\n").code(0);
    run(world, env!("CARGO_BIN_EXE_postrider"), &["run", "--once"], "");
}

#[test]
fn mail_to_users_of_the_machine_goes_to_nobody_of_their_name_at_the_provider() {
    for at in 0..sources(0).len() {
        let isp = Provider::setup().without_login().plaintext().start();
        let (program, source, files) = sources(isp.port()).swap_remove(at);
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let (world, said) = imported(program, source, &files);
        let first = said.stdout.split("What is not imported:").next().unwrap();
        assert!(first.contains("mailbox = \"mbox:/var/mail/%u\""), "{program}: {}", said.stdout);
        let (_, compared) = said.stdout.split_once("How mail is routed now").unwrap();
        if !compared.contains("- to root: <") {
            assert!(
                compared.contains(&format!("    {program}: a mailbox on this machine\n    different: it waits")),
                "{compared}"
            );
        }
        daemon_writes(&world);
        let mail = isp.mail_to("friend@elsewhere.example");
        assert_eq!(mail.from, "daemon@isp.example", "{program}");
        assert!(mail.field("From").contains("daemon@isp.example"), "{program}");
        assert!(!mail.field("To").contains("isp.example") || program == "postfix", "{program}: {}", mail.field("To"));
        run(&world, env!("CARGO_BIN_EXE_postrider"), &["route", "daemon"], "").says("waits");
        let refused = run(&world, env!("CARGO_BIN_EXE_postrider"), &["route", "nobody.of.this.name"], "");
        assert!(refused.stdout.contains("5.1.2"), "{program}: {}", refused.stdout);
        assert!(isp.mails().iter().all(|mail| mail.to == ["friend@elsewhere.example"]), "{program}");
    }
}

/// What `route` says of a recipient: where its mail goes.
fn goes(world: &World, recipient: &str) -> String {
    let said = run(world, env!("CARGO_BIN_EXE_postrider"), &["route", recipient], "").stdout;
    let lines = || said.lines().filter_map(|line| line.split_once(' '));
    let last = lines().rfind(|(what, _)| ["RCPT", "waits", "refused", "stays"].contains(what));
    match last.unwrap_or_else(|| panic!("{said}")) {
        ("RCPT", rest) => rest.trim_start_matches("TO").trim().to_owned(),
        (fate, _) => fate.to_owned(),
    }
}

#[test]
fn postfixs_generic_is_for_recipients_that_leave_and_for_no_other() {
    let relay = "relayhost = [127.0.0.1]:2525\nsmtp_tls_security_level = none\nmyhostname = box.home.lan\n\
                 smtp_generic_maps = hash:$config_directory/generic\n";
    let rows = "@box.home.lan @isp.example\n@localhost me@isp.example\ndaemon@box.home.lan dd@isp.example\n\
                @old.lan @new.example\nbob@intern.lan bob@isp.example\n@home.lan @isp.example\n";
    for (own, daemon) in [
        ("mydestination = $myhostname, localhost\n", "waits"),
        ("mydestination = $myhostname, localhost\nlocal_transport = error:disabled\n", "waits"),
        ("mydestination = $myhostname, localhost\nmyorigin = home.lan\n", "waits"),
        ("mydestination = localhost\n", "<dd@isp.example>"),
        ("mydestination =\n", "<dd@isp.example>"),
    ] {
        let main = format!("{relay}{own}");
        let (world, said) = imported("postfix", "p/main.cf", &[("p/main.cf", &main), ("p/generic", rows)]);
        assert_eq!(goes(&world, "daemon@box.home.lan"), daemon, "{own}{}", said.stdout);
        assert_eq!(goes(&world, "alice@old.lan"), "<alice@new.example>", "{own}");
        assert_eq!(goes(&world, "bob@intern.lan"), "<bob@isp.example>", "{own}");
        if own.contains("localhost") {
            assert_eq!(goes(&world, "daemon@localhost"), "waits", "{own}");
        }
        if own.contains("myorigin") {
            // Postfix sends it there, too.
            let (_, root) = said.stdout.split_once("- to root: <root@isp.example>\n").unwrap();
            assert!(!root.starts_with("    postfix"), "{root}");
            assert_eq!(goes(&world, "daemon"), "<daemon@isp.example>", "{own}");
        }
    }
    // A domain that transport_maps keeps here is the machine's own.
    let main = format!(
        "{relay}mydestination = localhost\nmyorigin = home.lan\ntransport_maps = hash:$config_directory/transport\n"
    );
    let files = [("p/main.cf", main.as_str()), ("p/generic", rows), ("p/transport", "home.lan local:\n")];
    let (world, said) = imported("postfix", "p/main.cf", &files);
    assert_eq!(goes(&world, "daemon"), "waits", "{}", said.stdout);
}

#[test]
fn a_login_goes_to_no_relay_that_a_table_may_keep_it_from() {
    let main = "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = encrypt\nmydestination =\n\
                smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n\
                smtp_sender_dependent_authentication = yes\nsmtp_sasl_password_maps = hash:$config_directory/sasl\n";
    let sasl =
        "[smtp.isp.example]:587 me@isp.example:pw\nboss@work.example boss@work.example:WORKPW\n@job.example j:JOBPW\n";
    let pattern = "/@(work|job)\\.example$/ [smtp.two.example]:587\n";
    for (name, table, text) in [
        ("sender_dependent_relayhost_maps", "regexp:$config_directory/t", pattern),
        ("sender_dependent_relayhost_maps", "mysql:$config_directory/t", ""),
        ("sender_dependent_relayhost_maps", "hash:$config_directory/missing", ""),
        (
            "sender_dependent_default_transport_maps",
            "regexp:$config_directory/t",
            "/@(work|job)\\.example$/ smtp:[x.example]\n",
        ),
        ("transport_maps", "pcre:$config_directory/t", "/^(?!.*@home\\.lan$).*$/ smtp:[x.example]\n"),
    ] {
        let main = format!("{main}{name} = {table}\n");
        let (world, said) = imported("postfix", "p/main.cf", &[("p/main.cf", &main), ("p/sasl", sasl), ("p/t", text)]);
        let secrets: Vec<String> = std::fs::read_dir(world.path("moved/secrets"))
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        assert_eq!(secrets, ["pw\n"], "{name} = {table}: {}", said.stdout);
        assert!(
            said.stdout.contains(&format!("- login of boss@work.example: {name} may name another relay")),
            "{}",
            said.stdout
        );
        let (_, boss) =
            said.stdout.split_once("- from boss@work.example: ").unwrap_or_else(|| panic!("{}", said.stdout));
        assert!(
            boss.contains(&format!("    postfix: relay unknown ({name} is not understood)\n    different: ")),
            "{boss}"
        );
        let (_, root) = said.stdout.split_once("- from root: ").unwrap();
        let next = root.lines().nth(1).unwrap();
        assert_eq!(next, format!("    postfix: relay unknown ({name} is not understood)"), "{}", said.stdout);
        assert!(!said.stdout.contains("WORKPW") && !said.stdout.contains("sender_dependent_authentication is not yes"));
    }
}

#[test]
fn a_row_behind_one_that_is_not_understood_gives_no_login_away_and_one_before_it_does() {
    let main = "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = encrypt\nmydestination =\n\
                smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n\
                smtp_sender_dependent_authentication = yes\nsmtp_sasl_password_maps = hash:$config_directory/sasl\n";
    let sasl = "[smtp.isp.example]:587 me@isp.example:pw\nboss@work.example boss@work.example:WORKPW\n";
    let exact = "boss@work.example [smtp.work.example]:587\n";
    let patterns = "/@(work|job)\\.example$/ [smtp.two.example]:587\n/^boss@work\\.example$/ [smtp.work.example]:587\n";
    for (tables, is_known) in [
        ("hash:$config_directory/exact, regexp:$config_directory/patterns", true),
        ("regexp:$config_directory/patterns, hash:$config_directory/exact", false),
        ("regexp:$config_directory/patterns", false),
        ("ldap:$config_directory/x, hash:$config_directory/exact", false),
    ] {
        let main = format!("{main}sender_dependent_relayhost_maps = {tables}\n");
        let files = [("p/main.cf", main.as_str()), ("p/sasl", sasl), ("p/exact", exact), ("p/patterns", patterns)];
        let (world, said) = imported("postfix", "p/main.cf", &files);
        let config = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
        assert_eq!(config.contains("username = \"boss@work.example\""), is_known, "{tables}: {}", said.stdout);
    }
}

#[test]
fn canonical_maps_are_for_the_classes_that_main_cf_names() {
    let main = "relayhost = [127.0.0.1]:2525\nsmtp_tls_security_level = none\nmyhostname = box.home.lan\n\
                canonical_maps = hash:$config_directory/c\nsender_canonical_maps = hash:$config_directory/s\n";
    let files = [("p/c", "@box.home.lan @isp.example\n"), ("p/s", "bin bin.own@isp.example\n")];
    for (classes, from, to) in [
        ("envelope_sender, header_sender", "<daemon@isp.example>", "waits"),
        ("header_sender", "<daemon@isp.example>", "waits"),
        ("envelope_recipient, header_recipient", "<daemon@box.home.lan>", "<daemon@isp.example>"),
        (
            "envelope_sender, envelope_recipient, header_sender, header_recipient",
            "<daemon@isp.example>",
            "<daemon@isp.example>",
        ),
    ] {
        let main = format!("{main}canonical_classes = {classes}\n");
        let (world, said) = imported("postfix", "p/main.cf", &[("p/main.cf", &main), files[0], files[1]]);
        assert_eq!(goes(&world, "daemon"), to, "{classes} {}", said.stdout);
        for (sender, becomes) in [("daemon", from), ("bin", "<bin.own@isp.example>")] {
            let route =
                run(&world, env!("CARGO_BIN_EXE_postrider"), &["route", "--from", sender, "x@away.example"], "");
            assert!(route.stdout.contains(&format!("MAIL FROM  {becomes}")), "{classes} {sender}: {}", route.stdout);
        }
        let told = "canonical_classes: the classes are always envelope_sender, header_sender";
        assert_eq!(said.stdout.contains(told), classes == "header_sender", "{}", said.stdout);
    }
}

#[test]
fn a_sender_whose_relay_is_not_imported_is_compared() {
    let rows = "bob:bob@two.example:smtp.two.example:587\ncarol:carol@isp.example:SMTP.isp.example:587\ndave:dave@isp.example:smtp.isp.example\n";
    let conf = "mailhub=smtp.isp.example:587\nUseSTARTTLS=yes\n";
    let (_world, ran) = imported("ssmtp", "s/ssmtp.conf", &[("s/ssmtp.conf", conf), ("s/revaliases", rows)]);
    let shown = "- from bob: <bob@two.example>, account isp";
    let (_, bob) = ran.stdout.split_once(shown).unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(bob.contains("    ssmtp: relay smtp.two.example:587\n    different: sent through account isp"), "{bob}");
    // The relay of everybody, by another spelling and without the port.
    for user in ["carol", "dave"] {
        assert!(!ran.stdout.contains(&format!("for {user}")), "{}", ran.stdout);
    }
}

#[test]
fn an_account_that_cannot_be_imported_is_compared_for_its_senders() {
    let rc = "account default\nhost 127.0.0.1\nport 2525\nfrom me@isp.example\naccount two\nhost smtp.two.example\nport 99999\nfrom bob@two.example\n";
    let (_world, ran) = imported("msmtp", "rc", &[("rc", rc)]);
    let (_, bob) = ran.stdout.split_once("- from bob@two.example: ").unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(
        bob.contains("    msmtp: relay [smtp.two.example]:99999\n    different: sent through account default"),
        "{bob}"
    );
}

#[test]
fn msmtp_gives_no_stranger_at_the_provider_the_mail_of_a_local_user() {
    let isp = Provider::setup().login("me", "pw").plaintext().start();
    let text = format!(
        "host 127.0.0.1\nport {}\nauth on\nuser me\npassword pw\nauto_from on\nmaildomain isp.example\n",
        isp.port()
    );
    let (world, said) = imported("msmtp", "msmtprc", &[("msmtprc", &text)]);
    let first = said.stdout.split("How mail is routed now").next().unwrap();
    assert!(first.contains("until aliases has a row for it, as in \"root: you@isp.example\""), "{}", said.stdout);
    daemon_writes(&world);
    assert_eq!(isp.mail_to("friend@elsewhere.example").from, "daemon@isp.example");
    assert!(isp.mails().iter().all(|mail| mail.to == ["friend@elsewhere.example"]));
    run(&world, env!("CARGO_BIN_EXE_postrider"), &["route", "daemon"], "").says("waits");
}

#[test]
fn a_mail_server_on_this_machine_still_gets_the_mail_that_msmtp_gave_it() {
    for from in ["from root@localhost", "from root@%H", "from %U@isp.example", "from %U@%H"] {
        let server = Provider::setup().without_login().plaintext().start();
        let text = format!("host 127.0.0.1\nport {}\n{from}\n", server.port());
        let (world, said) = imported("msmtp", "msmtprc", &[("msmtprc", &text)]);
        assert!(!said.stdout.contains("error:"), "{}", said.stdout);
        run(&world, env!("CARGO_BIN_EXE_sendmail"), &["-i", "-f", "daemon", "daemon"], "To: daemon\n\nhello\n").code(0);
        run(&world, env!("CARGO_BIN_EXE_postrider"), &["run", "--once"], "");
        let mail = server.mail();
        assert!(mail.to[0].starts_with("daemon@") && mail.to[0] != "daemon@isp.example", "{from}: {:?}", mail.to);
        let user = if from.contains("root") { "root@" } else { "daemon@" };
        assert!(mail.from.starts_with(user), "{from}: {}", mail.from);
    }
}
