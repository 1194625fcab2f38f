//! conf.d: files beside the configuration that add to it, without a restart.

use serde_json::json;
use support::provider::Provider;
use support::wait::wait_for;
use support::world::World;

fn with_folder(isp: &Provider) -> World {
    let world = World::at_home(isp);
    std::fs::create_dir(world.path("conf.d")).unwrap();
    world
}

fn account(world: &World, isp: &Provider) -> String {
    world.file("kid.pem", isp.authority(), 0o644);
    let (relay, (username, password)) = (isp.relay(), isp.credential());
    format!(
        "[account.kid]\nrelay = \"{relay}\"\ntls_ca = \"kid.pem\"\nusername = \"{username}\"\n\
         password = \"{password}\"\nsenders = [\"kid@kid.example\"]\n"
    )
}

#[test]
fn an_account_in_conf_d_serves_its_senders_as_soon_as_the_file_is_there_and_no_longer_than_that() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::at_home(&isp).set("log", json!("stderr"));
    let runner = world.runner();
    let send = |to: &str| world.sendmail(&["-f", "kid@kid.example", to], "Subject: x\n\nx\n").code(0);
    send("one@away.example");
    wait_for("the first mail", || isp.received() == 1);
    std::fs::create_dir(world.path("conf.d")).unwrap();
    world.file("conf.d/kid.toml", &account(&world, &other), 0o600);
    wait_for("the new configuration", || world.postrider(&["config", "show"]).stdout.contains("[account.kid]"));
    let reloads = || runner.log().matches("reload -- ").count();
    wait_for("the runner to have read it", || reloads() == 1);
    send("two@away.example");
    wait_for("the second mail", || other.received() == 1);
    std::fs::remove_file(world.path("conf.d/kid.toml")).unwrap();
    wait_for("the runner to have read it again", || reloads() == 2);
    send("three@away.example");
    wait_for("the third mail", || isp.received() == 2);
}

#[test]
fn a_fault_in_conf_d_is_named_with_its_file_and_mail_waits_for_it() {
    let isp = Provider::start();
    let world = with_folder(&isp);
    world.file("conf.d/a.toml", "[account.isp]\nrelay = \"x\"\n", 0o600);
    let said = world.postrider(&["check"]).code(78).stdout;
    assert!(said.contains("conf.d/a.toml:1:10: [account.isp] is also in ") && said.contains("config.toml:"), "{said}");
    world.file("conf.d/a.toml", "operators = [\"me\"]\n", 0o622);
    world.postrider(&["check"]).code(78).says("conf.d/a.toml cannot be used: its group and everybody can write to it");
    world.file("conf.d/a.toml", "operators = [\"me\"]\n", 0o600);
    let shown = world.postrider(&["config", "show"]).code(0).stdout;
    assert!(shown.contains("conf.d/a.toml\noperators = [\"me\"]"), "{shown}");
}

#[test]
fn the_rows_of_several_files_add_up() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = with_folder(&isp)
        .set("default_account", json!("isp"))
        .set("generic", json!([{"root@box.lan": "me@isp.example"}]));
    let rows = "generic = [{ \"kid@box.lan\" = \"kid@kid.example\" }]\nvirtual = { \"team@box.lan\" = \"a@away.example, b@away.example\" }\n";
    world.file("conf.d/kid.toml", &(rows.to_owned() + &account(&world, &other)), 0o600);
    let from = |sender: &str| world.sendmail(&["-f", sender, "team@box.lan"], "Subject: x\n\nx\n").code(0);
    from("root@box.lan");
    from("kid@box.lan");
    world.drain();
    for (provider, sender) in [(&isp, "me@isp.example"), (&other, "kid@kid.example")] {
        let mail = provider.mail();
        assert_eq!(
            (mail.from.as_str(), &mail.to[..]),
            (sender, &["a@away.example".to_owned(), "b@away.example".to_owned()][..])
        );
    }
    let place = world.postrider(&["lookup", "generic", "kid@box.lan"]).code(0).stdout;
    assert!(place.starts_with("kid@kid.example"), "{place}");
}

#[test]
fn an_account_with_a_name_that_needs_quotes_is_shown_as_it_can_be_read_again() {
    let isp = Provider::start();
    let world = World::new().account("\"me@isp.example\"", &isp);
    let shown = world.postrider(&["config", "show"]).code(0).stdout;
    assert!(shown.contains("\n[account.\"me@isp.example\"]\n"), "{shown}");
}
