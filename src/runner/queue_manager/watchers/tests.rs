//! Which names in a folder are a reason to look at the configuration again.

use super::*;

#[test]
fn in_conf_d_the_files_of_the_configuration_matter_and_not_what_an_editor_leaves_there() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folders = FolderWatch::new(4096).unwrap().folders();
    let watched = |dir: &tempfile::TempDir| folders.add(dir.path(), See::ChangedFiles).unwrap();
    let (conf_d, beside) = (watched(&dir), watched(&other));
    let mut names = Names::default();
    names.conf_d.insert(conf_d.clone());
    names.named.entry(beside.clone()).or_default().insert("config.toml".into());
    let include = |folder, name: &str| names.include(folder, OsStr::new(name));
    assert!(include(&conf_d, "10-isp.toml") && include(&beside, "config.toml"));
    for left in [".10-isp.toml.swp", "10-isp.toml~", "4913", ".10-isp.toml", "10-isp.toml.new"] {
        assert!(!include(&conf_d, left), "{left}");
    }
    assert!(!include(&beside, "10-isp.toml") && !include(&conf_d, "config.tom"));
}
