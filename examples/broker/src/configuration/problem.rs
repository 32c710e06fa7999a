//! What is wrong with a configuration, and where.

use core::error::Error;
use core::fmt;
use core::ops::Range;
use std::io;
use std::path::Path;

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    place: Place,
    message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A part of a file.
    Text { file: String, line: usize, column: usize, source: String, width: usize },
    /// A file as a whole.
    File(String),
    /// `--set KEY=VALUE`.
    Argument(String),
}

impl Problem {
    /// A part of a file's text is wrong. `span` counts bytes.
    pub(crate) fn in_text(path: &Path, text: &str, span: Range<usize>, message: String) -> Self {
        let start = floor_char_boundary(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &text[line_start..];
        let source = rest.lines().next().unwrap_or_default();
        let column = text[line_start..start].chars().count();
        let end = floor_char_boundary(text, span.end.max(start));
        let width = text[start..end].lines().next().unwrap_or_default().chars().count();
        let place = Place::Text {
            file: path.display().to_string(),
            line: before.matches('\n').count() + 1,
            column: column + 1,
            source: source.replace('\t', " "),
            width: width.max(1),
        };
        Self { place, message }
    }

    /// Line and column, for sorting; what is no part of a text comes first.
    pub(crate) fn position(&self) -> (usize, usize) {
        match self.place {
            Place::Text { line, column, .. } => (line, column),
            Place::File(_) | Place::Argument(_) => (0, 0),
        }
    }

    /// A file cannot be read.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let place = Place::File(path.display().to_string());
        Self { place, message: format!("cannot be read: {error}") }
    }

    /// The argument of `--set` is wrong.
    pub(crate) fn in_argument(argument: &str, message: String) -> Self {
        Self { place: Place::Argument(argument.to_owned()), message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        match &self.place {
            Place::Text { file, line, column, source, width } => {
                let margin = " ".repeat(line.to_string().len());
                let indent = " ".repeat(column - 1);
                let marks = "^".repeat(*width);
                writeln!(f, "{file}:{line}:{column}: {message}")?;
                writeln!(f, " {margin} |")?;
                writeln!(f, " {line} | {source}")?;
                write!(f, " {margin} | {indent}{marks}")
            }
            Place::File(file) => write!(f, "{file}: {message}"),
            Place::Argument(argument) => write!(f, "--set {argument}: {message}"),
        }
    }
}

/// Everything that is wrong; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests;
