//! IDL text in one layout.
//!
//! Works on the tokens between which the tree says where things begin: no token but separators is added, taken
//! away or moved, and every comment stays where it was, so the meaning cannot change. What fits goes on one line;
//! members of bodies always get lines of their own. Separators of a body stay if any member has one.

mod marks;
mod print;
mod tree;

use crate::diag::{Diagnostic, has_errors};
use crate::lex::lex;
use crate::load::FILE_BYTES_MAX;
use crate::parse::parse;
use crate::source::{Located, SourceMap};

/// What came out of [`format`].
#[derive(Debug)]
pub struct Formatted {
    /// The new text, unless the old one has syntax errors.
    pub text: Option<String>,
    /// All findings of the parser.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that spans refer to.
    pub sources: SourceMap,
}

/// Lays out the text of an IDL file; `path` is how messages call it. Included files are not read.
pub fn format(path: &str, text: &str) -> Formatted {
    let mut sources = SourceMap::default();
    let mut diagnostics = Vec::new();
    if text.len() > FILE_BYTES_MAX {
        let message = format!("`{path}` is longer than the limit of {FILE_BYTES_MAX} bytes");
        diagnostics.push(Diagnostic::error("unreadable-file", message));
        return Formatted { text: None, diagnostics, sources };
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let file = sources.add(&Located { key: path.to_owned(), path: path.to_owned() }, text);
    let text = &sources.file(file).text;
    let parsed = parse(file, text, &mut diagnostics);
    if has_errors(&diagnostics) {
        return Formatted { text: None, diagnostics, sources };
    }
    // The parser has said everything there is to say.
    let tokens = lex(file, text, &mut Vec::new());
    let tree = tree::build(text, &tokens, &marks::of(&parsed));
    Formatted { text: Some(print::print(&tree)), diagnostics, sources }
}
