//! Text in rustfmt's layout: an indented writer, and groups that go on one line if they fit.
//!
//! Only the few shapes that generated code has are laid out here, so that no formatter is needed at build time;
//! a test runs rustfmt over all golden files and finds nothing to change.

/// The widest line, as in the repository's rustfmt.toml.
const WIDTH: usize = 110;
const STEP: usize = 4;
/// Array elements and arguments up to this long share lines when they do not fit on one.
const SHORT_ELEMENT: usize = 10;

/// An expression or a type, which may be broken over several lines.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    /// Never broken.
    Text(String),
    /// Items between two texts: on one line, or one item a line with a comma behind each.
    Group { open: String, items: Vec<Doc>, close: String },
}

impl Doc {
    pub(super) fn text(text: impl Into<String>) -> Doc {
        Doc::Text(text.into())
    }

    pub(super) fn group(
        open: impl Into<String>,
        items: impl IntoIterator<Item = Doc>,
        close: impl Into<String>,
    ) -> Doc {
        Doc::Group { open: open.into(), items: items.into_iter().collect(), close: close.into() }
    }

    /// A type's text as a group of its generic arguments.
    pub(super) fn of_type(text: &str) -> Doc {
        let (Some(open), Some(close)) = (text.find('<'), text.rfind('>')) else { return Doc::text(text) };
        let mut items = Vec::new();
        let (mut depth, mut start) = (0, open + 1);
        for (at, c) in text[..close].char_indices().skip_while(|(at, _)| *at <= open) {
            match c {
                '<' | '(' => depth += 1,
                '>' | ')' => depth -= 1,
                ',' if depth == 0 => {
                    items.push(Doc::of_type(text[start..at].trim()));
                    start = at + 1;
                }
                _ => {}
            }
        }
        items.push(Doc::of_type(text[start..close].trim()));
        Doc::group(&text[..=open], items, &text[close..])
    }

    /// All on one line.
    pub(super) fn flat(&self) -> String {
        match self {
            Doc::Text(text) => text.clone(),
            Doc::Group { open, items, close } => {
                let items: Vec<String> = items.iter().map(Doc::flat).collect();
                let pad = if open.ends_with('{') && !items.is_empty() { " " } else { "" };
                format!("{open}{pad}{}{pad}{close}", items.join(", "))
            }
        }
    }

    /// Laid out from column `column` of a line indented by `indent`, with `tail` characters to follow.
    fn layout(&self, indent: usize, column: usize, tail: usize) -> String {
        let flat = self.flat();
        if column + flat.chars().count() + tail <= WIDTH {
            return flat;
        }
        match self {
            // The only argument or element begins on the line of its list.
            Doc::Group { open, items, close } if open.ends_with(['(', '[']) && self.holds_one_group() => {
                let tail = tail + close.chars().count();
                let inner = items.iter().map(|item| item.layout(indent, column + open.chars().count(), tail));
                format!("{open}{}{close}", inner.collect::<String>())
            }
            Doc::Group { open, items, close } if !items.is_empty() => {
                let inner = indent + STEP;
                let body = match open.ends_with(['[', '(']) && items.iter().all(Doc::is_short) {
                    true => fill(items, inner),
                    false => items.iter().map(|item| item.layout_item(inner)).collect(),
                };
                format!("{open}\n{body}{}{close}", " ".repeat(indent))
            }
            _ => flat,
        }
    }

    fn layout_item(&self, indent: usize) -> String {
        let comma = if matches!(self, Doc::Text(text) if text.starts_with("..")) { "" } else { "," };
        format!("{}{}{comma}\n", " ".repeat(indent), self.layout(indent, indent, 1))
    }

    fn holds_one_group(&self) -> bool {
        matches!(self, Doc::Group { items, .. } if matches!(items[..], [Doc::Group { .. }]))
    }

    /// Whether this is a struct with its fields, which stays behind what it follows.
    pub(super) fn is_struct(&self) -> bool {
        matches!(self, Doc::Group { open, .. } if open.ends_with('{'))
    }

    /// What is on the first line if it is broken.
    pub(super) fn first_line(&self) -> String {
        match self {
            Doc::Text(text) => text.clone(),
            Doc::Group { open, .. } => open.clone(),
        }
    }

    fn is_short(&self) -> bool {
        matches!(self, Doc::Text(text) if text.chars().count() <= SHORT_ELEMENT)
    }
}

fn joined(items: &[impl AsRef<str>]) -> String {
    items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

fn fill(items: &[Doc], indent: usize) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for item in items.iter().map(Doc::flat) {
        if !line.is_empty() && indent + line.len() + item.len() + 2 > WIDTH {
            out += &format!("{}{line}\n", " ".repeat(indent));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += &format!("{item},");
    }
    out + &format!("{}{line}\n", " ".repeat(indent))
}

/// How a function's head ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A body follows.
    Brace,
    /// No body.
    Semicolon,
}

/// The writer.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    indent: usize,
}

impl Text {
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// One line, or several that are indented relative to the current one already.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        debug_assert!(!line.is_empty() && !line.starts_with(' '), "{line:?}");
        self.out.extend(std::iter::repeat_n(' ', self.indent));
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// A line, and everything after it one step deeper.
    pub(super) fn open(&mut self, line: impl AsRef<str>) {
        self.line(line);
        self.indent += STEP;
    }

    /// A line one step less deep.
    pub(super) fn close(&mut self, line: impl AsRef<str>) {
        self.indent -= STEP;
        self.line(line);
    }

    /// An empty line, unless a block has just begun or the last one is empty.
    pub(super) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") && !self.out.ends_with("{\n") {
            self.out.push('\n');
        }
    }

    pub(super) fn fits(&self, line: &str) -> bool {
        self.indent + line.chars().count() <= WIDTH
    }

    /// `prefix`, an expression or type, `suffix`.
    pub(super) fn doc(&mut self, prefix: &str, doc: &Doc, suffix: &str) {
        let column = self.indent + prefix.chars().count();
        let laid = doc.layout(self.indent, column, suffix.chars().count());
        self.line(format!("{prefix}{laid}{suffix}"));
    }

    /// An attribute: `open`, items that share lines if they don't fit on one, `close`.
    pub(super) fn filled(&mut self, open: &str, items: &[impl AsRef<str>], close: &str) {
        let flat = format!("{open}{}{close}", joined(items));
        // rustfmt leaves the last column of an attribute free.
        if self.fits(&format!("{flat} ")) {
            return self.line(flat);
        }
        self.line(open);
        self.fill(items);
        self.line(close);
    }

    /// A macro's call with braces, whose items share lines; rustfmt leaves these as they are.
    pub(super) fn braced(&mut self, name: &str, items: &[impl AsRef<str>]) {
        let flat = format!("{name} {{ {} }}", joined(items));
        if self.fits(&flat) {
            return self.line(flat);
        }
        self.line(format!("{name} {{"));
        self.fill(items);
        self.line("}");
    }

    fn fill(&mut self, items: &[impl AsRef<str>]) {
        let items: Vec<Doc> = items.iter().map(|item| Doc::text(item.as_ref())).collect();
        self.out += &fill(&items, self.indent + STEP);
    }

    /// As [`Text::doc`] behind `=` or `:`, where the right side may have the next line for itself.
    pub(super) fn assign(&mut self, prefix: &str, doc: &Doc, suffix: &str) {
        let flat = doc.flat();
        let next_line = format!("{}{flat}{suffix}", " ".repeat(STEP));
        if !self.fits(&format!("{prefix} {flat}{suffix}")) && self.fits(&next_line) {
            self.line(prefix);
            self.line_raw(&next_line);
        } else {
            self.doc(&format!("{prefix} "), doc, suffix);
        }
    }

    /// A function's head, and with a brace everything after it one step deeper; `result` is the type behind the
    /// arrow.
    pub(super) fn signature(&mut self, prefix: &str, arguments: &[String], result: &str, end: End) {
        let tail = if end == End::Brace { " {" } else { ";" };
        let flat = format!("{prefix}({}) -> {result}{tail}", arguments.join(", "));
        if self.fits(&flat) {
            self.line(flat);
        } else {
            self.broken_signature(prefix, arguments, &Doc::of_type(result), end);
        }
        if end == End::Brace {
            self.indent += STEP;
        }
    }

    fn broken_signature(&mut self, prefix: &str, arguments: &[String], result: &Doc, end: End) {
        let tail = if end == End::Brace { " {" } else { ";" };
        self.open(format!("{prefix}("));
        for argument in arguments {
            self.doc("", &Doc::of_type(argument), ",");
        }
        self.indent -= STEP;
        // rustfmt lays the result out as if it began at the arrow, and counts the indentation twice when it asks
        // whether the brace has room.
        let laid = result.layout(self.indent, self.indent + "-> ".len(), 0);
        let last = laid.lines().last().map_or(0, |line| line.chars().count());
        let last = if laid.contains('\n') { last } else { self.indent + ") -> ".len() + last };
        if end == End::Brace && self.indent + last + tail.len() > WIDTH {
            self.line(format!(") -> {laid}"));
            self.line("{");
        } else {
            self.line(format!(") -> {laid}{tail}"));
        }
    }

    /// An awaited call.
    pub(super) fn awaited(&mut self, call: &Doc) {
        let flat = call.flat();
        if self.fits(&format!("{flat}.await")) {
            return self.line(format!("{flat}.await"));
        }
        // rustfmt indents `.await`, unless the call's closing line stands alone already.
        let step = if self.fits(&flat) { STEP } else { 0 };
        self.doc("", call, "");
        self.line_raw(&format!("{}.await", " ".repeat(step)));
    }

    /// A call that ends with a closure: `prefix body suffix`, with braces if the body needs its own line.
    pub(super) fn closure(&mut self, prefix: &str, body: &str, suffix: &str) {
        let flat = format!("{prefix} {body}{suffix}");
        if self.fits(&flat) {
            return self.line(flat);
        }
        self.open(format!("{prefix} {{"));
        self.line(body);
        self.close(format!("}}{suffix}"));
    }

    /// The first line of an `impl` of a trait.
    pub(super) fn open_impl(&mut self, head: &str, of: &str) {
        let flat = format!("{head} for {of} {{");
        if self.fits(&flat) {
            return self.open(flat);
        }
        self.line(head);
        self.line_raw(&format!("{}for {of}", " ".repeat(STEP)));
        self.open("{");
    }

    /// `first.call(..).call(..)`, a call a line if they don't fit on one.
    pub(super) fn chain(&mut self, first: &str, calls: &[String]) {
        let flat = std::iter::once(first).chain(calls.iter().map(String::as_str)).collect::<Vec<_>>();
        let flat = flat.join(".");
        if self.fits(&flat) || calls.is_empty() {
            return self.line(flat);
        }
        // rustfmt leaves the first call beside a receiver no longer than an indentation.
        let beside = usize::from(first.len() <= STEP);
        let head = match beside {
            1 => format!("{first}.{}", calls[0]),
            _ => first.to_owned(),
        };
        self.line(head);
        for call in &calls[beside..] {
            self.line_raw(&format!("{}.{call}", " ".repeat(STEP)));
        }
    }

    /// The rest of the lines one step deeper, or back.
    pub(super) fn indent(&mut self) {
        self.indent += STEP;
    }

    /// Undoes [`Text::indent`].
    pub(super) fn dedent(&mut self) {
        self.indent -= STEP;
    }

    fn line_raw(&mut self, line: &str) {
        self.out.extend(std::iter::repeat_n(' ', self.indent));
        self.out.push_str(line);
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_broken_at_its_arguments() {
        let wide = "a".repeat(60);
        let ty = format!("Result<Vec<{wide}>, Error<{wide}, u8>>");
        assert_eq!(Doc::of_type(&ty).flat(), ty);
        let mut text = Text::default();
        text.doc("type X = ", &Doc::of_type(&ty), ";");
        assert_eq!(
            text.finish(),
            format!("type X = Result<\n    Vec<{wide}>,\n    Error<{wide}, u8>,\n>;\n")
        );
    }

    #[test]
    fn short_elements_share_lines() {
        let mut text = Text::default();
        text.doc("x = ", &Doc::group("[", (0..60).map(|n| Doc::text(n.to_string())), "]"), ";");
        assert_eq!(text.finish().lines().count(), 5);
    }
}
