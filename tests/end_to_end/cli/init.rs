//! `postrider init` without anybody to ask, and what it says before it asks for a password.

use std::fs;
use std::process::Command;

use support::provider::{Provider, Verb, on};
use support::world::{Ran, World, run};

/// `init` into a folder of its own; the system's trusted certificates are the provider's authority.
fn init(world: &World, isp: &Provider, args: &[&str], input: &str) -> Ran {
    let folder = world.path("fresh");
    let mut all = vec!["init", "--output", folder.to_str().unwrap()];
    all.extend(args);
    let mut command: Command = world.command(support::world::built("postrider"), &all);
    command.env("SSL_CERT_FILE", world.file("roots.pem", isp.authority(), 0o644));
    run(command, input.as_bytes())
}

fn unattended(world: &World, isp: &Provider, password: &str) -> Ran {
    let relay = format!("127.0.0.1:{}", isp.port());
    let file = world.file("given", &format!("{password}\n"), 0o600);
    let file = file.to_str().unwrap();
    init(world, isp, &["me@isp.example", "--relay", &relay, "--yes", "--password-file", file], "")
}

#[test]
fn an_account_is_set_up_by_one_command_and_the_login_was_tested() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").start();
    let world = World::new();
    let ran = unattended(&world, &isp, "correct horse").code(0);
    assert_eq!(isp.count(Verb::Auth), 1);
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/isp")).unwrap(), "correct horse\n");
    // Mail as cron and as a user will send it proves the rows as well.
    let config = fs::read_to_string(world.path("fresh/config.toml")).unwrap();
    let origin = config.lines().find_map(|line| line.strip_prefix("origin = ")).unwrap().trim_matches('"').to_owned();
    let of_root = &isp.mails()[0];
    assert_eq!((of_root.from.as_str(), of_root.to.as_slice()), ("me@isp.example", &["me@isp.example".to_owned()][..]));
    let short = origin.split('.').next().unwrap();
    assert_eq!(of_root.field("From"), format!("root at {short} <me@isp.example>"));
    let subject = format!("postrider test of mail from root@{origin}");
    assert_eq!(of_root.field("Subject"), subject);
    ran.says(&format!("\"{subject}\"")).says("mailbox of me@isp.example");
}

#[test]
fn a_star_in_an_own_address_is_no_pattern() {
    let isp = Provider::setup().login("a*b@isp.example", "correct horse").start();
    let world = World::new();
    let (relay, file) = (format!("127.0.0.1:{}", isp.port()), world.file("given", "correct horse\n", 0o600));
    let args = ["a*b@isp.example", "--relay", &relay, "--yes", "--password-file", file.to_str().unwrap()];
    init(&world, &isp, &args, "").code(0);
    let path = world.path("fresh/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains("senders = [\"\\\"a*b\\\"@isp.example\"]"), "{config}");
    let why = |sender: &str| {
        let args = ["--config", path.to_str().unwrap(), "route", "--from", sender, "bob@away.example"];
        let said = world.postrider(&args).code(0).stdout;
        said.lines().find(|line| line.starts_with("account ")).unwrap().to_owned()
    };
    assert!(why("a*b@isp.example").ends_with("in its `senders`)"), "{}", why("a*b@isp.example"));
    assert!(why("axb@isp.example").ends_with("(default_account)"), "{}", why("axb@isp.example"));
}

#[test]
fn the_flood_guard_that_is_proposed_is_one_once_its_lines_are_put_to_use() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").start();
    let world = World::new();
    unattended(&world, &isp, "correct horse").code(0);
    let path = world.path("fresh/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let shown = || {
        let mut command: Command = world.command(support::world::built("postrider"), &["config", "show"]);
        command.env("POSTRIDER_CONFIG", &path);
        run(command, b"").code(0).stdout
    };
    assert!(!shown().contains("[flood]"), "{}", shown());
    fs::write(&path, config.replace("#[flood]\n#senders", "[flood]\nsenders")).unwrap();
    assert!(shown().contains("[flood]\nsenders = [\"root@"), "{}", shown());
}

#[test]
fn mail_that_the_provider_refuses_at_the_end_is_told_with_the_next_step() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").start();
    isp.add(on(Verb::Mail).reply("553 5.7.1 Sender address rejected: not owned by user"));
    let world = World::new();
    let ran = unattended(&world, &isp, "correct horse").code(69);
    assert!(ran.stderr.contains("553 5.7.1 Sender address rejected"), "{}", ran.stderr);
    ran.says("postrider test --to me@isp.example");
    assert!(world.path("fresh/config.toml").exists());
}

#[test]
fn a_second_run_adds_an_account_and_keeps_every_comment() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").login("you@work.example", "battery").start();
    let world = World::new();
    unattended(&world, &isp, "correct horse").code(0);
    let path = world.path("fresh/config.toml");
    let noted = fs::read_to_string(&path).unwrap().replace("[account.isp]", "# mine\n[account.isp]  # since 2024");
    fs::write(&path, &noted).unwrap();
    let relay = format!("127.0.0.1:{}", isp.port());
    let file = world.file("given", "battery\n", 0o600);
    let args = ["you@work.example", "--relay", &relay, "--yes", "--password-file", file.to_str().unwrap()];
    let printed = init(&world, &isp, &[&args[..], &["--print"]].concat(), "").code(0).stdout;
    assert_eq!(fs::read_to_string(&path).unwrap(), noted, "--print changes nothing");
    let before = isp.received();
    init(&world, &isp, &args, "").code(0).says("mailbox of you@work.example");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, printed);
    for kept in ["# mine\n[account.isp]  # since 2024", "default_account = \"isp\"", "[account.work]"] {
        assert!(text.contains(kept), "{kept:?} in:\n{text}");
    }
    let mails = isp.mails();
    assert_eq!((mails.len() - before, mails.last().unwrap().from.as_str()), (1, "you@work.example"));
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/work")).unwrap(), "battery\n");
    let config = path.to_str().unwrap();
    let route = |sender: &str| {
        world.postrider(&["--config", config, "route", "--from", sender, "bob@away.example"]).code(0).stdout
    };
    assert!(route("you@work.example").contains("account    work"), "{}", route("you@work.example"));
    assert!(route("root").contains("account    isp"), "{}", route("root"));
}

#[test]
fn a_second_run_for_the_same_address_changes_what_is_asked_for() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").start();
    let world = World::new();
    unattended(&world, &isp, "correct horse").code(0);
    let path = world.path("fresh/config.toml");
    let limited = format!("{}max_per_minute = 7 # theirs\n", fs::read_to_string(&path).unwrap());
    fs::write(&path, &limited).unwrap();
    isp.change_password("new horse");
    unattended(&world, &isp, "wrong").code(78);
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/isp")).unwrap(), "correct horse\n");
    unattended(&world, &isp, "new horse").code(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), limited);
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/isp")).unwrap(), "new horse\n");
}

#[test]
fn a_login_that_fails_is_told_with_its_cause_and_nothing_is_written() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").start();
    let world = World::new();
    let ran = unattended(&world, &isp, "wrong horse").code(78);
    assert!(
        ran.stderr.contains("the user name or the password is wrong") && !ran.stderr.contains("wrong horse"),
        "{}",
        ran.stderr
    );
    assert!(!world.path("fresh").exists());
    isp.add(on(Verb::Auth).reply("534 5.7.9 Application-specific password required"));
    let ran = unattended(&world, &isp, "correct horse").code(78);
    assert!(ran.stderr.contains("app password"), "{}", ran.stderr);
    assert!(!world.path("fresh").exists());
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_password() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::new();
    let relay = format!("127.0.0.1:{}", isp.port());
    let file = world.file("given", "correct horse\n", 0o600);
    let args = ["me@isp.example", "--relay", &relay, "--yes", "--password-file", file.to_str().unwrap()];
    let ran = init(&world, &other, &args, "");
    assert!(ran.stderr.contains("certificate"), "{}", ran.stderr);
    assert_eq!(isp.count(Verb::Auth), 0);
    assert!(!world.path("fresh").exists());
}

#[test]
fn what_a_provider_wants_is_said_before_the_password_is_asked_for() {
    let world = World::new();
    let asked = |address: &str| world.postrider(&["init", address, "--offline", "--yes", "--print"]);
    let gmail = asked("me@gmail.com").code(0);
    assert!(
        gmail.stderr.contains("app password") && gmail.stderr.contains("https://myaccount.google.com/apppasswords")
    );
    assert!(gmail.stdout.contains("relay = \"[smtp.gmail.com]:465\""), "{}", gmail.stdout);
    let webde = asked("me@web.de").code(0);
    assert!(webde.stdout.contains("username = \"me\"\n"), "the login is the local part: {}", webde.stdout);
    assert!(webde.stderr.contains("must be switched on"), "{}", webde.stderr);
    let outlook = asked("me@outlook.com").code(78);
    assert!(outlook.stderr.contains("only a login with OAuth 2.0"), "{}", outlook.stderr);
    asked("me@docomo.ne.jp").code(78).says("--username");
}

#[test]
fn what_cannot_be_a_login_is_refused_and_nothing_is_written() {
    let world = World::new();
    let (empty, folder) = (world.file("empty", "", 0o600), world.path("fresh"));
    let init = |user: &str| {
        let args = ["init", "me@isp.example", "--relay", "127.0.0.1:2525", "--username", user, "--yes", "--offline"];
        let rest = ["--password-file", empty.to_str().unwrap(), "--output", folder.to_str().unwrap()];
        world.postrider(&[&args[..], &rest[..]].concat()).code(65)
    };
    let said = init("me").stderr;
    assert!(said.contains("is empty; nothing was written") && !said.contains("Proton"), "{said}");
    assert!(init("m\ne").stderr.contains("control character"));
    assert!(!folder.exists());
}

#[test]
fn a_server_that_is_a_guess_is_never_taken_without_a_question() {
    let world = World::new();
    let ran = world.postrider(&["init", "me@unknown.example", "--offline", "--yes", "--print"]).code(78);
    assert!(ran.stderr.contains("--relay"), "{}", ran.stderr);
    let ran =
        world.postrider_with(&["init", "me@unknown.example", "--offline", "--print"], "mail.unknown.example:465\n\n");
    assert!(ran.code(0).stdout.contains("relay = \"[mail.unknown.example]:465\""));
}

/// `init` for this address in a folder that has this configuration already.
fn again(world: &World, isp: &Provider, config: &str, address: &str, relay: &str) -> Ran {
    fs::create_dir_all(world.path("fresh/secrets")).unwrap();
    world.file("fresh/config.toml", config, 0o600);
    let file = world.file("given", "new horse\n", 0o600);
    init(world, isp, &[address, "--relay", relay, "--yes", "--offline", "--password-file", file.to_str().unwrap()], "")
}

#[test]
fn a_password_of_another_account_is_never_replaced() {
    let (isp, world) = (Provider::start(), World::new());
    fs::create_dir_all(world.path("fresh/secrets")).unwrap();
    world.file("fresh/secrets/example", "theirs\n", 0o600);
    let config =
        "[account.a]\nrelay = \"[mail.other.test]:587\"\nusername = \"a\"\npassword = { file = \"secrets/example\" }\n";
    again(&world, &isp, config, "u@example.org", "smtp.example.org:587").code(0);
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/example")).unwrap(), "theirs\n");
    let text = fs::read_to_string(world.path("fresh/config.toml")).unwrap();
    assert!(text.contains("[account.example]") && text.contains("secrets/example-2"), "{text}");
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/example-2")).unwrap(), "new horse\n");
}

#[test]
fn what_was_said_of_the_old_server_does_not_hold_for_a_new_one() {
    let (isp, world) = (Provider::start(), World::new());
    let config = "[account.a]\nrelay = \"[127.0.0.1]:25\"\nusername = \"u@example.org\"\npassword = { file = \"secrets/a\" }\n\
                  tls = \"none\" # in the house\nallow_plaintext = true\nmax_per_minute = 5\n";
    let said = again(&world, &isp, config, "u@example.org", "smtp.example.org:587").code(0).stderr;
    assert!(said.contains("another server: removing tls, allow_plaintext from [account.a]"), "{said}");
    let text = fs::read_to_string(world.path("fresh/config.toml")).unwrap();
    assert!(
        !text.contains("tls =") && !text.contains("allow_plaintext") && text.contains("max_per_minute = 5"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(world.path("fresh/secrets/a")).unwrap(), "new horse\n");
}

#[test]
fn an_account_that_serves_the_address_is_the_one_that_is_changed() {
    let (isp, world) = (Provider::start(), World::new());
    let config = "[account.a]\nrelay = \"[smtp.other.test]:587\"\nusername = \"login\"\npassword = { file = \"secrets/a\" }\n\
                  from = \"other@other.test\"\nsenders = [\"x@other.test\"]\n";
    again(&world, &isp, config, "x@other.test", "smtp.other.test:587").code(0);
    let text = fs::read_to_string(world.path("fresh/config.toml")).unwrap();
    assert_eq!(text.matches("[account.").count(), 1, "{text}");
    let config = "[account.a]\nrelay = \"[smtp.office365.com]:587\"\nusername = \"x@other.test\"\n\
                  oauth = { provider = \"microsoft\", client_id = \"ID\" }\n";
    let said = again(&world, &isp, config, "x@other.test", "smtp.office365.com:587").code(64).stderr;
    assert!(said.contains("run \"postrider login a\""), "{said}");
}

/// A configuration with an account and without rows, to which `init` is given a new password for the account.
fn without_rows(world: &World, isp: &Provider, args: &[&str], input: &str) -> Ran {
    fs::create_dir_all(world.path("fresh/secrets")).unwrap();
    let relay = format!("[127.0.0.1]:{}", isp.port());
    let config = format!(
        "hostname = \"box.home.lan\"\n[account.a] # mine\nrelay = \"{relay}\"\nusername = \"me@isp.example\"\n\
         password = {{ file = \"secrets/a\" }}\n"
    );
    world.file("fresh/config.toml", &config, 0o600);
    let file = world.file("given", "new horse\n", 0o600);
    init(world, isp, &[&["me@isp.example", "--password-file", file.to_str().unwrap()], args].concat(), input)
}

#[test]
fn an_account_without_rows_for_root_gets_them() {
    let isp = Provider::setup().login("me@isp.example", "new horse").start();
    let world = World::new();
    without_rows(&world, &isp, &["--yes"], "").code(0);
    let text = fs::read_to_string(world.path("fresh/config.toml")).unwrap();
    let rows = "generic = [{ \"@box.home.lan\" = \"me@isp.example\", \"@box\" = \"me@isp.example\", \"@localhost\" = \"me@isp.example\" }]\n";
    assert!(text.contains(rows) && text.contains("[account.a] # mine"), "{text}");
    assert_eq!(isp.mails()[0].field("Subject"), "postrider test of mail from root@box.home.lan");
    // They are there now.
    let file = world.path("given");
    init(&world, &isp, &["me@isp.example", "--yes", "--password-file", file.to_str().unwrap()], "").code(0);
    assert_eq!(fs::read_to_string(world.path("fresh/config.toml")).unwrap(), text);
}

#[test]
fn an_account_whose_owner_wants_no_rows_for_root_is_proved_with_its_own_address() {
    let isp = Provider::setup().login("me@isp.example", "new horse").start();
    let world = World::new();
    let ran = without_rows(&world, &isp, &[], "\n\nnone\n").code(0);
    assert!(ran.stderr.contains("so this machine's mail waits"), "{}", ran.stderr);
    assert!(!fs::read_to_string(world.path("fresh/config.toml")).unwrap().contains("generic"));
    assert_eq!(isp.mail().from, "me@isp.example");
}

#[test]
fn what_check_finds_in_the_result_is_not_called_done() {
    let (isp, world) = (Provider::start(), World::new());
    let config = "generic = [\"rows\"]\n[account.a]\nrelay = \"[smtp.example.org]:587\"\nusername = \"u@example.org\"\n\
                  tls = \"none\"\npassword = { file = \"secrets/a\" }\n";
    let ran = again(&world, &isp, config, "u@example.org", "smtp.example.org:587").code(78);
    for words in ["cannot read table", "`tls` is \"none\"", "Setup is not complete: fix the problems above"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("Done."), "{}", ran.stdout);
}

#[test]
fn an_account_that_stands_in_conf_d_alone_is_not_overlooked() {
    let (isp, world) = (Provider::start(), World::new());
    fs::create_dir_all(world.path("fresh/conf.d")).unwrap();
    let site = "hostname = \"box.home.lan\"\ngeneric = [{ \"@box.home.lan\" = \"me@isp.example\" }]\n\
                [account.site]\nrelay = \"[mail.isp.example]:587\"\nusername = \"me@isp.example\"\npassword = { file = \"secrets/site\" }\n";
    world.file("fresh/conf.d/site.toml", site, 0o600);
    let ran = again(&world, &isp, "# Nothing yet.\n", "u@example.org", "smtp.example.org:587");
    assert!(ran.stderr.contains("has accounts already; example is added"), "{}", ran.stderr);
    let text = fs::read_to_string(world.path("fresh/config.toml")).unwrap();
    assert!(text.contains("# Nothing yet.") && text.contains("default_account = \"site\""), "{text}");
    assert!(text.contains("[account.example]") && !text.contains("generic"), "{text}");
    assert_eq!(fs::read_to_string(world.path("fresh/conf.d/site.toml")).unwrap(), site);
    assert!(!world.path("fresh/config.toml.before-init").exists());
}

#[test]
fn each_question_has_an_option() {
    let isp = Provider::setup().login("login", "correct horse").start();
    let world = World::new();
    let relay = format!("127.0.0.1:{}", isp.port());
    let file = world.file("given", "correct horse\n", 0o600);
    let of_account = ["--address", "me@isp.example", "--relay", &relay, "--username", "login"];
    let of_machine = ["--users-address", "box@isp.example", "--root-mail", "admin@work.example", "--mailbox", "none"];
    let password = ["--password-file", file.to_str().unwrap()];
    init(&world, &isp, &[&of_account[..], &of_machine, &password].concat(), "").code(0);
    let config = world.path("fresh/config.toml");
    let route = ["--config", config.to_str().unwrap(), "route", "root", "bob", "--from", "root"];
    let routed = world.postrider(&route).code(0).stdout;
    for words in ["admin@work.example", "box@isp.example", "account    isp"] {
        assert!(routed.contains(words), "{words}: {routed}");
    }
    assert_eq!(isp.mails()[0].from, "box@isp.example");
    // Given again, the rows stay as they are; root's mail cannot go to two.
    let text = fs::read_to_string(&config).unwrap();
    init(&world, &isp, &[&of_account[..], &of_machine[..4], &password].concat(), "").code(0);
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    let elsewhere = [&of_account[..], &["--root-mail", "other@work.example"], &password].concat();
    let refused = init(&world, &isp, &elsewhere, "").code(64);
    assert!(refused.stderr.contains("`virtual` already has an entry for root"), "{}", refused.stderr);
    init(&world, &isp, &[&of_account[..], &["--mailbox", "none"], &password].concat(), "").code(64).says("--mailbox");
    for (option, given) in [("--users-address", "box"), ("--root-mail", "admin@")] {
        let refused = init(&world, &isp, &[&of_account[..], &[option, given], &password].concat(), "").code(65);
        assert!(refused.stderr.contains(option), "{}", refused.stderr);
    }
}
