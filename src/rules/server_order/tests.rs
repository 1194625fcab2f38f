//! Unit tests of `rules::server_order`.
use super::*;

fn ranked(priority: u16, weight: u16, server: &'static str) -> Ranked<&'static str> {
    Ranked { priority, weight, server }
}

/// How often each comes first, in a thousand evenly spread chances.
fn firsts(servers: &[Ranked<&'static str>], name: &str) -> usize {
    let is_first = |at: &i32| in_order(servers.to_vec(), || f64::from(*at) / 1000.0)[0][0] == name;
    (0..1000).filter(is_first).count()
}

#[test]
fn priorities_come_first_and_weights_share_among_equals() {
    let servers =
        [ranked(20, 100, "backup"), ranked(10, 60, "a"), ranked(10, 30, "b"), ranked(10, 10, "c"), ranked(10, 0, "d")];
    let groups = in_order(servers.to_vec(), || 0.5);
    assert_eq!((groups.len(), groups[0].len(), groups[1].as_slice()), (2, 4, &["backup"][..]));
    for (name, share) in [("a", 600), ("b", 300), ("c", 100), ("d", 0), ("backup", 0)] {
        assert!(firsts(&servers, name).abs_diff(share) <= 1, "{name}: {}", firsts(&servers, name));
    }
    assert_eq!(in_order(servers.to_vec(), || 1.0)[0][0], "c", "the end of the range");
}

#[test]
fn those_without_a_weight_and_exchangers_share_evenly() {
    for weight in [0, 1, 65535] {
        let servers = [ranked(5, weight, "a"), ranked(5, weight, "b")];
        assert_eq!((firsts(&servers, "a"), firsts(&servers, "b")), (500, 500), "{weight}");
    }
    assert_eq!(in_order(Vec::<Ranked<&str>>::new(), || 0.5), Vec::<Vec<&str>>::new());
}
