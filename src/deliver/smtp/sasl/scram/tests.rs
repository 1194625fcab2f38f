//! Unit tests of `deliver::smtp::sasl::scram`.

use super::*;

fn exchange(hash: ScramHash, nonce: &str) -> Scram {
    Scram::new(hash, &Login::new("user".to_owned(), Secret::new("pencil".to_owned())), Bound::Not, nonce)
}

/// The RFCs' own examples.
#[test]
fn sha_1_and_sha_256_are_those_of_the_rfcs() {
    let mut scram = exchange(ScramHash::Sha1, "fyko+d2lbbFgONRv9qkxdawL");
    assert_eq!(scram.first(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    let said = scram.answer(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
    let expected = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
    assert_eq!(said.map(|m| m.to_vec()), Ok(expected.to_vec()));
    assert!(!scram.is_convinced());
    assert!(scram.answer(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").is_ok() && scram.is_convinced());

    let mut scram = exchange(ScramHash::Sha256, "rOprNGfwEbeRWgbNEkqO");
    let said = scram.answer(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let expected =
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(said.map(|m| m.to_vec()), Ok(expected.to_vec()));
    assert!(scram.answer(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_ok());
}

#[test]
fn an_impostor_is_found_out() {
    let mut scram = exchange(ScramHash::Sha1, "abc");
    assert!(scram.answer(b"r=abc,s=QSXCR+Q6sek8bf92,i=4096").is_err(), "no nonce of its own");
    assert!(scram.answer(b"r=xyzabc,s=QSXCR+Q6sek8bf92,i=4096").is_err(), "not ours");
    assert!(scram.answer(b"r=abcd,s=QSXCR+Q6sek8bf92,i=4000000000").is_err(), "endless work");
    assert!(scram.answer(b"r=abcd,s=QSXCR+Q6sek8bf92,i=4095").is_err(), "too little work");
    assert!(scram.answer(b"\xff\xfe").is_err());
    assert!(scram.answer(b"r=abcd,s=QSXCR+Q6sek8bf92,i=4096").is_ok());
    assert!(scram.answer(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").is_err() && !scram.is_convinced());
}
