//! Which domains Postfix keeps on its machine, and whether others send their mail there.

use std::collections::HashSet;

use super::main_cf::{self, MainCf, elements};
use super::{relays, tables};
use crate::import::draft::{Draft, is_domain, is_public, is_this_machine};

const OWN: &str = "$myhostname, localhost.$mydomain, localhost";

/// The elements of a list of domains, with those in the files and tables that it names; and what is not known of it.
struct Domains {
    names: Vec<String>,
    /// Elements that are no names, and why.
    others: Vec<(String, String)>,
}

impl Domains {
    fn of(main: &MainCf<'_>, list: &str) -> Self {
        let mut found = Self { names: Vec::new(), others: Vec::new() };
        for element in elements(list) {
            found.element(main, &element);
        }
        let mut seen = HashSet::new();
        found.names.retain(|name| seen.insert(name.to_lowercase()));
        found
    }

    fn element(&mut self, main: &MainCf<'_>, element: &str) {
        if is_domain(element) {
            self.names.push(element.to_owned());
        } else if element.starts_with('/') {
            match main.read(&main.place(element)) {
                Ok(text) => {
                    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
                    let (names, others) = lines.flat_map(elements).partition(|name: &String| is_domain(name));
                    self.names.extend::<Vec<String>>(names);
                    let why = |name: String| (name, format!("in {element}, and not a name"));
                    self.others.extend::<Vec<_>>(Vec::into_iter(others).map(why).collect());
                }
                Err(error) => self.others.push((element.to_owned(), format!("cannot be read: {error}"))),
            }
        } else if element.contains(':') {
            match tables::keys(main, element) {
                Some(keys) => self.names.extend(keys.into_iter().filter(|key| is_domain(key))),
                None => self.others.push((element.to_owned(), "its names are not known".to_owned())),
            }
        } else {
            self.others.push((element.to_owned(), "not a name".to_owned()));
        }
    }
}

/// The machine's own names are those of Postfix: mail to any other goes to the relay, as before. Returns them, and `myorigin`.
pub(super) fn own_names(main: &MainCf<'_>, draft: &mut Draft) -> Vec<String> {
    let Domains { mut names, others } = Domains::of(main, &main.or_default("mydestination", OWN));
    let rows = tables::rows(main, "transport_maps", &mut Draft::default());
    if takes_own_mail(main) {
        names.clear();
    }
    names.extend(rows.into_iter().filter(|(key, value)| relays::is_local(value) && is_domain(key)).map(|(key, _)| key));
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.to_lowercase()));
    for (other, why) in others {
        let why = format!("only names are imported ({why}); list further ones in `own_domains`");
        draft.left_out(format!("mydestination = {other}"), why);
    }
    draft.top.list("own_domains", &names, "mydestination");
    names.extend(super::origin(main).and_then(Result::ok));
    names.push(main.or_default("myhostname", "$myhostname"));
    let mut seen = HashSet::new();
    names.retain(|name| is_domain(name) && seen.insert(name.to_lowercase()));
    names
}

/// Whether a row for all mail names a transport, which then has the mail for this machine as well; without one, in `:[relay]`, local
/// mail stays local.
fn takes_own_mail(main: &MainCf<'_>) -> bool {
    let rows = tables::rows(main, "transport_maps", &mut Draft::default());
    let names_one = |value: &str| value.split(':').next().is_some_and(|service| !service.trim().is_empty());
    let is_for_all = |key: &str| key == "*" || key == tables::ALL;
    rows.iter().any(|(key, value)| is_for_all(key) && names_one(value) && !relays::is_local(value))
}

/// Whether that leaves no domain on this machine.
pub(super) fn keeps_nothing(main: &MainCf<'_>) -> bool {
    let rows = tables::rows(main, "transport_maps", &mut Draft::default());
    takes_own_mail(main) && !rows.iter().any(|(key, value)| relays::is_local(value) && is_domain(key))
}

/// Whether it receives mail from others, or keeps mail that no relay would take.
pub(super) fn receives(main: &MainCf<'_>, master: Option<&str>, draft: &mut Draft) {
    if !is_reached(main, master) {
        return;
    }
    let rows = tables::rows(main, "virtual_alias_maps", &mut Draft::default());
    let keys = rows.into_iter().map(|(key, _)| key).filter(|key| key.contains('.') && is_domain(key));
    // The domains of virtual aliases are among their keys unless they are listed.
    let (virtuals, by) = if main.is_set("virtual_alias_domains") {
        (Domains::of(main, &main.or_default("virtual_alias_domains", "")), "virtual_alias_domains")
    } else {
        (Domains { names: keys.collect(), others: Vec::new() }, "virtual_alias_maps")
    };
    let own = Domains::of(main, &main.or_default("mydestination", OWN));
    for (domains, by) in [(own, "mydestination"), (virtuals, by)] {
        if let Some(domain) = domains.names.iter().find(|name| is_public(name)) {
            draft.serves(format!("receives mail for {domain} (inet_interfaces, {by})"));
        } else if let Some((other, why)) = domains.others.first() {
            draft.serves(format!("may receive mail for others ({by} = {other}: {why})"));
        }
    }
    for name in ["relay_domains", "virtual_mailbox_domains", "virtual_mailbox_maps"] {
        if main.get(name).is_some() {
            draft.serves(format!("receives mail for others ({name})"));
        }
    }
}

/// Whether other machines reach its server: by `inet_interfaces`, or by an address that master.cf itself has.
fn is_reached(main: &MainCf<'_>, master: Option<&str>) -> bool {
    let interfaces = elements(&main.or_default("inet_interfaces", "all"));
    let is_inside = |name: &str| name == "loopback-only" || is_this_machine(name);
    let are_outside = !interfaces.iter().all(|name| is_inside(name));
    let listens = |line: &String| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = fields.first().map_or(("", ""), |name| name.rsplit_once(':').unwrap_or(("", name)));
        let is_outside = if address.is_empty() { are_outside } else { !is_inside(address) };
        fields.get(1) == Some(&"inet") && ["smtp", "25"].contains(&port) && is_outside
    };
    master.map_or(are_outside, |text| main_cf::logical_lines(text).iter().any(listens))
}
