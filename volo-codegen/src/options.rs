//! What a caller can choose about the generated code.

/// Choices about the generated code; `Options::default()` is right for most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Path of the runtime crate as generated code has to name it; `volo_thrift` by default.
    pub runtime_path: String,
    /// Name of the file that holds the generated code; `volo_gen.rs` by default.
    pub out_file: String,
    /// Gives each module of items a file of its own, in a directory named like `out_file`, which then only
    /// includes them.
    pub split: bool,
    /// Leaves out types that no service and no constant needs.
    pub trim: bool,
    /// Types that stay nevertheless when trimming: `Name` of a root file, or `file.Name`.
    pub touch: Vec<String>,
    /// The IDL files whose structs and exceptions keep fields that they don't know, and send them on.
    pub keep_unknown_fields: Files,
    /// Derives serde's traits; the runtime then needs its feature `serde`.
    pub serde: bool,
    /// Adds the constant `SCHEMA`, with which a server can tell its clients the IDL, comments and text included.
    pub reflection: bool,
    /// Carries the IDL's comments over; true by default.
    pub comments: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            runtime_path: "volo_thrift".to_owned(),
            out_file: "volo_gen.rs".to_owned(),
            split: false,
            trim: false,
            touch: Vec::new(),
            keep_unknown_fields: Files::None,
            serde: false,
            reflection: false,
            comments: true,
        }
    }
}

/// Some of the IDL files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Files {
    /// None of them.
    #[default]
    None,
    /// All of them.
    All,
    /// These root files and all that they include.
    Roots(Vec<String>),
}
