//! What a token endpoint answers: whose trouble it is and what mends it, which secrets an answer must not bring into any text, and
//! tokens in answers that are odd.

use serde_json::{Value, json};

use crate::cli::issuer::{Issuer, logged_in, mail_server};
use support::web;
use support::world::World;

const SECRET: &str = "sekr1t-p+ass/word";

/// A machine whose account logs in as its own client.
fn as_client(issuer: &Issuer) -> World {
    let world = issuer.world(&json!({ "flow": "client", "client_secret": { "file": "client-secret" } }));
    world.file("client-secret", &format!("{SECRET}\n"), 0o600);
    world
}

/// Everything that the machine says after an attempt.
fn told(world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    let mut said = world.run_once().stderr;
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["queue", "list"],
        &["queue", "list", "--json"],
        &["test"],
        &["history"],
    ] {
        let ran = world.postrider(args);
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
    }
    said
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

#[test]
fn no_secret_that_an_endpoint_repeats_is_told_anywhere() {
    let twice = percent(&percent(SECRET));
    for words in [
        format!("client_secret={SECRET} is bad"),
        format!("no {}", SECRET.to_uppercase()),
        format!("no {}", percent(SECRET)),
        format!("no {twice}"),
        format!("no {}", encoded(&format!("our-client:{SECRET}"))),
        format!("no {}", &encoded(SECRET)[..16]),
        format!("the secret {}... is unknown", &SECRET[..10]),
        format!("...{} is unknown", &SECRET[6..]),
        format!("{} {SECRET}", "x".repeat(290)),
        "sekr1t-p\u{200b}+ass/word \u{1b}[31m sekr1t-p+ass/word".to_owned(),
    ] {
        let issuer = Issuer::start(mail_server());
        let world = as_client(&issuer);
        for body in [
            json!({ "error": "invalid_client", "error_description": format!("strange-words {words}") }),
            json!({ "error": format!("strange-words {words}"), "error_description": "x", "error_uri": words }),
        ] {
            for status in [400, 429] {
                issuer.set(|script| script.raw = vec![web::json(status, &body); 2]);
                let said = told(&world);
                assert!(!said.contains("sekr1t") && !said.contains("strange-words"), "{words}: {said}");
                assert!(said.contains("(text withheld)"), "{words}: {said}");
                for id in world.queued() {
                    world.postrider(&["queue", "delete", &id]);
                }
            }
        }
    }
}

#[test]
fn no_refresh_token_device_code_or_authorization_code_is_told() {
    let issuer = Issuer::start(mail_server());
    issuer.set(|script| script.more = json!({ "refresh_token": "1//0gLongRefreshTokenOfOurs" }));
    let world = issuer.world(&json!({}));
    world.postrider(&["login"]).code(0);
    let words = "strange-words 1//0gLongRefresh... is unknown";
    issuer.next(400, json!({ "error": "invalid_grant", "error_description": words }));
    let said = told(&world);
    assert!(said.contains("invalid_grant (text withheld); run \"postrider login isp\""), "{said}");
    assert!(!said.contains("0gLong") && !said.contains("strange-words"), "{said}");

    issuer.next(400, json!({ "error": "invalid_grant", "error_description": "bad code the-device-code" }));
    let said = world.postrider(&["login"]).code(69).stderr;
    assert!(said.contains("invalid_grant (text withheld)") && !said.contains("the-device"), "{said}");
}

#[test]
fn an_endpoint_that_does_not_refuse_the_login_delays_mail_and_is_nobodys_fault() {
    let invalid_grant = |text: &str| (400, json!({ "error": "invalid_grant", "error_description": text }));
    for (status, body) in [
        (429, json!({ "error": "too_many_requests" })),
        (403, json!({ "error": "Forbidden" })),
        (403, json!({ "error": "access_denied" })),
        (404, json!({ "error": "Not Found", "status": 404 })),
        (408, json!({ "error": "request_timeout" })),
        (410, json!({ "error": "invalid_grant" })),
        (503, json!({ "error": "invalid_grant" })),
        (200, json!({ "error": "invalid_grant" })),
        (400, json!({ "error": "temporarily_unavailable" })),
        (400, json!({ "error": "Bad Request" })),
        invalid_grant("AADSTS90033: A transient error has occurred. Please try again.\r\nTrace ID: x"),
        invalid_grant("AADSTS50196: The server terminated an operation because it encountered a client request loop."),
        invalid_grant("AADSTS70016: OAuth 2.0 device flow error. Authorization is pending."),
    ] {
        let issuer = Issuer::start(mail_server());
        let world = logged_in(&issuer);
        issuer.set(|script| script.raw = vec![web::json(status, &body)]);
        world.send_to(&["bob@away.example"]).code(0);
        let log = world.flush().code(75).stderr;
        let queue = flat(&world.mailq());
        assert!(queue.contains("the token endpoint of 127.0.0.1 "), "{body}: {queue}");
        assert!(!queue.contains("postrider login") && !log.contains("postrider login"), "{body}: {queue}\n{log}");
        world.postrider(&["status"]).code(0);
        world.postrider(&["login", "--status"]).code(0);
        world.flush().code(0);
        assert_eq!(issuer.isp.received(), 1, "{body}");
    }
}

#[test]
fn the_wait_that_an_endpoint_asks_for_is_kept_within_bounds() {
    for (named, least, most) in [("600", 600, 700), ("1", 60, 90), ("99999999999", 3600, 3700)] {
        let issuer = Issuer::start(mail_server());
        let world = logged_in(&issuer);
        let busy = String::from_utf8(web::json(429, &json!({ "error": "too_many_requests" }))).unwrap();
        let busy = busy.replacen("\r\n", &format!("\r\nRetry-After: {named}\r\n"), 1).into_bytes();
        issuer.set(|script| script.raw = vec![busy]);
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        let health: Value =
            serde_json::from_str(&std::fs::read_to_string(world.path("spool/accounts.json")).unwrap()).unwrap();
        let time = |key: &str| health["isp"][key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let wait = time("next").duration_since(time("seen")).as_secs();
        assert!((least..=most).contains(&wait), "{named}: {wait}");
    }
}

#[test]
fn the_cure_fits_what_is_refused() {
    let client = "check client_id and client_secret in `oauth` of [account.isp]";
    let login = "run \"postrider login isp\"";
    let scope = "check `scope` in `oauth` of [account.isp]";
    for (status, error, of_login, of_client) in [
        (400, "invalid_grant", login, client),
        (401, "invalid_grant", login, client),
        (400, "interaction_required", login, client),
        (400, "consent_required", login, client),
        (401, "invalid_client", client, client),
        (400, "unauthorized_client", client, client),
        (400, "invalid_scope", scope, scope),
        (400, "invalid_request", "check `provider` or the endpoints", "check `provider` or the endpoints"),
        (400, "unsupported_grant_type", "check `provider` or the endpoints", "check `provider` or the endpoints"),
    ] {
        for (is_client, cure) in [(false, of_login), (true, of_client)] {
            let issuer = Issuer::start(mail_server());
            let world = if is_client { as_client(&issuer) } else { logged_in(&issuer) };
            issuer.set(|script| script.raw = vec![web::json(status, &json!({ "error": error })); 2]);
            world.send_to(&["bob@away.example"]).code(0);
            let log = world.run_once().stderr;
            let status = flat(&world.postrider(&["status"]).code(2).stdout);
            let logins = flat(&world.postrider(&["login", "--status"]).stdout);
            for said in [&log, &status] {
                assert!(said.contains(cure), "{error}: {cure}: {said}");
            }
            for said in [&log, &status, &logins] {
                assert!(cure == login || !said.contains("postrider login"), "{error}: {said}");
            }
            let ran = world.postrider(&["test"]);
            assert!(flat(&(ran.stdout + &ran.stderr)).contains(cure), "{error}: {cure}");
        }
    }
}

/// An answer of exactly these bytes.
fn exactly(body: &[u8]) -> Vec<u8> {
    web::page(body)
}

#[test]
fn a_token_is_taken_from_an_answer_that_is_odd() {
    for body in [
        "\u{feff}{\"access_token\":\"A\",\"token_type\":\"Bearer\",\"refresh_token\":\"R\"}",
        "{\"access_token\":\"Z\",\"access_token\":\"A\",\"refresh_token\":\"Q\",\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"scope\":[\"mail\",\"x\"],\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"scope\":{\"x\":[1e400]},\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"expires_in\":\"3599\",\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"expires_in\":3599.5,\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"expires_in\":true,\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"expires_in\":1e400,\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"expires_in\":null,\"refresh_token\":\"R\"}",
        "{\"access_token\":\"A\",\"expires_in\":-1,\"refresh_token\":\"R\",\"token_type\":null,\"id_token\":7}",
        "{\"access_token\":\"A\",\"refresh_token\":\"R\"}\n\0<!-- served by x -->",
    ] {
        let issuer = Issuer::start(mail_server());
        let world = logged_in(&issuer);
        issuer.isp.change_password("A");
        issuer.set(|script| script.raw = vec![exactly(body.as_bytes())]);
        world.send_to(&["bob@away.example"]).code(0);
        let log = world.run_once().stderr;
        assert_eq!(issuer.isp.received(), 1, "{body}: {log}");
        issuer.set(|script| "R".clone_into(&mut script.refresh));
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        assert_eq!((issuer.isp.received(), issuer.asked("refresh_token=R")), (2, 1), "{body}");
    }
}

#[test]
fn a_new_refresh_token_is_kept_from_an_answer_that_is_of_no_other_use() {
    for body in [
        "{\"access_token\":\"A B\",\"refresh_token\":\"R\"}",
        "{\"access_token\":7,\"refresh_token\":\"R\"}",
        "{\"token_type\":\"mac\",\"access_token\":\"A\",\"refresh_token\":\"R\"}",
        "{\"refresh_token\":\"R\",\"access_token\":\"A",
    ] {
        let issuer = Issuer::start(mail_server());
        let world = logged_in(&issuer);
        issuer.set(|script| {
            script.raw = vec![exactly(body.as_bytes())];
            "R".clone_into(&mut script.refresh);
        });
        world.send_to(&["bob@away.example"]).code(0);
        let log = world.flush().code(75).stderr;
        assert!(flat(&world.mailq()).contains("the token endpoint of 127.0.0.1 "), "{body}: {log}");
        world.flush().code(0);
        assert_eq!((issuer.isp.received(), issuer.asked("refresh_token=R")), (1, 1), "{body}");
    }
}

#[test]
fn an_endpoint_that_is_of_no_use_for_hours_is_a_warning() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    issuer.set(|script| script.raw = vec![exactly(b"<html>"); 2]);
    world.send_to(&["bob@away.example"]).code(0);
    world.flush().code(75);
    world.postrider(&["status"]).code(0);
    let path = world.path("spool/accounts.json");
    let mut health: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let since = health["isp"]["since"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    health["isp"]["since"] = json!(since - jiff::SignedDuration::from_hours(5));
    std::fs::write(&path, health.to_string()).unwrap();
    world.postrider(&["status"]).code(1).says("the token endpoint of 127.0.0.1 gave an answer that is not valid");
}
