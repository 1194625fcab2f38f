//! OAuth 2.0: `postrider login` in each flow against a scripted issuer, and what becomes of mail as tokens come and go.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::cli::issuer::{Issuer, logged_in, mail_server};
use support::provider::{Provider, Verb, auth_answer, on};
use support::wait::wait_for;
use support::world::{World, built};

/// The only file with this end in the state directory.
fn stored(world: &World, end: &str) -> String {
    let names = std::fs::read_dir(world.path("spool/state")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = names.filter(|path| path.to_str().unwrap().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    std::fs::read_to_string(found.remove(0)).unwrap()
}

#[test]
fn a_login_on_another_device_is_enough_for_mail_and_its_token_is_renewed() {
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({}));
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("not logged in at 127.0.0.1: run \"postrider login isp\""), "{said}");
    assert_eq!(issuer.isp.connections(), 0, "nothing to log in with");
    world.postrider(&["login", "--status"]).code(78).says("isp: 127.0.0.1, not logged in");
    world.postrider(&["login", "--status", "isp"]).code(78).says("isp: 127.0.0.1, not logged in");
    world.postrider(&["login", "--status", "other"]).code(64).says("there is no account other");
    let status = world.postrider(&["status"]).code(2).stdout;
    assert_eq!(status.matches("account isp").count(), 1, "{status}");
    World::at_home(&Provider::start()).postrider(&["login", "--status"]).code(0).says("no account has `oauth`");
    world.postrider(&["check"]).code(78).says("account isp is not logged in at 127.0.0.1; run `postrider login isp`");

    issuer.next(400, json!({ "error": "authorization_pending" }));
    // It has granted nothing, so that the question may be repeated.
    issuer.next(503, Value::Null);
    let ran = world.postrider(&["login"]).code(0);
    ran.says("Open https://issuer.example/device in any browser, and enter the code WDJB-MJHT").says("is logged in");
    assert_eq!(issuer.asked("device_code=the-device-code"), 3);
    world.postrider(&["login", "--status"]).code(0).says("as me@isp.example, logged in 20");
    assert!(stored(&world, ".json").contains("refresh-1"));

    world.flush().code(0);
    assert_eq!((issuer.isp.received(), issuer.asked("refresh_token=refresh-1")), (1, 1), "{}", world.mailq());
    assert!(stored(&world, ".json").contains("refresh-2"), "the next one is stored");
    let login = &issuer.isp.logins()[0].0;
    assert_eq!((login.username.as_str(), login.mechanism.as_str()), ("me@isp.example", "OAUTHBEARER"));
    world.postrider(&["check"]).code(0);
    let mode = std::fs::metadata(world.path("spool/state")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o700);
}

#[test]
fn twenty_sessions_at_once_share_one_token() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer).account_keys("isp", &[("max_connections", json!(20))]);
    for n in 0..40 {
        world.send_to(&[&format!("bob{n}@away.example")]).code(0);
    }
    world.flush().code(0);
    assert_eq!((issuer.isp.received(), issuer.asked("grant_type=refresh_token")), (40, 1));
    assert!(issuer.isp.connections() > 1);
}

#[test]
fn a_login_that_would_not_last_or_could_not_send_is_refused_at_once() {
    for (more, code, said) in [
        (json!({ "refresh_token": "" }), 69, "granted no refresh token"),
        (json!({ "scope": "profile offline_access" }), 69, "did not grant mail.send"),
        (json!({ "token_type": "mac" }), 75, "not a bearer token"),
    ] {
        let issuer = Issuer::start(mail_server());
        issuer.set(|script| script.more = more);
        let world = issuer.world(&json!({}));
        let ran = world.postrider(&["login"]).code(code);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        world.postrider(&["login", "--status"]).code(78);
    }
    for (status, body, code, said) in [
        (400, json!({ "error": "access_denied" }), 69, "the login was refused"),
        (400, json!({ "error": "expired_token" }), 69, "the code has expired"),
        (
            302,
            Value::Null,
            75,
            "redirects to another address, which is not followed; the answer cannot be requested twice",
        ),
        (200, json!({ "token": "x" }), 75, "the answer cannot be requested twice, so run the command again"),
    ] {
        let issuer = Issuer::start(mail_server());
        issuer.next(status, body);
        let ran = issuer.world(&json!({})).postrider(&["login"]).code(code);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(issuer.asked("POST /token"), 1, "{said}: it is not asked again");
    }
}

#[test]
fn a_login_survives_whatever_characters_its_tokens_and_names_have() {
    let issuer = Issuer::start(mail_server());
    issuer.set(|script| script.more = json!({ "refresh_token": "R\"T\\1" }));
    let world = issuer.world(&json!({}));
    world.postrider(&["login"]).code(0);
    world.postrider(&["login", "--status"]).code(0).says("logged in 20");
    world.postrider(&["check"]).code(0);
}

#[test]
fn a_login_beside_a_running_runner_is_noticed_also_if_it_is_the_first() {
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({}));
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner().ready(&world);
    wait_for("the trouble", || runner.log().contains("not logged in"));
    world.postrider(&["login"]).code(0);
    wait_for("the mail", || issuer.isp.received() == 1);
}

#[test]
fn a_refused_login_is_not_repeated_by_every_flush() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    issuer.set(|script| "another".clone_into(&mut script.refresh));
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner().ready(&world);
    wait_for("the trouble", || runner.log().contains("invalid_grant"));
    for _ in 0..5 {
        world.flush();
    }
    assert_eq!(issuer.asked("grant_type=refresh_token"), 1);
}

#[test]
fn what_cannot_be_stored_is_told_before_anybody_agrees_to_anything() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.path("spool/state"), mode).unwrap();
    let asked = issuer.web.asked().len();
    let ran = world.postrider(&["login"]).code(75);
    assert!(ran.stderr.contains("others have access to"), "{}", ran.stderr);
    assert_eq!(issuer.web.asked().len(), asked);
}

#[test]
fn an_organizations_client_needs_no_login() {
    let issuer = Issuer::start(mail_server());
    issuer.set(|script| script.more = json!({ "refresh_token": "", "expires_in": 1e18 }));
    let world = issuer.world(&json!({ "flow": "client", "client_secret": { "file": "client-secret" } }));
    world.file("client-secret", "s3cret\n", 0o600);
    world.postrider(&["check"]).code(0);
    world.postrider(&["login"]).code(0).says("no login is needed");
    world.send_to(&["bob@away.example"]).code(0);
    world.flush().code(0);
    assert_eq!(issuer.isp.received(), 1);
    let asked = issuer.web.asked().pop().unwrap();
    assert!(asked.contains("grant_type=client_credentials") && asked.contains("client_secret=s3cret"), "{asked}");
}

/// `postrider login` in a browser's flow, and the address that it shows.
fn in_a_browser(world: &World) -> (Child, String) {
    let mut command: Command = world.command(built("postrider"), &["login"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let address = lines.find_map(|line| line.ok().filter(|line| line.starts_with("https://"))).unwrap();
    (child, address)
}

fn parameter(address: &str, name: &str) -> String {
    let found = address.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{name} in {address}")).replace("%3A", ":").replace("%2F", "/")
}

/// What the browser gets at this path of the port that waits.
fn visit(redirect: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(redirect.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_browser_on_this_machine_comes_back_with_the_code_and_only_with_the_right_state() {
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({ "flow": "browser" }));
    let (child, address) = in_a_browser(&world);
    let (redirect, state) = (parameter(&address, "redirect_uri"), parameter(&address, "state"));
    assert!(redirect.starts_with("http://127.0.0.1:"), "{address}");
    assert_eq!(
        (parameter(&address, "prompt").as_str(), parameter(&address, "code_challenge_method").as_str()),
        ("consent", "S256")
    );
    // Whoever connects and says nothing holds nobody up.
    let _silent = TcpStream::connect(redirect.strip_prefix("http://").unwrap()).unwrap();
    assert!(visit(&redirect, "/favicon.ico").starts_with("HTTP/1.1 404"));
    assert!(visit(&redirect, "/?code=stolen&state=guessed").starts_with("HTTP/1.1 400"));
    assert!(visit(&redirect, &format!("/?code=the-code&state={state}")).starts_with("HTTP/1.1 200"));
    let (code, said) = ended(child);
    assert_eq!(code, Some(0), "{said}");
    let asked = issuer.web.asked().pop().unwrap();
    assert!(
        asked.contains("code=the-code") && asked.contains("code_verifier=") && asked.contains("client_id=our-client"),
        "{asked}"
    );
    world.send_to(&["bob@away.example"]).code(0);
    world.flush().code(0);
    assert_eq!(issuer.isp.received(), 1);
}

#[test]
fn without_a_browser_here_the_address_is_pasted_with_the_same_checks() {
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({ "flow": "browser" }));
    let (mut child, address) = in_a_browser(&world);
    let (redirect, state) = (parameter(&address, "redirect_uri"), parameter(&address, "state"));
    let stdin = child.stdin.as_mut().unwrap();
    writeln!(stdin, "what?\n{redirect}/?code=stolen&state=guessed\n{redirect}/?code=the-code&state={state}").unwrap();
    let (code, said) = ended(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("its `state` is another") && said.contains("is logged in"), "{said}");

    let (mut child, address) = in_a_browser(&world);
    let refusal = format!("{redirect}/?error=access_denied&state={}\n", parameter(&address, "state"));
    child.stdin.as_mut().unwrap().write_all(refusal.as_bytes()).unwrap();
    let (code, said) = ended(child);
    assert!(code == Some(69) && said.contains("the login was refused: access_denied"), "{said}");
    world.postrider(&["login", "--status"]).code(0);
}

#[test]
fn a_login_that_the_issuer_ended_is_the_accounts_trouble_until_the_next_login() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    issuer.set(|script| "another".clone_into(&mut script.refresh));
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner().ready(&world);
    let trouble = "127.0.0.1 refused: invalid_grant (Token has been revoked.); run \"postrider login isp\"";
    wait_for("the trouble", || runner.log().contains(trouble));
    assert!(world.postrider(&["status"]).code(2).stdout.contains("postrider login isp"));
    world.postrider(&["login", "--status"]).code(78).says("; run \"postrider login isp\"");
    world.postrider(&["login", "isp"]).code(0);
    wait_for("the mail", || issuer.isp.received() == 1);
    world.postrider(&["login", "--status"]).code(0).says("token renewed");
}

#[test]
fn an_issuer_that_is_down_delays_mail_and_is_nobodys_fault() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    world.send_to(&["bob@away.example"]).code(0);
    for (status, body) in [(500, Value::Null), (200, json!({ "token": "x" })), (302, Value::Null)] {
        issuer.next(status, body);
        let said = world.flush().code(75).stderr;
        assert!(world.mailq().contains("the token endpoint of 127.0.0.1"), "{said}\n{}", world.mailq());
        world.postrider(&["status"]).code(0);
    }
    world.flush().code(0);
    assert_eq!(issuer.isp.received(), 1);
}

#[test]
fn a_rejected_token_is_renewed_once_and_only_the_servers_report_asks_for_a_login() {
    // The server does not know the tokens, and says so.
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    issuer.set(|script| script.tells = false);
    issuer.isp.change_password("something else");
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("rejects a new token as well; run \"postrider login isp\""), "{said}");
    assert_eq!((issuer.isp.logins().len(), issuer.asked("grant_type=refresh_token")), (2, 2));

    // It rejects them without a report: its own check may be down.
    let silent = mail_server().rule(on(Verb::Auth).reply("535 5.7.8 Error: authentication failed"));
    let issuer = Issuer::start(silent);
    let world = logged_in(&issuer);
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("without a reason; the server may be unable to check tokens now"), "{said}");
    assert_eq!((issuer.isp.count(Verb::Auth), issuer.asked("grant_type=refresh_token")), (2, 2));
    world.postrider(&["status"]).code(0);

    // The token is good, and not for mail.
    let report = "334 eyJzdGF0dXMiOiJpbnN1ZmZpY2llbnRfc2NvcGUifQ==";
    let narrow = mail_server().rule(on(Verb::Auth).reply(report)).rule(auth_answer().reply("535 5.7.8 no"));
    let issuer = Issuer::start(narrow);
    let world = logged_in(&issuer);
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("the token does not include sending mail; check `scope`"), "{said}");
}

#[test]
fn no_token_is_shown_anywhere() {
    let issuer = Issuer::start(mail_server());
    let world = logged_in(&issuer);
    world.send_to(&["bob@away.example"]).code(0);
    let mut said = world.run_once().stderr;
    for args in [&["test", "-v"][..], &["login", "--status"], &["status", "--json"], &["history"], &["config", "show"]]
    {
        let ran = world.postrider(args);
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
    }
    for secret in ["access-", "refresh-", "YWNjZXNzL", "FjY2Vzcy", "hY2Nlc3Mt"] {
        assert!(!said.contains(secret), "{secret} in:\n{said}");
    }
    assert!(said.contains("logged in as me@isp.example with OAUTHBEARER"), "{said}");
}

#[test]
fn a_token_goes_to_no_server_that_is_not_its_issuers() {
    let issuer = Issuer::start(mail_server());
    for (keys, said) in [
        (json!({ "token_hosts": ["other.example"] }), "127.0.0.1 is not known as a server that takes these tokens"),
        (json!({ "token_url": "http://127.0.0.1/token" }), "`token_url` must be an address that begins with https://"),
        (json!({ "flow": "client" }), "flow = \"client\" needs `client_secret`"),
        (json!({ "provider": "gogle" }), "`provider` must be one of google, microsoft"),
        (json!({ "provider": "google", "flow": "device", "device_url": Value::Null }), "device"),
    ] {
        let keys: Value = keys;
        let world = issuer.world(&json!({}));
        let mut oauth = json!({
            "client_id": "our-client", "token_url": "https://127.0.0.1/token", "device_url": "https://127.0.0.1/device",
            "scope": "mail.send", "token_hosts": ["127.0.0.1"],
        });
        for (key, value) in keys.as_object().unwrap() {
            match value {
                Value::Null => drop(oauth.as_object_mut().unwrap().remove(key)),
                value => oauth[key] = value.clone(),
            }
        }
        let checked = world.account_keys("isp", &[("oauth", oauth)]).postrider(&["check"]).code(78);
        assert!(checked.stderr.contains(said) || checked.stdout.contains(said), "{said:?}: {checked:?}");
    }
    let world = issuer.world(&json!({})).account_keys("isp", &[("tls", json!("none"))]);
    assert!(world.postrider(&["check"]).code(78).stdout.contains("`oauth` needs TLS"));
    let world = issuer.world(&json!({})).account_keys("isp", &[("password", json!("secret"))]);
    assert!(world.postrider(&["check"]).code(78).stdout.contains("an account logs in with one of them"));
}

#[test]
fn the_account_of_the_manual_is_read_and_needs_a_login() {
    let manual = include_str!("../../../man/postrider.toml.5");
    let line = manual.lines().find_map(|line| line.strip_prefix(".Dl oauth = ")).expect("the example");
    let world = World::new();
    let account = format!(
        "spool = \"spool\"\n[account.work]\nrelay = \"[smtp.office365.com]:587\"\nusername = \"me@work.example\"\noauth = {}\n",
        line.replace("\\(dq", "\"")
    );
    let config = world.file("config.toml", &account, 0o600);
    let checked = world.postrider(&["--config", config.to_str().unwrap(), "check"]).code(78).stdout;
    assert!(checked.contains("account work is not logged in at Microsoft; run `postrider login work`"), "{checked}");
}
