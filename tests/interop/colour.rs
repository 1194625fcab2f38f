//! Colour: on a terminal, the word that says how things are; none where the output goes elsewhere, with `NO_COLOR`, or on a terminal
//! that knows none.

use std::process::Command;

use support::provider::Provider;
use support::world::{World, run};

use crate::need;

/// What a command prints on a terminal with this in its environment.
fn on_a_terminal(world: &World, words: &str, variables: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_postrider");
    let mut command: Command =
        world.command("/usr/bin/script", &["-qec", &format!("{program} {words} || :"), "/dev/null"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    for (name, value) in variables {
        command.env(name, value);
    }
    run(command, b"").stdout
}

#[test]
fn the_word_that_says_how_things_are_is_painted_on_a_terminal() {
    if !need::met(&["script"]) {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for (words, painted, plain) in [
        ("status", "POSTRIDER \x1b[32mOK\x1b[0m: ", "POSTRIDER OK: "),
        ("test", "\x1b[32mOK\x1b[0m: ", "OK: "),
        ("check", "\x1b[32mno problems found\x1b[0m", "no problems found"),
    ] {
        let shown = on_a_terminal(&world, words, &[]);
        assert!(shown.contains(painted), "{words}: {shown:?}");
        for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
            let shown = on_a_terminal(&world, words, &variables);
            assert!(shown.contains(plain) && !shown.contains('\x1b'), "{words} {variables:?}: {shown:?}");
        }
        let piped = world.postrider(&[words]).stdout;
        assert!(piped.contains(plain) && !piped.contains('\x1b'), "{words}: {piped:?}");
    }
    isp.change_password("another");
    let shown = on_a_terminal(&world, "test", &[]);
    assert!(shown.contains("\x1b[31mFAILED\x1b[0m at ") && shown.contains("\x1b[1mLikely cause:\x1b[0m"), "{shown:?}");
}
