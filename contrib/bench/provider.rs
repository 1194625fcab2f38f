//! The scripted provider of the tests as a program of its own, for the benchmarks: it takes mail over TLS and AUTH,
//! counts what that cost, and can let every flight of replies take a while, as a provider far away does. Never
//! installed. Prints its port, then answers each line on stdin with the counts so far; ends with its input.
//!
//!     provider AUTHORITY.PEM [--delay MILLISECONDS] [--chunking]

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::BufRead;
use std::time::Duration;

use support::provider::Provider;

fn main() {
    let mut words = std::env::args().skip(1);
    let authority = words.next().expect("where the authority's certificate goes");
    let mut setup = Provider::setup();
    while let Some(word) = words.next() {
        setup = match word.as_str() {
            "--delay" => {
                let milliseconds = words.next().and_then(|text| text.parse().ok()).expect("--delay MILLISECONDS");
                setup.far_away(Duration::from_millis(milliseconds))
            }
            "--chunking" => setup.offers("CHUNKING"),
            other => panic!("{other}?"),
        };
    }
    let isp = setup.start();
    std::fs::write(authority, isp.authority()).unwrap();
    println!("{}", isp.port());
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            break;
        }
        let (messages, turns, connections, logins) =
            (isp.received(), isp.turns(), isp.connections(), isp.logins().len());
        println!("{messages} {turns} {connections} {logins}");
    }
    let broken = isp.violations();
    assert!(broken.is_empty(), "{broken:?}");
}
