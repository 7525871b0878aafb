//! The names of series with their colours: in lines below the picture, or in a column at its right.

use super::color::{Colors, WARNING};
use super::plotted::Plotted;
use super::svg::{Anchor, Rect, Svg, TextStyle};
use super::text::{Weight, fit, width};

/// Size of the text, pixels.
const SIZE: f64 = 12.0;
/// Height of a line, pixels.
pub const LINE: f64 = 18.0;
/// Side of the coloured square.
const SQUARE: f64 = 11.0;
/// From the beginning of an entry to its text.
const INDENT: f64 = SQUARE + 6.0;
/// Between entries of a line.
const GAP: f64 = 18.0;
/// Room for the words that tell how many names are left out.
const MORE: f64 = 70.0;
/// Width of the sign for missing points.
const SIGN: f64 = 16.0;

/// One name, where it is drawn.
struct Entry {
    series: usize,
    x: f64,
    line: usize,
    text: String,
}

/// A legend that has been laid out.
pub struct LegendLayout {
    entries: Vec<Entry>,
    /// Series without an entry, for lack of room.
    hidden: usize,
    lines: usize,
}

impl LegendLayout {
    /// In lines of this width, at most `lines_max` of them.
    pub fn in_lines(series: &[Plotted<'_>], room: f64, lines_max: usize) -> Self {
        let mut layout = Self { entries: Vec::new(), hidden: 0, lines: 0 };
        let (mut x, mut line) = (0.0, 0);
        for (index, plotted) in series.iter().enumerate() {
            let sign = sign_width(plotted);
            let text = fit(&plotted.series.label, SIZE, Weight::Regular, room - INDENT - sign);
            let taken = INDENT + sign + width(&text, SIZE, Weight::Regular);
            if x > 0.0 && x + taken > room {
                (x, line) = (0.0, line + 1);
            }
            // The last line keeps room for "+ 12 more" while there is more to come.
            let more = if index + 1 < series.len() && line + 1 == lines_max { MORE } else { 0.0 };
            if line >= lines_max || (x > 0.0 && x + taken + more > room) {
                layout.hidden = series.len() - index;
                break;
            }
            let text_room = room - INDENT - sign - more;
            let text = if x == 0.0 { fit(&plotted.series.label, SIZE, Weight::Regular, text_room) } else { text };
            let taken = INDENT + sign + width(&text, SIZE, Weight::Regular);
            layout.entries.push(Entry { series: index, x, line, text: text.into_owned() });
            layout.lines = line + 1;
            x += taken + GAP;
        }
        layout
    }

    /// One below the other, at most `lines_max` of them.
    pub fn in_column(series: &[Plotted<'_>], room: f64, lines_max: usize) -> Self {
        let shown = if series.len() > lines_max { lines_max.saturating_sub(1) } else { series.len() };
        let entry = |(index, plotted): (usize, &Plotted<'_>)| {
            let text = fit(&plotted.series.label, SIZE, Weight::Regular, room - INDENT - sign_width(plotted));
            Entry { series: index, x: 0.0, line: index, text: text.into_owned() }
        };
        let entries = series.iter().enumerate().take(shown).map(entry).collect();
        Self { entries, hidden: series.len() - shown, lines: series.len().min(lines_max) }
    }

    /// Height it needs, pixels.
    pub fn height(&self) -> f64 {
        self.lines as f64 * LINE
    }

    /// Draws it with its upper left corner at a point.
    pub fn draw(&self, svg: &mut Svg, at: (f64, f64), series: &[Plotted<'_>], colors: &Colors) {
        let style = TextStyle::new(SIZE, colors.muted);
        let baseline = |line: usize| at.1 + line as f64 * LINE + 13.0;
        let mut end = (at.0, baseline(0));
        for entry in &self.entries {
            let Some(plotted) = series.get(entry.series) else { continue };
            let (mut x, y) = (at.0 + entry.x, baseline(entry.line));
            svg.rounded(Rect::new(x, y - SQUARE + 1.0, SQUARE, SQUARE), 2.0, plotted.color, 1.0);
            x += INDENT;
            if plotted.series.incomplete {
                draw_sign(svg, (x, y));
                x += SIGN;
            }
            svg.text((x, y), style, &entry.text);
            end = (x + width(&entry.text, SIZE, Weight::Regular) + GAP, y);
        }
        if self.hidden > 0 {
            let more = format!("+ {} more", self.hidden);
            let column = self.lines > self.entries.len();
            svg.text(if column { (at.0, baseline(self.entries.len())) } else { end }, style.bold(), &more);
        }
    }
}

/// Width that a column of these names wants.
pub fn column_width(series: &[Plotted<'_>]) -> f64 {
    let wanted = |plotted: &Plotted<'_>| {
        // A name beyond this many characters is cut anyway.
        let label: String = plotted.series.label.chars().take(100).collect();
        INDENT + sign_width(plotted) + width(&label, SIZE, Weight::Regular) + 1.0
    };
    series.iter().map(wanted).fold(0.0, f64::max)
}

fn sign_width(plotted: &Plotted<'_>) -> f64 {
    if plotted.series.incomplete { SIGN } else { 0.0 }
}

/// An orange triangle with an exclamation mark, its lower left corner at a point.
fn draw_sign(svg: &mut Svg, (x, y): (f64, f64)) {
    let data = format!("M{x:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z", y + 1.0, x + 12.0, y + 1.0, x + 6.0, y - 10.0);
    svg.fill_path(&data, WARNING, 1.0);
    let style = TextStyle::new(9.0, super::color::Color::hex(0xffffff)).bold().anchored(Anchor::Middle);
    svg.text((x + 6.0, y - 0.5), style, "!");
}
