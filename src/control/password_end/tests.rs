//! When an account's password is warned of.

use std::path::Path;

use super::*;
use crate::config::read;

fn warned(account: &str, today: &str) -> Vec<String> {
    let config = read::read(Path::new("/x/config.toml"), &format!("[account.work]\n{account}")).unwrap();
    warnings(&config, today.parse().unwrap()).map(|reason| reason.text).collect()
}

#[test]
fn an_account_is_warned_of_from_sixty_days_before_its_provider_accepts_no_passwords() {
    let at = |host: &str, rest: &str, today: &str| {
        warned(&format!("relay = \"[{host}]:587\"\nusername = \"me\"\npassword = \"x\"\n{rest}"), today)
    };
    assert_eq!(at("smtp.office365.com", "", "2026-10-31"), [""; 0]);
    assert_eq!(
        at("smtp.office365.com", "", "2026-11-01"),
        ["account work: Microsoft 365 / Exchange Online accepts no passwords from 2026-12-31 on"]
    );
    assert_eq!(
        at("smtp.office365.com", "", "2026-12-31"),
        ["account work: Microsoft 365 / Exchange Online accepts no passwords since 2026-12-31"]
    );
    assert_eq!(at("SMTP.office365.com", "auth = [\"xoauth2\"]\n", "2027-01-01"), [""; 0], "it uses tokens");
    assert_eq!(at("smtp.gmail.com", "", "2027-01-01"), [""; 0]);
    assert_eq!(warned("relay = \"[smtp.office365.com]:587\"\n", "2027-01-01"), [""; 0], "it has no password");
}
