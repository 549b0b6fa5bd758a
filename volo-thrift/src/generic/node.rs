//! A JSON tree, for the one thing that is read rarely and as a whole: a schema.

use super::json::{Json, JsonError};

const DEPTH_MAX: u32 = 64;

/// A value; numbers and keys as they are written.
#[derive(Debug)]
pub(super) enum Node<'j> {
    Bool(bool),
    Number(&'j str),
    Text(String),
    List(Vec<Node<'j>>),
    Object(Vec<(String, Node<'j>)>),
    /// A value that is kept as text.
    Source(&'j str),
    Null,
}

impl<'j> Node<'j> {
    /// Reads a whole text. The value of every key `verbatim` is kept as it is.
    pub(super) fn parse(text: &'j str, verbatim: &str) -> Result<Node<'j>, (JsonError, usize)> {
        let mut json = Json::new(text);
        let node = read(text, &mut json, verbatim, DEPTH_MAX).and_then(|node| json.end().map(|()| node));
        node.map_err(|error| (error, json.position()))
    }

    /// What is under a key of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'j>> {
        match self {
            Node::Object(entries) => entries.iter().find(|(known, _)| known == key).map(|(_, node)| node),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&self) -> Option<T> {
        match self {
            Node::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Node<'j>]> {
        match self {
            Node::List(items) => Some(items),
            _ => None,
        }
    }
}

fn read<'j>(text: &'j str, json: &mut Json<'j>, verbatim: &str, depth: u32) -> Result<Node<'j>, JsonError> {
    let inner = || depth.checked_sub(1).ok_or(JsonError::Expected("fewer levels"));
    Ok(match json.peek() {
        b'"' => Node::Text(json.string()?.into_owned()),
        b't' | b'f' => Node::Bool(json.bool()?),
        b'n' if json.null() => Node::Null,
        b'[' => {
            let (depth, mut first, mut items) = (inner()?, true, Vec::new());
            json.eat(b'[');
            while json.next_element(&mut first, b']')? {
                items.push(read(text, json, verbatim, depth)?);
            }
            Node::List(items)
        }
        b'{' => {
            let (depth, mut first, mut entries) = (inner()?, true, Vec::new());
            json.eat(b'{');
            while json.next_element(&mut first, b'}')? {
                let key = json.key()?.into_owned();
                let node = if key == verbatim {
                    json.peek();
                    let start = json.position();
                    json.skip(depth)?;
                    Node::Source(&text[start..json.position()])
                } else {
                    read(text, json, verbatim, depth)?
                };
                entries.push((key, node));
            }
            Node::Object(entries)
        }
        _ => Node::Number(json.number()?),
    })
}
