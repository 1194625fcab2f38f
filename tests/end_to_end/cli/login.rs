//! OAuth 2.0: `postrider login` in each flow against a scripted issuer, and what becomes of mail as tokens come and go.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use support::provider::{Provider, Setup, Verb, auth_answer, on};
use support::wait::wait_for;
use support::web::{self, WebServer};
use support::world::{World, built};

/// What the issuer does.
#[derive(Default)]
struct Script {
    /// Answers to come, before anything else: status and body.
    next: Vec<(u16, Value)>,
    /// The refresh token that is good now.
    refresh: String,
    /// Tokens granted so far.
    granted: usize,
    /// What each grant says beside the tokens.
    more: Value,
    /// Seconds that an access token lives.
    lifetime: u64,
    /// Whether the mail server knows what is granted.
    tells: bool,
}

struct Issuer {
    isp: Arc<Provider>,
    web: WebServer,
    script: Arc<Mutex<Script>>,
}

fn here() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Takes tokens, and says why it does not take one.
fn mail_server() -> Setup {
    Provider::setup().offers("AUTH XOAUTH2 OAUTHBEARER").login("me@isp.example", "none yet")
}

impl Issuer {
    fn start(isp: Setup) -> Self {
        let isp = Arc::new(isp.start());
        let script = Script { more: json!({}), lifetime: 3600, tells: true, ..Script::default() };
        let script = Arc::new(Mutex::new(script));
        let (shared, server) = (Arc::clone(&script), Arc::clone(&isp));
        let web = WebServer::start(here(), &["127.0.0.1"], Box::new(move |request| answer(&shared, &server, request)));
        Self { isp, web, script }
    }

    /// A machine with an account that logs in here.
    fn world(&self, keys: &Value) -> World {
        let world = World::at_home(&self.isp);
        world.file("roots.pem", &self.web.authority, 0o644);
        let at = |path: &str| format!("https://127.0.0.1:{}/{path}", self.web.port());
        let mut oauth = json!({
            "client_id": "our-client", "token_url": at("token"), "device_url": at("device"),
            "authorization_url": at("authorize"), "scope": "mail.send offline_access", "token_hosts": ["127.0.0.1"],
        });
        for (key, value) in keys.as_object().unwrap() {
            oauth[key] = value.clone();
        }
        let keys = [("password", Value::Null), ("username", json!("me@isp.example")), ("oauth", oauth)];
        world.account_keys("isp", &keys)
    }

    fn asked(&self, what: &str) -> usize {
        self.web.asked().iter().filter(|request| request.contains(what)).count()
    }

    fn next(&self, status: u16, body: Value) {
        self.script.lock().unwrap().next.push((status, body));
    }

    fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }
}

fn answer(script: &Mutex<Script>, isp: &Provider, request: &str) -> Vec<u8> {
    let mut script = script.lock().unwrap();
    if request.starts_with("POST /device ") {
        return web::json(
            200,
            &json!({
                "device_code": "the-device-code", "user_code": "WDJB-MJHT", "interval": 1, "expires_in": 60,
                "verification_uri": "https://issuer.example/device",
            }),
        );
    }
    if !script.next.is_empty() {
        let (status, body) = script.next.remove(0);
        return if body.is_null() { web::status(status) } else { web::json(status, &body) };
    }
    let is_good =
        !request.contains("grant_type=refresh_token") || request.contains(&format!("refresh_token={}", script.refresh));
    if !is_good {
        return web::json(400, &json!({ "error": "invalid_grant", "error_description": "Token has been revoked." }));
    }
    script.granted += 1;
    let (access, refresh) = (format!("access-{}", script.granted), format!("refresh-{}", script.granted));
    if script.tells {
        isp.change_password(&access);
    }
    script.refresh.clone_from(&refresh);
    let mut reply = json!({
        "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": script.lifetime,
    });
    for (key, value) in script.more.as_object().unwrap() {
        reply[key] = value.clone();
    }
    web::json(200, &reply)
}

fn logged_in(issuer: &Issuer) -> World {
    let world = issuer.world(&json!({}));
    world.postrider(&["login"]).code(0);
    world
}

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
    world.postrider(&["check"]).code(78).says("account isp is not logged in at 127.0.0.1; run `postrider login isp`");

    issuer.next(400, json!({ "error": "authorization_pending" }));
    let ran = world.postrider(&["login"]).code(0);
    ran.says("Open https://issuer.example/device in any browser, and enter the code WDJB-MJHT").says("is logged in");
    assert_eq!(issuer.asked("device_code=the-device-code"), 2);
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
        (502, Value::Null, 75, "that answer comes only once, so run the command again"),
        (302, Value::Null, 75, "redirects"),
    ] {
        let issuer = Issuer::start(mail_server());
        issuer.next(status, body);
        let ran = issuer.world(&json!({})).postrider(&["login"]).code(code);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(issuer.asked("POST /token"), 1, "{said}: it is not asked again");
    }
}

#[test]
fn an_organizations_client_needs_no_login() {
    let issuer = Issuer::start(mail_server());
    issuer.set(|script| script.more = json!({ "refresh_token": "", "expires_in": 1e18 }));
    let world = issuer.world(&json!({ "flow": "client", "client_secret": { "file": "client-secret" } }));
    world.file("client-secret", "s3cret\n", 0o600);
    world.postrider(&["check"]).code(0);
    world.postrider(&["login"]).code(0).says("nobody needs to log in");
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
    world.postrider(&["login", "isp"]).code(0);
    wait_for("the mail", || issuer.isp.received() == 1);
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
