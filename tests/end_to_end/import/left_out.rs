//! What an import cannot carry over does not stop it: bytes that are not UTF-8, and values that no program could use. Each that
//! matters is named with file and line, and all else is imported.

use support::world::{Ran, World};

/// Names and bytes.
type Files<'f> = &'f [(&'f str, &'f [u8])];

/// A world with these files.
fn world(files: Files<'_>) -> World {
    let world = World::new();
    for (name, bytes) in files {
        let path = world.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    world
}

fn import(world: &World, program: &str, source: &str) -> Ran {
    let (source, output) = (world.path(source), world.path("moved"));
    world.postrider(&["import", program, "--source", source.to_str().unwrap(), "--output", output.to_str().unwrap()])
}

/// What was written, without its remarks.
fn config(world: &World) -> String {
    let text = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// The part of what was said between two headings.
fn first_heap(ran: &Ran) -> &str {
    let (_, rest) = ran.stdout.split_once("What changes:").unwrap_or_else(|| panic!("no first heap: {}", ran.stdout));
    rest.split("\n\n").next().unwrap()
}

#[test]
fn a_byte_in_a_comment_or_in_what_decides_nothing_stops_no_import() {
    let sources: [(&str, &str, Files); 9] = [
        ("msmtp", "rc", &[("rc", b"# f\xfcr\ndefaults\nlogfile /b\xfc\naccount default\nhost 127.0.0.1\nport 2525\nfrom me@isp.example\n")]),
        ("postfix", "main.cf", &[("main.cf", b"# f\xfcr\nmail_name = B\xfcro\nsmtpd_banner = \xfc\nrelayhost = [127.0.0.1]:2525\n")]),
        ("postfix", "p", &[
            ("p/main.cf", b"relayhost = [127.0.0.1]:2525\nsmtp_generic_maps = hash:/etc/postfix/generic, pcre:/etc/postfix/pat\n"),
            ("p/generic", b"# gr\xfc\xdfe\nroot me@isp.example\n"),
            ("p/pat", b"# gr\xfc\xdfe\n/^hans@/ me@isp.example\n"),
        ]),
        ("nullmailer", "remotes", &[("remotes", b"# f\xfcr\n127.0.0.1 smtp --port=2525\n")]),
        ("ssmtp", "ssmtp.conf", &[("ssmtp.conf", b"# f\xfcr\nmailhub=127.0.0.1:2525\n"), ("revaliases", b"# \xfc\nroot:me@isp.example\n")]),
        ("dma", "dma.conf", &[("dma.conf", b"# f\xfcr\nSMARTHOST 127.0.0.1\nPORT 2525\nAUTHPATH /etc/dma/auth.conf\nNULLCLIENT\n"), ("auth.conf", b"# \xfc\n")]),
        ("exim", "update-exim4.conf.conf", &[
            ("update-exim4.conf.conf", b"# f\xfcr\ndc_eximconfig_configtype='satellite'\ndc_smarthost='127.0.0.1::2525'\n"),
            ("passwd.client", b"# f\xfcr\n"),
        ]),
        ("opensmtpd", "smtpd.conf", &[("smtpd.conf", b"# f\xfcr\naction out relay host smtp://127.0.0.1:2525\nmatch for any action out\n")]),
        ("sendmail", "sendmail.mc", &[("sendmail.mc", b"dnl f\xfcr\nOSTYPE(`linux')\ndefine(`SMART_HOST', `[127.0.0.1]')dnl\n")]),
    ];
    for (program, source, files) in sources {
        let world = world(files);
        let ran = import(&world, program, source);
        assert!(matches!(ran.status, Some(0 | 1)), "{program}: {}{}", ran.stdout, ran.stderr);
        assert!(config(&world).contains("[account."), "{program}");
        assert!(!ran.stdout.contains("UTF-8"), "{program}: nothing that matters is left out: {}", ran.stdout);
    }
}

#[test]
fn a_password_that_is_not_utf8_is_named_with_its_line_and_all_else_is_imported() {
    let sources: [(&str, &str, Files, &str); 6] = [
        ("msmtp", "rc", &[("rc", b"account default\nhost 127.0.0.1\nauth on\nuser me\npassword \"pa\xdf#wort\"\nfrom me@isp.example\n")], "rc:5"),
        ("postfix", "p", &[
            ("p/main.cf", b"relayhost = [127.0.0.1]:2525\nsmtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/etc/postfix/pw\n"),
            ("p/pw", b"\n[127.0.0.1]:2525 me:pa\xdfwort\n"),
        ], "p/pw:2"),
        ("nullmailer", "remotes", &[("remotes", b"127.0.0.1 smtp --user=me --pass='pa\xdf wort'\n")], "remotes:1"),
        ("ssmtp", "ssmtp.conf", &[("ssmtp.conf", b"mailhub=127.0.0.1:2525\nAuthUser=me\nAuthPass=pa\xdfwort\n")], "ssmtp.conf:3"),
        ("dma", "dma.conf", &[
            ("dma.conf", b"SMARTHOST 127.0.0.1\nNULLCLIENT\nAUTHPATH /etc/dma/auth.conf\n"),
            ("auth.conf", b"me|127.0.0.1:pa\xdfwort\n"),
        ], "auth.conf:1"),
        ("exim", "update-exim4.conf.conf", &[
            ("update-exim4.conf.conf", b"dc_eximconfig_configtype='satellite'\ndc_smarthost='127.0.0.1::2525'\n"),
            ("passwd.client", b"#\n127.0.0.1:me:pa\xdfwort\n"),
        ], "passwd.client:2"),
    ];
    for (program, source, files, place) in sources {
        let world = world(files);
        let ran = import(&world, program, source);
        let heap = first_heap(&ran);
        assert!(heap.contains(&format!("{place} is not UTF-8")), "{program}: {heap}");
        assert!(heap.contains("postrider password set"), "{program}: {heap}");
        assert!(!ran.stdout.contains("wort"), "{program}: the password is not shown: {}", ran.stdout);
        let text = config(&world);
        assert!(
            text.contains("username = \"me\"") && text.contains("password = { file = \"secrets/"),
            "{program}: {text}"
        );
        assert!(!text.contains("wort"), "{program}: {text}");
    }
}

#[test]
fn values_that_are_not_utf8_are_left_out_one_by_one() {
    let world = world(&[(
        "rc",
        b"account default\nhost 127.0.0.1\nauth on\nuser j\xf6rg\npassword x\nfrom me@isp.example\naccount b\nhost b\xfccher.example\nfrom b@isp.example\naccount c\nhost 127.0.0.2\nfrom h\xe4ns@isp.example\n",
    )]);
    let ran = import(&world, "msmtp", "rc");
    let ran = ran.says("rc:4 is not UTF-8; its password is left out as well");
    let ran = ran.says("rc:8 is not UTF-8; without another relay there is no such account");
    ran.says("senders \"h\\xE4ns@isp.example\" (account c)")
        .says("rc:12 is not UTF-8")
        .says("different: login (login j\\xF6rg, now no login)");
    let text = config(&world);
    assert!(
        text.contains("[account.default]") && text.contains("[account.c]") && !text.contains("[account.b]"),
        "{text}"
    );
    assert!(!text.contains("username") && !text.contains("password ="), "{text}");
    assert!(!world.path("moved/secrets").exists());
}

#[test]
fn a_row_of_a_table_that_is_not_utf8_stays_in_its_copy_and_is_named() {
    let rows = b"# gr\xfc\xdfe\nroot h\xe4ns@isp.example\nhans hans@isp.example\n";
    let world = world(&[
        (
            "p/main.cf",
            b"myhostname = box.home.lan\nrelayhost = [127.0.0.1]:2525\nsmtp_generic_maps = hash:/etc/postfix/generic\nalias_maps = hash:/etc/postfix/al\n",
        ),
        ("p/generic", rows),
        ("p/al", b"# \xe4\nroot: me@isp.example # \xe4\n"),
    ]);
    let ran = import(&world, "postfix", "p");
    assert_eq!(std::fs::read(world.path("moved/tables/generic")).unwrap(), rows, "byte for byte");
    let heap = first_heap(&ran);
    assert!(heap.contains("p/generic:2: not UTF-8, and mail that needs this entry waits"), "{heap}");
    // Postfix has no comments behind values.
    assert!(heap.contains("p/al:2: not UTF-8") && !heap.contains(":1: not UTF-8"), "{heap}");
    let (_, shown) = ran.stdout.split_once("- from root: ").unwrap();
    assert!(shown.lines().nth(1).unwrap().contains("different"), "{shown}");
    ran.says("tables/generic:2: this entry is not UTF-8");
}

#[test]
fn a_value_that_nothing_can_use_is_named_with_its_line_and_the_rest_goes_on() {
    let world = world(&[(
        "rc",
        b"account default\nhost 127.0.0.1\nfrom me@isp.example\naccount port\nhost smtp.work.example\nport 99999\nfrom p@work.example\naccount ip\nhost 127.0.0.3\nsource_ip bogus\nfrom i@isp.example\naccount host\nhost smtp.isp.example:587\nfrom h@isp.example\n",
    )]);
    let ran = import(&world, "msmtp", "rc");
    let heap = first_heap(&ran);
    let line = |part: &str| {
        heap.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {heap}")).to_owned()
    };
    assert!(line("(account port)").contains("rc:6"), "{heap}");
    assert!(line("(account port)").contains("the account is left out"), "{heap}");
    assert!(line("(account ip)").contains("rc:10"), "{heap}");
    assert!(line("(account host)").contains("rc:13"), "{heap}");
    let text = config(&world);
    assert!(text.contains("[account.default]") && text.contains("[account.ip]"), "{text}");
    assert!(
        !text.contains("[account.port]") && !text.contains("[account.host]") && !text.contains("bogus\""),
        "{text}"
    );
    // With nothing else in it, nothing is written; what is named is the source.
    let alone = self::world(&[("rc", b"host 127.0.0.1\nport 99999\n")]);
    let ran = import(&alone, "msmtp", "rc").code(78);
    ran.says("rc:2").says("no account that postrider can use");
    assert!(!alone.path("moved").exists());
}

#[test]
fn a_program_as_the_source_becomes_no_configuration() {
    for program in ["ssmtp", "msmtp", "dma", "exim"] {
        let world = world(&[("binary", b"\x7fELF\x02\0\0mailhub=x\nhost a.example\n")]);
        import(&world, program, "binary").code(66).says("it is not a text file: it has NUL bytes");
        assert!(!world.path("moved").exists());
    }
}

#[test]
fn an_exim_with_a_configuration_of_its_owners_is_not_taken_for_the_answers_of_debconf() {
    let answers = b"dc_eximconfig_configtype='satellite'\ndc_smarthost='127.0.0.1::2525'\n";
    let world = world(&[("e/update-exim4.conf.conf", answers), ("e/exim4.conf", b"begin routers\n")]);
    import(&world, "exim", "e").code(78).says("e/exim4.conf, which is not read").says("--send-only");
    assert!(!world.path("moved").exists());
    let (source, output) = (world.path("e"), world.path("moved"));
    let (source, output) = (source.to_str().unwrap(), output.to_str().unwrap());
    let ran = world.postrider(&["import", "exim", "--send-only", "--source", source, "--output", output]);
    assert!(first_heap(&ran).trim_start().starts_with("- exim4.conf: "), "{}", ran.stdout);
}
