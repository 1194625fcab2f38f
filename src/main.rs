//! The program `postrider`; also `sendmail`, `mailq` and `newaliases` by name.

fn main() -> std::process::ExitCode {
    postrider::cli::main()
}
