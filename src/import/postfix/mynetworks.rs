//! mynetworks, and what `mynetworks_style` stands for: the networks whose clients submit without a password.

use super::main_cf::{MainCf, elements};
use crate::config::network::{BadPrefix, Prefix};
use crate::import::draft::Draft;

/// The networks whose clients need no password. They are noted where nobody asked for them.
pub(crate) fn trusted(main: &MainCf<'_>, owner: Option<&str>, draft: &mut Draft) -> Vec<Prefix> {
    let style = main.get("mynetworks_style");
    let (elements, what) = match main.get("mynetworks") {
        Some(set) => (elements(&set), "mynetworks"),
        // Set to nothing, it has nobody in it.
        None if main.is_set("mynetworks") => return Vec::new(),
        // Nobody said anything of clients.
        None if style.is_none() && owner.is_none() => return Vec::new(),
        None if style.as_deref().is_none_or(|style| style == "host") => {
            (vec!["127.0.0.0/8".to_owned(), "[::1]/128".to_owned()], "mynetworks_style")
        }
        None => {
            let why =
                "list this machine's networks in mynetworks, or in `networks` of a client: they are not looked up";
            draft.left_out("mynetworks_style", why);
            return Vec::new();
        }
    };
    if owner.is_none() {
        let why = "clients that submit by SMTP without a password, identified by their address, are imported only with \
                   --trust-networks";
        draft.left_out(what, why);
        return Vec::new();
    }
    prefixes(what, &elements, draft)
}

/// The elements that are networks. One from which Postfix excludes some addresses would trust these as well.
fn prefixes(what: &str, elements: &[String], draft: &mut Draft) -> Vec<Prefix> {
    let (mut found, mut excluded) = (Vec::new(), Vec::new());
    // Those of IPv4 in the form of IPv6 are the same once more.
    for element in elements.iter().filter(|element| !element.contains("[::ffff:")) {
        let bare = element.trim_start_matches('!');
        match (Prefix::parse(&unbracketed(bare)), bare == element) {
            (Ok(prefix) | Err(BadPrefix::HostBits(prefix)), true) => found.push(prefix),
            (Ok(prefix) | Err(BadPrefix::HostBits(prefix)), false) => {
                excluded.push(prefix);
                let why = "there are no exceptions, so the network around it is not imported; list its other addresses in `networks` \
                           of the client";
                draft.left_out(format!("{what} = {element}"), why);
            }
            (Err(_), true) => draft.left_out(
                format!("{what} = {element}"),
                "only addresses and networks are imported; list others in `networks` of the client",
            ),
            (Err(_), false) => {
                draft.left_out(
                    format!("{what} = {element}"),
                    "what it excludes is not known, so no network is imported",
                );
                return Vec::new();
            }
        }
    }
    let overlaps = |one: &Prefix, other: &Prefix| one.contains(other.address()) || other.contains(one.address());
    found.retain(|prefix| !excluded.iter().any(|excluded| overlaps(prefix, excluded)));
    found
}

/// `[fd00::]/8` as `fd00::/8`.
fn unbracketed(element: &str) -> String {
    element.replace(['[', ']'], "")
}
