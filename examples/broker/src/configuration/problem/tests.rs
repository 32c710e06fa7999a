use super::*;

fn shown(text: &str, span: Range<usize>) -> String {
    Problem::in_text(Path::new("f.toml"), text, span, "wrong".to_owned()).to_string()
}

#[test]
fn a_place_in_a_text_has_line_column_and_marks() {
    let text = "a = 1\n  bc = 2\n";
    assert_eq!(shown(text, 8..10), "f.toml:2:3: wrong\n   |\n 2 |   bc = 2\n   |   ^^");
}

#[test]
fn columns_count_characters_not_bytes() {
    let text = "ä = 1 # ö\nü";
    assert_eq!(shown(text, 3..4), "f.toml:1:3: wrong\n   |\n 1 | ä = 1 # ö\n   |   ^");
}

#[test]
fn no_span_makes_it_panic() {
    let text = "ä\n\nö";
    for start in 0..text.len() + 3 {
        for end in 0..text.len() + 3 {
            assert!(shown(text, start..end).starts_with("f.toml:"));
        }
    }
    assert_eq!(shown("", 0..0), "f.toml:1:1: wrong\n   |\n 1 | \n   | ^");
}
