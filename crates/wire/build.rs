//! Makes Rust code from the service models: shapes, constraint rules, errors and operations.

mod codegen;

use codegen::model::Model;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// File name of the model, and the variant of `Service`. `iam.json` and `application-signals.json` hold the operations that are served. In `sts.json` the token, in `sns.json` message, subject and token are marked as sensitive, for
/// CloudTrail hides them.
const SERVICES: [(&str, &str); 8] = [
    ("cloudwatch", "CloudWatch"),
    ("logs", "Logs"),
    ("cloudtrail", "CloudTrail"),
    ("cloudtrail-data", "CloudTrailData"),
    ("iam", "Iam"),
    ("sts", "Sts"),
    ("sns", "Sns"),
    ("application-signals", "ApplicationSignals"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let models = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../models");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=codegen");
    let mut rows = String::new();
    for (file, variant) in SERVICES {
        let path = models.join(format!("{file}.json"));
        println!("cargo:rerun-if-changed={}", path.display());
        let model: Model = serde_json::from_slice(&fs::read(&path)?)?;
        let mut code = String::new();
        codegen::structures::emit(&model, &mut code)?;
        codegen::texts::emit(&model, &mut code)?;
        codegen::rules::emit(&model, &mut code)?;
        codegen::errors::emit(&model, &mut code)?;
        codegen::operations::emit(&model, variant, &mut code)?;
        fs::write(out.join(format!("{file}.rs")), code)?;
        codegen::operations::emit_rows(&model, variant, &mut rows)?;
    }
    fs::write(out.join("modelled.rs"), format!("&[{rows}]"))?;
    Ok(())
}
