// An investigation's answer, for tests of what is made of it.
import type { Answer, Change } from "../src/investigate";

const CHANGE: Change = {
  time: "2026-11-26T09:57:31.000Z",
  event_id: "5f0c1c9e",
  event_source: "s3.amazonaws.com",
  event_name: "DeleteBucketPolicy",
  actor: "arn:aws:iam::000000000000:user/alice",
  user: "alice",
  account: "000000000000",
  region: "us-east-1",
  source_ip: "203.0.113.7",
  error_code: "",
  resources: [{ type: "AWS::S3::Bucket", name: "shop-assets" }],
  rank: 1,
  count: 2,
};

/** As docs/investigate.md shows it. */
export const ANSWER: Answer = {
  subject: {
    kind: "metric_alarm",
    alarm_name: "shop-5xx",
    state: "ALARM",
    region: "us-east-1",
    log_groups: ["/shop/web"],
    terms: [],
  },
  window: { at: "2026-11-26T10:05:00.000Z", from: "2026-11-26T09:05:00.000Z", to: "2026-11-26T10:20:00.000Z" },
  onset: {
    from: "2026-11-26T10:01:00.000Z",
    to: "2026-11-26T10:02:00.000Z",
    source: "metric",
    before: 0.4,
    after: 57,
    reason: "Sum of AWS/S3 5xxErrors went from about 0.4 to about 57 at 10:01",
  },
  metrics: [
    {
      label: "AWS/S3 5xxErrors",
      namespace: "AWS/S3",
      metric_name: "5xxErrors",
      dimensions: { BucketName: "shop-assets" },
      statistic: "Sum",
      period: 60,
      threshold: 10,
      points: [
        ["2026-11-26T08:00:00.000Z", 99],
        ["2026-11-26T09:05:00.000Z", 0],
        ["2026-11-26T09:06:00.000Z", 5],
        ["2026-11-26T09:30:00.000Z", 20],
      ],
      change: { time: "2026-11-26T10:01:00.000Z", before: 0.4, after: 57, score: 31 },
    },
  ],
  transitions: [
    { time: "2026-11-26T10:05:00.000Z", alarm_name: "shop-5xx", from: "OK", to: "ALARM", summary: "to ALARM", is_subject: true },
  ],
  log_patterns: [
    {
      kind: "new",
      log_group: "/shop/web",
      pattern_id: "0f2c",
      pattern: "ERROR AccessDenied reading <Token-1>",
      severity: "ERROR",
      before: 0,
      after: 212,
      before_per_minute: 0,
      after_per_minute: 11.2,
      first: "2026-11-26T10:01:07.120Z",
      last: "2026-11-26T10:19:58.001Z",
      sample: "ERROR AccessDenied reading s3://shop-assets/img/1.png",
    },
  ],
  changes: [CHANGE],
  causes: [
    {
      rank: 1,
      score: 7.9,
      share: 0.97,
      verdict: "likely",
      summary: "DeleteBucketPolicy on shop-assets by alice, 3 min before; alice never called it in 14 days",
      event: CHANGE,
      event_ids: ["5f0c1c9e", "5f0c1c9f"],
      factors: [
        { name: "time", score: 2.1, reason: "3 min before the onset" },
        { name: "overlap", score: 3.8, reason: "the alarm's dimension BucketName=shop-assets is its resource" },
        { name: "rarity", score: 2.9, reason: "alice never called it in 14 days" },
        { name: "reach", score: 1.5, reason: "it takes something away" },
        { name: "outcome", score: 0, reason: "" },
        { name: "precedent", score: 0.6, reason: "it preceded 1 of 2 earlier alarms" },
        { name: "prior", score: -3, reason: "" },
      ],
    },
  ],
  looked: { events: 412, history_events: 20_418, history_days: 14, log_lines: 30_211, notes: [] },
};
