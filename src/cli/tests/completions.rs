//! The shell completions in contrib, generated from the program's own definition and held to it: what differs is an
//! error, and `POSTRIDER_RENEW=yes cargo test completions` writes them anew.

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
        let path = folder.join(name);
        if std::env::var_os("POSTRIDER_RENEW").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(
            kept == generated,
            "{} is not what the program takes: run `POSTRIDER_RENEW=yes cargo test --lib completions`",
            path.display()
        );
    }
}
