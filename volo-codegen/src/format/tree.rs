//! Tokens and comments as nested groups of elements.

use super::marks::Marks;
use crate::lex::{Token, Tokens};
use crate::model::Span;

/// A comment and how it stood.
#[derive(Clone, Debug)]
pub(super) struct Comment {
    /// With its markers.
    pub(super) text: String,
    /// It ends its line.
    pub(super) is_line: bool,
    /// Line breaks in front of it.
    pub(super) before: usize,
    /// Line breaks behind it; 2 at the end of the file.
    pub(super) after: usize,
}

impl Comment {
    fn is_doc(&self) -> bool {
        self.text.starts_with("/**")
    }

    /// Whether it can stand between tokens of one line.
    pub(super) fn is_inline(&self) -> bool {
        !self.is_line && self.before == 0 && self.after == 0 && !self.text.contains('\n')
    }
}

/// A piece of an element.
#[derive(Debug)]
pub(super) enum Node {
    Token { token: Token, text: String, is_function: bool },
    Comment(Comment),
    Group(Group),
}

/// What is between two brackets, or a whole file.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: GroupKind,
    pub(super) open: String,
    pub(super) close: String,
    /// Comments on the line of the opening bracket.
    pub(super) head: Vec<Comment>,
    pub(super) elements: Vec<Element>,
    /// Comments in front of the closing bracket.
    pub(super) tail: Vec<Comment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupKind {
    File,
    /// Each element has lines of its own.
    Body,
    /// On one line if it fits.
    List,
}

/// An element of a group.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Comments above it.
    pub(super) lead: Vec<Comment>,
    /// Line breaks in front of its first token.
    pub(super) before: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) has_separator: bool,
    /// Comments behind it on its line.
    pub(super) trail: Vec<Comment>,
}

impl Element {
    /// Line breaks in front of it and of what stands above it.
    pub(super) fn gap(&self) -> usize {
        self.lead.first().map_or(self.before, |comment| comment.before)
    }

    /// The kind of its first token.
    pub(super) fn first_token(&self) -> Option<Token> {
        self.nodes.iter().find_map(|node| match node {
            Node::Token { token, .. } => Some(*token),
            _ => None,
        })
    }
}

/// A token or a comment, in order.
enum Piece {
    Token { token: Token, span: Span, before: usize },
    Comment(Comment),
}

/// Groups the tokens of a file without syntax errors.
pub(super) fn build(text: &str, tokens: &Tokens, marks: &Marks) -> Group {
    let mut builder = Builder { text, marks, pieces: pieces(text, tokens).into_iter().peekable() };
    let mut file = Group {
        kind: GroupKind::File,
        open: String::new(),
        close: String::new(),
        head: Vec::new(),
        elements: Vec::new(),
        tail: Vec::new(),
    };
    builder.fill(&mut file);
    file
}

fn pieces(text: &str, tokens: &Tokens) -> Vec<Piece> {
    let mut comments = tokens.comments.iter().peekable();
    let mut out = Vec::new();
    let mut end = 0;
    let breaks = |from: u32, to: u32| {
        let gap = text.get(from as usize..to as usize).unwrap_or_default();
        gap.matches('\n').count()
    };
    for (index, (token, span)) in tokens.tokens.iter().enumerate() {
        while let Some(comment) = comments.next_if(|comment| comment.token as usize <= index) {
            let whole = text.get(comment.span.range()).unwrap_or_default().trim_end();
            let next = comments.peek().filter(|next| next.token as usize <= index);
            let next = next.map_or(span.start, |next| next.span.start);
            let last = *token == Token::End && next == span.start;
            out.push(Piece::Comment(Comment {
                text: whole.to_owned(),
                is_line: !whole.starts_with("/*"),
                before: breaks(end, comment.span.start),
                after: if last { 2 } else { breaks(comment.span.end, next) },
            }));
            end = comment.span.end;
        }
        out.push(Piece::Token { token: *token, span: *span, before: breaks(end, span.start) });
        end = span.end;
    }
    out
}

struct Builder<'a> {
    text: &'a str,
    marks: &'a Marks,
    pieces: std::iter::Peekable<std::vec::IntoIter<Piece>>,
}

impl Builder<'_> {
    /// Takes everything up to the closing bracket, which is taken, too.
    fn fill(&mut self, group: &mut Group) {
        let mut pending: Vec<Comment> = Vec::new();
        // Types have brackets that are not grouped, and separators within.
        let mut angles = 0usize;
        while let Some(piece) = self.pieces.next() {
            let (token, span, before) = match piece {
                Piece::Comment(comment) => {
                    pending.push(comment);
                    continue;
                }
                Piece::Token { token, span, before } => (token, span, before),
            };
            match token {
                Token::End | Token::BraceClose | Token::ParenClose | Token::BracketClose => {
                    self.settle(group, &mut pending, false);
                    group.tail = pending;
                    group.close = self.slice(span);
                    return;
                }
                Token::Comma | Token::Semicolon if angles == 0 => {
                    if let Some(element) = group.elements.last_mut() {
                        element.has_separator = true;
                    }
                    continue;
                }
                Token::AngleOpen => angles += 1,
                Token::AngleClose => angles = angles.saturating_sub(1),
                _ => {}
            }
            let starts = self.marks.starts.contains(&span.start) && angles == 0;
            if starts || group.elements.is_empty() {
                self.settle(group, &mut pending, true);
                let (inline, lead) = match group.kind {
                    GroupKind::List if pending.iter().all(Comment::is_inline) => (pending, Vec::new()),
                    _ => (Vec::new(), pending),
                };
                let nodes = inline.into_iter().map(Node::Comment).collect();
                group.elements.push(Element { lead, before, nodes, ..Element::default() });
                pending = Vec::new();
            }
            let node = self.node(token, span);
            if let Some(element) = group.elements.last_mut() {
                element.nodes.extend(pending.drain(..).map(Node::Comment));
                element.nodes.push(node);
            }
        }
    }

    fn node(&mut self, token: Token, span: Span) -> Node {
        let kind = match token {
            Token::BraceOpen if !self.marks.maps.contains(&span.start) => GroupKind::Body,
            Token::BraceOpen | Token::ParenOpen | Token::BracketOpen => GroupKind::List,
            _ => {
                let is_function = self.marks.functions.contains(&span.start);
                return Node::Token { token, text: self.slice(span), is_function };
            }
        };
        let mut group = Group {
            kind,
            open: self.slice(span),
            close: String::new(),
            head: Vec::new(),
            elements: Vec::new(),
            tail: Vec::new(),
        };
        self.fill(&mut group);
        Node::Group(group)
    }

    /// Gives those of the comments between two elements that belong to what is in front of them to it.
    fn settle(&self, group: &mut Group, pending: &mut Vec<Comment>, goes_on: bool) {
        let beside = pending.iter().take_while(|comment| comment.before == 0).count();
        let ends_line = beside > 0 && pending[beside - 1].after > 0;
        let is_file = group.kind == GroupKind::File;
        match group.elements.last_mut() {
            None if is_file => {}
            None if ends_line || group.kind == GroupKind::Body => group.head.extend(pending.drain(..beside)),
            None => {}
            Some(element) if ends_line => element.trail.extend(pending.drain(..beside)),
            Some(element) if is_file && pending.iter().take(beside).all(|comment| !comment.is_doc()) => {
                element.trail.extend(pending.drain(..beside));
            }
            Some(element)
                if group.kind == GroupKind::List && !goes_on && pending.iter().all(Comment::is_inline) =>
            {
                element.nodes.extend(pending.drain(..).map(Node::Comment));
            }
            Some(_) => {}
        }
    }

    fn slice(&self, span: Span) -> String {
        self.text.get(span.range()).unwrap_or_default().to_owned()
    }
}
