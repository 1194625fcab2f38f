//! What the shells' completions offer where only the program knows it: ids, accounts, and the programs that are imported.

use std::path::Path;

use support::provider::{Provider, Verb, on};
use support::world::{World, login, run};

/// What bash offers for the last of these words.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/completions/postrider.bash");
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let program = env!("CARGO_BIN_EXE_postrider");
    let ask = format!(
        "source {}; COMP_WORDS=(postrider {}); COMP_CWORD={}; _postrider_known {program} '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        quoted.join(" "),
        words.len(),
        words.last().unwrap(),
        if words.len() > 1 { words[words.len() - 2] } else { "postrider" },
    );
    let asked = run(world.command("bash", &["-c", &ask]), b"").code(0);
    assert_eq!(asked.stderr, "", "completion is silent");
    asked.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn ids_accounts_and_the_programs_of_import_are_completed() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).account("other", &isp).set("default_account", "isp");
    world.send_to(&["bob@away.example"]).code(0);
    let id = world.queued().pop().unwrap();
    for words in [&["queue", "show", ""][..], &["queue", "delete", ""], &["flush", ""], &["queue", "hold", ""]] {
        assert!(offered(&world, words).contains(&id), "{words:?}");
    }
    assert_eq!(offered(&world, &["queue", "show", &id[..5].to_lowercase()]), [id.as_str()]);
    for words in [&["test", ""][..], &["password", "set", ""], &["flush", "--account", ""]] {
        let accounts = offered(&world, words);
        assert!(["isp", "other"].iter().all(|name| accounts.iter().any(|one| one == name)), "{words:?}: {accounts:?}");
    }
    let programs = offered(&world, &["import", ""]);
    assert!(["postfix", "msmtp", "exim"].iter().all(|name| programs.iter().any(|one| one == name)), "{programs:?}");
    assert!(!offered(&world, &[""]).iter().any(|command| command == "complete"));
    world.postrider(&["queue", "delete", &id]).code(0);
    assert!(offered(&world, &["history", &id[..4]]).contains(&id));
}

#[test]
fn network_clients_are_completed_where_one_is_named() {
    let isp = Provider::start();
    let scanner = serde_json::json!({ "scanner": { "owner": login(), "networks": ["127.0.0.1"] } });
    let world = World::at_home(&isp).set("client", scanner);
    for words in [&["client", "password", ""][..], &["client", "delete", "sc"], &["test", "--listener", "--client", ""]]
    {
        assert_eq!(offered(&world, words), ["scanner"], "{words:?}");
    }
    assert!(!offered(&world, &["client", "add", ""]).iter().any(|word| word == "scanner"));
}

#[test]
fn completion_is_silent_where_there_is_no_config() {
    let world = World::new();
    world.file("config.toml", "colour = 1\n", 0o600);
    for what in ["ids", "accounts", "clients", "history"] {
        let said = world.postrider(&["complete", what]).code(0);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    }
}
