//! The example of RFC 7677, bindings, and what is no SCRAM.

use std::num::NonZeroU32;

use super::*;
use crate::config::scram::ScramHash;

fn keys() -> StoredKeys {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    StoredKeys::of(ScramHash::Sha256, "pencil", &salt, NonZeroU32::new(4096).unwrap())
}

const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const PROOF: &str =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn challenged(first: &str, channel: Channel) -> Challenged {
    let first = First::read(first, &channel).unwrap();
    first.challenge(keys(), channel, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").1
}

#[test]
fn the_example_of_rfc_7677() {
    let first = First::read(FIRST, &Channel::Unbound).unwrap();
    let (challenge, challenged) = first.challenge(keys(), Channel::Unbound, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(challenge, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let proven = challenged.prove(PROOF).unwrap();
    assert_eq!(proven.username, "user");
    assert_eq!(proven.server_final.unwrap(), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#[test]
fn a_proof_for_another_password_nonce_or_connection_is_none() {
    let wrong = [
        PROOF.replace("dHzb", "dHzc"),
        PROOF.replace("r=rOpr", "r=xOpr"),
        PROOF.replace("c=biws", "c=eSws"),
        PROOF.replace("p=dHzbZapW", "p="),
    ];
    for proof in wrong {
        let proven = challenged(FIRST, Channel::Unbound).prove(&proof);
        assert!(proven.is_ok_and(|proven| proven.server_final.is_none()), "{proof}");
    }
    let binding = Binding { kind: "tls-exporter", data: vec![1; 32] };
    let bound = challenged("p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO", Channel::Bound(binding));
    assert!(bound.prove(PROOF).unwrap().server_final.is_none());
}

#[test]
fn a_binding_that_was_taken_away_is_noticed() {
    let bound = || Channel::Bound(Binding { kind: "tls-exporter", data: vec![1; 32] });
    let read = |flag: &str, channel: &Channel| {
        First::read(&format!("{flag},,n=user,r=abc"), channel).map(|_| ()).map_err(|no| no.code())
    };
    assert_eq!(read("n", &Channel::Unbound), Ok(()));
    assert_eq!(read("y", &Channel::Unbound), Ok(()));
    assert_eq!(read("n", &Channel::PlusOffered), Ok(()));
    assert_eq!(read("y", &Channel::PlusOffered), Err(535));
    assert_eq!(read("p=tls-exporter", &bound()), Ok(()));
    for flag in ["n", "y", "p=tls-unique"] {
        assert_eq!(read(flag, &bound()), Err(501), "{flag}");
    }
    assert_eq!(read("p=tls-exporter", &Channel::Unbound), Err(501));
}

#[test]
fn names_are_escaped_and_nobody_acts_for_another() {
    let read = |message: &str| First::read(message, &Channel::Unbound);
    assert_eq!(read("n,,n=a=2Cb=3Dc,r=x").unwrap().username, "a,b=c");
    assert_eq!(read("n,a=user,n=user,r=x").unwrap().username, "user");
    assert_eq!(read("n,a=root,n=user,r=x").unwrap_err().code(), 535);
    for message in
        ["", "n,,", "n,,n=a", "n,,n=,r=x", "n,,n=a=,r=x", "n,,n=a=2,r=x", "n,,m=1,n=a,r=x", "n,,n=a,r=", "n,b,n=a,r=x"]
    {
        assert_eq!(read(message).unwrap_err().code(), 501, "{message}");
    }
    for message in ["", "c=biws", "c=biws,r=x", "c=!,r=x,p=AA==", "c=biws,r=x,p=!"] {
        assert_eq!(challenged(FIRST, Channel::Unbound).prove(message).unwrap_err().code(), 501, "{message}");
    }
}
