//! The one font (Noto Sans: Latin, Greek, Cyrillic) and how wide text is in it.
//!
//! The font comes with a dependency and is the only one that is used, so that an image is the same on every machine.
//! Characters it lacks are drawn as its empty box.

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The name of the font in SVG.
pub const FAMILY: &str = "Noto Sans";
/// The bytes of the regular font.
pub static REGULAR: &[u8] = notosans::REGULAR_TTF;
/// The bytes of the bold font.
pub static BOLD: &[u8] = notosans::BOLD_TTF;

/// Regular or bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// For labels.
    Regular,
    /// For titles and figures.
    Bold,
}

/// How far characters move the pen, as a part of the font's size: a table for what is common, the font for the rest.
struct Advances {
    ascii: [f64; 128],
    font: Option<FontRef<'static>>,
}

impl Advances {
    fn new(bytes: &'static [u8]) -> Self {
        let mut advances = Self { ascii: [0.6; 128], font: FontRef::new(bytes).ok() };
        for code in 0..128_u8 {
            advances.ascii[usize::from(code)] = advances.measure(char::from(code));
        }
        advances
    }

    fn measure(&self, c: char) -> f64 {
        let of_font = |font: &FontRef<'static>| {
            let glyph = font.charmap().map(c)?;
            font.glyph_metrics(Size::new(1.0), LocationRef::default()).advance_width(glyph).map(f64::from)
        };
        self.font.as_ref().and_then(of_font).unwrap_or(0.6)
    }

    fn of(&self, c: char) -> f64 {
        match self.ascii.get(c as usize) {
            Some(width) => *width,
            None => self.measure(c),
        }
    }
}

static REGULAR_ADVANCES: LazyLock<Advances> = LazyLock::new(|| Advances::new(REGULAR));
static BOLD_ADVANCES: LazyLock<Advances> = LazyLock::new(|| Advances::new(BOLD));

fn advances(weight: Weight) -> &'static Advances {
    match weight {
        Weight::Regular => &REGULAR_ADVANCES,
        Weight::Bold => &BOLD_ADVANCES,
    }
}

/// Width of a line of text, pixels.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let advances = advances(weight);
    text.chars().map(|c| advances.of(c)).sum::<f64>() * size
}

/// The text, or as much of its beginning as fits into `max` pixels with an ellipsis behind it; empty when nothing fits.
pub fn fit(text: &str, size: f64, weight: Weight, max: f64) -> Cow<'_, str> {
    let advances = advances(weight);
    let ellipsis = advances.of('…') * size;
    let mut used = 0.0;
    let mut cut = 0;
    for (at, c) in text.char_indices() {
        if used + ellipsis <= max {
            cut = at;
        }
        used += advances.of(c) * size;
        if used > max {
            return if ellipsis > max { "".into() } else { format!("{}…", text[..cut].trim_end()).into() };
        }
    }
    text.into()
}
