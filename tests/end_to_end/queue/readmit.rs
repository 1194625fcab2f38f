//! `queue retry --readmit`: a mended alias serves mail that waits already, and whoever
//! has it does not get it again.

use serde_json::json;

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

/// A house whose mail for root goes to Bob, and to somebody whom the provider does not know yet.
fn house(isp: &Provider) -> World {
    let world = World::at_home(isp);
    world.file("aliases", "root: bob@away.example, carole@away.example\n", 0o644);
    world.set("aliases", json!(["aliases"]))
}

/// Nothing is being sent just now, so that everything can be changed.
fn wait_for_rest(world: &World) {
    wait_for("the session to end", || !world.mailq().contains('*'));
}

#[test]
fn a_mended_alias_serves_mail_that_waits_and_nobody_gets_it_twice() {
    for beside_a_runner in [false, true] {
        let isp = Provider::setup().rule(on(Verb::Rcpt).about("carole").reply("450 4.1.1 nobody here")).start();
        let world = house(&isp);
        let _runner = beside_a_runner.then(|| world.runner().ready(&world));
        world.send_to(&["root", "dora@away.example"]).code(0);
        wait_for("the first attempt", || {
            if !beside_a_runner {
                world.run_once();
            }
            isp.received() == 1 && world.mailq().contains("nobody here")
        });
        let id = world.queued().pop().unwrap();
        world.file("aliases", "root: bob@away.example, carol@away.example\n", 0o644);
        wait_for_rest(&world);
        world.postrider(&["queue", "retry", &id]).code(0);
        world.flush();
        assert!(world.mailq().contains("carole"), "plain retry asks no table: {}", world.mailq());
        wait_for_rest(&world);
        world.postrider(&["queue", "retry", "--readmit", &id]).code(0).says("readmitted");
        if !beside_a_runner {
            // Whoever was added can be asked for.
            let asked = ["--recipient", "carol@away.example"];
            for verb in ["list", "hold", "release"] {
                world.postrider(&[&["queue", verb], &asked[..]].concat()).code(0).says(&id);
            }
        }
        world.flush();
        wait_for("the mail", || world.queued().is_empty());
        let to: Vec<_> = isp.mails().into_iter().map(|mail| mail.to).collect();
        assert_eq!(to, [vec!["bob@away.example", "dora@away.example"], vec!["carol@away.example"]]);
        let told: Vec<_> =
            world.history()[0]["recipients"].as_array().unwrap().iter().map(|r| r["address"].clone()).collect();
        assert_eq!(told, ["bob@away.example", "dora@away.example", "carol@away.example"]);
    }
}

#[test]
fn without_anybody_left_to_get_it_a_readmitted_message_is_finished() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("carole").reply("450 4.1.1 nobody here")).start();
    let world = house(&isp);
    world.send_to(&["root"]).code(0);
    world.run_once();
    let id = world.queued().pop().unwrap();
    world.file("aliases", "root: bob@away.example\n", 0o644);
    world.postrider(&["queue", "retry", "--readmit", &id]).code(0);
    let shown = world.postrider(&["queue", "show", &id]).code(0).stdout;
    assert!(shown.contains("carole@away.example was replaced"), "{shown}");
    world.run_once();
    assert_eq!((isp.received(), world.queued().len(), world.spool("failed").len()), (1, 0, 0));
}

#[test]
fn a_table_that_cannot_be_read_leaves_the_message_as_it_is() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("carole").reply("450 4.1.1 nobody here")).start();
    let world = house(&isp);
    world.send_to(&["root"]).code(0);
    world.run_once();
    let id = world.queued().pop().unwrap();
    std::fs::remove_file(world.path("aliases")).unwrap();
    world.postrider(&["queue", "retry", "--readmit", &id]).code(75).says("aliases");
    assert!(world.mailq().contains("carole"));
}
