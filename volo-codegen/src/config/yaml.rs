//! YAML as a tree that knows its places.
//!
//! Only what a configuration needs: no aliases, no tags, keys are texts.

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

use crate::diag::Diagnostic;
use crate::model::{FileId, Span};

/// Deeper trees are refused.
const DEPTH_MAX: usize = 32;

/// A value and where it starts.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, and whether it had no quotes: it may stand for something else then.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// Keys in order, without repeats.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Span,
}

/// The first document of a text.
pub(super) fn parse(file: FileId, text: &str) -> Result<Node, Diagnostic> {
    let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut tree = Tree { parser: Parser::new_from_str(text), file, text, starts };
    loop {
        match tree.next()? {
            (Event::StreamEnd, mark) => return Ok(Node { span: tree.span(mark, 0), value: Value::Null }),
            (Event::DocumentStart, _) => break,
            _ => {}
        }
    }
    let (event, mark) = tree.next()?;
    let node = tree.node(event, mark, 0)?;
    while let (event, mark) = tree.next()?
        && event != Event::StreamEnd
    {
        if event == Event::DocumentStart {
            let message = "a second document";
            return Err(Diagnostic::error("yaml", message).at(tree.span(mark, 3), "only one is read"));
        }
    }
    Ok(node)
}

struct Tree<'a> {
    parser: Parser<std::str::Chars<'a>>,
    file: FileId,
    text: &'a str,
    /// The byte that each character starts at.
    starts: Vec<usize>,
}

impl Tree<'_> {
    fn next(&mut self) -> Result<(Event, Marker), Diagnostic> {
        self.parser.next_token().map_err(|error: ScanError| {
            let message = format!("not valid YAML: {}", error.info());
            Diagnostic::error("yaml", message).at(self.span(*error.marker(), 1), "here")
        })
    }

    fn node(&mut self, event: Event, mark: Marker, depth: usize) -> Result<Node, Diagnostic> {
        if depth > DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(Diagnostic::error("yaml", message).at(self.span(mark, 1), "here"));
        }
        let (span, value) = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == TScalarStyle::Plain;
                let quotes = if plain { 0 } else { 2 };
                let span = self.span(mark, text.chars().count() + quotes);
                match plain && matches!(text.as_str(), "" | "~" | "null") {
                    true => (span, Value::Null),
                    false => (span, Value::Scalar { text, plain }),
                }
            }
            Event::SequenceStart(..) => (self.span(mark, 1), Value::List(self.list(depth)?)),
            Event::MappingStart(..) => {
                let entries = self.map(depth)?;
                let span = self.span(mark, 1);
                // Without braces it starts with its first key; the mark is behind that.
                let first = entries.first().map(|(key, _)| key.span).filter(|key| key.start < span.start);
                (first.unwrap_or(span), Value::Map(entries))
            }
            _ => {
                let message = "an alias: write the value itself";
                return Err(Diagnostic::error("yaml", message).at(self.span(mark, 1), "not supported"));
            }
        };
        Ok(Node { span, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Diagnostic> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(nodes),
                (event, mark) => nodes.push(self.node(event, mark, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Diagnostic> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, mark) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let Node { span, value } = self.node(event, mark, depth + 1)?;
            let Value::Scalar { text, .. } = value else {
                return Err(Diagnostic::error("yaml", "a key that is no text").at(span, "here"));
            };
            if let Some((first, _)) = entries.iter().find(|(key, _)| key.text == text) {
                let diagnostic = Diagnostic::error("repeated-key", format!("`{text}` is there twice"));
                return Err(diagnostic.at(span, "again").at(first.span, "first"));
            }
            let (event, mark) = self.next()?;
            entries.push((Key { text, span }, self.node(event, mark, depth + 1)?));
        }
    }

    /// `chars` characters from a mark on, but no further than its line.
    fn span(&self, mark: Marker, chars: usize) -> Span {
        let last = self.starts.len() - 1;
        let start = self.starts[mark.index().min(last)];
        let end = self.starts[(mark.index() + chars).min(last)];
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |len| start + len);
        Span { file: self.file, start: start as u32, end: end.min(line_end) as u32 }
    }
}
