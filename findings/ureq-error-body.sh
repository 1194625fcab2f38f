#!/bin/bash
# The crate ureq throws away what a server says in its answer when the status is 400 or more.
#
# Version: ureq 3.5.2 (without default features).
# Guess: an HTTP error comes with its response, as in ureq 2, whose Error::Status had one, so that the body can be read. An
#   OAuth token endpoint says there which error it is (RFC 6749 section 5.2): invalid_grant means "log in again",
#   authorization_pending (RFC 8628) means "ask again in 5 seconds"; the status is 400 for both.
# Behaviour: the call gives Err(StatusCode(400)), which has the number and nothing else; headers (Retry-After, say) and body
#   are gone. .config().http_status_as_error(false) makes it an Ok with the whole response.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export CARGO_TARGET_DIR="$folder/target" CARGO_BUILD_JOBS=1
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
ureq = { version = "=3.5.2", default-features = false }
TOML
cat >src/main.rs <<'RUST'
use std::io::{Read, Write};
use std::net::TcpListener;

/// Answers this many requests as a token endpoint does while nobody has confirmed yet.
fn serve(listener: TcpListener, requests: usize) -> std::io::Result<()> {
    let body = r#"{"error":"authorization_pending"}"#;
    for connection in listener.incoming().take(requests) {
        let mut connection = connection?;
        let mut request = Vec::new();
        while !request.ends_with(b"device_code=x") {
            let mut some = [0; 512];
            let n = connection.read(&mut some)?;
            request.extend_from_slice(&some[..n]);
            if n == 0 {
                break;
            }
        }
        let length = body.len();
        write!(connection, "HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/token", listener.local_addr()?);
    std::thread::spawn(move || serve(listener, 2));
    let form = [("device_code", "x")];
    println!("by default: {:?}", ureq::post(&url).send_form(form).map(|_| "a response"));
    let mut response = ureq::post(&url).config().http_status_as_error(false).build().send_form(form)?;
    println!("http_status_as_error(false): {}, {}", response.status(), response.body_mut().read_to_string()?);
    Ok(())
}
RUST

echo "guess: the body is to be had from the error"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
ureq v3.5.2
by default: Err(StatusCode(400))
http_status_as_error(false): 400 Bad Request, {"error":"authorization_pending"}
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
