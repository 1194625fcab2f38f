//! The provider: a real Postfix with Dovecot as its SASL server and a certificate of its own authority, on two loopback ports
//! (STARTTLS and implicit TLS). It takes mail for every domain from who logs in and owns the sender, and keeps it in one Maildir.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tempfile::TempDir;

use crate::arrived::Arrived;
use support::namespace::Namespace;
use support::wait;

/// How long mail may take to arrive: ample, since a passing test never waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name in the certificate.
pub const NAME: &str = "mail.provider.example";

/// Whose the customer's certificate is.
pub const CUSTOMER: &str = "hisaccount@hisisp.example";

/// The logins: name, password, the addresses it may send from (a leading @ stands for a whole domain). The blanks, the colon and the
/// hash are there because passwords have them.
pub const LOGINS: [(&str, &str, &str); 3] = [
    ("hisaccount", "his pass: #1", "hisaccount@hisisp.example"),
    ("heraccount@herisp.example", "her pass", "heraccount@herisp.example"),
    ("third", "third pass", "@third.example"),
];

/// A running provider; gone with everything it started when dropped.
pub struct Provider {
    namespace: Namespace,
    folder: TempDir,
    /// Submission with STARTTLS, as on port 587.
    pub submission: u16,
    /// Submission with implicit TLS, as on port 465.
    pub submissions: u16,
}

impl Provider {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::checking_tokens(
            "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={root}/keys/\nusername_attribute = sub\n",
        )
    }

    /// The same with these words on how Dovecot checks access tokens; `{root}` is its folder.
    pub fn checking_tokens(tokens: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("interop-provider-").tempdir().unwrap();
        let root = folder.path();
        // Postfix and Dovecot reach it under their own users.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        let (submission, submissions) = (free_port(), free_port());
        certificate(root);
        dovecot(root, tokens);
        postfix(root, submission, submissions);
        let setup = r#"dovecot -F -c "$1/dovecot.conf" >"$1/dovecot.out" 2>&1 &
            postfix -c "$1/etc" start-fg >"$1/postfix.out" 2>&1 &"#;
        let namespace = Namespace::new(setup, &[root.to_str().unwrap()]);
        let provider = Self { namespace, folder, submission, submissions };
        provider.wait_until("it answers", || {
            UnixStream::connect(root_of(&provider).join("queue/private/auth")).is_ok()
                && [submission, submissions].iter().all(|&port| TcpStream::connect(("127.0.0.1", port)).is_ok())
        });
        provider
    }

    /// The file with the authority's certificate, for `tls_ca`.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The first process of its namespace.
    pub fn init(&self) -> u32 {
        self.namespace.init()
    }

    /// The folder that holds all it has.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Every copy that has arrived so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail/new")) else { return Vec::new() };
        let read = |path: PathBuf| Arrived { raw: String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned() };
        entries.map(|entry| read(entry.unwrap().path())).collect()
    }

    /// Waits for a copy whose envelope recipient is `recipient`.
    pub fn wait_for_mail_to(&self, recipient: &str) -> Arrived {
        let find = || self.arrived().into_iter().find(|mail| mail.envelope_recipient() == recipient);
        self.wait_until(&format!("mail to {recipient} arrives"), || find().is_some());
        find().unwrap()
    }

    /// Waits until `condition` holds; a test that waits in vain shows the provider's log.
    pub fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let complaint = || format!("waited in vain until {what}; the provider's log:\n{}", self.log());
        wait::wait_until(PATIENCE, || condition().then_some(()), complaint);
    }

    /// What Postfix and Dovecot have to say.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        ["maillog", "postfix.out", "dovecot.log", "dovecot.out"].map(read).concat()
    }
}

fn root_of(provider: &Provider) -> &Path {
    provider.folder.path()
}

/// A port that nobody listens on, below the range from which the kernel takes ports for outgoing connections, so that none of these
/// can take it before the server does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 500).unwrap() * 20;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An authority and certificates by it, for the server and for a customer who logs in with his: a self-signed one would be refused as an authority's used for a server.
pub fn certificate(root: &Path) {
    certificate_for(root, NAME);
}

/// The same for a server of this name or address.
pub fn certificate_for(root: &Path, name: &str) {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Interop authority");
    let authority_key = rcgen::KeyPair::generate().unwrap();
    fs::write(root.join("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    // Postfix wants key and chain in one file, key first.
    let chain = key.serialize_pem() + &server.signed_by(&key, &issuer).unwrap().pem();
    fs::write(root.join("chain.pem"), chain).unwrap();
    let customer_key = rcgen::KeyPair::generate().unwrap();
    let mut customer = rcgen::CertificateParams::default();
    customer.subject_alt_names.push(rcgen::SanType::Rfc822Name(CUSTOMER.try_into().unwrap()));
    let both = customer.signed_by(&customer_key, &issuer).unwrap().pem() + &customer_key.serialize_pem();
    fs::write(root.join("customer.pem"), both).unwrap();
    for private in ["chain.pem", "customer.pem"] {
        fs::set_permissions(root.join(private), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// The key with which the provider's tokens are signed.
const TOKEN_KEY: &[u8] = b"a secret that only the provider has";

/// An access token of `login` (a JWT, RFC 7519), as an OAuth server gives it out.
pub fn token(login: &str) -> String {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let head = text(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = text(format!(r#"{{"sub":"{login}","exp":4102444800,"scope":"mail"}}"#).as_bytes());
    let signed = format!("{head}.{claims}");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, TOKEN_KEY);
    format!("{signed}.{}", text(ring::hmac::sign(&key, signed.as_bytes()).as_ref()))
}

fn dovecot(root: &Path, tokens: &str) {
    let mut users = String::new();
    for (login, password, _) in LOGINS {
        // The file is divided by colons.
        let password = password.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        writeln!(users, "{login}:{{PLAIN.HEX}}{password}").unwrap();
    }
    fs::write(root.join("users"), users).unwrap();
    // One key for whoever the token says issued it, which it does not say.
    fs::create_dir_all(root.join("keys/default/HS256")).unwrap();
    fs::write(root.join("keys/default/HS256/default"), STANDARD.encode(TOKEN_KEY)).unwrap();
    let root = root.display();
    fs::write(format!("{root}/tokens.conf"), tokens.replace("{root}", &root.to_string())).unwrap();
    // Refused logins would delay those that come after them from the same address, and all do.
    let config = format!(
        "protocols = none\nbase_dir = {root}/dovecot.run\nstate_dir = {root}/dovecot.run\nlog_path = {root}/dovecot.log\nssl = no\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer\nauth_failure_delay = 0\n\
         passdb {{\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = {root}/tokens.conf\n}}\n\
         passdb {{\n driver = passwd-file\n args = username_format=%u {root}/users\n}}\n\
         service anvil {{\n unix_listener anvil-auth-penalty {{\n mode = 0\n }}\n}}\n\
         service auth {{\n unix_listener {root}/queue/private/auth {{\n mode = 0600\n user = postfix\n }}\n}}\n\
         service stats {{\n unix_listener stats-writer {{\n mode = 0600\n }}\n}}\n"
    );
    fs::write(format!("{root}/dovecot.conf"), config).unwrap();
}

fn postfix(root: &Path, submission: u16, submissions: u16) {
    for folder in ["etc", "queue", "queue/private", "data", "mail"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    let postfix =
        nix::unistd::User::from_name("postfix").unwrap().expect("the postfix package made its user").uid.as_raw();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().expect("every system has nobody");
    for folder in ["queue/private", "data"] {
        chown(root.join(folder), Some(postfix), None).unwrap();
    }
    fs::set_permissions(root.join("queue/private"), fs::Permissions::from_mode(0o700)).unwrap();
    chown(root.join("mail"), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();

    let mut owners = String::new();
    for (login, _, address) in LOGINS {
        let (local, domain) = address.split_once('@').unwrap();
        // An extension belongs to the owner of the address without it.
        let local = if local.is_empty() { "[^@]+".to_owned() } else { format!("{local}([+][^@]*)?") };
        writeln!(owners, "/^{local}@{}$/ {login}", domain.replace('.', "[.]")).unwrap();
    }
    fs::write(root.join("etc/owners"), owners).unwrap();
    fs::write(root.join("etc/every"), "/./ inbox/\n").unwrap();
    fs::write(
        root.join("etc/refused"),
        "/^nobody@/ 550 5.1.1 There is no such mailbox here\n/^later@/ 451 4.7.1 Greylisted, please come again\n/^slow@/ sleep 5\n",
    )
    .unwrap();
    let (uid, gid) = (nobody.uid, nobody.gid);
    let root = root.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\nmaillog_file = {root}/maillog\n\
         maillog_file_prefixes = {root}\nmyhostname = {NAME}\nmydestination =\nalias_maps =\nalias_database =\nmynetworks =\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nsmtpd_peername_lookup = no\nrecipient_delimiter = +\n\
         virtual_mailbox_domains = regexp:{root}/etc/every\nvirtual_mailbox_base = {root}\n\
         virtual_mailbox_maps = static:mail/\nvirtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n\
         smtpd_sasl_authenticated_header = yes\nsmtpd_tls_auth_only = yes\nsmtpd_tls_chain_files = {root}/chain.pem\n\
         smtpd_tls_received_header = yes\nsmtpd_error_sleep_time = 0\nsmtpd_sender_login_maps = regexp:{root}/etc/owners\n\
         smtpd_sender_restrictions = reject_sender_login_mismatch\n\
         smtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
         smtpd_recipient_restrictions = check_recipient_access regexp:{root}/etc/refused\n"
    );
    fs::write(format!("{root}/etc/main.cf"), main).unwrap();
    let master = format!(
        "127.0.0.1:{submission} inet n - n - - smtpd -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt\n\
         127.0.0.1:{submissions} inet n - n - - smtpd -o syslog_name=postfix/submissions -o smtpd_tls_wrappermode=yes\n\
         cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
         trace unix - - n - 0 bounce\nverify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\n\
         proxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\nshowq unix n - n - - showq\n\
         error unix - - n - - error\nretry unix - - n - - error\nlocal unix - n n - - local\nvirtual unix - n n - - virtual\n\
         anvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n"
    );
    fs::write(format!("{root}/etc/master.cf"), master).unwrap();
}
