//! The household that all tests share: he and she, each with a provider account, and the machine's own mail, which leaves by his.

use crate::machine::Machine;
use crate::provider::{LOGINS, NAME, Provider};

/// Gives `login` a config for the household, with his password as given.
pub fn configure(machine: &Machine, provider: &Provider, login: &str, delivery: &str) {
    machine.write(login, &config_path(login), &config(provider, delivery));
    machine.write(login, &secret_path(login, "his"), LOGINS[0].1);
    machine.write(login, &secret_path(login, "her"), LOGINS[1].1);
}

/// Where the config of `login` lies: root takes none from a home.
pub fn config_path(login: &str) -> String {
    config_folder(login) + "/config.toml"
}

/// The file with the password of an account.
pub fn secret_path(login: &str, account: &str) -> String {
    format!("{}/{account}.secret", config_folder(login))
}

fn config_folder(login: &str) -> String {
    if login == "root" { "/etc/postrider".to_owned() } else { format!("/home/{login}/.config/postrider") }
}

fn config(provider: &Provider, delivery: &str) -> String {
    let Provider { submission, submissions, .. } = provider;
    let (his, her) = (LOGINS[0].0, LOGINS[1].0);
    let authority = provider.authority();
    let authority = authority.display();
    format!(
        r#"
hostname = "homebox.localdomain.local"
origin = "localdomain.local"
default_account = "his"
delivery = "{delivery}"
recipient_delimiter = "+"
generic = [{{ "his@localdomain.local" = "hisaccount@hisisp.example", "her@localdomain.local" = "heraccount@herisp.example", "her@homebox.localdomain.local" = "heraccount@herisp.example", "@localdomain.local" = "hisaccount+local@hisisp.example", "@homebox" = "hisaccount+local@hisisp.example" }}]

[account.his]
relay = "[127.0.0.1]:{submission}"
tls_name = "{NAME}"
tls_ca = "{authority}"
username = "{his}"
password = {{ file = "his.secret" }}
senders = ["his@localdomain.local", "hisaccount@hisisp.example"]

[account.her]
relay = "[127.0.0.1]:{submissions}"
tls = "implicit"
tls_name = "{NAME}"
tls_ca = "{authority}"
username = "{her}"
password = {{ file = "her.secret" }}
senders = ["her@localdomain.local", "her@homebox.localdomain.local"]
"#
    )
}
