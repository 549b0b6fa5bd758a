//! How deep a value on its way out is nested: what nobody would read is not sent, and nothing runs out of stack.

use std::any::type_name;

/// Counts levels of values of types that can hold themselves. All others are as deep as the IDL has them.
#[derive(Debug)]
pub struct Levels {
    left: u32,
    refused: Option<&'static str>,
}

impl Levels {
    /// So many levels may be entered at a time.
    pub(super) fn new(max: u32) -> Self {
        Levels { left: max, refused: None }
    }

    /// The type of the first value that was one level too deep.
    pub(super) fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// Goes into a value; `false` if that is too deep, or another one was.
    #[inline(always)]
    pub(super) fn enter<T>(&mut self) -> bool {
        if self.left == 0 {
            return self.refuse(short_name::<T>);
        }
        self.left -= 1;
        true
    }

    /// Comes back out.
    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.left += 1;
    }

    #[cold]
    fn refuse(&mut self, name: fn() -> &'static str) -> bool {
        self.refused.get_or_insert_with(name);
        false
    }
}

/// A type's name without its path and arguments.
pub(super) fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    let end = name.find('<').unwrap_or(name.len());
    let start = name[..end].rfind("::").map_or(0, |at| at + 2);
    &name[start..end]
}
