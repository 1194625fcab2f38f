//! Where Postfix's local(8) keeps the mail of the machine's users, as `mailbox` and `local_users`. What runs programs has no
//! place here, and what is only Postfix's default is not taken over: a machine that sends all its mail away has it too.

use super::main_cf::{MainCf, elements};
use super::{destinations, tables};
use crate::import::draft::{Draft, OwnMail, is_this_machine};
use crate::mail::address_class::AddressClass;

/// Parameters that choose a way of delivery, in local(8)'s order.
const WAYS: [&str; 5] =
    ["local_transport", "mailbox_transport", "mailbox_command", "home_mailbox", "mail_spool_directory"];

/// Sets `mailbox` and `local_users`, if main.cf says where mailboxes are. Without a domain of their own there are none.
pub(super) fn mailbox(main: &MainCf<'_>, draft: &mut Draft) {
    let names = elements(&main.or_default("mydestination", "$myhostname, localhost.$mydomain, localhost"));
    let has_names = !names.is_empty() && !destinations::keeps_nothing(main);
    let transport = main.or_default("local_transport", "local:$myhostname");
    let leaves = ["error:", "smtp:", "relay:", "discard:", "retry:"].iter().any(|other| transport.starts_with(other));
    for name in WAYS.into_iter().filter(|_| has_names) {
        let Some(value) = main.get(name) else { continue };
        match way(main, name, &value) {
            Way::Mailbox(mailbox) if !draft.top.sets("mailbox") => {
                draft.top.text("mailbox", &mailbox, name);
                users(main, draft);
            }
            Way::Mailbox(_) => draft.no_effect(name, "another parameter is used before it"),
            Way::Unsupported(why) => draft.left_out(format!("{name} = {value}"), why),
            Way::None => {}
        }
    }
    if has_names && draft.top.sets("generic") {
        let others = [AddressClass::RemoteRecipient, AddressClass::HeaderRecipient];
        draft.generic_is_for_senders(
            &others,
            "mydestination does not leave this machine, so smtp_generic_maps is not for it",
        );
    }
    // Of localhost alone, only what a virtual alias names.
    let has_users = has_names
        && (main.is_set("virtual_alias_maps") || names.iter().any(|name| !name.eq_ignore_ascii_case("localhost")));
    if draft.top.sets("mailbox") {
        draft.own_mail = OwnMail::Stays;
    } else if has_users && !leaves {
        draft.keeps_own_mail();
    }
}

/// What a parameter comes to.
enum Way {
    /// The value of `mailbox`.
    Mailbox(String),
    /// Why it is left out.
    Unsupported(&'static str),
    /// Nothing that concerns mailboxes.
    None,
}

fn way(main: &MainCf<'_>, name: &str, value: &str) -> Way {
    match name {
        "home_mailbox" => Way::Mailbox(match value.strip_suffix('/') {
            Some(folder) => format!("maildir:~/{folder}"),
            None => format!("mbox:~/{value}"),
        }),
        "mail_spool_directory" => Way::Mailbox(match value.strip_suffix('/') {
            Some(folder) => format!("maildir:{folder}/%u"),
            None => format!("mbox:{value}/%u"),
        }),
        "mailbox_command" => Way::Unsupported("postrider runs no programs; set `mailbox` to where the mail should go"),
        _ => match value.strip_prefix("lmtp:") {
            Some(server) => lmtp(main, server),
            None if name == "mailbox_transport" => {
                Way::Unsupported("only LMTP on this machine can be used; set `mailbox`")
            }
            None => Way::None,
        },
    }
}

/// `unix:PATH`, below the queue directory unless it is absolute, or `inet:HOST:PORT`.
fn lmtp(main: &MainCf<'_>, server: &str) -> Way {
    if let Some(path) = server.strip_prefix("unix:") {
        let folder = main.or_default("queue_directory", "/var/spool/postfix");
        let is_absolute = path.starts_with('/');
        return Way::Mailbox(if is_absolute { format!("lmtp:{path}") } else { format!("lmtp:{folder}/{path}") });
    }
    let server = server.strip_prefix("inet:").unwrap_or(server);
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "24"));
    let port = if port == "lmtp" { "24" } else { port };
    if !is_this_machine(host) {
        return Way::Unsupported("LMTP goes to this machine only; an account can send mail to another one");
    }
    let host = host.trim_matches(['[', ']']);
    Way::Mailbox(format!("lmtp:[{}]:{port}", if host == "localhost" { "127.0.0.1" } else { host }))
}

/// `local_recipient_maps`, but for the logins and the aliases, which are known anyway.
fn users(main: &MainCf<'_>, draft: &mut Draft) {
    let is_known =
        |table: &String| table.contains("unix:passwd") || elements(&main.or_default("alias_maps", "")).contains(table);
    let listed: Vec<String> = main.list("local_recipient_maps").into_iter().filter(|table| !is_known(table)).collect();
    let sources: Vec<String> =
        listed.iter().filter_map(|table| tables::source(main, "local_recipient_maps", table, draft)).collect();
    if !sources.is_empty() {
        draft.top.values("local_users", &sources, "local_recipient_maps");
    }
}
