//! Rust source without its comments and literals, and words in it.

/// The source with every comment and every text of a literal blanked; lines stay where they are.
pub(super) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !ends_in_identifier(&code) => literal_with_prefix(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let (blanked, kept) = if length == 0 { (0, first.len_utf8()) } else { (length, 0) };
        code.extend(rest[..blanked].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        code.push_str(&rest[..kept]);
        rest = &rest[blanked + kept..];
    }
    code
}

/// Whether the line of code names the pattern as whole identifiers.
pub(super) fn names(line: &str, pattern: &str) -> bool {
    line.match_indices(pattern).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + pattern.len()..].chars().next();
        let whole_before =
            !pattern.starts_with(is_identifier) || !before.is_some_and(is_identifier);
        let whole_after = !pattern.ends_with(is_identifier) || !after.is_some_and(is_identifier);
        whole_before && whole_after
    })
}

/// The lines and names of `krate::name` and `krate::{name, ...}` in the code.
pub(super) fn paths_into(code: &str, krate: &str) -> Vec<(usize, String)> {
    let path = format!("{krate}::");
    let mut found = Vec::new();
    for (start, _) in code.match_indices(&path) {
        let line = code[..start].matches('\n').count() + 1;
        let rest = &code[start + path.len()..];
        let list = rest.strip_prefix('{').and_then(|list| list.split('}').next());
        let names = list.unwrap_or_else(|| rest.split(|c| !is_identifier(c)).next().unwrap_or(""));
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let name = name.split_whitespace().next().unwrap_or(name);
            found.push((line, name.to_string()));
        }
    }
    found
}

fn is_identifier(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn ends_in_identifier(code: &str) -> bool {
    code.ends_with(is_identifier)
}

/// The length of the block comment, which may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut index = 0;
    while index < rest.len() {
        match rest.as_bytes().get(index..index + 2) {
            Some(b"/*") => (depth, index) = (depth + 1, index + 2),
            Some(b"*/") => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            return index;
        }
    }
    rest.len()
}

/// The length of the string literal.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a literal such as `r#"..."#`, `b"..."` or `b'x'`; 0 if it is none.
fn literal_with_prefix(rest: &str) -> usize {
    let prefix = rest.len() - rest.trim_start_matches(['r', 'b', 'c']).len();
    let (letters, literal) = rest.split_at(prefix);
    let hashes = literal.len() - literal.trim_start_matches('#').len();
    if letters.contains('r') && literal[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = prefix + hashes + 1;
        return rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len());
    }
    match literal.chars().next() {
        Some('"') => prefix + string(literal),
        Some('\'') if letters == "b" => prefix + character(literal),
        _ => 0,
    }
}

/// The length of the character literal; 0 if it is a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            rest[3..].find('\'').map_or(0, |at| 3 + at + 1) // past what is escaped
        }
        Some(_) => match characters.next() {
            Some((index, '\'')) => index + 1,
            _ => 0,
        },
        None => 0,
    }
}
