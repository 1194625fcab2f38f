//! Unit tests of `mail::list::tokens`.

use super::*;

fn cut(text: &str) -> Vec<(Kind, &str)> {
    Tokens::new(text.as_bytes()).map(|t| (t.kind, &text[t.range()])).collect()
}

#[test]
fn words_marks_comments_and_literals() {
    use Kind::{At, Close, Comma, Comment, Dot, Literal, Open, Quoted, Unclosed, Word};
    assert_eq!(
        cut("\"A, \\\"B\" <a.b@[1.2]>,"),
        [
            (Quoted, "\"A, \\\"B\""),
            (Open, "<"),
            (Word, "a"),
            (Dot, "."),
            (Word, "b"),
            (At, "@"),
            (Literal, "[1.2]"),
            (Close, ">"),
            (Comma, ",")
        ]
    );
    assert_eq!(cut("a (b (c\\)) d) e"), [(Word, "a"), (Comment, "(b (c\\)) d)"), (Word, "e")]);
    assert_eq!(cut("a\\, \"b"), [(Word, "a\\,"), (Unclosed, "\"b")]);
    assert_eq!(cut("(a"), [(Comment, "(a")]);
    assert_eq!(cut("=?utf-8?Q?a,_b?= x"), [(Word, "=?utf-8?Q?a,_b?="), (Word, "x")]);
    assert_eq!(cut("=?utf-8?Q?a b?="), [(Word, "=?utf-8?Q?a"), (Word, "b?=")]);
}
