//! Unit tests of `users`.

use std::path::Path;

use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# x\nher:x:20002:20002:Her, Name:/home/her:/bin/sh\nher:x:0:0::/x:/y\nshort:x:1:1\n\
                      letters:x:1x:1::/h:/s\nplus:x:+5:1::/h:/s\nminus:x:-1:1::/h:/s\nall:x:4294967295:1::/h:/s\nallg:x:1:4294967295::/h:/s\n\
                      empty:x:::: /h:/s\nrelative:x:5:5::home:/s\nmore:x:5:5::/h:/s:x\n";

#[test]
fn a_user_is_the_first_line_of_his_name() {
    let her = user(PASSWD, "her").unwrap();
    assert_eq!((her.uid, her.gid, her.home.as_path()), (20002, 20002, Path::new("/home/her")));
    assert_eq!(user(PASSWD, "root").unwrap().uid, 0);
    for nobody in
        ["", "he", "Her", "# x", "short", "letters", "plus", "minus", "all", "allg", "empty", "relative", "more"]
    {
        assert_eq!(user(PASSWD, nobody), None, "{nobody}");
    }
}

#[test]
fn groups_are_those_that_list_him() {
    let group = "root:x:0:\nmail:x:8:her\nstaff:x:50:his,her\nodd:x:y:her\nall:x:4294967295:her\nmore:x:51:hers,xher\nshort:x:52\nlast:x:53:her";
    assert_eq!(groups(group, "her"), [8, 50, 53]);
    assert_eq!(groups(group, ""), [0]);
    assert!(groups("", "her").is_empty());
}

#[test]
fn people_begin_where_login_defs_says() {
    assert_eq!(first_uid("#UID_MIN 5\nUID_MIN\t\t\t 500 # x\nSYS_UID_MIN 100\n"), 500);
    for text in ["", "UID_MIN\n", "UID_MIN x\n", "UID_MINIMUM 7\n"] {
        assert_eq!(first_uid(text), 1000, "{text}");
    }
}
