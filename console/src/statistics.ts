// Statistics and periods to choose from.
export const STATISTICS = [
  "Average",
  "Sum",
  "Minimum",
  "Maximum",
  "SampleCount",
  "p50",
  "p90",
  "p95",
  "p99",
  "p99.9",
  "tm99",
  "IQM",
];

/** Seconds and their name; the empty one leaves it to the range. */
export const PERIODS: [string, string][] = [
  ["", "Auto"],
  ["1", "1 s"],
  ["10", "10 s"],
  ["60", "1 min"],
  ["300", "5 min"],
  ["900", "15 min"],
  ["3600", "1 h"],
  ["21600", "6 h"],
  ["86400", "1 d"],
];
