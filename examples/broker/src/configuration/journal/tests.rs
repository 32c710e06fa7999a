use super::super::value::Value;
use super::*;

fn set(name: &str, value: &str) -> Result<JournalSettings, String> {
    let mut journal = JournalSettings::default();
    let key = KEYS.iter().find(|key| key.name == name).unwrap();
    key.assign(&mut journal, &Value::of_argument(value)).map_err(|error| error.to_string())?;
    Ok(journal)
}

#[test]
fn each_key_sets_its_field() {
    assert_eq!(set("path", "/var/lib/mqtt").unwrap().path, "/var/lib/mqtt");
    assert_eq!(set("sync", "os").unwrap().sync, Sync::Os);
    assert_eq!(set("sync", "memory").unwrap().sync, Sync::Memory);
    assert_eq!(set("sync", "fsync").unwrap().sync, Sync::Fsync);
    assert_eq!(set("snapshot_after", "1 MiB").unwrap().snapshot_after, 1 << 20);
    let error = set("sync", "always").unwrap_err();
    assert_eq!(error, "`journal.sync` takes \"fsync\", \"os\" or \"memory\", not \"always\"");
}

#[test]
fn nothing_is_written_without_a_path_or_in_memory() {
    assert!(!JournalSettings::default().is_on());
    let mut journal = set("path", "journal").unwrap();
    assert!(journal.is_on());
    journal.sync = Sync::Memory;
    assert!(!journal.is_on());
}

#[test]
fn every_value_is_shown_as_it_is_written() {
    let journal = set("path", "a \"b\"").unwrap();
    let shown: Vec<String> = KEYS.iter().map(|key| key.show(&journal)).collect();
    assert_eq!(shown, [r#""a \"b\"""#, "\"fsync\"", "\"16 MiB\""]);
}
