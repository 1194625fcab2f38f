//! Alarm servers that misbehave: callers of sendmail do not notice, and each server is asked once.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::json;
use support::provider::identity::Certificate;
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::web::{self, Answer, WebServer};
use support::world::{Runner, World};

const NAME: &str = "localhost";
const CALLS: usize = 31;
/// Of a call, for what else the machine does.
const NOISE: Duration = Duration::from_millis(5);

/// A machine with mail that waits for the owner of its account, and its runner.
fn in_trouble(isp: &Provider, adapt: impl FnOnce(World) -> World) -> (World, Runner) {
    let world = adapt(World::at_home(isp));
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner().ready(&world);
    (world, runner)
}

/// The median of calls of sendmail on each machine, which take turns.
fn medians(worlds: [&World; 2]) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..CALLS {
        for (world, times) in worlds.iter().zip(&mut times) {
            let begun = Instant::now();
            world.send_to(&["bob@away.example"]).code(0);
            times.push(begun.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[CALLS / 2]
    })
}

#[test]
fn sendmail_takes_at_most_twice_as_long_while_the_server_of_alarms_is_slow_redirects_fails_or_is_not_believed() {
    let believed = || Certificate::For(vec![NAME.to_owned()]);
    let slow: Box<Answer> = Box::new(|_| {
        std::thread::sleep(Duration::from_secs(20));
        web::page(b"ok")
    });
    for (what, certificate, answer, asked) in [
        ("slow", believed(), slow, 1),
        ("redirects", believed(), Box::new(|_: &str| web::redirect("https://localhost/elsewhere")) as Box<Answer>, 1),
        ("fails", believed(), Box::new(|_: &str| web::status(500)), 1),
        ("is not believed", Certificate::SelfSigned(vec![NAME.to_owned()]), Box::new(|_: &str| web::page(b"ok")), 0),
    ] {
        let isp = Provider::setup().rule(on(Verb::Auth).reply("535 5.7.8 no")).start();
        let server = WebServer::showing(&certificate, (Ipv4Addr::LOCALHOST, 0), answer);
        let (quiet, _quiet) = in_trouble(&isp, |world| world);
        let (world, runner) = in_trouble(&isp, |world| {
            world.file("roots.pem", &server.authority, 0o644);
            world.file("alarm-url", &format!("https://{NAME}:{}/topic\n", server.port()), 0o600);
            world.set("alarm", json!({"url": {"file": "alarm-url"}}))
        });
        wait_for("the server to be asked", || match what {
            "slow" => server.asked().len() == 1,
            _ => runner.log().contains("cannot send an alarm"),
        });
        let [silence, noise] = medians([&quiet, &world]);
        println!("{what}: {silence:?} without alarms, {noise:?} with them");
        assert!(noise <= silence * 2 + NOISE, "{what}: {noise:?} instead of {silence:?}");
        assert_eq!(server.asked().len(), asked, "{what}");
    }
}
