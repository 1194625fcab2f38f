//! Two files as one, and what both must not have.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::read::{Readers, Source, Surroundings, read_all};
use crate::config::{Config, TableSource};

const MINIMAL: &str = "[account.isp]\nrelay = \"[smtp.example.com]\"\n";

fn around() -> Surroundings<'static> {
    Surroundings {
        path: Path::new("/etc/x/config.toml"),
        home: None,
        spool: Some(PathBuf::from("/spool")),
        readers: Readers::OwnerOnly,
        hostname: || "box.home.lan".to_owned(),
        services: |_| None,
        timers: |_| false,
    }
}

/// A main file and one of conf.d; the faults with the last part of their file's name.
fn of_two(main: &str, other: &str, readers: Readers) -> Result<Config, Vec<String>> {
    let source = Source { path: Path::new("/etc/x/conf.d/10.toml"), text: other, readers, variables: &[] };
    read_all(&around(), main, &[source])
        .map_err(|error| error.to_string().lines().map(|line| line.replace("/etc/x/", "")).collect())
}

#[test]
fn files_of_conf_d_add_sections_and_keys() {
    let other = "\u{feff}postmaster = \"me@isp.example\"\n[queue]\nlifetime = \"1d\"\n[account.b]\nrelay = \"b\"\n\
                 senders = [\"b@x.example\", \"c@x.example\"]\n";
    let config = of_two("default_account = \"a\"\n[account.a]\nrelay = \"a\"\n", other, Readers::OwnerOnly).unwrap();
    let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!((names, config.postmaster.as_str()), (vec!["a", "b"], "me@isp.example"));
    assert_eq!(config.queue.lifetime, Duration::from_hours(24));
    assert_eq!(config.accounts[1].senders, ["b@x.example", "c@x.example"]);
    assert_eq!(config.others, [Path::new("/etc/x/conf.d/10.toml")]);
}

#[test]
fn what_two_files_have_is_a_fault_that_names_both() {
    let main = "postmaster = \"a@b.example\"\n[queue]\nlifetime = \"1d\"\n[account.a]\nrelay = \"a\"\n";
    for (other, said) in [
        (
            "\n[account.a]\nrelay = \"b\"\n",
            "conf.d/10.toml:2:10: [account.a] is also in config.toml:4: keep one of them",
        ),
        ("[queue]\nhistory = \"2d\"\n", "conf.d/10.toml:1:2: [queue] is also in config.toml:2: keep one of them"),
        ("postmaster = 'c'\n", "conf.d/10.toml:1:1: `postmaster` is also in config.toml:1: keep one of them"),
    ] {
        assert_eq!(of_two(main, other, Readers::OwnerOnly).unwrap_err(), [said]);
    }
}

#[test]
fn the_tables_of_an_option_add_up_in_the_order_of_the_files() {
    let generic = |main: &str, other: &str| {
        let config = of_two(&format!("{main}\n{MINIMAL}"), other, Readers::OwnerOnly).unwrap();
        let tables = config.generic.iter().map(|table| match table {
            TableSource::Inline(rows) => rows[0].0.clone(),
            TableSource::Text(path) => path.display().to_string(),
            other => format!("{other:?}"),
        });
        tables.collect::<Vec<_>>()
    };
    let (row, file) = ("generic = { \"@a.lan\" = \"me@isp.example\" }", "generic = [\"rows\"]");
    assert_eq!(generic(row, file), ["@a.lan", "/etc/x/rows"]);
    assert_eq!(generic(file, row), ["/etc/x/rows", "@a.lan"]);
    assert_eq!(generic("generic = []", "generic = \"rows\""), ["/etc/x/rows"]);
    // What is wrong in one has its place there.
    let found = of_two(&format!("{row}\n{MINIMAL}"), "generic = [7]\n", Readers::OwnerOnly).unwrap_err();
    assert!(found[0].starts_with("conf.d/10.toml:1:12: `generic`"), "{found:?}");
}

#[test]
fn a_fault_in_conf_d_has_its_place_there() {
    for (other, said) in [
        ("\n\n[account.b]\nrelay = \"b\"\nsender = \"x\"\n", "conf.d/10.toml:5:1: unknown key `sender`"),
        ("[account.b]\nrelay = [\"b\", \"[c\"]\n", "conf.d/10.toml:2:15: `relay`: "),
        ("[account.b\n", "conf.d/10.toml:1:"),
        ("[client.x]\nscram = \"no\"\nowner = \"x\"\n", "conf.d/10.toml:2:9: `scram`: "),
        (
            "[account.b]\nrelay = \"b\"\nusername = \"u\"\npassword = { files = \"x\" }\n",
            "conf.d/10.toml:4:14: unknown",
        ),
    ] {
        let found = of_two(MINIMAL, other, Readers::OwnerOnly).unwrap_err();
        assert!(found.iter().any(|fault| fault.starts_with(said)), "{said}: {found:?}");
        assert!(found.iter().all(|fault| fault.starts_with("conf.d/10.toml:")), "{found:?}");
    }
    // Each file's own mode decides whether a password may stand in it.
    let literal = "[account.b]\nrelay = \"b\"\nusername = \"u\"\npassword = \"hunter2\"\n";
    let found = of_two(MINIMAL, literal, Readers::Others).unwrap_err().concat();
    assert!(found.contains("run \"chmod 600 conf.d/10.toml\"") && !found.contains("hunter2"), "{found}");
    assert!(of_two(MINIMAL, literal, Readers::OwnerOnly).is_ok());
}
