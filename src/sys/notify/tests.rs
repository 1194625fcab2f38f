//! Unit tests of `sys::notify`.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn the_manager_is_told_at_a_path_and_at_an_abstract_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let abstract_name = format!("postrider-test-{}", std::process::id());
    let at = |address: SocketAddr| UnixDatagram::bind_addr(&address).unwrap();
    let managers = [
        (at(SocketAddr::from_pathname(&path).unwrap()), path.as_os_str().as_bytes().to_owned()),
        (at(SocketAddr::from_abstract_name(&abstract_name).unwrap()), format!("@{abstract_name}").into_bytes()),
    ];
    for (manager, name) in managers {
        send(&name, b"READY=1").unwrap();
        let mut heard = [0; 16];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
    }
}
