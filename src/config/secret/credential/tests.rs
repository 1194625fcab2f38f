//! Unit tests of `config::secret::credential`.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn a_credential_is_read_from_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folder = || Some(dir.path().as_os_str().to_owned());
    assert!(fetch_in(folder(), "isp").unwrap_err().to_string().contains("LoadCredential=isp:"));
    std::fs::write(dir.path().join("isp"), "hunter2\n").unwrap();
    assert_eq!(fetch_in(folder(), "isp").unwrap().expose(), "hunter2");
    assert!(fetch_in(None, "isp").unwrap_err().to_string().contains("LoadCredential=isp:"));
}
