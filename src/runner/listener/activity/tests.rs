//! What is written down of clients, and when.

use super::*;

fn activity() -> (tempfile::TempDir, Spool, Activity) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).unwrap();
    let activity = Activity::new(spool.clone());
    (folder, spool, activity)
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[test]
fn what_is_new_is_written_and_what_is_not_costs_nothing() {
    let (_folder, spool, activity) = activity();
    let scanner = ClientName::parse("scanner").unwrap();
    activity.logged_in(&scanner, HERE, Some("PLAIN"), Some("TLSv1.2"));
    let first = client_activity::read(&spool);
    activity.logged_in(&scanner, HERE, Some("PLAIN"), Some("TLSv1.2"));
    assert_eq!(client_activity::read(&spool), first, "the same within a minute");
    activity.logged_in(&scanner, HERE, Some("LOGIN"), None);
    activity.refused(&scanner, HERE, "MAIL", "no");
    let seen = client_activity::read(&spool).clients["scanner"].clone();
    assert_eq!(seen.last_login.unwrap().mechanism.as_deref(), Some("LOGIN"));
    assert_eq!(seen.last_refusal.unwrap().reason, "no");
    // A runner that starts again goes on with it.
    let next = Activity::new(spool.clone());
    next.refused(&scanner, HERE, "RCPT", "no");
    assert!(client_activity::read(&spool).clients["scanner"].last_login.is_some());
}

#[test]
fn the_last_handshake_of_each_address_is_kept_and_no_more_than_twenty() {
    let (_folder, spool, activity) = activity();
    activity.handshake_failed("lan", HERE, &["TLS 1.0"], "too old");
    activity.handshake_failed("lan", HERE, &["TLS 1.1"], "too old");
    let known = client_activity::read(&spool).handshakes;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].offered, ["TLS 1.1"]);
    for last in 1..=30 {
        activity.handshake_failed("lan", [192, 0, 2, last].into(), &[], "no");
    }
    let known = client_activity::read(&spool).handshakes;
    assert_eq!(known.len(), 20);
    assert_eq!(known[19].from, IpAddr::from([192, 0, 2, 30]));
}

#[test]
fn what_is_no_longer_configured_is_forgotten() {
    let (_folder, spool, activity) = activity();
    activity.refused(&ClientName::parse("scanner").unwrap(), HERE, "AUTH", "no");
    activity.handshake_failed("lan", HERE, &[], "no");
    let config =
        crate::config::read::read(std::path::Path::new("/config.toml"), "spool = \"/s\"\n[account.a]\nrelay = \"b\"")
            .unwrap();
    activity.retain(&config);
    assert_eq!(client_activity::read(&spool), ClientActivity::default());
}
