//! Null clients written for both programs by hand: the same names, the same generic map and a recorder each as their provider.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::case::Case;
use super::household::{Household, own};
use super::recorder::Recorder;
use support::namespace::Namespace;

/// Tables and providers: name, what the provider offers, delimiter, rows of the generic map.
type Setup = (&'static str, &'static [&'static str], &'static str, &'static [(&'static str, &'static str)]);

const FULL: &[&str] = &["PIPELINING", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
const POOR: &[&str] = &["PIPELINING", "SIZE 10240000", "8BITMIME"];

/// `plain` keeps the user and replaces the fictitious domain; no more is needed for any mail to leave.
const SETUPS: [Setup; 3] = [
    ("plain", FULL, "", &[("@home.lan", "@isp.example")]),
    (
        "generic",
        FULL,
        "+",
        &[
            ("his@home.lan", "hisaccount@isp.example"),
            ("her", "heraccount@herisp.example"),
            ("cam+garden@home.lan", "garden@isp.example"),
            ("moved@away.example", "@there.example"),
            ("bare@home.lan", "bareword"),
            ("bareword", "never.asked@isp.example"),
            ("straße@home.lan", "street@isp.example"),
            ("οδος@home.lan", "road@isp.example"),
            ("@home.lan", "hisaccount+local@isp.example"),
        ],
    ),
    ("poor", POOR, "", &[("@home.lan", "@isp.example")]),
];

/// What makes the mounts; $1 is a folder of ours, $2 and $3 are our programs.
pub const MOUNTS: &str = r#"
    fresh() { mkdir -p "$1"; mount -t tmpfs -o mode=755 tmpfs "$1"; }
    touch "$1/postrider" "$1/sendmail"
    mount --bind "$2" "$1/postrider"
    mount --bind "$3" "$1/sendmail"
    mount --bind "$1/passwd" /etc/passwd
    mkdir "$1/postfix.d"
    cp -a /etc/postfix/. "$1/postfix.d/"
    cp -a "$1/etc/." "$1/postfix.d/"
    mount --bind "$1/postfix.d" /etc/postfix
    for folder in /var/spool /var/lib/postfix /var/log; do fresh "$folder"; done
    chown postfix /var/lib/postfix
    mkdir -p /var/spool/postfix
"#;

/// What starts the reference, then.
pub const START: &str = r#"
    postfix start >"$1/postfix.out" 2>&1 || { cat "$1/postfix.out" /var/log/maillog; exit 1; }
"#;

/// The parts of a null client.
pub const MASTER: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// The household of a set-up, for these cases.
pub fn household(setup: &str, cases: &[&Case]) -> Household {
    let (_, offers, delimiter, rows) =
        SETUPS.iter().find(|(name, ..)| *name == setup).unwrap_or_else(|| panic!("no set-up {setup}"));
    let folder = Household::folder(cases);
    let root = folder.path();
    let ((reference, their_port), (ours, our_port)) = (Recorder::start(offers), Recorder::start(offers));
    null_client(root, their_port, delimiter, rows);
    for at in 0..cases.len() {
        own(root, at, "config.toml", config(&Household::home(root, at), our_port, delimiter, rows).as_bytes());
    }
    let programs = [env!("CARGO_BIN_EXE_postrider"), env!("CARGO_BIN_EXE_sendmail")];
    let setup = format!("{MOUNTS}{START}");
    let namespace = Namespace::new(&setup, &[root.to_str().unwrap(), programs[0], programs[1]]);
    Household::of(namespace, folder, reference, ours)
}

fn null_client(root: &Path, port: u16, delimiter: &str, rows: &[(&str, &str)]) {
    let main = format!(
        "compatibility_level = 3.6\nmaillog_file = /var/log/maillog\nmyhostname = homebox.home.lan\nmydomain = home.lan\n\
         myorigin = $mydomain\nmydestination =\nalias_maps =\nalias_database =\ninet_interfaces = loopback-only\n\
         inet_protocols = ipv4\nrelayhost = [127.0.0.1]:{port}\nsmtp_generic_maps = texthash:/etc/postfix/generic\n\
         recipient_delimiter = {delimiter}\nin_flow_delay = 0\nsmtp_tls_security_level = none\n"
    );
    let rows = rows.iter().fold(String::new(), |mut text, (key, value)| {
        writeln!(text, "{key} {value}").unwrap();
        text
    });
    fs::create_dir(root.join("etc")).unwrap();
    for (name, text) in [("main.cf", main.as_str()), ("master.cf", MASTER), ("generic", &rows)] {
        fs::write(root.join("etc").join(name), text).unwrap();
    }
}

fn config(home: &Path, port: u16, delimiter: &str, rows: &[(&str, &str)]) -> String {
    let rows: Vec<String> = rows.iter().map(|(key, value)| format!("{key:?} = {value:?}")).collect();
    format!(
        "hostname = \"homebox.home.lan\"\norigin = \"home.lan\"\ndelivery = \"queue\"\nspool = \"{}\"\n\
         recipient_delimiter = {delimiter:?}\ngeneric = [{{ {} }}]\n[account.provider]\nrelay = \"[127.0.0.1]:{port}\"\ntls = \"none\"\n",
        home.join("spool").display(),
        rows.join(", ")
    )
}
