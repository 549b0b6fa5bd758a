//! Groups to text.

use super::tree::{Comment, Element, Group, GroupKind, Node};
use crate::lex::Token;

/// What fits goes on one line.
const WIDTH: usize = 100;
const STEP: usize = 2;

/// The text of a file.
pub(super) fn print(file: &Group) -> String {
    let mut printer = Printer { out: String::new() };
    printer.elements(file, 0);
    let text = printer.out.trim_end();
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

struct Printer {
    out: String,
}

impl Printer {
    fn column(&self) -> usize {
        self.out.rsplit('\n').next().unwrap_or_default().chars().count()
    }

    fn start_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Begins a line of a group; a blank one in front of it if there shall be a gap.
    fn next_line(&mut self, gap: bool, indent: usize) {
        if self.out.is_empty() {
            return;
        }
        if gap {
            self.out.push('\n');
        }
        self.start_line(indent);
    }

    /// The elements of a group, each on lines of its own.
    fn elements(&mut self, group: &Group, indent: usize) {
        let is_file = group.kind == GroupKind::File;
        let separated = match group.kind {
            GroupKind::File => false,
            GroupKind::Body => group.elements.iter().any(|element| element.has_separator),
            GroupKind::List => true,
        };
        self.trail(&group.head, indent);
        let mut last: Option<&Element> = None;
        for element in &group.elements {
            let apart = is_file && last.is_some_and(|last| are_apart(last, element));
            let mut gap = apart || (last.is_some() && element.gap() > 1);
            for comment in &element.lead {
                self.next_line(gap, indent);
                self.comment(comment, indent);
                gap = comment.after > 1;
            }
            self.next_line(gap, indent);
            self.nodes(&element.nodes, indent, usize::from(separated));
            if separated {
                self.out.push(',');
            }
            self.trail(&element.trail, indent);
            last = Some(element);
        }
        let mut is_first = group.elements.is_empty();
        for comment in &group.tail {
            self.next_line(comment.before > 1 && !is_first, indent);
            self.comment(comment, indent);
            is_first = false;
        }
    }

    /// Comments behind something on its line.
    fn trail(&mut self, comments: &[Comment], indent: usize) {
        for comment in comments {
            self.out.push(' ');
            self.comment(comment, indent);
        }
    }

    /// A comment; the stars down its left side are put in line.
    fn comment(&mut self, comment: &Comment, indent: usize) {
        let mut lines = comment.text.lines();
        self.out.push_str(lines.next().unwrap_or_default().trim_end());
        let rest: Vec<&str> = lines.map(str::trim_end).collect();
        let starred = rest.iter().all(|line| line.trim_start().starts_with('*') || line.is_empty());
        for line in rest {
            match (starred, line.is_empty()) {
                (_, true) => self.out.push('\n'),
                (true, false) => {
                    self.start_line(indent + 1);
                    self.out.push_str(line.trim_start());
                }
                (false, false) => {
                    self.out.push('\n');
                    self.out.push_str(line);
                }
            }
        }
    }

    /// The nodes of an element, with `tail` columns to follow.
    fn nodes(&mut self, nodes: &[Node], indent: usize, tail: usize) {
        let mut broken = false;
        for (at, node) in nodes.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &nodes[before]);
            let starts_line = matches!(node, Node::Comment(comment) if comment.before > 0);
            if before.is_some() && (broken || starts_line) {
                // What goes on after a comment within an element stands out from the next element.
                self.start_line(indent + 2 * STEP);
            } else if is_throws(node) && !self.fits(&nodes[at..], tail) {
                self.start_line(indent + STEP);
            } else if space_between(before, node) {
                self.out.push(' ');
            }
            broken = false;
            match node {
                Node::Token { text, .. } => self.out.push_str(text),
                Node::Comment(comment) => {
                    self.comment(comment, indent + 2 * STEP);
                    broken = comment.is_line || comment.after > 0;
                }
                Node::Group(group) => self.group(group, indent, follow_width(&nodes[at + 1..], tail)),
            }
        }
    }

    /// Whether nodes fit on the rest of the line, with `tail` columns to follow.
    fn fits(&self, nodes: &[Node], tail: usize) -> bool {
        let flat = flat_nodes(nodes).map(|flat| flat.chars().count());
        flat.is_some_and(|width| self.column() + 1 + width + tail <= WIDTH)
    }

    /// A group of which `tail` columns follow on the line.
    fn group(&mut self, group: &Group, indent: usize, tail: usize) {
        match flat_group(group) {
            Some(flat) if self.column() + flat.chars().count() + tail <= WIDTH => self.out.push_str(&flat),
            _ if group.elements.is_empty() && group.head.is_empty() && group.tail.is_empty() => {
                self.out.push_str(&group.open);
                self.out.push_str(&group.close);
            }
            _ => {
                self.out.push_str(&group.open);
                self.elements(group, indent + STEP);
                self.start_line(indent);
                self.out.push_str(&group.close);
            }
        }
    }
}

/// Whether two definitions have a blank line between them in any case.
fn are_apart(one: &Element, other: &Element) -> bool {
    let is_header = |element: &Element| {
        matches!(element.first_token(), Some(Token::Include | Token::CppInclude | Token::Namespace))
    };
    has_body(one) || has_body(other) || is_header(one) != is_header(other)
}

fn has_body(element: &Element) -> bool {
    element.nodes.iter().any(|node| match node {
        Node::Group(group) => {
            let is_empty = group.elements.is_empty() && group.head.is_empty() && group.tail.is_empty();
            group.kind == GroupKind::Body && !is_empty
        }
        _ => false,
    })
}

/// A line can be broken in front of it.
fn is_throws(node: &Node) -> bool {
    matches!(node, Node::Token { token: Token::Throws, .. })
}

/// Columns up to the next place where a line can be broken.
fn follow_width(nodes: &[Node], tail: usize) -> usize {
    let mut width = 0;
    for node in nodes {
        match node {
            _ if is_throws(node) => return width,
            Node::Token { text, .. } => width += 1 + text.chars().count(),
            Node::Group(group) => return width + 1 + group.open.len(),
            Node::Comment(_) => return width,
        }
    }
    width + tail
}

fn flat_group(group: &Group) -> Option<String> {
    let is_open = !group.head.is_empty() || !group.tail.is_empty();
    if is_open || (group.kind == GroupKind::Body && !group.elements.is_empty()) {
        return None;
    }
    let mut out = group.open.clone();
    for (at, element) in group.elements.iter().enumerate() {
        if !element.lead.is_empty() || !element.trail.is_empty() {
            return None;
        }
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(&flat_nodes(&element.nodes)?);
    }
    out.push_str(&group.close);
    Some(out)
}

fn flat_nodes(nodes: &[Node]) -> Option<String> {
    let mut out = String::new();
    for (at, node) in nodes.iter().enumerate() {
        if space_between(at.checked_sub(1).map(|before| &nodes[before]), node) {
            out.push(' ');
        }
        match node {
            Node::Token { text, .. } => out.push_str(text),
            Node::Comment(comment) if comment.is_inline() => out.push_str(&comment.text),
            Node::Comment(_) => return None,
            Node::Group(group) => out.push_str(&flat_group(group)?),
        }
    }
    Some(out)
}

fn space_between(before: Option<&Node>, node: &Node) -> bool {
    use Token::*;
    match (before, node) {
        (None, _) => false,
        (Some(Node::Token { token: AngleOpen, .. }), _) => false,
        (_, Node::Token { token: Comma | Colon | AngleClose, .. }) => false,
        (Some(Node::Token { token: before, .. }), Node::Token { token: AngleOpen, .. }) => *before == Literal,
        (Some(Node::Token { is_function: true, .. }), Node::Group(_)) => false,
        _ => true,
    }
}
