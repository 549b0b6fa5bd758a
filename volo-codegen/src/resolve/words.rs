//! Names that work here and nowhere else.

/// Names that Apache's compiler refuses because some language it generates reserves them; sorted.
#[rustfmt::skip]
const RESERVED_ELSEWHERE: &[&str] = &[
    "BEGIN", "END", "__CLASS__", "__DIR__", "__FILE__", "__FUNCTION__", "__LINE__", "__METHOD__",
    "__NAMESPACE__", "abstract", "alias", "and", "args", "as", "assert", "begin", "break", "case",
    "catch", "class", "clone", "continue", "declare", "def", "default", "del", "delete", "do",
    "dynamic", "elif", "else", "elseif", "elsif", "end", "enddeclare", "endfor", "endforeach", "endif",
    "endswitch", "endwhile", "ensure", "except", "exec", "finally", "float", "for", "foreach", "from",
    "function", "global", "goto", "if", "implements", "import", "in", "inline", "instanceof",
    "interface", "is", "lambda", "module", "native", "new", "next", "nil", "not", "or", "package",
    "pass", "print", "private", "protected", "public", "raise", "redo", "register", "rescue", "retry",
    "return", "self", "sizeof", "static", "super", "switch", "synchronized", "then", "this", "throw",
    "transient", "try", "undef", "unless", "unsigned", "until", "use", "var", "virtual", "volatile",
    "when", "while", "with", "xor", "yield",
];

pub(super) fn is_reserved_elsewhere(name: &str) -> bool {
    RESERVED_ELSEWHERE.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_for_the_search() {
        assert!(RESERVED_ELSEWHERE.is_sorted());
        assert!(is_reserved_elsewhere("class") && !is_reserved_elsewhere("name"));
    }
}
