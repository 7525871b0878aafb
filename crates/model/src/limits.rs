//! Every limit in one place, each with its AWS source ("reference" is the service's API reference page). Limits that the
//! service models state (lengths, list sizes, patterns) are not repeated here: generated code enforces them.

/// Largest request body on the wire, compressed or not. AWS: 1 MB for PutMetricData and PutLogEvents; JSON escaping may
/// double a PutLogEvents batch, so the wire cap is wider than the batch cap below.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest body after decompression.
pub const INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting of a JSON or CBOR body; deeper ones are refused before they are read.
pub const NESTING_MAX: usize = 64;
/// Largest difference between the client's clock and ours, milliseconds (SigV4: 5 minutes).
pub const CLOCK_SKEW_MS_MAX: i64 = 5 * 60 * 1000;

/// PutLogEvents: largest batch, counting UTF-8 bytes plus `LOG_EVENT_OVERHEAD_BYTES` each (PutLogEvents reference).
pub const LOG_BATCH_BYTES_MAX: usize = 1_048_576;
/// PutLogEvents: bytes counted for each event besides its message.
pub const LOG_EVENT_OVERHEAD_BYTES: usize = 26;
/// PutLogEvents: longest span of one batch, milliseconds.
pub const LOG_BATCH_SPAN_MS_MAX: i64 = 24 * 60 * 60 * 1000;
/// PutLogEvents: how far in the future an event may lie, milliseconds.
pub const LOG_FUTURE_MS_MAX: i64 = 2 * 60 * 60 * 1000;
/// PutLogEvents: how far in the past an event may lie, milliseconds.
pub const LOG_PAST_MS_MAX: i64 = 14 * 24 * 60 * 60 * 1000;
/// GetLogEvents and FilterLogEvents: most events in a page.
pub const LOG_PAGE_EVENTS_MAX: usize = 10_000;
/// GetLogEvents and FilterLogEvents: most bytes in a page.
pub const LOG_PAGE_BYTES_MAX: usize = 1_048_576;
/// FilterLogEvents: most bytes looked at for one page, so that a pattern that matches nothing cannot hold a request forever.
/// What can be skipped without a look is not counted.
pub const FILTER_SCAN_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// FilterLogEvents: longest search for one page, milliseconds: regular expressions cost far more than the bytes they read.
pub const FILTER_SCAN_MS_MAX: i64 = 3_000;
/// FilterLogEvents: most searches that run at once; further ones wait. They share the threads of the store, and each holds a few
/// megabytes of what it has found.
pub const FILTER_SEARCHES_MAX: usize = 16;
/// Filter patterns: longest text (filter pattern syntax page).
pub const FILTER_PATTERN_CHARS_MAX: usize = 1024;

/// PutMetricFilter: most metric filters of a log group, and most of them with a regular expression (PutMetricFilter reference).
pub const METRIC_FILTERS_MAX: usize = 100;
/// Metric and subscription filters of a log group, together, whose patterns have a regular expression (PutMetricFilter and
/// PutSubscriptionFilter references).
pub const FILTERS_WITH_REGEX_MAX: usize = 5;
/// PutMetricFilter: most dimensions, those from system fields included (MetricTransformation reference).
pub const METRIC_FILTER_DIMENSIONS_MAX: usize = 3;
/// A metric filter that makes more pairs of dimension and value in an hour is switched off (PutMetricFilter reference).
pub const METRIC_FILTER_PAIRS_MAX: usize = 1_000;
/// Most metric filters that are kept ready to match; ours.
pub const METRIC_FILTERS_READY_MAX: usize = 10_000;
/// Embedded metric format: most metrics of a directive (its specification).
pub const EMF_METRICS_MAX: usize = 100;
/// Embedded metric format: most values of a metric (its specification).
pub const EMF_VALUES_MAX: usize = 100;
/// Embedded metric format: most values of a document, each counted for each set of dimensions; ours.
pub const EMF_DOCUMENT_VALUES_MAX: usize = 100_000;
/// Metric filters and embedded metric format: most bytes of names and dimensions of the datapoints that one batch of log
/// events makes; ours.
pub const DERIVED_SERIES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// PutMetricData: largest uncompressed body (PutMetricData reference).
pub const METRIC_BODY_BYTES_MAX: usize = 1_048_576;
/// PutMetricData: most datums in a call.
pub const METRIC_DATUMS_MAX: usize = 1_000;
/// PutMetricData: most dimensions of a metric.
pub const METRIC_DIMENSIONS_MAX: usize = 30;
/// PutMetricData: most distinct values in a datum.
pub const METRIC_VALUES_MAX: usize = 150;
/// PutMetricData: largest magnitude of a value, 2^360.
pub const METRIC_VALUE_MAX: f64 = f64::from_bits((1023 + 360) << 52);
/// PutMetricData: how far in the past a datum may lie, milliseconds.
pub const METRIC_PAST_MS_MAX: i64 = 14 * 24 * 60 * 60 * 1000;
/// PutMetricData: how far in the future a datum may lie, milliseconds.
pub const METRIC_FUTURE_MS_MAX: i64 = 2 * 60 * 60 * 1000;
/// GetMetricStatistics: most datapoints answered (GetMetricStatistics reference).
pub const STATISTICS_DATAPOINTS_MAX: i64 = 1_440;
/// GetMetricData: most queries in a call.
pub const METRIC_QUERIES_MAX: usize = 500;
/// GetMetricData: most datapoints in a page.
pub const METRIC_DATAPOINTS_MAX: usize = 100_800;
/// Metric math: deepest nesting of parentheses, brackets, calls and powers in an expression.
pub const MATH_NESTING_MAX: usize = 64;
/// Metric math: most series in an array.
pub const MATH_ARRAY_SERIES_MAX: usize = 1_000;
/// Metric math: most points in an array that an operator or function makes.
pub const MATH_ARRAY_POINTS_MAX: usize = 10_000_000;
/// SEARCH: longest search expression (search expression limits).
pub const SEARCH_CHARS_MAX: usize = 1_024;
/// SEARCH: deepest nesting of brackets.
pub const SEARCH_NESTING_MAX: usize = 32;
/// SEARCH: most series that one gives to an expression (search expression limits: what a graph can display).
pub const SEARCH_FOUND_MAX: usize = 500;
/// SEARCH: most series that a graph draws of one.
pub const SEARCH_DRAWN_MAX: usize = 100;
/// Dynamic labels: most dynamic values in a label, not counting `${LABEL}` (dynamic labels page).
pub const LABEL_VALUES_MAX: usize = 6;
/// Metric math: longest expression, characters (MetricDataQuery).
pub const METRIC_EXPRESSION_CHARS_MAX: usize = 2_048;
/// GetMetricData: most data points that a request with expressions may load; ours, to bound memory.
pub const METRIC_MATH_POINTS_MAX: i64 = 10_000_000;
/// GetMetricData: most data points that a request with expressions may answer; ours, ten pages of AWS's.
pub const METRIC_MATH_ANSWER_MAX: usize = 1_008_000;
/// GetMetricData: most requests with expressions that are computed at the same time; ours.
pub const METRIC_MATH_AT_ONCE_MAX: usize = 4;
/// Metrics Insights: deepest nesting of parentheses.
pub const INSIGHTS_NESTING_MAX: usize = 32;
/// Metrics Insights: most series in an answer; ours (500 on AWS).
pub const INSIGHTS_SERIES_MAX: usize = 10_000;
/// Anomaly detection: most points of a band, and most that its model is trained on; ours.
pub const BAND_POINTS_MAX: usize = 20_160;
/// Anomaly detection: most models that are kept; ours.
pub const BAND_MODELS_MAX: usize = 10_000;
/// GetMetricWidgetImage: most images drawn at the same time; ours.
pub const IMAGES_AT_ONCE_MAX: usize = 2;
/// PromQL: most samples that a query loads; ours (50 million in Prometheus).
pub const PROMQL_SAMPLES_MAX: usize = 10_000_000;
/// PromQL: most queries that are computed at the same time; ours.
pub const PROMQL_AT_ONCE_MAX: usize = 4;
/// PromQL: most series that a request lists; ours.
pub const PROMQL_SERIES_MAX: usize = 100_000;
/// Backtest of an alarm: most evaluations; ours. Five weeks, minute by minute.
pub const BACKTEST_EVALUATIONS_MAX: i64 = 50_400;
/// The same of an alarm on expressions, which are computed for each; ours. A week, minute by minute.
pub const BACKTEST_EXPRESSIONS_MAX: i64 = 10_081;
/// Backtest of an alarm: most periods that all evaluations together look at; ours, to bound memory.
pub const BACKTEST_SLOTS_MAX: i64 = 2_000_000;
/// Backtest of an alarm: most thresholds that are tried; ours.
pub const BACKTEST_THRESHOLDS_MAX: usize = 100;
/// Backtest of an alarm: most at the same time; ours.
pub const BACKTESTS_AT_ONCE_MAX: usize = 2;
/// Backtest of a log alarm: most runs of its query, each of which reads the logs; ours.
pub const BACKTEST_LOG_RUNS_MAX: i64 = 500;
/// Backtest of an alarm: most versions of mute rules about it, and most windows of theirs; ours.
pub const BACKTEST_MUTE_VERSIONS_MAX: usize = 1_000;
/// Backtest of a composite alarm: most changes of its children; ours.
pub const BACKTEST_CHANGES_MAX: usize = 100_000;
/// Log alarms: most runs of the query that are evaluated (PutLogAlarm, QueryResultsToEvaluate).
pub const LOG_ALARM_RESULTS_MAX: i64 = 100;
/// Log alarms: most log lines in a notification (PutLogAlarm, ActionLogLineCount).
pub const LOG_ALARM_LINES_MAX: i64 = 50;
/// Log alarms: bytes of all log lines in a notification together; ours, to stay within an SNS message.
pub const LOG_ALARM_LINES_BYTES_MAX: usize = 64 * 1024;
/// Log alarms: most bytes of the values of one run as they are kept; ours. Further contributors are left out.
pub const LOG_ALARM_RESULT_BYTES_MAX: usize = 256 * 1024;
/// Log alarms: most that are evaluated at the same time; ours.
pub const LOG_ALARMS_AT_ONCE_MAX: usize = 4;
/// Log alarms: longest that a run of the query may take, milliseconds, and never longer than the time between runs; ours.
pub const LOG_ALARM_QUERY_MS_MAX: u64 = 5 * 60 * 1000;
/// Log alarms: longest time between runs, seconds; ours.
pub const LOG_ALARM_INTERVAL_SECS_MAX: i64 = 30 * 24 * 3600;
/// Metric alarms: most entries of `Metrics` (PutMetricAlarm).
pub const ALARM_QUERIES_MAX: usize = 20;
/// Metric alarms: most metrics among them (PutMetricAlarm).
pub const ALARM_METRICS_MAX: usize = 10;
/// ListMetrics: page size.
pub const METRIC_LIST_PAGE: usize = 500;
/// ListMetrics: a metric without data for this long is not listed, milliseconds.
pub const METRIC_LISTED_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// Longest time that metric data are kept, milliseconds (455 days).
pub const METRIC_RETENTION_MS: i64 = 455 * 24 * 60 * 60 * 1000;
/// How long metric data are kept in each resolution, (seconds, milliseconds), before they are rolled up to the next: 3 hours,
/// 15 days, 63 days, 455 days (CloudWatch concepts, metrics retention).
pub const METRIC_TIERS: [(u16, i64); 4] = [
    (1, 3 * 60 * 60 * 1000),
    (60, 15 * 24 * 60 * 60 * 1000),
    (300, 63 * 24 * 60 * 60 * 1000),
    (3600, METRIC_RETENTION_MS),
];

/// HTTP endpoints of CloudWatch Logs: largest body after decompression, and most events of a request (user guide, "Sending logs using
/// the HLC endpoint" and its neighbours: 1 MB, 10,000).
pub const HTTP_LOGS_BODY_BYTES_MAX: usize = 1024 * 1024;
/// See [`HTTP_LOGS_BODY_BYTES_MAX`].
pub const HTTP_LOGS_EVENTS_MAX: usize = 10_000;
/// OTLP: largest body after decompression; ours (AWS documents its own for traces only, 5 MB), what gRPC has as its default.
pub const OTLP_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// OTLP: most log records or data points of a request (user guide, "OTLP Endpoints": 10,000 log events).
pub const OTLP_ITEMS_MAX: usize = 10_000;
/// Remote write: largest body after decompression; ours, what vmagent sends at most.
pub const REMOTE_WRITE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Remote write: most samples of a request; ours (Prometheus sends 2,000).
pub const REMOTE_WRITE_SAMPLES_MAX: usize = 50_000;
/// OTLP and remote write: most KiB of bodies that are taken apart at the same time; ours. A short body can be many empty messages,
/// a hundred times as large in memory.
pub const READING_KIB_MAX: u32 = 4 * 1024;

/// LookupEvents: how far back it sees, milliseconds (90 days).
pub const LOOKUP_PAST_MS_MAX: i64 = 90 * 24 * 60 * 60 * 1000;
/// LookupEvents: page size and its maximum.
pub const LOOKUP_PAGE_MAX: usize = 50;
/// Largest audit event, bytes (CloudTrail quotas: 256 KB; 1 MB in Large).
pub const AUDIT_EVENT_BYTES_MAX: usize = 1_048_576;
/// Trails: records of one delivered file, bytes before compression (ours; on AWS files have up to 50 MB compressed).
pub const TRAIL_FILE_BYTES: usize = 5 * 1024 * 1024;
/// Trails: what was delivered is remembered so long, milliseconds (no AWS source); digests need the last hours.
pub const TRAIL_FILES_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Most tags on a resource.
pub const TAGS_MAX: usize = 50;
/// PutInsightRule: most rules of an account and region (CloudWatch quotas: 100).
pub const INSIGHT_RULES_MAX: usize = 100;
/// GetInsightRuleReport (our own, no AWS source): longest search of logs, milliseconds.
pub const INSIGHT_REPORT_MS_MAX: i64 = 30_000;
/// GetInsightRuleReport (our own): most reports that are counted at once; further ones wait. Each takes up to 100 MiB.
pub const INSIGHT_REPORTS_MAX: usize = 2;
/// GetInsightRuleReport (our own): most log groups of a rule.
pub const INSIGHT_REPORT_GROUPS_MAX: usize = 10_000;
/// CreateResourceMetricsConfiguration: most configurations of an account and region (no AWS source).
pub const RESOURCE_METRICS_MAX: usize = 10_000;
/// PutDeliverySource: most sources of an account and region (no AWS source).
pub const DELIVERY_SOURCES_MAX: usize = 1_000;
/// PutDeliverySource: most settings of a source (no AWS source).
pub const DELIVERY_SETTINGS_MAX: usize = 50;
/// PutDeliveryDestination: most destinations of an account and region (no AWS source).
pub const DELIVERY_DESTINATIONS_MAX: usize = 1_000;
/// CreateDelivery: most deliveries of an account and region (no AWS source).
pub const DELIVERIES_OF_LOGS_MAX: usize = 1_000;
/// PutMetricDataQueryDefinition: most definitions of an account and region (its reference).
pub const METRIC_QUERY_DEFINITIONS_MAX: usize = 1_000;
/// Alarm history is kept this long, milliseconds (30 days).
pub const ALARM_HISTORY_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Links of a source account in a region: monitoring accounts that it shares with (CloudWatch User Guide, cross-account observability).
pub const LINKS_OF_SOURCE_MAX: usize = 5;
/// Source accounts that a monitoring account reads at once; ours. AWS lets 100,000 link, and searches them in part too.
pub const LINKED_ACCOUNTS_MAX: usize = 1_000;
/// Largest policy of a sink, bytes; ours, AWS names none.
pub const SINK_POLICY_BYTES_MAX: usize = 20 * 1024;
/// SNS: topics, tags and subscriptions in a page (ListTopics and ListSubscriptions references).
pub const TOPIC_PAGE: usize = 100;
/// Publish: largest message with its attributes, bytes (Publish reference).
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// PublishBatch: most entries (PublishBatch reference).
pub const PUBLISH_BATCH_MAX: usize = 10;
/// Most subscriptions of a topic (SNS quotas: 12,500,000): one Publish writes a row for each.
pub const SUBSCRIPTIONS_OF_TOPIC_MAX: i64 = 10_000;
/// SNS: a subscription that is not confirmed for this long is forgotten, milliseconds (2 days).
pub const SUBSCRIPTION_PENDING_MS: i64 = 2 * 24 * 60 * 60 * 1000;
/// Most deliveries that wait in the outbox; further calls of Publish are throttled.
pub const DELIVERIES_WAITING_MAX: usize = 200_000;
/// Most deliveries that are made at the same time, each in a thread, and most of one receiver.
pub const DELIVERIES_AT_ONCE_MAX: usize = 128;
/// See [`DELIVERIES_AT_ONCE_MAX`].
pub const DELIVERIES_OF_RECEIVER_MAX: usize = 2;
/// How long a receiver may take to answer, milliseconds (SNS: 15 seconds).
pub const DELIVERY_MS_MAX: u64 = 15_000;
/// Dead letters are kept this long, milliseconds, and at most this many.
pub const DEAD_LETTERS_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// See [`DEAD_LETTERS_MS`].
pub const DEAD_LETTERS_MAX: usize = 10_000;

/// Actors (our own, no AWS source): most sessions followed back from a call.
pub const ACTOR_CHAIN_MAX: usize = 32;
/// Actors: memory for the calls that gave out credentials, of one question; of more, parts are read again.
pub const ACTOR_ISSUANCES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Actors: most keys and sessions that are followed from one login.
pub const SESSION_CREDENTIALS_MAX: usize = 1_000;
/// Actors: most events in a page of a session.
pub const SESSION_EVENTS_MAX: usize = 1_000;
/// Investigate (ours): most points of a metric, log patterns, changes and causes of an answer.
pub const INVESTIGATE_POINTS_MAX: usize = 1_500;
/// See `INVESTIGATE_POINTS_MAX`.
pub const INVESTIGATE_SURGES_MAX: usize = 20;
/// See `INVESTIGATE_POINTS_MAX`.
pub const INVESTIGATE_CHANGES_MAX: usize = 500;
/// See `INVESTIGATE_POINTS_MAX`.
pub const INVESTIGATE_CAUSES_MAX: usize = 50;
/// Investigate (ours): longest window, milliseconds, and most days that are learned from.
pub const INVESTIGATE_WINDOW_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// See `INVESTIGATE_WINDOW_MS_MAX`.
pub const INVESTIGATE_HISTORY_DAYS_MAX: i64 = 30;
/// Search of audit events (ours): most events of a page.
pub const SEARCH_EVENTS_MAX: usize = 1_000;
/// Search of audit events: most events that are looked at for one answer, and counted.
pub const SEARCH_LOOKED_MAX: usize = 200_000;
/// Search of audit events: most values of an attribute that are counted one by one.
pub const SEARCH_FACET_VALUES_MAX: usize = 10_000;
/// Search of audit events: most values and texts of one search.
pub const SEARCH_VALUES_MAX: usize = 200;
/// Validation of a trail's files (ours): most files of one answer.
pub const VALIDATED_FILES_MAX: usize = 20_000;
/// Validation of a trail's files: most findings of a kind that are told one by one.
pub const VALIDATED_FINDINGS_MAX: usize = 500;
/// Validation of a trail's files: most at once.
pub const VALIDATIONS_AT_ONCE_MAX: usize = 1;
/// Policy of observed activity (ours): most actions that are gathered.
pub const POLICY_ACTIONS_MAX: usize = 5_000;
/// Policy of observed activity: most resources of an action before they become a pattern.
pub const POLICY_RESOURCES_MAX: usize = 20;
/// Policy of observed activity: most events that are looked at.
pub const POLICY_EVENTS_MAX: usize = 1_000_000;
/// Questions about audit events (ours): longest, milliseconds, waiting for a turn included.
pub const QUESTION_MS_MAX: u64 = 60_000;
/// Questions about audit events (ours): most that are answered at once; further ones wait.
pub const QUESTIONS_MAX: usize = 4;
/// SQL (our own, no AWS source): longest statement, bytes.
pub const SQL_STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// SQL: most tables that a statement may name, each time counted.
pub const SQL_TABLES_MAX: usize = 32;
/// SQL: most nodes of a plan, common table expressions counted at each use; planning time grows with them.
pub const SQL_PLAN_NODES_MAX: usize = 1_000;
/// SQL: deepest nesting of a statement.
pub const SQL_NESTING_MAX: usize = 50;
/// SQL: memory of one query for sorting, grouping and joining.
pub const SQL_MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// SQL, that of CloudTrail Lake too: what one call of a function may make of a constant, and of a batch of rows, bytes.
pub const SQL_VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// See [`SQL_VALUE_BYTES_MAX`].
pub const SQL_BATCH_BYTES_MAX: usize = 128 * 1024 * 1024;
/// SQL: largest answer, bytes.
pub const SQL_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// SQL: longest query, milliseconds, waiting included.
pub const SQL_MS_MAX: u64 = 60_000;
/// SQL: most queries that run at once; further ones wait.
pub const SQL_QUERIES_MAX: usize = 2;
/// CloudTrail Lake (our own): largest answer of a query, bytes.
pub const LAKE_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// CloudTrail Lake (our own): queries that run at once; further ones are queued.
pub const LAKE_QUERIES_RUNNING_MAX: usize = 2;
/// CloudTrail Lake, quotas: queries of an account in a region that are queued or run.
pub const LAKE_QUERIES_MAX: usize = 10;
/// CloudTrail Lake, "queries that run for longer than one hour might time out": longest query, milliseconds.
pub const LAKE_QUERY_MS_MAX: u64 = 3_600_000;
/// CloudTrail Lake, GetQueryResults: how long results are kept, milliseconds: seven days.
pub const LAKE_RESULTS_MS: i64 = 7 * 86_400_000;
/// CloudTrail Lake (our own): results of all queries together, bytes; the oldest go first.
pub const LAKE_RESULTS_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// CloudTrail Lake (our own): dashboards in one region of an account.
pub const LAKE_DASHBOARDS_MAX: i64 = 100;
/// CloudTrail Lake, CreateDashboard: widgets of a dashboard.
pub const LAKE_WIDGETS_MAX: usize = 10;
/// CloudTrail Lake, quotas: event data stores in one region of an account.
pub const EVENT_DATA_STORES_MAX: usize = 10;
/// CloudTrail Lake (our own): ranges of time that imports have added to an event data store; the nearest are joined.
pub const IMPORTED_RANGES_MAX: usize = 1_000;
/// SQL: most lines of alarm history that a query may look at.
pub const SQL_ALARM_HISTORY_MAX: usize = 100_000;

/// StartLiveTail: most events that an update shows; of more, a sample (live tail guide).
pub const LIVE_TAIL_EVENTS_MAX: usize = 500;
/// StartLiveTail: most sessions of an account and region at once (Logs quotas).
pub const LIVE_TAIL_SESSIONS_MAX: usize = 15;
/// StartLiveTail: longest session, milliseconds (live tail guide: three hours).
pub const LIVE_TAIL_MS_MAX: i64 = 3 * 60 * 60 * 1000;
/// StartLiveTail: most text that is looked at for one update, bytes; of more, the oldest is passed over.
pub const LIVE_TAIL_UPDATE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// StartLiveTail: most names, and most prefixes of names, of streams (StartLiveTail reference).
pub const LIVE_TAIL_STREAMS_MAX: usize = 10;

/// Tail of audit events (ours): events that wait for slow readers, bytes, over all readers; of more, the oldest are lost to them.
pub const EVENT_TAIL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Tail of audit events (ours): most readers at once.
pub const EVENT_TAILS_MAX: usize = 15;

/// StartQuery: most log groups of a query (StartQuery reference).
pub const QUERY_GROUPS_MAX: usize = 50;
/// StartQuery: rows of an answer when the request names no limit, and most rows of one page (StartQuery reference).
pub const QUERY_ROWS: usize = 10_000;
/// StartQuery: most rows of an answer (StartQuery reference).
pub const QUERY_ROWS_MAX: usize = 100_000;
/// StartQuery: most queries of an account and region at once (Logs quotas).
pub const QUERIES_MAX: usize = 100;
/// StartQuery: most queries that run at once; further ones wait (no AWS source).
pub const QUERIES_RUNNING_MAX: usize = 2;
/// StartQuery: longest query, milliseconds (Logs quotas: 60 minutes).
pub const QUERY_MS_MAX: u64 = 60 * 60 * 1000;
/// StartQuery: longest query within a query, milliseconds (user guide, "subqueries").
pub const SUBQUERY_MS_MAX: i64 = 30_000;
/// StartQuery: how deep queries may stand within each other; SQL alone lets them (no AWS source).
pub const SUBQUERIES_DEEP_MAX: usize = 4;
/// StartQuery: memory of one query (no AWS source).
pub const QUERY_MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// StartQuery: answers are kept so long, milliseconds (Logs quotas: 7 days), and so much of them, bytes.
pub const QUERY_ANSWERS_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// See [`QUERY_ANSWERS_MS`].
pub const QUERY_ANSWERS_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Log alarms: answers of the queries of one alarm, or of all backtests of an account and region, that are kept, the newest; ours.
pub const LOG_ALARM_ANSWERS_MAX: usize = 10;
/// Log alarms: bytes of the answers of all alarms' queries that are kept, beside those of clients; ours.
pub const LOG_ALARM_ANSWERS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// PutQueryDefinition: most definitions of an account and region (Logs quotas).
pub const QUERY_DEFINITIONS_MAX: usize = 1000;
/// GetLogGroupFields: most events that are looked at (no AWS source).
pub const FIELD_SAMPLE_EVENTS_MAX: usize = 1000;
/// CreateLookupTable: largest table, bytes (CreateLookupTable reference).
pub const LOOKUP_TABLE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// GetScheduledQueryHistory: runs are kept so long, milliseconds (no AWS source: 30 days).
pub const SCHEDULED_RUNS_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// CreateExportTask: text of one file of an export, bytes before compression (no AWS source); the memory of a task.
pub const EXPORT_PART_BYTES: usize = 16 * 1024 * 1024;
/// Buckets that the server keeps for an account (S3 guide: 10,000, of which this many were the quota before 2024).
pub const BUCKETS_PER_ACCOUNT_MAX: i64 = 100;
/// Longest key of an object, bytes (S3 guide).
pub const OBJECT_KEY_BYTES_MAX: usize = 1024;
/// Names and values of the user metadata of an object, bytes (S3 guide).
pub const OBJECT_METADATA_BYTES_MAX: usize = 2048;
/// An object that is read whole, bytes (no AWS source: log files have some megabytes).
pub const OBJECT_READ_BYTES_MAX: usize = 64 * 1024 * 1024;
/// DescribeExportTasks: tasks are kept so long after their end, milliseconds (no AWS source: 30 days).
pub const EXPORT_TASKS_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Syslog configurations of an account in a region; AWS names no limit.
pub const SYSLOG_CONFIGURATIONS_MAX: usize = 100;

/// Detections (our own, no AWS source): largest file of Sigma rules, bytes, and most values of one rule.
pub const SIGMA_FILE_BYTES_MAX: usize = 256 * 1024;
/// See [`SIGMA_FILE_BYTES_MAX`].
pub const SIGMA_NODES_MAX: usize = 4_000;
/// Detections: deepest nesting of a rule's YAML, and of its condition.
pub const SIGMA_NESTING_MAX: usize = 32;
/// Detections: largest compiled regular expression of a rule, bytes.
pub const SIGMA_REGEX_BYTES_MAX: usize = 64 * 1024;
/// Detections: how often the conditions of one rule may name a selection, patterns counted with all that they mean, and those of all
/// rules together.
pub const SIGMA_TERMS_OF_RULE_MAX: usize = 1_000;
/// See [`SIGMA_TERMS_OF_RULE_MAX`].
pub const SIGMA_TERMS_MAX: usize = 200_000;
/// Detections: most files of a folder, most rules of them together, and deepest folder.
pub const SIGMA_FILES_MAX: usize = 10_000;
/// See [`SIGMA_FILES_MAX`].
pub const SIGMA_RULES_MAX: usize = 5_000;
/// Detections: most compiled regular expressions of all rules together, which bounds their memory.
pub const SIGMA_REGEXES_MAX: usize = 2_000;
/// See [`SIGMA_FILES_MAX`].
pub const SIGMA_FOLDERS_DEEP_MAX: usize = 16;

/// Limits per caller (our own, no AWS source): most callers whose rate is remembered.
pub const CALLERS_MAX: usize = 10_000;
/// Refused calls that are counted (our own): most callers that are told apart between two events that tell of them.
pub const UNRECORDED_CALLERS_MAX: usize = 1_000;

/// The console (our own, no AWS source): most sessions at once; the one that was used longest ago makes room.
pub const CONSOLE_SESSIONS_MAX: usize = 1_000;
/// The console: a session ends after so long without a call, and after so long in any case.
pub const CONSOLE_IDLE_MS_MAX: i64 = 30 * 60 * 1000;
/// See [`CONSOLE_IDLE_MS_MAX`].
pub const CONSOLE_SESSION_MS_MAX: i64 = 12 * 60 * 60 * 1000;
/// The console: most attempts to sign in that may fail from one address in the time below.
pub const CONSOLE_FAILURES_MAX: u32 = 10;
/// See [`CONSOLE_FAILURES_MAX`].
pub const CONSOLE_FAILURES_MS: i64 = 5 * 60 * 1000;
/// The console: most addresses whose failed attempts are remembered; the oldest makes room.
pub const CONSOLE_ADDRESSES_MAX: usize = 4_096;
/// The console: largest body of a sign-in, bytes.
pub const CONSOLE_SIGN_IN_BYTES_MAX: usize = 4 * 1024;

/// Policies: most statements of a document; ours, more than fit the longest one.
pub const POLICY_STATEMENTS_MAX: usize = 500;
/// Policies: most characters of documents, white space not counted (IAM quotas): managed; inline of a user, a group, a role together;
/// trust; of a session.
pub const MANAGED_POLICY_CHARS_MAX: usize = 6_144;
/// See [`MANAGED_POLICY_CHARS_MAX`].
pub const USER_POLICIES_CHARS_MAX: usize = 2_048;
/// See [`MANAGED_POLICY_CHARS_MAX`].
pub const GROUP_POLICIES_CHARS_MAX: usize = 5_120;
/// See [`MANAGED_POLICY_CHARS_MAX`].
pub const ROLE_POLICIES_CHARS_MAX: usize = 10_240;
/// See [`MANAGED_POLICY_CHARS_MAX`].
pub const TRUST_POLICY_CHARS_MAX: usize = 2_048;
/// See [`MANAGED_POLICY_CHARS_MAX`].
pub const SESSION_POLICY_CHARS_MAX: usize = 2_048;
/// Identities of an account (IAM quotas): users, groups, roles, managed policies.
pub const IAM_USERS_MAX: usize = 5_000;
/// See [`IAM_USERS_MAX`].
pub const IAM_GROUPS_MAX: usize = 300;
/// See [`IAM_USERS_MAX`].
pub const IAM_ROLES_MAX: usize = 1_000;
/// See [`IAM_USERS_MAX`].
pub const IAM_POLICIES_MAX: usize = 1_500;
/// IAM quotas: access keys of a user, groups of a user, policies attached to an entity, versions of a policy, tags.
pub const ACCESS_KEYS_PER_USER_MAX: usize = 2;
/// See [`ACCESS_KEYS_PER_USER_MAX`].
pub const GROUPS_PER_USER_MAX: usize = 10;
/// See [`ACCESS_KEYS_PER_USER_MAX`].
pub const ATTACHED_POLICIES_MAX: usize = 10;
/// See [`ACCESS_KEYS_PER_USER_MAX`].
pub const POLICY_VERSIONS_MAX: usize = 5;
/// See [`ACCESS_KEYS_PER_USER_MAX`].
pub const IAM_TAGS_MAX: usize = 50;
/// Simulations: most pairs of action and resource in a call; ours.
pub const SIMULATIONS_MAX: usize = 1_000;
/// Simulations: most documents in a call; ours.
pub const SIMULATED_POLICIES_MAX: usize = 50;
/// AssumeRole: most characters of what the session's token carries, policies and tags (a guess: AWS packs them in a binary format
/// whose limit it does not tell).
pub const PACKED_SESSION_CHARS_MAX: usize = 6_144;

/// CloudTrail Insights (our own): most subjects (operations and errors of accounts and regions) that baselines are kept of.
pub const INSIGHT_SUBJECTS_MAX: usize = 4_096;
/// CloudTrail Insights (our own): most values of an attribute that are counted of a subject.
pub const INSIGHT_VALUES_MAX: usize = 10;
/// CloudTrail Insights (our own): what is kept of a value, bytes.
pub const INSIGHT_VALUE_BYTES_MAX: usize = 512;
