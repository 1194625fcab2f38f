//! The shell completions in contrib, generated from the program's own definition and held to it: what differs is an
//! error, and `POSTRIDER_RENEW=yes cargo test completions` writes them again. What only the program knows when it runs,
//! ids and accounts, the files in the folder of this test add.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::cli::Arguments;

#[test]
fn the_completions_in_contrib_are_the_programs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/completions");
    for (shell, name) in [(Shell::Bash, "postrider.bash"), (Shell::Zsh, "_postrider"), (Shell::Fish, "postrider.fish")]
    {
        let mut generated = Vec::new();
        generate(shell, &mut Arguments::command(), "postrider", &mut generated);
        let generated = with_known(shell, String::from_utf8(generated).unwrap());
        let path = folder.join(name);
        if std::env::var_os("POSTRIDER_RENEW").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(
            kept == generated.as_bytes(),
            "{} is not what the program takes: run `POSTRIDER_RENEW=yes cargo test --lib completions`",
            path.display()
        );
    }
}

const BASH: &str = include_str!("completions/known.bash");
const FISH: &str = include_str!("completions/known.fish");
const ZSH: &str = include_str!("completions/known.zsh");

/// With what asks the program.
fn with_known(shell: Shell, generated: String) -> String {
    match shell {
        Shell::Bash => generated.replace(" config complete help", " config help") + BASH,
        Shell::Fish => generated + FISH,
        _ => {
            let (mut of_history, mut adds_client) = (false, false);
            let mut lines = String::new();
            for line in generated.lines().filter(|line| !line.starts_with("'complete:")) {
                // The commands are sections, each of which begins with its name.
                if line.starts_with('(') {
                    of_history = line == "(history)";
                    adds_client = line == "(add)";
                }
                if line.starts_with("if [ \"$funcstack") {
                    lines.push_str(ZSH);
                }
                let known = match line {
                    ids if ids.starts_with("'*::ids -- ") || ids.starts_with("':id -- ") => {
                        Some(if of_history { "_postrider_finished" } else { "_postrider_ids" })
                    }
                    client
                        if client.contains("'--client=[") || (client.starts_with("':client -- ") && !adds_client) =>
                    {
                        Some("_postrider_clients")
                    }
                    account if account.contains("'--account=[") || account.contains(":account -- ") => {
                        Some("_postrider_accounts")
                    }
                    _ => None,
                };
                let line =
                    known.map_or_else(|| line.to_owned(), |known| line.replace(":_default'", &format!(":{known}'")));
                lines.push_str(&line);
                lines.push('\n');
            }
            lines
        }
    }
}
