//! A new project as a list of files: pure, so that a dry run and a test see what a user would get.

mod handlers;
pub(crate) mod imports;
mod programs;

use volo_codegen::ServiceOutline;

use crate::framework::Framework;

pub(crate) use handlers::{handler, handlers};

/// Which programs the project has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Template {
    /// A server with its handlers, and a client to try it.
    Service,
    /// A client alone.
    Client,
}

/// What a project is made of.
#[derive(Debug)]
pub(crate) struct Project<'a> {
    /// Name of the package.
    pub(crate) name: &'a str,
    pub(crate) template: Template,
    pub(crate) framework: &'a Framework,
    /// Path of the IDL file, relative to the project.
    pub(crate) idl: &'a str,
    /// Where to search for included files, relative to the project.
    pub(crate) includes: &'a [String],
    pub(crate) services: &'a [ServiceOutline],
    /// The services that the IDL file itself declares, by position.
    pub(crate) declared: &'a [usize],
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Relative to the project, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The item service of the guide, for those who bring no IDL.
pub(crate) const ITEM_IDL: &str = include_str!("../../templates/item.thrift.txt");

/// A line of `volo.yml`.
const REFLECTION: &str =
    "    # Makes the constant `SCHEMA`, which a server needs to tell its IDL.\n    reflection: true\n";

impl Project<'_> {
    /// All files but the IDL, in the order of interest.
    pub(crate) fn files(&self) -> Vec<File> {
        let mut files = vec![
            self.file("Cargo.toml", include_str!("../../templates/Cargo.toml.txt")),
            self.file("rust-toolchain.toml", include_str!("../../templates/rust-toolchain.toml.txt")),
            self.file(".gitignore", include_str!("../../templates/gitignore.txt")),
        ];
        match self.template {
            Template::Service => {
                files.push(self.file("README.md", include_str!("../../templates/README.service.md.txt")));
                files.push(rust("src/lib.rs", handlers::library(self)));
                files.push(rust("src/bin/server.rs", programs::server(self)));
            }
            Template::Client => {
                files.push(self.file("README.md", include_str!("../../templates/README.client.md.txt")));
                files.push(rust("src/lib.rs", programs::clients(self)));
            }
        }
        files.extend([
            rust("src/bin/client.rs", programs::client(self)),
            rust("tests/calls.rs", programs::tests(self)),
            rust("tests/common/mod.rs", programs::common(self)),
            rust("benches/calls.rs", programs::benches(self)),
            self.file("volo-gen/Cargo.toml", include_str!("../../templates/gen-Cargo.toml.txt")),
            self.file("volo-gen/build.rs", include_str!("../../templates/gen-build.rs.txt")),
            self.file("volo-gen/volo.yml", include_str!("../../templates/volo.yml.txt")),
            self.file("volo-gen/src/lib.rs", include_str!("../../templates/gen-lib.rs.txt")),
        ]);
        files
    }

    /// `Service.method` to try it with.
    pub(crate) fn example(&self) -> String {
        programs::example(self)
    }

    /// The crate's name in Rust code.
    fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The services that the server offers: those of the IDL file that no other one of it extends, because a
    /// server has a method only once.
    pub(crate) fn served(&self) -> Vec<&ServiceOutline> {
        let extended: Vec<usize> =
            self.declared.iter().flat_map(|service| self.ancestors(*service)).collect();
        let served = self.declared.iter().filter(|service| !extended.contains(service));
        served.map(|service| &self.services[*service]).collect()
    }

    /// The services that need handlers: those served and all they extend, in order of declaration.
    fn handled(&self) -> Vec<&ServiceOutline> {
        let with_ancestors = |service: &usize| self.ancestors(*service).into_iter().chain([*service]);
        let mut handled: Vec<usize> = self.declared.iter().flat_map(with_ancestors).collect();
        handled.sort_unstable();
        handled.dedup();
        handled.into_iter().map(|service| &self.services[service]).collect()
    }

    fn ancestors(&self, service: usize) -> Vec<usize> {
        let parents = std::iter::successors(Some(service), |at| self.services[*at].extends);
        parents.skip(1).collect()
    }

    fn file(&self, path: &str, template: &str) -> File {
        let names: Vec<String> = self.served().iter().map(|service| format!("`{}`", service.name)).collect();
        // In `volo.yml` paths are relative to its directory.
        let idl = if path.ends_with(".yml") { scalar(&from_gen(self.idl)) } else { self.idl.to_owned() };
        let includes: Vec<String> =
            self.includes.iter().map(|include| format!("{:?}", from_gen(include))).collect();
        let mut text = template.replace("{{name}}", self.name);
        // A server can tell its IDL; a client of it has no use for that.
        let (features, reflection) = match self.template {
            Template::Service => (&["generic"][..], REFLECTION),
            Template::Client => (&[][..], ""),
        };
        for (name, features) in [("volo-codegen", &[][..]), ("volo-core", &[]), ("volo-thrift", features)] {
            text = text.replace(&format!("{{{{{name}}}}}"), &self.framework.dependency(name, features));
        }
        let text = text
            .replace("{{services}}", &names.join(" and "))
            .replace("{{call}}", &self.example())
            .replace("{{reflection}}", reflection)
            .replace("{{idl}}", &idl)
            .replace("{{includes}}", &includes.join(", "));
        File { path: path.to_owned(), text }
    }
}

/// A path of the project as seen from `volo-gen`; absolute ones stay.
fn from_gen(path: &str) -> String {
    if std::path::Path::new(path).is_absolute() { path.to_owned() } else { format!("../{path}") }
}

/// A text in YAML: quoted where it could mean something else.
pub(crate) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.'))
        && text.chars().all(plain)
        && !["true", "false", "null", "yes", "no"].contains(&text);
    if is_plain { text.to_owned() } else { format!("{text:?}") }
}

fn rust(path: &str, text: String) -> File {
    File { path: path.to_owned(), text }
}
