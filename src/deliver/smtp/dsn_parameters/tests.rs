//! Unit tests of `deliver::smtp::dsn_parameters`.

use super::*;

#[test]
fn parameters_are_those_of_the_rfc_and_nothing_else_gets_out() {
    let wishes = DsnRequest {
        ret: Some("hdrs"),
        envid: Some("a+b=c d\r\nQUIT"),
        recipients: vec![
            RecipientWish {
                notify: Some("success, delay"),
                orcpt: Some("rfc822;x+y@z.example"),
                ..RecipientWish::default()
            },
            RecipientWish { notify: Some("never"), orcpt: Some("plain@z.example"), ..RecipientWish::default() },
            RecipientWish { notify: Some("never,success"), orcpt: None, ..RecipientWish::default() },
            RecipientWish { notify: Some("failure\r\nDATA"), orcpt: None, ..RecipientWish::default() },
        ],
    };
    assert_eq!(wishes.mail(), " RET=HDRS ENVID=a+2Bb+3Dc+20d+0D+0AQUIT");
    assert_eq!(wishes.rcpt(0), " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@z.example");
    assert_eq!(wishes.rcpt(1), " NOTIFY=NEVER ORCPT=rfc822;plain@z.example");
    assert_eq!([wishes.rcpt(2), wishes.rcpt(3), wishes.rcpt(9)], ["", "", ""]);
    assert_eq!(DsnRequest { ret: Some("x"), ..DsnRequest::default() }.mail(), "");
}
