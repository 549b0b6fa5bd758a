//! Arguments that differ from call to call.

/// What a call's number stands in for.
const NUMBER: &str = "{{n}}";

/// JSON with places for the number of the call.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<String>,
}

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        Template { parts: text.split(NUMBER).map(str::to_owned).collect() }
    }

    /// Whether all calls have the same arguments.
    pub(crate) fn is_constant(&self) -> bool {
        self.parts.len() == 1
    }

    /// The text of one call.
    pub(crate) fn fill(&self, number: u64) -> String {
        self.parts.join(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_their_places() {
        let template = Template::new(r#"{"id":"{{n}}","at":{{n}}}"#);
        assert!(!template.is_constant());
        assert_eq!(template.fill(7), r#"{"id":"7","at":7}"#);
        let constant = Template::new("{}");
        assert!(constant.is_constant());
        assert_eq!(constant.fill(7), "{}");
    }
}
