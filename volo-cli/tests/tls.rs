//! `volo call` over TLS.

#[path = "../../volo-core/tests/certificates/mod.rs"]
mod certificates;

use std::process::{Command, Output};

use certificates::Authority;
use examples::shop::{Data, Shop, Transports};
use volo_core::Address;

async fn volo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volo"));
    command.args(args);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_method_is_called_over_tls() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let caller = authority.caller("spiffe://shop/operator");
    let ca = file("ca.pem", &authority.root().read().unwrap());
    let (cert, key) =
        (file("cert.pem", caller.certificate.as_bytes()), file("key.pem", caller.key.as_bytes()));
    let (certificate, own_key) = caller.pair();
    let transports = Transports {
        tls_server: Some(authority.server().tls().client_roots(authority.root())),
        tls_client: authority.client().identity(certificate, own_key),
        ..Transports::default()
    };
    let data = Data::in_memory().unwrap();
    let (catalog, ordering): (Address, Address) =
        ("tls://127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap());
    let shop = Shop::start_over(&data, &catalog, &ordering, transports).await.unwrap();
    let address = shop.catalog().to_string();
    let call = ["call", &address, "listProductOffering", "-d", r#"{"query":{"limit":1}}"#];
    let trusted = [&call[..], &["--ca", &ca, "--cert", &cert, "--key", &key]].concat();
    for extra in [&[][..], &["--server-name", "localhost"]] {
        let called = volo(&[&trusted[..], extra].concat()).await;
        assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
    }
    let refused = async |args: &[&str], message: &str| {
        let called = volo(&[&call[..], args].concat()).await;
        let told = String::from_utf8_lossy(&called.stderr).into_owned();
        assert!(!called.status.success() && told.contains(message), "{told}");
    };
    refused(&[], "UnknownIssuer").await;
    refused(&["--ca", &ca], "the peer wants a certificate").await;
    refused(
        &["--ca", &ca, "--cert", &cert, "--key", &key, "--server-name", "elsewhere"],
        "not valid for name",
    )
    .await;
    refused(&["--ca", &cert.replace("cert.pem", "none.pem")], "can't be read").await;
    refused(&["--cert", &cert], "--key").await;
    shop.stop().await.unwrap();
}
