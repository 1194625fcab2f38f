//! System mode on a machine of its own: postrider installed by contrib/install.sh in namespaces with private /etc, /usr, /run and spool,
//! several people, and a hostile one among them; and relays on a network with a name server of its own. Needs root; without it the tests
//! say so and pass, or fail if `POSTRIDER_INTEROP=require` is set, as CI does.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attacks;
mod check;
mod crashes;
mod curious;
mod desk;
mod dns;
mod faults;
mod hostile;
mod install;
mod installed;
mod keyring;
mod limits;
mod name_server;
mod owners;
mod secrets;
mod service;
mod status;
