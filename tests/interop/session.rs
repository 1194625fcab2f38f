//! `postrider test` against the real thing: each mechanism that Dovecot has, and both
//! ways into TLS.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::need;
use crate::provider::{LOGINS, NAME, Provider};

#[test]
fn every_mechanism_of_dovecot_logs_in() {
    if !need::met(&[]) {
        return;
    }
    let provider = Provider::start();
    let folder = tempfile::tempdir().unwrap();
    let (login, password, address) = LOGINS[0];
    for mechanism in ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"] {
        for (port, tls) in [(provider.submission, "starttls"), (provider.submissions, "implicit")] {
            let config = folder.path().join("config.toml");
            let text = format!(
                "hostname = \"box.home.lan\"\nspool = \"spool\"\n[account.isp]\nrelay = \"[127.0.0.1]:{port}\"\ntls = \"{tls}\"\n\
                 tls_ca = \"{}\"\ntls_name = \"{NAME}\"\nusername = \"{login}\"\npassword = \"{password}\"\nauth = [\"{mechanism}\"]\n",
                provider.authority().display()
            );
            std::fs::write(&config, text).unwrap();
            std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
            command.arg("--config").arg(&config).args(["test", "--from", address, "--to"]);
            let to = format!("{mechanism}-{tls}@away.example");
            let output = command.arg(&to).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{mechanism} {tls}: {said}\n{}", provider.log());
            assert!(said.contains(&format!("the login works ({})", mechanism.to_uppercase())), "{said}");
            assert!(!said.contains(password), "{said}");
            provider.wait_for_mail_to(&to);
        }
    }
}
