//! What is left of a value without some of its texts.

use super::*;

#[test]
fn a_list_goes_on_without_what_does_not_fit() {
    let fits = |text: &str| !text.contains('x');
    assert_eq!(without("[\"a\", \"x\", \"b\"]", &fits), Rest::Part("[\"a\", \"b\"]".to_owned()));
    assert_eq!(without("[\"x\", \"b\"]", &fits), Rest::Part("[\"b\"]".to_owned()));
    assert_eq!(
        without("[{ \"a\" = \"b\", x = \"c\", d = \"x\" }, \"hash:/t\"]", &fits),
        Rest::Part("[{ \"a\" = \"b\"}, \"hash:/t\"]".to_owned())
    );
    assert_eq!(without("[{ x = \"c\" }]", &fits), Rest::Nothing);
    assert_eq!(without("{ file = \"x\" }", &fits), Rest::Nothing);
    assert_eq!(without("\"x\"", &fits), Rest::Nothing);
    assert_eq!(without("\"y\"", &fits), Rest::Whole);
    assert_eq!(without("true", &fits), Rest::Whole);
}
