//! OAuth 2.0 against a real provider and a real mail server that checks its tokens (`rig`): each flow, and what becomes of tokens in the
//! course of time.

mod kills;
mod rig;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use support::wait::wait_for;
use support::world::{Runner, World};

use rig::{As, ROBOT, Rig, USER, can_run, kept};

/// The grants that `postrider login` and renewing ask for.
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";
const CLIENT: &str = "client_credentials";

#[test]
fn each_flow_logs_in_at_a_real_provider_and_a_mail_goes_with_its_token() {
    if !can_run() {
        return;
    }
    let rig = Rig::start();
    for (who, sender, grants) in [
        (As::User { flow: "device" }, USER.1, &[DEVICE, REFRESH][..]),
        (As::User { flow: "browser" }, USER.1, &[CODE, REFRESH]),
        (As::Organization, ROBOT.1, &[CLIENT]),
    ] {
        let world = rig.world(&who);
        let mut said = rig.login(&world);
        let to = format!("{}@away.example", grants[0].rsplit(':').next().unwrap());
        world.send_to(&[&to]).code(0);
        let ran = world.flush();
        said.push_str(&(ran.stdout + &ran.stderr));
        let mail = rig.mail.wait_for_mail_to(&to);
        assert!(mail.envelope_sender().contains(sender), "{mail:?}");
        assert!(grants.iter().all(|grant| rig.granted(grant) > 0), "{}", rig.log());
        for args in [&["test", "-v"][..], &["login", "--status"], &["status", "--json"], &["history"]] {
            let ran = world.postrider(args).code(0);
            said.push_str(&(ran.stdout + &ran.stderr));
        }
        assert!(said.contains("with OAUTHBEARER"), "{said}");
        for kind in ["AccessToken", "RefreshToken", "ClientCredentials", "DeviceCode", "AuthorizationCode"] {
            for (token, _) in rig.tokens(kind) {
                let encoded = [0, 1, 2].map(|skipped| STANDARD.encode(&token.as_bytes()[skipped..])[..24].to_owned());
                let is_told = encoded.iter().chain([&token]).any(|text| said.contains(text));
                assert!(!is_told, "{kind} {token} in:\n{said}");
            }
        }
    }
}

#[test]
fn a_session_outlives_its_token_and_the_next_session_has_another() {
    if !can_run() {
        return;
    }
    let rig = Rig::start();
    let world = rig.world(&As::User { flow: "device" });
    rig.lifetime(3);
    rig.login(&world);
    let before = rig.granted(REFRESH);
    let runner = world.runner().ready(&world);
    // The server takes longer for the first one's recipient than the token lives; the second goes over the same connection.
    world.send_to(&["slow@away.example"]).code(0);
    wait_for("the first session", || rig.granted(REFRESH) == before + 1);
    world.send_to(&["second@away.example"]).code(0);
    wait_for("the token to end", || rig.active() == 0);
    assert!(rig.mail.arrived().is_empty(), "the first mail is still under way");
    rig.mail.wait_for_mail_to("slow@away.example");
    rig.mail.wait_for_mail_to("second@away.example");
    wait_for("the session to end", || sessions(&rig, "mail=2").len() == 1);
    assert_eq!(rig.granted(REFRESH), before + 1, "{}", runner.log());
    world.send_to(&["third@away.example"]).code(0);
    rig.mail.wait_for_mail_to("third@away.example");
    wait_for("the next session to end", || sessions(&rig, "mail=1").len() == 1);
    assert_eq!(rig.granted(REFRESH), before + 2, "{}", runner.log());
    for line in sessions(&rig, "mail=") {
        assert!(line.contains(" auth=1 "), "nobody was refused: {line}");
    }
}

/// What Postfix says of sessions at their end, with this in it.
fn sessions(rig: &Rig, what: &str) -> Vec<String> {
    let log = rig.mail.log();
    let ended = log.lines().filter(|line| line.contains(": disconnect from ") && line.contains(&format!(" {what}")));
    ended.map(str::to_owned).collect()
}

#[test]
fn refresh_tokens_rotate_and_the_login_outlives_restarts_of_both_sides() {
    if !can_run() {
        return;
    }
    let mut rig = Rig::start();
    let world = rig.world(&As::User { flow: "browser" });
    rig.login(&world);
    let mut seen = vec![kept(&world)];
    for n in 0..3 {
        let to = format!("bob{n}@away.example");
        let runner = world.runner().ready(&world);
        world.send_to(&[&to]).code(0);
        rig.mail.wait_for_mail_to(&to);
        drop(runner);
        assert!(!seen.contains(&kept(&world)), "another one each time");
        seen.push(kept(&world));
        rig.stop_issuer();
        if n == 1 {
            // Meanwhile it is nobody's fault.
            world.send_to(&["late@away.example"]).code(0);
            world.flush().code(75);
            let queue = world.mailq();
            assert!(queue.contains("the token endpoint of 127.0.0.1 gave no answer"), "{queue}");
            world.postrider(&["status"]).code(0);
        }
        rig.start_issuer();
        if n == 1 {
            world.flush().code(0);
            rig.mail.wait_for_mail_to("late@away.example");
        }
    }
    assert_eq!(rig.granted(CODE), 1, "one login");
}

/// A machine that has logged in and sent a mail, in a session that is over.
fn first_mail_sent(rig: &Rig) -> (World, Runner) {
    let world = rig.world(&As::User { flow: "browser" });
    rig.login(&world);
    let runner = world.runner().ready(&world);
    world.send_to(&["first@away.example"]).code(0);
    rig.mail.wait_for_mail_to("first@away.example");
    wait_for("the session to end", || sessions(rig, "mail=1").len() == 1);
    (world, runner)
}

#[test]
fn a_login_that_was_revoked_is_told_with_its_cure_and_mail_waits_for_the_next_one() {
    if !can_run() {
        return;
    }
    let rig = Rig::start();
    let (world, runner) = first_mail_sent(&rig);
    rig.revoke("browser-client", &kept(&world));
    // The access token has ended as well: the mail server says so, and the provider that there will be no other.
    world.send_to(&["second@away.example"]).code(0);
    let told = "127.0.0.1 refused: invalid_grant (grant request is invalid); run \"postrider login isp\"";
    wait_for("the trouble", || runner.log().contains(told));
    assert!(world.postrider(&["status"]).code(2).stdout.contains("postrider login isp"));
    rig.login(&world);
    rig.mail.wait_for_mail_to("second@away.example");
}

#[test]
fn a_token_that_ends_before_its_time_is_renewed_in_the_same_session() {
    if !can_run() {
        return;
    }
    let rig = Rig::start();
    let (world, runner) = first_mail_sent(&rig);
    let granted = rig.granted(REFRESH);
    rig.forget_access_tokens();
    world.send_to(&["second@away.example"]).code(0);
    rig.mail.wait_for_mail_to("second@away.example");
    wait_for("the session to end", || sessions(&rig, "mail=1").len() == 2);
    assert_eq!(rig.granted(REFRESH), granted + 1, "{}", runner.log());
    assert!(sessions(&rig, "auth=1/2 mail=1").len() == 1, "{}", rig.mail.log());
}
