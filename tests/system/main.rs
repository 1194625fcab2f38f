//! System mode on a machine of its own: postrider installed by contrib/install.sh in namespaces with private /etc, /usr, /run and spool,
//! several people, and a hostile one among them; and relays on a network with a name server of its own. Needs root; without it the tests
//! say so and pass, or fail if `POSTRIDER_INTEROP=require` is set, as CI does.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod container {
    mod image;
    mod running;
    mod started;
}
mod drop {
    mod drop_abuse;
    pub mod drop_faults;
    mod foreign_files;
    mod one_file_time;
    mod static_programs;
}
mod mailbox {
    mod attacks;
    mod beside_postfix;
    mod client;
    mod delivered;
    mod identity;
    mod kills;
    mod locks;
    mod parallel;
    mod quota;
    mod readers;
}
mod runner {
    mod attacks;
    mod crashes;
    mod forged_senders;
    mod hostile_clients;
    mod idle_exit;
    mod power;
    mod recipient_limit;
    mod service;
    mod socket_abuse;
    mod user_limits;
}
mod queue {
    mod query_abuse;
    mod queue_access;
    mod status;
}
mod deliver {
    mod dns;
    pub mod name_server;
    mod server_discovery;
}
mod init {
    mod providers;
    mod published;
    mod scene;
}
mod config {
    mod check;
    mod clients;
    mod imports;
    mod keyring;
    mod moved;
    mod passwords;
}
mod bystander;
mod install;
mod machine;
mod machine_runner;
