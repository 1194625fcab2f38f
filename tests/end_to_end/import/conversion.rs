//! `postrider import` itself, whatever program the configuration is of: when it writes nothing, what it keeps, and what
//! it says.

use support::world::World;

/// A world with these files and an empty output folder, and the arguments that import one of them.
fn world(files: &[(&str, &str)]) -> World {
    let world = World::new();
    for (name, text) in files {
        if let Some(folder) = world.path(name).parent() {
            std::fs::create_dir_all(folder).unwrap();
        }
        world.file(name, text, 0o600);
    }
    world
}

fn import(world: &World, program: &str, source: &str, more: &[&str]) -> support::world::Ran {
    let (source, output) = (world.path(source), world.path("moved"));
    let usual = ["import", program, "--source", source.to_str().unwrap(), "--output", output.to_str().unwrap()];
    world.postrider(&[&usual[..], more].concat())
}

const MSMTP: &str = "account default\nhost 127.0.0.1\nfrom me@isp.example\n";

#[test]
fn import_steps_over_a_config_without_accounts_and_keeps_it() {
    let world = world(&[("msmtprc", MSMTP), ("moved/config.toml", "# one\n")]);
    import(&world, "msmtp", "msmtprc", &[]).code(0);
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert!(read("moved/config.toml").contains("[account.default]"));
    assert_eq!(read("moved/config.toml.before-import"), "# one\n");
    for (text, kept) in [("# two\n", "config.toml.before-import.2"), ("# three\n", "config.toml.before-import.3")] {
        world.file("moved/config.toml", text, 0o600);
        import(&world, "msmtp", "msmtprc", &[]).code(0);
        assert_eq!(read(&format!("moved/{kept}")), text);
        assert_eq!(read("moved/config.toml.before-import"), "# one\n", "what was kept stays");
    }
}

#[test]
fn an_import_without_an_account_writes_nothing_and_says_so() {
    for (program, source, text) in [
        ("msmtp", "msmtprc", ""),
        ("msmtp", "msmtprc", "account default\nprotocol lmtp\nhost 127.0.0.1\n"),
        ("nullmailer", "remotes", "isp.example qmqp\n"),
        ("dma", "dma.conf", "MAILNAME box.home.lan\n"),
        ("postfix", "main.cf", "myhostname = box.home.lan\n"),
        ("opensmtpd", "smtpd.conf", "action out relay\nmatch for any action out\n"),
        ("sendmail", "sendmail.mc", "OSTYPE(`linux')\n"),
    ] {
        let world = world(&[(source, text)]);
        import(&world, program, source, &["--send-only"]).code(78).says("no account that postrider can use");
        assert!(!world.path("moved").exists(), "{program}: nothing is written");
    }
}

#[test]
fn what_receives_mail_is_replaced_only_on_request() {
    let main = "myhostname = mail.example.org\nrelayhost = [127.0.0.1]:587\nrelay_domains = example.org\n";
    let world = world(&[("main.cf", main)]);
    let refused = import(&world, "postfix", "main.cf", &[]).code(78);
    refused.says("receives mail for mail.example.org").says("(relay_domains)").says("--send-only");
    assert!(!world.path("moved").exists());
    world.file("update-exim4.conf.conf", "dc_eximconfig_configtype='internet'\n", 0o600);
    import(&world, "exim", "update-exim4.conf.conf", &[])
        .code(78)
        .says("delivers mail without a relay")
        .says("--send-only");
    import(&world, "postfix", "main.cf", &["--send-only"]).code(0);
    assert!(world.path("moved/config.toml").exists());
}

#[test]
fn mail_that_went_without_a_relay_needs_one_that_is_named() {
    let conf = "action out relay\nmatch for any action out\n";
    for (program, source, text) in [
        ("postfix", "main.cf", "myhostname = box.home.lan\nsmtp_generic_maps = inline:{ root=me@isp.example }\n"),
        ("dma", "dma.conf", "MAILNAME box.home.lan\n"),
        ("opensmtpd", "smtpd.conf", conf),
        ("sendmail", "sendmail.mc", "OSTYPE(`linux')\nDAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1')\n"),
    ] {
        let world = world(&[(source, text)]);
        let direct = import(&world, program, source, &[]).code(78).says("delivers mail without a relay");
        direct.says("--send-only");
        import(&world, program, source, &["--send-only"]).code(78).says("--relay HOST[:PORT]");
        import(&world, program, source, &["--relay", "smtp.isp.example"]).code(64);
        let relay = ["--send-only", "--relay", "smtp.isp.example:465", "--username", "me@isp.example"];
        import(&world, program, source, &relay).says("postrider password set isp");
        let config = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
        for line in [
            "relay = \"[smtp.isp.example]:465\"",
            "tls = \"implicit\"",
            "username = \"me@isp.example\"",
            "default_account = \"isp\"",
        ] {
            assert!(config.contains(line), "{line}\n{config}");
        }
        assert_eq!(config.contains("me@isp.example\" }]"), program == "postfix", "{config}");
    }
    // A relay that there is stays.
    let world = world(&[("dma.conf", "SMARTHOST 127.0.0.1\n")]);
    import(&world, "dma", "dma.conf", &["--send-only", "--relay", "a.example"]).code(64).says("this dma has one");
}

#[test]
fn an_import_shows_how_mail_is_sent_now_and_what_changes_first() {
    let rc = "account work\nhost 127.0.0.1\nport 587\nfrom me@work.example\nlogfile ~/log\nproxy_host 127.0.0.1\n\
              account default\nhost 127.0.0.1\nport 25\nauth on\nuser me\npassword x\nfrom me@isp.example\n\
              tls_certcheck off\n";
    let world = world(&[("msmtprc", rc)]);
    let said = import(&world, "msmtp", "msmtprc", &[]).code(0).stdout;
    for line in [
        "- from root: <me@isp.example>, account default, [127.0.0.1]:25, no TLS, login me\n",
        "    msmtp: <me@isp.example>, [127.0.0.1]:25, no TLS, login me\n- from postmaster",
        "- from me@work.example: <me@work.example>, account work, [127.0.0.1]:587, no TLS, no login\n",
        "- to root: <me@isp.example>\n",
        "- to postmaster: <me@isp.example>\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text} is missing:\n{said}"));
    assert!(at("What changes:") < at("tls_certcheck") && at("tls_certcheck") < at("What is not imported:"));
    assert!(at("What is not imported:") < at("proxy_host"));
    assert!(!said.contains("logfile"), "it decides nothing:\n{said}");
    assert!(std::fs::read_to_string(world.path("moved/config.toml")).unwrap().contains("# No effect: logfile"));
}

#[test]
fn an_import_says_where_its_result_differs_from_what_the_source_said() {
    for (program, source, text, was, different) in [
        (
            "postfix",
            "main.cf",
            "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = may\nmyhostname = box.home.lan\n",
            "    postfix: <root@box.home.lan>, [smtp.isp.example]:587, STARTTLS if offered, no login\n",
            "    different: TLS (STARTTLS if offered, now STARTTLS)\n",
        ),
        (
            "nullmailer",
            "remotes",
            "smtp.isp.example smtp --port=587 --user=me --pass=x\n",
            "[smtp.isp.example]:587, no TLS, login me\n",
            "    different: TLS (no TLS, now STARTTLS)\n",
        ),
        (
            "opensmtpd",
            "smtpd.conf",
            "action out relay host smtps://smtp.isp.example mail-from \"me@isp.example\"\nmatch for any action out\n",
            "    opensmtpd: <me@isp.example>, [smtp.isp.example]:465, implicit TLS, no login\n",
            "    different: From (as written, now me@isp.example)\n",
        ),
        (
            "postfix",
            "main.cf",
            "relayhost = [smtp.isp.example]:587\nsmtp_tls_security_level = secure\nmydestination =\n",
            "[smtp.isp.example]:587, STARTTLS, no login\n",
            "",
        ),
        (
            "postfix",
            "main.cf",
            "relayhost = [smtp.isp.example]:587, [smtp.two.example]\nsmtp_tls_security_level = secure\n\
             smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = inline:{ { smtp.isp.example = me:x }, \
             { smtp.two.example = you:y } }\n",
            "[smtp.isp.example]:587, STARTTLS, login me, then [smtp.two.example]:25, STARTTLS, login you\n",
            "    different: relay ([smtp.two.example]:25, now none)\n",
        ),
    ] {
        let world = world(&[(source, text)]);
        // Nobody can be asked: it is said, and written.
        let said = import(&world, program, source, &[]).stdout;
        assert!(said.contains(was), "{was}\n{said}");
        let lines: Vec<&str> = said.split_inclusive('\n').filter(|line| line.contains("different:")).collect();
        assert_eq!(lines.first().copied().unwrap_or_default(), different, "{said}");
        assert!(world.path("moved/config.toml").exists());
    }
}

#[test]
fn mail_of_senders_that_the_source_has_no_account_for_is_shown_as_different() {
    let actions =
        "action out1 relay host smtp+notls://127.0.0.1:1025\naction out2 relay host smtp+notls://127.0.0.1:2025\n";
    let theirs = "match from local mail-from \"@x.example\" for any action out2\n";
    for (rules, was) in [
        (theirs.to_owned(), "no rule for this sender, so its mail was refused"),
        (
            format!("{theirs}match from local mail-from regex \".*x\" for any action out1\n"),
            "match from local for any action out1, which is not imported",
        ),
        (
            format!(
                "match from local !mail-from \"@x.example\" for any action out2\n{}",
                theirs.replace("out2", "out1")
            ),
            "",
        ),
        (
            format!(
                "{}match from local !mail-from \"@x.example\" for any action out2\n",
                theirs.replace("out2", "out1")
            ),
            "",
        ),
        (
            format!("{theirs}match for any reject\nmatch for any action out2\n"),
            "match from local for any reject, which is not imported",
        ),
        (format!("{theirs}match for any action out2\n"), ""),
        (format!("match for any action out2\n{theirs}match for any reject\n"), ""),
    ] {
        let world = world(&[("smtpd.conf", &format!("{actions}{rules}"))]);
        let said = import(&world, "opensmtpd", "smtpd.conf", &[]).stdout;
        assert!(said.contains("- from root: <root@") && said.contains("[127.0.0.1]:2025, no TLS"), "{said}");
        let told = format!("    opensmtpd: {was}\n    different: sent through account ");
        assert_eq!(said.matches(&told).count(), if was.is_empty() { 0 } else { 2 }, "root, postmaster: {told}\n{said}");
        assert_eq!(said.contains("different: "), !was.is_empty(), "{said}");
    }
    for (program, source, text, was) in [
        (
            "msmtp",
            "msmtprc",
            "account work\nhost 127.0.0.1\nport 2025\nfrom me@x.example\n",
            "no account for this sender",
        ),
        (
            "postfix",
            "main.cf",
            "sender_dependent_relayhost_maps = inline:{ {me@x.example=[127.0.0.1]:2025} }\n",
            "delivered without a relay",
        ),
    ] {
        let world = world(&[(source, text)]);
        let said = import(&world, program, source, &["--send-only"]).stdout;
        let told = format!("    {program}: {was}\n    different: sent through account ");
        assert_eq!(said.matches(&told).count(), 2, "{told}\n{said}");
        assert!(
            said.contains(&format!("    {program}: <me@x.example>, [127.0.0.1]:2025, no TLS, no login\n- ")),
            "{said}"
        );
    }
}

#[test]
fn the_routes_of_an_import_are_those_with_its_own_tables() {
    let main =
        "myhostname = box.home.lan\nrelayhost = [127.0.0.1]:587\nsmtp_generic_maps = hash:/etc/postfix/generic\n";
    let world = world(&[("main.cf", main), ("generic", "@box.home.lan me@isp.example\n")]);
    let said = import(&world, "postfix", "main.cf", &[]).code(0).stdout;
    assert!(said.contains("- from root: <me@isp.example>, account relay, "), "{said}");
    assert!(world.path("moved/tables/generic").exists(), "{said}");
}

#[test]
fn what_is_there_and_cannot_be_read_is_named() {
    let conf = "dc_eximconfig_configtype='smarthost'\ndc_smarthost='smtp.isp.example::587'\n";
    let world = world(&[("update-exim4.conf.conf", conf)]);
    std::fs::create_dir(world.path("passwd.client")).unwrap();
    let said = import(&world, "exim", "update-exim4.conf.conf", &[]).stdout;
    let told = format!("- {}: cannot be read: ", world.path("passwd.client").display());
    assert!(said.contains(&told), "{said}");
    std::fs::remove_dir(world.path("passwd.client")).unwrap();
    std::fs::remove_dir_all(world.path("moved")).unwrap();
    let said = import(&world, "exim", "update-exim4.conf.conf", &[]).stdout;
    assert!(!said.contains("cannot be read"), "{said}");
}

#[test]
fn an_import_says_what_check_would() {
    let rc = "account default\nhost 127.0.0.1\nport 587\ntls on\nauth on\nuser me\npassword x\nfrom me@isp.example\n\
              tls_trust_file /nonexistent/ca.pem\n";
    let world = world(&[("msmtprc", rc)]);
    import(&world, "msmtp", "msmtprc", &[]).code(1).says("error: account default").says("/nonexistent/ca.pem");
}

#[test]
fn a_submission_service_of_postfix_becomes_a_listener_that_check_understands() {
    let main = "myhostname = box.home.lan\nmyorigin = home.lan\nmydestination = localhost\nrelayhost = [127.0.0.1]:587\n\
        mynetworks = 127.0.0.0/8\nsmtpd_sender_login_maps = inline:{ { alice@home.lan = alice } }\n";
    let master = "smtp unix - - y - - smtp\nsmtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  \
        -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes\n  \
        -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n";
    for (more, has_client) in [(&[][..], false), (&["--trust-networks"], true)] {
        let world = world(&[("postfix/main.cf", main), ("postfix/master.cf", master)]);
        let ran = import(&world, "postfix", "postfix", more);
        assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
        let told = "login alice (smtpd_sender_login_maps): its password is not imported; run \"postrider client add alice --sender \
                    alice@home.lan\"";
        ran.says(told);
        let config = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
        assert!(config.contains("[listen.submission]\naddress = [\":587\"]"), "{config}");
        let owner = format!("[client.localhost]\nowner = \"{}\"", support::world::login());
        assert_eq!(config.contains(&owner), has_client, "{config}");
        let file = world.path("moved/config.toml").display().to_string();
        let known = world.postrider(&["--config", &file, "client", "list"]);
        assert_eq!(known.stdout.contains("localhost  owner "), has_client, "{known:?}");
    }
}

#[test]
fn a_service_where_postfix_demands_a_login_trusts_no_network() {
    let relayed = "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n";
    let by_recipient = "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination\n";
    for (main, options, listens) in [
        (relayed, "-o smtpd_client_restrictions=permit_sasl_authenticated,reject", "public = true"),
        (by_recipient, "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject", "public = true"),
        ("", "-o smtpd_recipient_restrictions=permit_sasl_authenticated,reject", "public = true"),
        (relayed, "-o { smtpd_client_restrictions = check_client_access cidr:/x, reject }", "networks = [\"local\"]"),
        (relayed, "", "trust = [\"mynetworks\"]"),
    ] {
        let main = format!("{main}relayhost = [127.0.0.1]:587\nmynetworks = 127.0.0.0/8 192.168.0.0/16\n");
        let master = format!(
            "submission inet n - y - - smtpd\n  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes {options}\n"
        );
        let world = world(&[("postfix/main.cf", &main), ("postfix/master.cf", &master)]);
        import(&world, "postfix", "postfix", &["--trust-networks"]);
        let config = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
        assert!(config.contains("[listen.submission]") && config.contains(listens), "{listens}: {config}");
        assert_eq!(config.contains("trust = "), listens.starts_with("trust"), "{config}");
    }
}

#[test]
fn import_runs_no_command_of_the_configuration() {
    let trace = |world: &World| world.path("trace");
    let rc = |world: &World| {
        let touch = format!("touch {}", trace(world).display());
        format!(
            "account default\nhost 127.0.0.1\nport 587\ntls on\nauth on\nuser me\nfrom me@isp.example\npasswordeval \"{touch}; echo x\"\n\
             account other\nhost 127.0.0.1\neval {touch}\n"
        )
    };
    let world = world(&[]);
    world.file("msmtprc", &rc(&world), 0o600);
    let ran = import(&world, "msmtp", "msmtprc", &[]);
    assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
    ran.says("eval (account other): import runs no command");
    let touch = format!("touch {}", trace(&world).display());
    let mc = format!("syscmd(`{touch}')\nesyscmd(`{touch}')\ndefine(`SMART_HOST', `[127.0.0.1]')\n");
    world.file("sendmail.mc", &mc, 0o600);
    let output = world.path("moved2");
    let source = world.path("sendmail.mc");
    let args = ["import", "sendmail", "--send-only", "--source", source.to_str().unwrap()];
    world.postrider(&[&args[..], &["--output", output.to_str().unwrap()]].concat());
    assert!(output.join("config.toml").exists());
    assert!(!trace(&world).exists(), "a command ran");
    // The imported command is the one that would have left a trace.
    let file = world.path("moved/config.toml").display().to_string();
    world.postrider(&["--config", &file, "password", "test", "default"]);
    assert!(trace(&world).exists());
}

#[test]
fn tables_stay_where_they_are_with_in_place() {
    let world = world(&[("generic", "@box.home.lan me@isp.example\n"), ("aliases", "root: me@isp.example\n")]);
    let (generic, aliases) = (world.path("generic"), world.path("aliases"));
    let main = format!(
        "myhostname = box.home.lan\nrelayhost = [127.0.0.1]:587\nsmtp_generic_maps = hash:{}\nalias_maps = hash:{}\n",
        generic.display(),
        aliases.display()
    );
    world.file("main.cf", &main, 0o600);
    let said = import(&world, "postfix", "main.cf", &["--in-place"]).code(0).stdout;
    let config = std::fs::read_to_string(world.path("moved/config.toml")).unwrap();
    for table in [&generic, &aliases] {
        assert!(config.contains(&format!("\"hash:{}\"", table.display())), "{config}");
    }
    assert!(said.contains("- from root: <me@isp.example>, account relay, "), "{said}");
    let names: Vec<_> =
        std::fs::read_dir(world.path("moved")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["config.toml"], "nothing is copied");
}
