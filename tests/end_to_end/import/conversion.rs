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
    ] {
        let world = world(&[(source, text)]);
        import(&world, program, source, &[]).code(78).says("no account that postrider can use");
        assert!(!world.path("moved").exists(), "{program}: nothing is written");
    }
}
