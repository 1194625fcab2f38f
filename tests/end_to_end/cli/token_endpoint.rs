//! A token endpoint that is down, slow, lies or cannot be trusted, or whose clock is another: mail waits, no account is to blame, and each
//! has its own words.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::cli::issuer::{Issuer, logged_in, mail_server};
use support::provider::identity::Certificate;
use support::web::{self, WebServer};
use support::world::World;

fn here() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn localhost() -> Vec<String> {
    vec!["127.0.0.1".to_owned()]
}

/// A machine whose account asks this endpoint as its own client.
fn world(issuer: &Issuer, endpoint: &WebServer) -> World {
    let token = format!("https://127.0.0.1:{}/token", endpoint.port());
    let keys = json!({ "flow": "client", "client_secret": { "file": "client-secret" }, "token_url": token });
    let world = issuer.world(&keys);
    world.file("client-secret", "s3cret\n", 0o600);
    world.file("roots.pem", &endpoint.authority, 0o644);
    world
}

/// What the queue says of a message that waits for a token from there.
#[track_caller]
fn told(issuer: &Issuer, endpoint: &WebServer) -> String {
    let world = world(issuer, endpoint);
    world.send_to(&["bob@away.example"]).code(0);
    world.flush().code(75);
    world.postrider(&["status"]).code(0);
    let queue = world.mailq();
    let flat = queue.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("the token endpoint of 127.0.0.1 "), "{queue}");
    assert_eq!(issuer.isp.connections(), 0, "nobody logs in without a token");
    flat
}

#[test]
fn whatever_is_wrong_with_a_token_endpoint_has_words_of_its_own() {
    let issuer = Issuer::start(mail_server());
    for (answer, words) in [
        (web::status(500), "answered with status 500"),
        (web::json(200, &json!({ "token": "x" })), "gave an answer that is not valid"),
        (web::page(b"<html>Log in to the hotel's network</html>"), "gave an answer that is not valid"),
        (web::redirect("https://127.0.0.1/other"), "redirects to another address, which is not followed"),
        (web::page(&b"x".repeat(100_000)), "gave no answer: the answer is larger than 65536 bytes"),
    ] {
        let endpoint = WebServer::start(here(), &["127.0.0.1"], Box::new(move |_| answer.clone()));
        let told = told(&issuer, &endpoint);
        assert!(told.contains(words), "{words}: {told}");
    }
    for (certificate, words) in [
        (Certificate::SelfSigned(localhost()), "its certificate is signed by no authority that this machine trusts"),
        (Certificate::Expired(localhost()), "its certificate expired on 2021-01-01 (this machine's date is 20"),
        (Certificate::Early(localhost()), "its certificate is not valid before 2090-01-01 (this machine's date is 20"),
        (Certificate::For(vec!["other.example".to_owned()]), "its certificate is for other.example"),
    ] {
        let endpoint = WebServer::showing(&certificate, here(), Box::new(|_| web::status(500)));
        let told = told(&issuer, &endpoint);
        assert!(told.contains(words), "{words}: {told}");
        assert!(endpoint.asked().is_empty(), "it is told no secret");
    }
}

#[test]
fn a_slow_token_endpoint_is_waited_for_and_then_named() {
    let issuer = Issuer::start(mail_server());
    let endpoint = WebServer::start(
        here(),
        &["127.0.0.1"],
        Box::new(|_| {
            std::thread::sleep(Duration::from_secs(40));
            web::status(500)
        }),
    );
    let told = told(&issuer, &endpoint);
    assert!(told.contains("gave no answer within 30 s"), "{told}");
}

/// As HTTP writes a date, so many minutes from now.
fn date(minutes: i64) -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap();
    let then = now + jiff::SignedDuration::from_mins(minutes);
    then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn a_clock_that_is_an_hour_off_costs_no_mail_and_is_named() {
    for (minutes, words) in [(60, Some("60 minutes behind")), (-60, Some("60 minutes ahead of")), (2, None)] {
        let issuer = Issuer::start(mail_server());
        issuer.set(|script| script.date = Some(date(minutes)));
        let world = issuer.world(&json!({}));
        let login = world.postrider(&["login"]).code(0);
        world.send_to(&["bob@away.example"]).code(0);
        let log = world.run_once().stderr;
        assert_eq!(issuer.isp.received(), 1, "{log}");
        for said in [login.stderr, log] {
            let named = said.contains("the clock of this machine is ");
            assert_eq!(named, words.is_some(), "{said}");
            assert!(words.is_none_or(|words| said.contains(words)), "{said}");
        }
    }
    // Where the issuer refuses, it may be the reason.
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    issuer.set(|script| {
        script.date = Some(date(60));
        "another".clone_into(&mut script.refresh);
    });
    world.send_to(&["bob@away.example"]).code(0);
    let log = world.run_once().stderr;
    assert!(
        log.contains("invalid_grant (Token has been revoked.); the clock of this machine is 60 minutes behind"),
        "{log}"
    );
}

#[test]
fn two_accounts_with_one_login_and_twenty_sessions_at_once_ask_once() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    let (alice, others) = ("me@isp.example", "me+home@isp.example");
    let world = issuer.log_in_by_tokens(world.account("other", &issuer.isp), "other", &json!({}));
    let world = [("isp", alice), ("other", others)].into_iter().fold(world, |world, (account, sender)| {
        world.account_keys(account, &[("max_connections", json!(10)), ("senders", json!([sender]))])
    });
    for n in 0..40 {
        let sender = if n % 2 == 0 { "alice" } else { "carol" };
        let to = format!("bob{n}@away.example");
        world.sendmail(&["-i", "-f", sender, &to], "Subject: hello\n\nThe text.\n").code(0);
    }
    world.flush().code(0);
    assert_eq!((issuer.isp.received(), issuer.asked("grant_type=refresh_token")), (40, 1));
    let of = |sender: &str| issuer.isp.mails().iter().filter(|mail| mail.from == sender).count();
    assert_eq!((of(alice), of(others)), (20, 20));
    assert!(issuer.isp.connections() > 2, "{}", issuer.isp.connections());
}
