//! The front end alone: what is started a thousand times a day links no TLS, DNS or keyring.

fn main() -> std::process::ExitCode {
    postrider::cli::sendmail::main()
}
