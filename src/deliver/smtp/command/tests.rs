//! Unit tests of `deliver::smtp::command`.

use super::*;
use proptest::prelude::*;

#[test]
fn names_without_a_dot_become_literals() {
    let v4 = Some(IpAddr::from([192, 0, 2, 1]));
    let v6: Option<IpAddr> = "2001:db8::1".parse().ok();
    assert_eq!(ehlo("box.home.lan", v4), "EHLO box.home.lan\r\n");
    assert_eq!(ehlo("box", v4), "EHLO [192.0.2.1]\r\n");
    assert_eq!(ehlo("localhost", v6), "EHLO [IPv6:2001:db8::1]\r\n");
    assert_eq!(helo("a.b\r\nQUIT", v4), "HELO [192.0.2.1]\r\n");
}

proptest! {
    #[test]
    fn no_address_makes_more_than_one_line(local in any::<String>(), domain in "[a-z\u{fc}.\\[\\]:@<> \r\n-]{1,12}") {
        if let Ok(address) = Address::new(&local, &domain)
            && let Ok(line) = rcpt(&address, "")
        {
            let inner = line.strip_prefix("RCPT TO:<").and_then(|rest| rest.strip_suffix(">\r\n"));
            prop_assert!(inner.is_some_and(|inner| !inner.contains(['\r', '\n', '\0', ' ', '<', '>'])));
        }
    }
}

#[test]
fn parameters_and_paths() {
    let address = |text: &str| Address::parse(text).map_err(|_| AddressRefused::Unsafe);
    let options = MailOptions { size: Some(7), eight_bit: Some(EightBit), utf8: None };
    assert_eq!(
        address("a@x.example").and_then(|a| mail(&ReversePath::Mailbox(a), options, " RET=HDRS")),
        Ok("MAIL FROM:<a@x.example> SIZE=7 BODY=8BITMIME RET=HDRS\r\n".to_owned())
    );
    assert_eq!(mail(&ReversePath::Null, MailOptions::default(), ""), Ok("MAIL FROM:<>\r\n".to_owned()));
    assert_eq!(
        address("\"a@b\"@x.example").and_then(|a| rcpt(&a, "")),
        Ok("RCPT TO:<\"a@b\"@x.example>\r\n".to_owned())
    );
    assert_eq!(
        address("a@bücher.example").and_then(|a| rcpt(&a, "")),
        Ok("RCPT TO:<a@xn--bcher-kva.example>\r\n".to_owned())
    );
    for bad in ["\"a b\"@x.example", "\"a>b\"@x.example", "\"<\"@x.example"] {
        assert_eq!(address(bad).and_then(|a| rcpt(&a, "")), Err(AddressRefused::Unsafe), "{bad}");
    }
}
