//! Rates that are read.

use super::*;

#[test]
fn rates_are_minutes_hours_and_days() {
    for (expression, secs) in [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(2 hours)", 7_200),
        (" rate(1 day) ", 86_400),
        ("rate(30 days)", 2_592_000),
    ] {
        assert_eq!(rate_secs(expression), Ok(secs), "{expression}");
    }
    for expression in [
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(+1 minutes)",
        "rate(1 week)",
        "rate(5)",
        "rate()",
        "5 minutes",
        "rate(1.5 hours)",
        "cron(0 * * * ? *)",
        "rate(5 minutes",
        "",
    ] {
        assert!(rate_secs(expression).unwrap_err().contains("is not a rate like rate(5 minutes)"), "{expression}");
    }
    for expression in ["rate(31 days)", "rate(9223372036854775807 days)"] {
        assert!(rate_secs(expression).unwrap_err().contains("more than 30 days"), "{expression}");
    }
}
