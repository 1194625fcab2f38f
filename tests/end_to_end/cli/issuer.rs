//! A scripted issuer of OAuth 2.0 tokens, beside a mail server that takes them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use support::provider::{Provider, Setup};
use support::web::{self, WebServer};
use support::world::World;

/// What the issuer does.
#[derive(Default)]
pub struct Script {
    /// Answers to come, before anything else: status and body.
    pub next: Vec<(u16, Value)>,
    /// The same, as they are sent, before those.
    pub raw: Vec<Vec<u8>>,
    /// The refresh token that is good now.
    pub refresh: String,
    /// Tokens granted so far.
    pub granted: usize,
    /// What each grant says beside the tokens.
    pub more: Value,
    /// Seconds that an access token lives.
    pub lifetime: u64,
    /// Whether the mail server knows what is granted.
    pub tells: bool,
    /// What its clock says, where that is told.
    pub date: Option<String>,
}

pub struct Issuer {
    pub isp: Arc<Provider>,
    pub web: WebServer,
    pub script: Arc<Mutex<Script>>,
}

fn here() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Takes tokens, and says why it does not take one.
pub fn mail_server() -> Setup {
    Provider::setup().offers("AUTH XOAUTH2 OAUTHBEARER").login("me@isp.example", "none yet")
}

impl Issuer {
    pub fn start(isp: Setup) -> Self {
        let isp = Arc::new(isp.start());
        let script = Script { more: json!({}), lifetime: 3600, tells: true, ..Script::default() };
        let script = Arc::new(Mutex::new(script));
        let (shared, server) = (Arc::clone(&script), Arc::clone(&isp));
        let web = WebServer::start(here(), &["127.0.0.1"], Box::new(move |request| answer(&shared, &server, request)));
        Self { isp, web, script }
    }

    /// A machine with an account that logs in here.
    pub fn world(&self, keys: &Value) -> World {
        let world = World::at_home(&self.isp);
        world.file("roots.pem", &self.web.authority, 0o644);
        self.log_in_by_tokens(world, "isp", keys)
    }

    /// An account of it gets the same login.
    pub fn log_in_by_tokens(&self, world: World, account: &str, keys: &Value) -> World {
        let at = |path: &str| format!("https://127.0.0.1:{}/{path}", self.web.port());
        let mut oauth = json!({
            "client_id": "our-client", "token_url": at("token"), "device_url": at("device"),
            "authorization_url": at("authorize"), "scope": "mail.send offline_access", "token_hosts": ["127.0.0.1"],
        });
        for (key, value) in keys.as_object().unwrap() {
            oauth[key] = value.clone();
        }
        let keys = [("password", Value::Null), ("username", json!("me@isp.example")), ("oauth", oauth)];
        world.account_keys(account, &keys)
    }

    pub fn asked(&self, what: &str) -> usize {
        self.web.asked().iter().filter(|request| request.contains(what)).count()
    }

    pub fn next(&self, status: u16, body: Value) {
        self.script.lock().unwrap().next.push((status, body));
    }

    pub fn set(&self, change: impl FnOnce(&mut Script)) {
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
    if !script.raw.is_empty() {
        return script.raw.remove(0);
    }
    if !script.next.is_empty() {
        let (status, body) = script.next.remove(0);
        return if body.is_null() { web::status(status) } else { web::json(status, &body) };
    }
    let is_good =
        !request.contains("grant_type=refresh_token") || request.contains(&format!("refresh_token={}", script.refresh));
    let reply = |script: &Script, status: u16, body: &Value| match &script.date {
        Some(date) => web::dated(date, status, body),
        None => web::json(status, body),
    };
    if !is_good {
        let refusal = json!({ "error": "invalid_grant", "error_description": "Token has been revoked." });
        return reply(&script, 400, &refusal);
    }
    script.granted += 1;
    let (access, refresh) = (format!("access-{}", script.granted), format!("refresh-{}", script.granted));
    if script.tells {
        isp.change_password(&access);
    }
    script.refresh.clone_from(&refresh);
    let mut tokens = json!({
        "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": script.lifetime,
    });
    for (key, value) in script.more.as_object().unwrap() {
        tokens[key] = value.clone();
    }
    reply(&script, 200, &tokens)
}

pub fn logged_in(issuer: &Issuer) -> World {
    let world = issuer.world(&json!({}));
    world.postrider(&["login"]).code(0);
    world
}
