//! What a caller can choose about the generated code.

/// Choices about the generated code; `Options::default()` is right for most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Path of the runtime crate as generated code has to name it; `volo_thrift` by default.
    pub runtime_path: String,
    /// Name of the file that holds the generated code; `volo_gen.rs` by default.
    pub out_file: String,
}

impl Default for Options {
    fn default() -> Self {
        Options { runtime_path: "volo_thrift".to_owned(), out_file: "volo_gen.rs".to_owned() }
    }
}
