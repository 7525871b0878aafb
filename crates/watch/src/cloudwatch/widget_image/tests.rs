//! Pictures are decoded and looked at pixel by pixel; awkward data must not break them.

mod axes;
mod numbers;

use super::*;
use model::{TimeRange, Timestamp};
use resvg::tiny_skia::Pixmap;

const MINUTE: i64 = 60_000;

/// A chart of an hour from 0, and what the closure changes.
fn chart(change: impl FnOnce(&mut Chart)) -> Chart {
    let mut chart = Chart { range: TimeRange::new(Timestamp(0), Timestamp(60 * MINUTE)), ..Default::default() };
    change(&mut chart);
    chart
}

/// A point each minute.
fn line(label: &str, value: impl Fn(i64) -> f64) -> Series {
    let points = (0..60).map(|minute| (Timestamp(minute * MINUTE), value(minute))).collect();
    Series { label: label.into(), points, period_ms: MINUTE, ..Default::default() }
}

fn decode(chart: &Chart) -> Pixmap {
    Pixmap::decode_png(&png(chart).unwrap()).unwrap()
}

fn is(pixels: &Pixmap, x: u32, y: u32, color: Color) -> bool {
    let pixel = pixels.pixel(x, y).unwrap().demultiply();
    let near = |a: u8, b: u8| a.abs_diff(b) <= 3;
    near(pixel.red(), color.red) && near(pixel.green(), color.green) && near(pixel.blue(), color.blue)
}

fn count(pixels: &Pixmap, color: Color) -> usize {
    let all = (0..pixels.height()).flat_map(|y| (0..pixels.width()).map(move |x| (x, y)));
    all.filter(|(x, y)| is(pixels, *x, *y, color)).count()
}

/// Rows in which a colour is seen.
fn rows(pixels: &Pixmap, color: Color) -> Vec<u32> {
    (0..pixels.height()).filter(|y| (0..pixels.width()).any(|x| is(pixels, x, *y, color))).collect()
}

/// Columns in which a colour is seen, in some rows.
fn columns(pixels: &Pixmap, color: Color, from: u32, to: u32) -> Vec<u32> {
    (0..pixels.width()).filter(|x| (from..to).any(|y| is(pixels, *x, y, color))).collect()
}

const VIEWS: [View; 8] = [
    View::TimeSeries { stacked: false },
    View::TimeSeries { stacked: true },
    View::Bar,
    View::Pie,
    View::Gauge,
    View::SingleValue { sparkline: false },
    View::SingleValue { sparkline: true },
    View::Table,
];

#[test]
fn each_view_has_the_size_asked_for_and_the_colours_of_its_series() {
    for view in VIEWS {
        for theme in [Theme::Light, Theme::Dark] {
            let chart = chart(|chart| {
                (chart.view, chart.theme, chart.width, chart.height) = (view, theme, 500, 300);
                chart.title = "Two lines".into();
                chart.series = vec![line("a", |i| 10.0 + i as f64), line("b", |i| 30.0 + i as f64)];
            });
            let pixels = decode(&chart);
            assert_eq!((pixels.width(), pixels.height()), (500, 300));
            assert!(is(&pixels, 1, 1, theme.colors().background), "{view:?} {theme:?}");
            assert!(count(&pixels, PALETTE[0]) > 30, "{view:?} {theme:?}");
            assert!(count(&pixels, PALETTE[1]) > 30, "{view:?} {theme:?}");
        }
    }
}

#[test]
fn sizes_are_brought_into_aws_limits() {
    for (asked, drawn) in [((0, 0), (1, 1)), ((1, 1), (1, 1)), ((7, 2000), (7, 2000)), ((5000, 3), (2000, 3))] {
        for view in VIEWS {
            let chart = chart(|chart| {
                (chart.width, chart.height, chart.view) = (asked.0, asked.1, view);
                chart.title = "x".into();
                chart.series = vec![line("a", |i| i as f64); 3];
            });
            let pixels = decode(&chart);
            assert_eq!((pixels.width(), pixels.height()), drawn, "{view:?}");
        }
    }
}

#[test]
fn a_constant_line_and_an_annotation_are_at_their_values() {
    let mark = Color::hex(0x00ff00);
    let chart = chart(|chart| {
        chart.legend = Legend::Hidden;
        chart.left = Axis { min: Some(0.0), max: Some(100.0), ..Default::default() };
        chart.series = vec![line("a", |_| 25.0)];
        let fill = HorizontalFill::None;
        chart.horizontal =
            vec![HorizontalAnnotation { value: 75.0, label: String::new(), color: Some(mark), axis: Side::Left, fill }];
    });
    let pixels = decode(&chart);
    let (line, marked) = (rows(&pixels, PALETTE[0]), rows(&pixels, mark));
    let axis = rows(&pixels, chart.theme.colors().axis);
    let (bottom, line, marked) = (f64::from(axis[0]), f64::from(line[0]), f64::from(marked[0]));
    // From the axis a quarter and three quarters of the way up: the distances are as 1 to 3.
    let ratio = (bottom - marked) / (bottom - line);
    assert!((ratio - 3.0).abs() < 0.06, "{bottom} {line} {marked}: {ratio}");
}

#[test]
fn the_right_axis_has_its_own_scale() {
    let chart = chart(|chart| {
        chart.legend = Legend::Hidden;
        chart.left = Axis { min: Some(0.0), max: Some(10.0), ..Default::default() };
        chart.right = Axis { min: Some(0.0), max: Some(1000.0), ..Default::default() };
        let right = Series { axis: Side::Right, ..line("r", |_| 500.0) };
        chart.series = vec![line("l", |_| 2.5), right];
    });
    let pixels = decode(&chart);
    let (left, right) = (rows(&pixels, PALETTE[0])[0], rows(&pixels, PALETTE[1])[0]);
    let bottom = rows(&pixels, chart.theme.colors().axis)[0];
    let ratio = f64::from(bottom - right) / f64::from(bottom - left);
    assert!((ratio - 2.0).abs() < 0.05, "{ratio}");
    assert!(svg(&chart).contains(">1K</text>"));
}

#[test]
fn gaps_are_not_bridged_and_a_lone_point_is_a_dot() {
    let chart = chart(|chart| {
        chart.legend = Legend::Hidden;
        let mut gap = line("a", |_| 5.0);
        gap.points
            .retain(|(at, _)| at.millis() <= 10 * MINUTE || at.millis() >= 50 * MINUTE || at.millis() == 30 * MINUTE);
        chart.series = vec![gap];
    });
    let text = svg(&chart);
    assert_eq!(text.matches("<circle").count(), 1);
    let pixels = decode(&chart);
    let seen = columns(&pixels, PALETTE[0], 0, pixels.height());
    let holes = seen.windows(2).filter(|pair| pair[1] - pair[0] > 50).count();
    assert_eq!(holes, 2, "left of the dot and right of it");
}

#[test]
fn a_vertical_band_is_shaded_between_its_times() {
    let mark = Color::hex(0x0000ff);
    let chart = chart(|chart| {
        chart.legend = Legend::Hidden;
        let fill = VerticalFill::Between { at: Timestamp(40 * MINUTE), label: "end".into() };
        let at = Timestamp(20 * MINUTE);
        chart.vertical = vec![VerticalAnnotation { at, label: "begin".into(), color: Some(mark), fill }];
        chart.series = vec![line("a", |_| 1.0)];
    });
    let pixels = decode(&chart);
    let lines = columns(&pixels, mark, 100, 300);
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let row = 100;
    assert!(!is(&pixels, (first + last) / 2, row, chart.theme.colors().background), "shaded inside");
    assert!(is(&pixels, first - 20, row, chart.theme.colors().background), "not before");
    assert!(is(&pixels, last + 20, row, chart.theme.colors().background), "not after");
}

#[test]
fn an_alarm_has_a_dashed_threshold_and_a_strip_of_states() {
    let chart = chart(|chart| {
        let range = |from: i64, to: i64| TimeRange::new(Timestamp(from * MINUTE), Timestamp(to * MINUTE));
        let states = vec![(range(-100, 30), AlarmState::Ok), (range(30, 60), AlarmState::Alarm)];
        let label = "too high".into();
        chart.alarms = vec![AlarmAnnotation { label, threshold: Some(3.0), axis: Side::Left, states }];
        chart.series = vec![line("a", |_| 1.0)];
    });
    assert!(svg(&chart).contains("stroke-dasharray"));
    assert!(svg(&chart).contains("too high"));
    let pixels = decode(&chart);
    assert!(count(&pixels, color::OK) > 800 && count(&pixels, color::ALARM) > 800);
}

#[test]
fn stacked_layers_lie_on_each_other() {
    let chart = chart(|chart| {
        chart.view = View::TimeSeries { stacked: true };
        chart.legend = Legend::Hidden;
        chart.left = Axis { min: Some(0.0), max: Some(40.0), ..Default::default() };
        chart.series = vec![line("a", |_| 10.0), line("b", |_| 20.0)];
    });
    let pixels = decode(&chart);
    let (lower, upper) = (rows(&pixels, PALETTE[0])[0], rows(&pixels, PALETTE[1])[0]);
    let bottom = rows(&pixels, chart.theme.colors().axis)[0];
    let ratio = f64::from(bottom - upper) / f64::from(bottom - lower);
    assert!((ratio - 3.0).abs() < 0.08, "30 is three times as high as 10: {ratio}");
}

#[test]
fn a_stack_keeps_its_gaps() {
    let chart = chart(|chart| {
        chart.view = View::TimeSeries { stacked: true };
        let mut gap = line("a", |_| 10.0);
        gap.points.retain(|(at, _)| at.millis() <= 10 * MINUTE || at.millis() >= 50 * MINUTE);
        chart.series = vec![gap];
    });
    // Two fills and two edges.
    assert_eq!(svg(&chart).matches("<path").count(), 4);
}

#[test]
fn text_is_escaped() {
    let nasty = "<script>&\"'\u{0}\u{1b}\u{ffff}]]>";
    for view in VIEWS {
        let chart = chart(|chart| {
            chart.view = view;
            chart.title = nasty.into();
            chart.series = vec![Series { unit: Some(nasty.into()), ..line(nasty, |i| i as f64) }];
            chart.left.label = Some(nasty.into());
            let label = nasty.to_owned();
            let fill = HorizontalFill::Above;
            chart.horizontal = vec![HorizontalAnnotation { value: 3.0, label, color: None, axis: Side::Left, fill }];
        });
        let text = svg(&chart);
        assert!(text.contains("&lt;script&gt;&amp;&quot;&#39;") && !text.contains("<script"), "{text}");
        assert!(!text.contains('\u{0}') && !text.contains('\u{1b}') && !text.contains('\u{ffff}'));
        decode(&chart);
    }
}

#[test]
fn awkward_data_are_drawn() {
    let points = |values: &[f64]| {
        let at = |(index, value): (usize, &f64)| (Timestamp(index as i64 * MINUTE), *value);
        Series { label: "odd".into(), points: values.iter().enumerate().map(at).collect(), ..Default::default() }
    };
    let odd = [
        vec![],
        vec![Series::default()],
        vec![points(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])],
        vec![points(&[1.0])],
        vec![points(&[0.0, 0.0])],
        vec![points(&[-5.0, -3.0, -4.0])],
        vec![points(&[1e300, -1e300, f64::MAX, f64::MIN])],
        vec![points(&[5e-324, 1e-320]), points(&[f64::MIN_POSITIVE; 3])],
        vec![points(&[f64::MAX; 4]); 4],
        vec![points(&[1e17, 1e17 + 16.0])],
        vec![line("", |i| i as f64); 300],
    ];
    for series in odd {
        for view in VIEWS {
            for legend in [Legend::Bottom, Legend::Right] {
                let series = series.clone();
                let chart = chart(|chart| {
                    (chart.series, chart.view, chart.legend) = (series, view, legend);
                    (chart.width, chart.height) = (240, 160);
                });
                let text = svg(&chart);
                assert!(!text.contains("NaN") && !text.contains("inf"), "{view:?}: {text}");
                decode(&chart);
            }
        }
    }
}

#[test]
fn awkward_axes_and_times_are_drawn() {
    let ends = [None, Some(0.0), Some(-1.0), Some(f64::NAN), Some(f64::INFINITY), Some(1e308), Some(5.0)];
    let ranges = [
        TimeRange::ALL,
        TimeRange::new(Timestamp(5), Timestamp(5)),
        TimeRange::new(Timestamp(9), Timestamp(3)),
        TimeRange::new(Timestamp(0), Timestamp(1)),
        TimeRange::new(Timestamp(i64::MAX - 5), Timestamp::MAX),
        TimeRange::new(Timestamp::MIN, Timestamp(i64::MIN + 10_000_000)),
    ];
    for (index, range) in ranges.into_iter().enumerate() {
        for min in ends {
            let max = ends[index];
            let chart = chart(|chart| {
                (chart.range, chart.width, chart.height) = (range, 200, 150);
                (chart.left.min, chart.left.max) = (min, max);
                chart.series = vec![line("a", |i| i as f64)];
            });
            decode(&chart);
        }
    }
}

#[test]
fn many_points_are_thinned_and_their_spike_stays() {
    let points = (0..100_000_i64).map(|i| (Timestamp(i * 36), if i == 77_777 { 9.0 } else { (i % 2) as f64 }));
    let series = Series { label: "many".into(), points: points.collect(), ..Default::default() };
    for view in VIEWS {
        let chart = chart(|chart| {
            (chart.series, chart.view) = (vec![series.clone()], view);
            chart.left = Axis { min: Some(0.0), max: Some(10.0), ..Default::default() };
        });
        let text = svg(&chart);
        assert!(text.len() < 200_000, "{view:?}: {} bytes", text.len());
    }
    let chart = chart(|chart| {
        chart.series = vec![series];
        chart.legend = Legend::Hidden;
        chart.left = Axis { min: Some(0.0), max: Some(10.0), ..Default::default() };
    });
    let pixels = decode(&chart);
    let rows = rows(&pixels, PALETTE[0]);
    let bottom = rows_of_axis(&pixels, &chart);
    let part = f64::from(bottom - rows[0]) / f64::from(bottom);
    assert!(part > 0.75, "the spike reaches nine tenths of the axis: {part}");
}

fn rows_of_axis(pixels: &Pixmap, chart: &Chart) -> u32 {
    rows(pixels, chart.theme.colors().axis)[0]
}

#[test]
fn a_thicket_of_lines_is_drawn_with_hard_edges() {
    let zigzag = |seed: i64| line("n", move |i| ((i + seed) % 2) as f64);
    let chart = |count: i64| {
        chart(|chart| {
            (chart.width, chart.height) = (2000, 2000);
            chart.series = (0..count).map(zigzag).collect();
        })
    };
    assert!(!svg(&chart(3)).contains("crispEdges"));
    assert!(svg(&chart(120)).contains("crispEdges"));
}

#[test]
fn the_order_of_points_does_not_matter() {
    let sorted = chart(|chart| chart.series = vec![line("a", |i| (i * i % 17) as f64)]);
    let mut reversed = sorted.clone();
    reversed.series[0].points.reverse();
    assert_eq!(svg(&sorted), svg(&reversed));
}

#[test]
fn a_long_legend_is_cut_and_says_so() {
    let chart = chart(|chart| {
        let label = |i: usize| format!("a rather long name of a series, number {i}, that goes on and on");
        chart.series = (0..40).map(|i| line(&label(i), |_| i as f64)).collect();
    });
    let text = svg(&chart);
    assert!(text.contains("+ 3") && text.contains(" more</text>"), "{text}");
    let column = Chart { legend: Legend::Right, ..chart };
    assert!(svg(&column).contains('…'));
}

#[test]
fn a_series_that_is_not_complete_has_a_sign() {
    let chart = chart(|chart| chart.series = vec![Series { incomplete: true, ..line("a", |_| 1.0) }]);
    assert!(count(&decode(&chart), color::WARNING) > 20);
}

#[test]
fn a_picture_says_that_there_is_no_data() {
    for view in [View::TimeSeries { stacked: false }, View::Bar, View::Pie, View::Gauge, View::Table] {
        assert!(svg(&chart(|chart| chart.view = view)).contains("No data available."), "{view:?}");
    }
}

#[test]
fn a_dial_fills_with_its_value() {
    let dial = |value: f64| {
        let chart = chart(|chart| {
            chart.view = View::Gauge;
            chart.left = Axis { min: Some(0.0), max: Some(100.0), ..Default::default() };
            chart.series = vec![line("a", |_| value)];
        });
        count(&decode(&chart), PALETTE[0]) as f64
    };
    let (quarter, half, beyond) = (dial(25.0), dial(50.0), dial(1e9));
    assert!((half / quarter - 2.0).abs() < 0.05, "{quarter} {half}");
    assert!((beyond / half - 2.0).abs() < 0.05, "{half} {beyond}");
    assert_eq!(dial(-5.0), 0.0);
}

#[test]
fn slices_are_as_large_as_their_values() {
    let chart = chart(|chart| {
        (chart.view, chart.legend) = (View::Pie, Legend::Hidden);
        let values = [1.0, 3.0, -7.0, f64::NAN];
        chart.series = values.into_iter().map(|value| line("a", |_| value)).collect();
    });
    let pixels = decode(&chart);
    let ratio = count(&pixels, PALETTE[1]) as f64 / count(&pixels, PALETTE[0]) as f64;
    assert!((ratio - 3.0).abs() < 0.15, "{ratio}");
    assert_eq!(count(&pixels, PALETTE[2]), 0, "nothing for less than nothing");
}

#[test]
fn the_same_chart_is_the_same_picture() {
    let chart = chart(|chart| chart.series = vec![line("a", |i| i as f64)]);
    assert_eq!(png(&chart).unwrap(), png(&chart).unwrap());
}

#[test]
fn colours_are_read() {
    assert_eq!(Color::parse("#1f77B4"), Some(Color { red: 0x1f, green: 0x77, blue: 0xb4 }));
    assert_eq!(Color::hex(0x1f77b4).to_string(), "#1f77b4");
    assert_eq!(Color::parse("#1aF"), Some(Color::hex(0x11aaff)));
    for wrong in ["red", "1f77b4", "#ff", "#1f77b", "#1f77b4ff", "#+f77b4", "", "#", "#ééé"] {
        assert_eq!(Color::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn text_is_cut_to_its_room() {
    use text::{Weight, fit, width};
    let long = "The quick brown fox jumps over the lazy dog, ünd nöch ein Mäl; Ελληνικά, Русский";
    for max in 0..400 {
        let max = f64::from(max);
        let fitted = fit(long, 12.0, Weight::Regular, max);
        assert!(width(&fitted, 12.0, Weight::Regular) <= max + 1e-9, "{max}: {fitted}");
    }
    assert_eq!(fit("short", 12.0, Weight::Regular, 100.0), "short");
    assert!(fit(long, 12.0, Weight::Bold, 60.0).ends_with('…'));
    assert!(width("WWW", 12.0, Weight::Regular) > 2.0 * width("iii", 12.0, Weight::Regular), "real widths");
}
