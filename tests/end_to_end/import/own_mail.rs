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
        // A login that no alias of this machine names, and a name that nobody has.
        run(
            &world,
            env!("CARGO_BIN_EXE_sendmail"),
            &["-i", "-f", "daemon", "daemon", "friend@elsewhere.example"],
            "From: daemon\nTo: daemon\n\nhello\n",
        )
        .code(0);
        run(&world, env!("CARGO_BIN_EXE_postrider"), &["run", "--once"], "");
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
