//! Other servers than Postfix: Exim and aiosmtpd, each with STARTTLS on one loopback port and TLS at once on another,
//! one login, and one Maildir for everything.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::provider::{self, NAME};
use support::namespace::Namespace;
use support::wait;

const PATIENCE: Duration = Duration::from_mins(1);

/// The one login of each, and its password.
pub const LOGIN: (&str, &str) = ("hisaccount@hisisp.example", "his pass: #1");

/// Exim's own user: it must be known under a name that is compiled in.
const EXIM_USER: u32 = 20_100;

/// A running server; gone with everything it started when dropped.
pub struct Peer {
    _namespace: Namespace,
    folder: TempDir,
    /// Submission with STARTTLS.
    pub submission: u16,
    /// Submission with implicit TLS.
    pub submissions: u16,
}

impl Peer {
    /// Exim, from its package unpacked at `root`.
    pub fn exim(root: &Path) -> Self {
        let program = root.join("usr/sbin/exim4");
        let setup = r#"mkdir "$1/etc"
            mount -t tmpfs -o mode=755 tmpfs "$1/etc"
            cp -a /etc/. "$1/etc"
            mount --bind "$1/etc" /etc
            echo 'Debian-exim:x:20100:20100::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
            echo 'Debian-exim:x:20100:' >>/etc/group
            mkdir -p /etc/exim4
            cp "$1/exim4.conf" /etc/exim4/exim4.conf
            "$2" -bdf >"$1/out" 2>&1 &"#;
        Self::start(setup, &[program.to_str().unwrap()], |root, ports| {
            let owned = ["mail", "spool", "log"].map(|name| root.join(name));
            for folder in &owned {
                fs::create_dir(folder).unwrap();
                chown(folder, Some(EXIM_USER), Some(EXIM_USER)).unwrap();
            }
            chown(root.join("chain.pem"), Some(EXIM_USER), Some(EXIM_USER)).unwrap();
            fs::write(root.join("exim4.conf"), exim_config(root, &program, ports)).unwrap();
        })
    }

    /// aiosmtpd, as a short program uses it.
    pub fn aiosmtpd() -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/aiosmtpd_server.py");
        let setup = r#"/usr/bin/python3 "$2" "$1" "$3" "$4" "$5" "$6" >"$1/out" 2>&1 &"#;
        let ports = [provider::free_port(), provider::free_port()];
        let words = ports.map(|port| port.to_string());
        Self::start_at(ports, setup, &[program, &words[0], &words[1], LOGIN.0, LOGIN.1], |root, _| {
            fs::create_dir_all(root.join("mail/new")).unwrap();
        })
    }

    fn start(setup: &str, arguments: &[&str], prepare: impl FnOnce(&Path, [u16; 2])) -> Self {
        Self::start_at([provider::free_port(), provider::free_port()], setup, arguments, prepare)
    }

    fn start_at(ports: [u16; 2], setup: &str, arguments: &[&str], prepare: impl FnOnce(&Path, [u16; 2])) -> Self {
        let folder = tempfile::Builder::new().prefix("interop-peer-").tempdir().unwrap();
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        provider::certificate(root);
        prepare(root, ports);
        let namespace = Namespace::new(setup, &[&[root.to_str().unwrap()], arguments].concat());
        let peer = Self { _namespace: namespace, folder, submission: ports[0], submissions: ports[1] };
        peer.wait_until("it answers", || ports.iter().all(|&port| TcpStream::connect(("127.0.0.1", port)).is_ok()));
        peer
    }

    /// The file with the authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// PEM of a certificate by that authority for [`LOGIN`], and of its key.
    pub fn customer(&self) -> PathBuf {
        self.folder.path().join("customer.pem")
    }

    /// Waits for the message that has this text in it; CR LF line ends or LF, as the server keeps them.
    pub fn wait_for(&self, text: &str) -> String {
        let find = || {
            let files = fs::read_dir(self.folder.path().join("mail/new")).into_iter().flatten();
            let texts =
                files.map(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned());
            texts.into_iter().find(|mail| mail.contains(text))
        };
        self.wait_until(&format!("{text:?} arrives"), || find().is_some());
        find().unwrap()
    }

    /// What the server has to say.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        ["out", "log/mainlog", "log/rejectlog", "log/paniclog"].map(read).concat()
    }

    fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let complaint = || format!("waited in vain until {what}; the server's log:\n{}", self.log());
        wait::wait_until(PATIENCE, || condition().then_some(()), complaint);
    }
}

fn exim_config(root: &Path, program: &Path, [submission, submissions]: [u16; 2]) -> String {
    let (login, password) = LOGIN;
    let (root, program) = (root.display(), program.display());
    format!(
        "primary_hostname = {NAME}\nexim_path = {program}\nlocal_interfaces = 127.0.0.1\n\
         daemon_smtp_ports = {submission} : {submissions}\ntls_on_connect_ports = {submissions}\n\
         spool_directory = {root}/spool\nlog_file_path = {root}/log/%slog\npid_file_path = {root}/spool/pid\n\
         tls_advertise_hosts = *\ntls_certificate = {root}/chain.pem\ntls_privatekey = {root}/chain.pem\n\
         tls_verify_certificates = {root}/ca.pem\ntls_try_verify_hosts = *\n\
         auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}\nchunking_advertise_hosts = *\n\
         rfc1413_query_timeout = 0s\nacl_smtp_rcpt = rcpt\n\
         begin acl\nrcpt:\n  accept authenticated = *\n  deny message = log in first\n\
         begin routers\nall:\n  driver = accept\n  transport = file\n\
         begin transports\nfile:\n  driver = appendfile\n  directory = {root}/mail\n  maildir_format\n  user = Debian-exim\n\
         \x20 envelope_to_add\n  return_path_add\n\
         begin authenticators\n\
         plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n  server_set_id = $auth2\n\
         \x20 server_condition = ${{if and{{{{eq{{$auth2}}{{{login}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}\n\
         login:\n  driver = plaintext\n  public_name = LOGIN\n  server_prompts = Username:: : Password::\n  server_set_id = $auth1\n\
         \x20 server_condition = ${{if and{{{{eq{{$auth1}}{{{login}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}\n\
         cram:\n  driver = cram_md5\n  public_name = CRAM-MD5\n  server_set_id = $auth1\n\
         \x20 server_secret = ${{if eq{{$auth1}}{{{login}}}{{{password}}}fail}}\n\
         external:\n  driver = external\n  public_name = EXTERNAL\n  server_set_id = $auth1\n\
         \x20 server_advertise_condition = $tls_in_certificate_verified\n\
         \x20 server_param2 = ${{certextract {{subj_altname,mail,>:}}{{$tls_in_peercert}}}}\n\
         \x20 server_condition = ${{if forany {{$auth2}}{{eq{{$item}}{{$auth1}}}}}}\n"
    )
}
