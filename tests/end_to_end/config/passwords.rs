//! Where passwords may be kept, through the real programs; logins themselves are told of in `deliver/auth`, the keyring in the system
//! tests.

use serde_json::{Value, json};

use support::provider::Provider;
use support::world::{Ran, World, run};

fn with_password(isp: &Provider, password: Value) -> World {
    World::at_home(isp).account_keys("isp", &[("password", password)])
}

/// `postrider ARGS` as a service that systemd gave credentials.
#[track_caller]
fn as_service(world: &World, args: &[&str]) -> Ran {
    let mut command = world.command(env!("CARGO_BIN_EXE_postrider"), args);
    command.env("CREDENTIALS_DIRECTORY", world.path("credentials"));
    run(command, b"")
}

#[test]
fn a_credential_of_systemds_logs_in_and_is_not_missed_by_who_has_none() {
    let isp = Provider::start();
    let world = with_password(&isp, json!({ "credential": "isp" }));
    std::fs::create_dir(world.path("credentials")).unwrap();
    world.send_to(&["bob@away.example"]).code(0);
    let said = as_service(&world, &["check"]).code(78).stdout;
    assert!(said.contains("account isp") && said.contains("LoadCredential=isp:/PATH"), "{said}");
    world.file("credentials/isp", &format!("{}\n", isp.credential().1), 0o444);
    as_service(&world, &["check"]).code(0);
    as_service(&world, &["password", "test", "isp"]).code(0);
    as_service(&world, &["run", "--once"]).code(0);
    assert_eq!(isp.received(), 1);
    // A person's own process has no credentials: that says nothing of the service's.
    world.postrider(&["check"]).code(0);
    world
        .postrider(&["password", "test", "isp"])
        .code(69)
        .says("started without credentials")
        .says("LoadCredential=isp:/PATH");
}

#[test]
fn a_password_that_is_kept_elsewhere_is_neither_set_nor_deleted_here() {
    let isp = Provider::start();
    for (password, place) in [
        (json!("correct horse"), "in the config file; change it there"),
        (json!({ "command": ["/bin/echo", "correct horse"] }), "with that program"),
        (json!({ "credential": "isp" }), "LoadCredential="),
    ] {
        let world = with_password(&isp, password);
        for action in ["set", "delete"] {
            let ran = world.postrider_with(&["password", action, "isp"], "another\n").code(64).one_line().says(place);
            assert!(!ran.stderr.contains("horse"), "{}", ran.stderr);
        }
    }
    let world = with_password(&isp, json!({ "file": "secrets/isp" }));
    world.postrider(&["password", "set", "nobody"]).code(64).says("there is no account nobody; existing accounts: isp");
    world.postrider_with(&["password", "set", "isp"], "\n").code(65).says("nothing was changed");
    world.postrider(&["password", "delete", "isp"]).code(74).says("secrets/isp");
    assert!(!world.path("secrets/isp").exists());
}

#[test]
fn a_machine_without_a_keyring_says_what_to_use_instead() {
    let isp = Provider::start();
    let world = with_password(&isp, json!({ "keyring": true }));
    // Nobody's own session bus is asked.
    let without = |args: &[&str], input: &str| {
        let mut command = world.command(env!("CARGO_BIN_EXE_postrider"), args);
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        run(command, input.as_bytes())
    };
    world.send_to(&["bob@away.example"]).code(0);
    let said = [
        without(&["password", "test", "isp"], "").code(69).one_line().stderr,
        without(&["password", "set", "isp"], "correct horse\n").code(69).one_line().stderr,
        without(&["password", "delete", "isp"], "").code(69).one_line().stderr,
        without(&["run", "--once"], "").code(0).stderr,
        world.mailq().split_whitespace().collect::<Vec<_>>().join(" "),
    ];
    for said in said {
        assert!(said.contains("password = { file = \"secrets/isp\" }"), "{said}");
        assert!(said.contains("run \"postrider password set isp\"") && !said.contains("horse"), "{said}");
    }
    without(&["check"], "").code(0);
    assert_eq!((isp.connections(), world.queued().len()), (0, 1));
}
