//! What README and manual show as examples, run as it stands there; only the provider's address and the authority
//! that it is trusted by are the test's.

use std::path::Path;

use support::provider::Provider;
use support::world::World;

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// What stands between a line with `from` and the next with `to`, each time.
fn blocks(text: &str, from: &str, to: &str) -> Vec<String> {
    let bodies = text.split(from).skip(1).filter_map(|rest| rest.split_once('\n'));
    bodies.filter_map(|(_, body)| Some(body.split(to).next()?.to_owned())).collect()
}

fn literal(name: &str) -> Vec<String> {
    blocks(&page(name), ".Bd -literal", ".Ed")
}

/// The commands of `.Dl` lines.
fn commands(name: &str) -> Vec<String> {
    let lines = page(name);
    let lines = lines.lines().filter_map(|line| line.strip_prefix(".Dl "));
    lines.map(|line| line.trim_start_matches("$ ").to_owned()).collect()
}

/// A shell with our programs, as an example's reader has it.
#[track_caller]
fn shell(world: &World, config: &str, command: &str) -> String {
    let mut shell = world.command("/bin/sh", &["-euc", command]);
    let program = world.path("bin/postrider");
    if !program.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_postrider"), &program).unwrap();
    }
    let output = shell
        .env("POSTRIDER_CONFIG", config)
        .env("PATH", format!("{}:/usr/bin:/bin", world.path("bin").display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command}: {}\n{said}", output.status);
    said
}

#[test]
fn every_config_that_is_shown_sends_cron_s_mail_under_an_address_that_the_world_knows() {
    let readme = blocks(&page("README.md"), "```toml", "```");
    let manual = ["man/postrider.1", "man/postrider.toml.5"].into_iter().flat_map(literal);
    let shown: Vec<String> = readme.into_iter().chain(manual).filter(|text| text.contains("[account.")).collect();
    assert_eq!(shown.len(), 3, "each is found");
    for text in shown {
        let isp = Provider::setup().login("me", "correct horse").start();
        let world = World::new();
        world.file("isp.pem", isp.authority(), 0o644);
        std::fs::create_dir(world.path("secrets")).unwrap();
        for name in ["isp.password", "secrets/isp"] {
            world.file(name, "correct horse\n", 0o600);
        }
        let relay = "relay = \"[mail.isp.example]:submission\"";
        assert!(text.contains(relay), "{text}");
        let here = text.replace(relay, &format!("relay = \"{}\"\ntls_ca = \"isp.pem\"", isp.relay()));
        // Of this test's machine: its name, its spool and its log.
        let own = if here.contains("origin =") { "" } else { "origin = \"home.lan\"\n" };
        let config = format!("delivery = \"queue\"\nspool = \"spool\"\nlog = \"stderr\"\n{own}{here}");
        let config = world.file("shown.toml", &config, 0o600);
        let config = config.to_str().unwrap();
        world.postrider(&["--config", config, "check"]).code(0);
        world
            .postrider_with(&["--config", config, "sendmail", "-f", "root", "bob@away.example"], "Subject: x\n\n")
            .code(0);
        world.postrider(&["--config", config, "run", "--once"]).code(0);
        assert_eq!(isp.mail().from, "me+home@isp.example", "{text}");
    }
}

#[test]
fn the_packaged_config_sends_once_its_lines_are_put_to_use() {
    let isp = Provider::setup().login("me@isp.example", "correct horse").start();
    let world = World::new();
    world.file("isp.pem", isp.authority(), 0o644);
    std::fs::create_dir(world.path("secrets")).unwrap();
    world.file("secrets/isp", "correct horse\n", 0o600);
    // What begins with # and no blank is a line of the config.
    let used = |line: &str| match line.strip_prefix('#') {
        Some(bare) if !bare.is_empty() && !bare.starts_with(' ') => bare.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = page("contrib/debian/config.toml").lines().map(used).collect();
    let relay = "relay = \"[mail.isp.example]:587\"";
    let text = text.join("\n").replace(relay, &format!("relay = \"{}\"\ntls_ca = \"isp.pem\"", isp.relay()));
    let text =
        format!("delivery = \"queue\"\nspool = \"spool\"\nlog = \"stderr\"\nhostname = \"homebox.home.lan\"\n{text}");
    let config = world.file("packaged.toml", &text, 0o600);
    let config = config.to_str().unwrap();
    world.postrider(&["--config", config, "check"]).code(0);
    world.postrider_with(&["--config", config, "sendmail", "-f", "root", "root"], "Subject: x\n\n").code(0);
    world.postrider(&["--config", config, "run", "--once"]).code(0);
    assert_eq!((isp.mail().from.as_str(), isp.mail().to), ("me@isp.example", vec!["me@isp.example".to_owned()]));
}

#[test]
fn every_command_that_is_shown_runs() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let config = world.path("config.toml");
    let config = config.to_str().unwrap();
    let routes = commands("man/postrider.1").into_iter().filter(|command| command.starts_with("postrider "));
    let readme = blocks(&page("README.md"), "```sh", "```").concat();
    let readme =
        readme.lines().filter(|line| line.contains("postrider route") || line.contains("| postrider sendmail"));
    let ours: Vec<String> = routes.chain(readme.map(str::to_owned)).collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    for command in &ours {
        shell(&world, config, command);
    }
    let handed_in: Vec<String> =
        literal("man/sendmail.8").into_iter().filter(|text| text.starts_with("sendmail -t <<END")).collect();
    assert_eq!(handed_in.len(), 1);
    shell(&world, config, &handed_in[0]);
    let cron: Vec<String> =
        commands("man/sendmail.8").into_iter().filter(|command| command.starts_with("sendmail -FCronDaemon")).collect();
    shell(&world, config, &format!("echo | {}", cron[0]));
    world.drain();
    let to: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    for expected in ["friend@elsewhere.example", "me+home@isp.example"] {
        assert!(to.iter().any(|address| address == expected), "{expected} in {to:?}");
    }
}

#[test]
fn the_table_and_the_listing_that_are_shown_are_ours() {
    let world = World::at_home(&Provider::start());
    let table = literal("man/postrider-tables.5").remove(0);
    world.file("generic", &table, 0o644);
    let world = world.set("generic", serde_json::json!(["hash:generic"]));
    for (key, value) in [
        ("his@home.lan", "hisaccount@hisisp.example"),
        ("her@home.lan", "heraccount@herisp.example"),
        ("anybody@home.lan", "hisaccount+local@hisisp.example"),
    ] {
        world.postrider(&["route", "bob@away.example", "--from", key]).code(0).says(value);
    }
    world.send_to(&["friend@elsewhere.example"]).code(0);
    let shown = literal("man/mailq.1").remove(0);
    let (shown, listed) = (shown.lines().next().unwrap(), world.mailq());
    assert_eq!(listed.lines().next(), Some(shown));
}
