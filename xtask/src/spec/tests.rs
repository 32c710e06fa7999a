use super::citation::{Citation, read_text};
use super::coverage::Coverage;
use super::document;
use super::statement::{Standard, Tables};

const V5: &str = r#"
[[statement]]
id = "MQTT-3.3.1-2"
level = "MUST"
binds = "both"
text = "DUP 0 on QoS 0."

[[statement]]
id = "MQTT-3.1.0-1"
level = "MUST"
binds = "client"
text = "First CONNECT."
"#;

const V3_1_1: &str = r#"
[[statement]]
id = "MQTT-3.3.1-2"
level = "MUST"
binds = "both"
same-as = ["MQTT-3.3.1-2"]
text = "DUP 0 on QoS 0."
"#;

fn tables(exceptions: &str) -> Tables {
    Tables::parse(V5, V3_1_1, exceptions).expect("the tables are right")
}

fn read(files: &[(&str, &str)]) -> (Vec<Citation>, Vec<String>) {
    let (mut citations, mut wrong) = (Vec::new(), Vec::new());
    for (file, text) in files {
        read_text(file, text, &mut citations, &mut wrong);
    }
    (citations, wrong)
}

#[test]
fn what_is_not_cited_is_missing() {
    let tables = tables("");
    let coverage = Coverage::new(&tables, &[]);
    let missing = coverage.missing();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].starts_with("[MQTT-3.3.1-2]: no implementation and test"));
    assert!(missing[1].starts_with("3.1.1 [MQTT-3.3.1-2]: no implementation and test"));
}

#[test]
fn code_that_meets_5_0_meets_3_1_1_and_a_test_says_what_it_shows() {
    let tables = tables("");
    let code = ("mqtt-codec/src/qos.rs", "    //= [MQTT-3.3.1-2]\n");
    let new = ("x/tests/transcripts/a.txt", "# A\n//= [MQTT-3.3.1-2] type=test\n");
    let old = ("x/tests/transcripts/b.txt", "# B\n//= 3.1.1 [MQTT-3.3.1-2] type=test\n");
    let (citations, wrong) = read(&[code, new]);
    assert!(wrong.is_empty());
    let missing = Coverage::new(&tables, &citations).missing();
    assert_eq!(missing.len(), 1);
    assert!(missing[0].starts_with("3.1.1 [MQTT-3.3.1-2]: no test"));
    let (citations, _) = read(&[code, new, old]);
    assert!(Coverage::new(&tables, &citations).missing().is_empty());
}

#[test]
fn a_citation_has_one_form_and_its_place() {
    let (citations, wrong) = read(&[
        ("x/src/a.rs", "//= [MQTT-3.3.1-2] type=test\n//= MQTT-3.3.1-2\n//= [MQTT-3.3.1-2]"),
        ("x/tests/a.rs", "//= [MQTT-3.3.1-2]"),
    ]);
    assert_eq!(citations.len(), 1);
    assert_eq!(citations[0].place.to_string(), "x/src/a.rs:3");
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}

#[test]
fn an_exception_waives_and_goes_stale() {
    let exception = r#"
[[exception]]
standard = "5.0"
id = "MQTT-3.3.1-2"
waives = ["test"]
reason = "For once."
"#;
    let tables = tables(exception);
    let (citations, _) = read(&[("x/src/a.rs", "//= [MQTT-3.3.1-2]")]);
    let coverage = Coverage::new(&tables, &citations);
    assert_eq!(coverage.missing().len(), 1, "only that of 3.1.1");
    assert!(coverage.stale_exceptions().is_empty());
    assert!(document::write(&coverage).contains("| *excepted* |"));
    let test = ("x/src/a/tests.rs", "//= [MQTT-3.3.1-2] type=test");
    let (citations, _) = read(&[("x/src/a.rs", "//= [MQTT-3.3.1-2]"), test]);
    assert_eq!(Coverage::new(&tables, &citations).stale_exceptions().len(), 1);
}

#[test]
fn an_unknown_number_is_refused() {
    let same = V3_1_1.replace("same-as = [\"MQTT-3.3.1-2\"]", "same-as = [\"MQTT-9.9.9-9\"]");
    assert!(Tables::parse(V5, &same, "").is_err());
    assert!(Tables::parse(&V5.replace("both", "all"), V3_1_1, "").is_err());
    let tables = tables("");
    let (citations, _) = read(&[("x/src/a.rs", "//= 3.1.1 [MQTT-3.1.0-1]")]);
    assert_eq!(super::unknown(&tables, &citations).len(), 1);
}

#[test]
fn the_page_links_to_lines() {
    let tables = tables("");
    let (citations, _) = read(&[("mqtt-broker-core/src/a.rs", "\n//= [MQTT-3.3.1-2]")]);
    let page = document::write(&Coverage::new(&tables, &citations));
    assert!(page.contains("[core a.rs](../mqtt-broker-core/src/a.rs#L2)"), "{page}");
    assert!(page.contains("### PUBLISH"));
    assert!(page.contains(&format!("## MQTT {}", Standard::V3_1_1.name())));
}

#[test]
fn the_tables_of_this_project_are_whole() {
    let tables = Tables::read(&crate::process::workspace().join("spec")).expect("they can be read");
    let of = |standard| move |s: &&super::statement::Statement| s.identity.standard == standard;
    assert_eq!(tables.statements.iter().filter(of(Standard::V5)).count(), 251);
    assert_eq!(tables.statements.iter().filter(of(Standard::V3_1_1)).count(), 141);
    assert_eq!(super::errors_of_the_codec(&tables), Vec::<String>::new());
}
