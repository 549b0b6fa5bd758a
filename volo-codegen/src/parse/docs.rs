//! Comments to documentation.

use crate::ast::Docs;
use crate::lex::Comment;

/// The documentation of what begins at `start`: the comments that stand directly above it, doc comments
/// (`/** … */`, `/// …`) before plain ones. A plain comment counts only if no blank line and no other text
/// parts it from what it describes, which keeps licences and section headings out.
pub(super) fn above(text: &str, comments: &[Comment], start: u32) -> Docs {
    if let Some(doc) = comments.iter().rev().find(|comment| is_block_doc(slice(text, comment))) {
        return clean(&[slice(text, doc)]);
    }
    let mut block = Vec::new();
    let mut below = start;
    for comment in comments.iter().rev() {
        let gap = text.get(comment.span.end as usize..below as usize).unwrap_or_default();
        if gap.matches('\n').count() > 1 || !first_on_line(text, comment) {
            break;
        }
        block.push(slice(text, comment));
        below = comment.span.start;
    }
    block.reverse();
    if block.iter().any(|comment| comment.starts_with("///")) {
        block.retain(|comment| comment.starts_with("///"));
    }
    clean(&block)
}

/// The comment that follows on the same line.
pub(super) fn behind(text: &str, comment: &Comment, end: u32) -> Docs {
    let gap = text.get(end as usize..comment.span.start as usize)?;
    let rest = text.get(comment.span.end as usize..)?.split('\n').next()?;
    let alone = !gap.contains('\n') && rest.trim().is_empty();
    if alone { clean(&[slice(text, comment)]) } else { None }
}

/// The first doc comment in front of the first header line, which begins at `start`.
pub(super) fn of_file(text: &str, comments: &[Comment], start: u32) -> Docs {
    let mut above = comments.iter().take_while(|comment| comment.span.start < start);
    let doc = above.find(|comment| is_block_doc(slice(text, comment)))?;
    clean(&[slice(text, doc)])
}

fn slice<'a>(text: &'a str, comment: &Comment) -> &'a str {
    text.get(comment.span.range()).unwrap_or_default()
}

fn first_on_line(text: &str, comment: &Comment) -> bool {
    let head = text.get(..comment.span.start as usize).unwrap_or_default();
    head.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
}

/// `/***/` and rows of stars are decoration.
fn is_block_doc(comment: &str) -> bool {
    comment.starts_with("/**") && comment.trim_matches(['/', '*']).chars().any(|c| !c.is_whitespace())
}

/// Takes off markers, the stars down the left side, common indentation, and blank lines at both ends.
fn clean(comments: &[&str]) -> Docs {
    let mut lines = Vec::new();
    for comment in comments {
        match comment.strip_prefix("/*") {
            Some(body) => block_lines(body.strip_suffix("*/").unwrap_or(body), &mut lines),
            None => lines.push(comment.trim_start_matches(['/', '#']).trim_end()),
        }
    }
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let common = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let cut = lines.iter().map(|line| line.get(common..).unwrap_or_default().trim_end());
    let lines: Vec<&str> = cut.collect();
    let first = lines.iter().position(|line| !line.is_empty())?;
    let last = lines.iter().rposition(|line| !line.is_empty())?;
    Some(lines[first..=last].join("\n"))
}

fn block_lines<'a>(body: &'a str, out: &mut Vec<&'a str>) {
    let body = body.trim_start_matches('*').trim_end_matches('*');
    let mut lines = body.lines();
    let first = lines.next().unwrap_or_default().trim();
    let rest: Vec<&str> = lines.map(str::trim_end).collect();
    let starred =
        rest.iter().filter(|line| !line.trim().is_empty()).all(|line| line.trim_start().starts_with('*'));
    let from = out.len();
    for line in rest {
        let bare = if starred { line.trim_start().strip_prefix('*').unwrap_or_default() } else { line };
        out.push(bare);
    }
    // The first line stands behind the marker, so its indentation says nothing.
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let common = out[from..].iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    for line in &mut out[from..] {
        *line = line.get(common..).unwrap_or_default();
    }
    if !first.is_empty() {
        out.insert(from, first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_and_stars_go() {
        assert_eq!(clean(&["/** One line. */"]).as_deref(), Some("One line."));
        assert_eq!(clean(&["/**\n * A\n *   B\n *\n * C\n */"]).as_deref(), Some("A\n  B\n\nC"));
        assert_eq!(clean(&["/** A\n    B\n      C */"]).as_deref(), Some("A\nB\n  C"));
        assert_eq!(clean(&["// a", "//  b", "# c"]).as_deref(), Some("a\n b\nc"));
        assert_eq!(clean(&["/// a\r", "///"]).as_deref(), Some("a"));
    }

    #[test]
    fn decoration_is_no_documentation() {
        assert!(!is_block_doc("/***/"));
        assert!(!is_block_doc("/******/"));
        assert!(!is_block_doc("/* x */"));
        assert!(is_block_doc("/** x */"));
    }
}
