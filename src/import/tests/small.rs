//! ssmtp, nullmailer and dma, case by case: one line of a configuration, and what it becomes or does not become.

use super::{case, translated};
use crate::import::Program;

fn ssmtp(lines: &str, has: &[&str], has_not: &[&str]) {
    case(Program::Ssmtp, &[("/c/ssmtp.conf", lines)], has, has_not);
}

#[test]
fn the_hub_of_ssmtp_is_a_host_with_or_without_a_port() {
    for (hub, relay) in [
        ("smtp.isp.example", "[smtp.isp.example]:25"),
        ("smtp.isp.example:587", "[smtp.isp.example]:587"),
        ("192.0.2.1:26", "[192.0.2.1]:26"),
        ("[::1]:465", "[::1]:465"),
        ("[2001:db8::1]", "[2001:db8::1]:25"),
        ("2001:db8::1", "[2001:db8::1]:25"),
    ] {
        ssmtp(&format!("mailhub={hub}\n"), &[&format!("relay = \"{relay}\"")], &[]);
    }
}

#[test]
fn a_user_name_without_a_password_stays() {
    let asks = "run \"postrider password set isp\"";
    let hub = "mailhub=smtp.isp.example:587\nUseSTARTTLS=YES\n";
    for lines in ["AuthUser=me\n", "AuthUser=me\nAuthPass=\n"] {
        let has = ["username = \"me\"", "password = { file = \"secrets/isp\" }", asks];
        ssmtp(&format!("{hub}{lines}"), &has, &[]);
    }
    ssmtp(&format!("{hub}AuthUser=me\nAuthPass=x\n"), &["password = { file = \"secrets/isp\" }"], &[asks]);
    ssmtp(hub, &[], &["username", "password = "]);
    let (config, draft, _) = translated(
        Program::Dma,
        "/c",
        &[
            ("/c/dma.conf", "SMARTHOST a.isp.example\nSECURETRANSFER\nAUTHPATH auth.conf\n"),
            ("/c/auth.conf", "me|a.isp.example:\n"),
        ],
    );
    assert_eq!(config.accounts[0].username.as_deref(), Some("me"));
    assert!(draft.accounts[0].secret.is_none());
}
