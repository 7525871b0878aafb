//! AWS names to Rust names.

/// `logGroupName` -> `log_group_name`, `TrailARN` -> `trail_arn`, `S3BucketName` -> `s3_bucket_name`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let starts_word = i > 0
            && c.is_ascii_uppercase()
            && (!chars[i - 1].is_ascii_uppercase() || chars.get(i + 1).is_some_and(char::is_ascii_lowercase));
        if starts_word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `ResourceNotFoundException` -> `RESOURCE_NOT_FOUND_EXCEPTION`.
pub fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// The field for member `name`: snake case, raw where it is a keyword.
pub fn field(name: &str) -> String {
    let name = snake(name);
    if matches!(name.as_str(), "type" | "match") { format!("r#{name}") } else { name }
}
