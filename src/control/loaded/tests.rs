//! Unit tests of `control::loaded`.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;

const CONFIG: &str = "aliases = []\n[account.isp]\nrelay = \"mail.isp.example\"\nusername = \"me\"\npassword = \"x\"\n";

/// Mail that arrives and reports that are made need both kinds of tables, and must not wait for each other for ever.
#[test]
fn threads_that_need_both_kinds_of_tables_do_not_block_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let config = crate::config::read::read(Path::new("/x/config.toml"), CONFIG).unwrap();
    let loaded = Arc::new(Loaded::new(config, Spool::open(folder.path()).unwrap()));
    let sender = Address::parse("friend@away.example").unwrap();
    let uses: [fn(&Loaded, &Address); 4] = [
        |loaded, _| assert!(matches!(loaded.arriving(), Tables::Kept(_))),
        |loaded, sender| assert!(!loaded.is_own_sender(sender)),
        |loaded, sender| drop(loaded.own_recipients(sender)),
        |loaded, _| loaded.refresh(),
    ];
    let (ended, wait) = mpsc::channel();
    for r#use in uses {
        let (loaded, sender, ended) = (Arc::clone(&loaded), sender.clone(), ended.clone());
        thread::spawn(move || {
            (0..20_000).for_each(|_| r#use(&loaded, &sender));
            ended.send(())
        });
    }
    // One that is blocked ends with the process.
    for number in 1..=uses.len() {
        assert!(wait.recv_timeout(Duration::from_secs(30)).is_ok(), "use {number} is blocked");
    }
}
