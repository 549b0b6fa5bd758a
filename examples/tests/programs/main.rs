//! The programs do what they say and end with 0.

#[path = "../../../volo-core/tests/certificates/mod.rs"]
mod certificates;
mod durability;
mod served;

use std::process::{Command, Output};

use examples::{
    shop::patient_client,
    tmf::{catalog::ProductCatalogServiceClient, common::ListQuery},
};
use served::Served;

fn run(program: &str, arguments: &[&str]) -> (Output, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    (output, text)
}

#[test]
fn hello_greets() {
    assert_eq!(run(env!("CARGO_BIN_EXE_hello"), &[]).1, "Hello, world!\n");
}

#[test]
fn tls_tells_who_calls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = certificates::Authority::new();
    let identity = authority.issue(|_| {});
    let root = authority.root();
    let files = [identity.certificate.as_bytes(), identity.key.as_bytes(), &root.read().unwrap()];
    let paths = ["cert.pem", "key.pem", "roots.pem"].map(|name| directory.path().join(name));
    paths.iter().zip(files).for_each(|(path, text)| std::fs::write(path, text).unwrap());
    let arguments = paths.each_ref().map(|path| path.to_str().unwrap());
    assert_eq!(run(env!("CARGO_BIN_EXE_tls"), &arguments).1, "Hello, world! You are localhost.\n");
}

#[test]
fn shop_walks_through_every_kind_of_call() {
    let (output, text) = run(env!("CARGO_BIN_EXE_shop"), &["--offerings", "200"]);
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.ends_with("200/200 offerings\n") && !progress.contains('\r'), "{progress:?}");
    assert!(text.contains("is refused: no productOffering no-such-offering"), "{text}");
    assert!(text.contains("can't become cancelled"), "{text}");
    assert!(text.contains("listener  700 of 700 oneway events"), "{text}");
    let methods = [
        "createCancelProductOrder",
        "createProductOrder",
        "listProductOffering",
        "patchProductOffering",
        "patchProductOrder",
        "retrieveProductOffering",
    ];
    for method in methods {
        let row = text.lines().find(|line| line.starts_with(&format!("{method} ")));
        let row: Vec<&str> = row.unwrap_or_else(|| panic!("{method} in {text}")).split_whitespace().collect();
        assert_eq!(row.len(), 10, "name, count and four times with a unit: {row:?}");
        assert!(row[1].parse::<u64>().unwrap() > 0);
    }
}

#[cfg(unix)]
#[test]
fn shop_takes_any_address() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let authority = certificates::Authority::new();
    let identity = authority.server();
    std::fs::write(file("ca.pem"), authority.root().read().unwrap()).unwrap();
    std::fs::write(file("cert.pem"), &identity.certificate).unwrap();
    std::fs::write(file("key.pem"), &identity.key).unwrap();
    let (unix, ca, cert, key) =
        (format!("unix://{}", file("catalog.sock")), file("ca.pem"), file("cert.pem"), file("key.pem"));
    for (catalog, ordering) in [(&*unix, "mem://ordering"), ("tls://localhost:0", "127.0.0.1:0")] {
        let args = ["--offerings", "50", "--catalog", catalog, "--ordering", ordering];
        let args = [&args[..], &["--ca", &ca, "--cert", &cert, "--key", &key]].concat();
        let text = run(env!("CARGO_BIN_EXE_shop"), &args).1;
        let scheme = catalog.split_once("://").unwrap().0;
        assert!(text.contains(&format!("catalogue at {scheme}://")), "{text}");
        assert!(text.contains("listener  700 of 700 oneway events"), "{text}");
    }
    let near = std::fs::canonicalize(directory.path()).unwrap().join("near");
    let args = ["--offerings", "50", "--same-host", near.to_str().unwrap()];
    assert!(run(env!("CARGO_BIN_EXE_shop"), &args).1.contains("listener  700 of 700 oneway events"));
}

#[test]
fn wrong_arguments_are_explained() {
    for arguments in [&["--offerings", "0"][..], &["serve", "--catalog", "nowhere"], &["sell"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_shop")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn serve_ends_with_sigterm_and_keeps_its_data() {
    let data = tempfile::tempdir().unwrap();
    for start in 0..2 {
        let mut shop = Served::start(data.path(), 30);
        let catalog: ProductCatalogServiceClient = patient_client("catalog", &shop.catalog);
        let page = catalog.list_product_offering(ListQuery { limit: 5, ..Default::default() }).await.unwrap();
        assert_eq!((page.total_count, page.result_count), (30, 5), "start {start}");
        let asked = Command::new("kill").args(["-TERM", &shop.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let (status, rest) = shop.wait();
        assert!(status.success(), "{status}: {rest:?}");
    }
}
