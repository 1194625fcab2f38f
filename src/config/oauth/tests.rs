//! The table of OAuth 2.0 services.

use super::*;

#[test]
fn every_service_is_read_and_uses_https() {
    let Table { service } = toml::from_str(include_str!("services.toml")).unwrap();
    assert!(service.len() >= 7);
    for Service { id, authorization, device, token, hosts, scope, .. } in &service {
        let urls = [Some(authorization), device.as_ref(), Some(token)];
        assert!(urls.into_iter().flatten().all(|url| url.starts_with("https://")), "{id}");
        assert!(!hosts.is_empty() && !scope.is_empty(), "{id}");
        assert_eq!(service.iter().filter(|other| other.id == *id).count(), 1, "{id}");
    }
}
