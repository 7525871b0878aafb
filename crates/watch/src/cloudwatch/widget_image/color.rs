//! Colours: what a series is drawn in, and the two themes.

use std::fmt;

/// An opaque colour; written as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

impl Color {
    /// From `0xrrggbb`.
    pub const fn hex(rgb: u32) -> Self {
        let [_, red, green, blue] = rgb.to_be_bytes();
        Self { red, green, blue }
    }

    /// Reads `#rrggbb`, or `#rgb` as an example of AWS has it; names such as `red` are refused there.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        match digits.len() {
            6 => Some(Self::hex(number)),
            // Each digit twice.
            3 => Some(Self::hex(((number & 0xf00) << 8 | (number & 0xf0) << 4 | number & 0xf) * 0x11)),
            _ => None,
        }
    }

    /// How light it looks, 0 (black) to 255: text on top of it is black or white by this.
    pub fn lightness(self) -> f64 {
        0.299 * f64::from(self.red) + 0.587 * f64::from(self.green) + 0.114 * f64::from(self.blue)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// CloudWatch's colours in the order in which it gives them to series: ten, then their light sisters.
pub const PALETTE: [Color; 20] = [
    Color::hex(0x1f77b4),
    Color::hex(0xff7f0e),
    Color::hex(0x2ca02c),
    Color::hex(0xd62728),
    Color::hex(0x9467bd),
    Color::hex(0x8c564b),
    Color::hex(0xe377c2),
    Color::hex(0x7f7f7f),
    Color::hex(0xbcbd22),
    Color::hex(0x17becf),
    Color::hex(0xaec7e8),
    Color::hex(0xffbb78),
    Color::hex(0x98df8a),
    Color::hex(0xff9896),
    Color::hex(0xc5b0d5),
    Color::hex(0xc49c94),
    Color::hex(0xf7b6d2),
    Color::hex(0xc7c7c7),
    Color::hex(0xdbdb8d),
    Color::hex(0x9edae5),
];

/// The colour of the series at `index` when it names none.
pub fn of_series(index: usize) -> Color {
    PALETTE[index % PALETTE.len()]
}

/// Red of an alarm, and of an annotation without a colour.
pub const ALARM: Color = Color::hex(0xd13212);
/// Green of an alarm that is OK.
pub const OK: Color = Color::hex(0x1d8102);
/// Grey of an alarm without data.
pub const INSUFFICIENT_DATA: Color = Color::hex(0x879596);
/// Orange of the sign beside a series that is not complete.
pub const WARNING: Color = Color::hex(0xff9900);

/// What the picture is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark text on white.
    #[default]
    Light,
    /// Light text on a dark ground.
    Dark,
}

/// The colours of a theme.
#[derive(Debug, Clone, Copy)]
pub struct Colors {
    /// Ground.
    pub background: Color,
    /// Titles and figures.
    pub text: Color,
    /// Labels of axes and series.
    pub muted: Color,
    /// Lines of the grid.
    pub grid: Color,
    /// Lines of the axes.
    pub axis: Color,
}

impl Theme {
    /// Its colours.
    pub const fn colors(self) -> Colors {
        match self {
            Theme::Light => Colors {
                background: Color::hex(0xffffff),
                text: Color::hex(0x16191f),
                muted: Color::hex(0x545b64),
                grid: Color::hex(0xe9ebed),
                axis: Color::hex(0xaab7b8),
            },
            Theme::Dark => Colors {
                background: Color::hex(0x0f1b2a),
                text: Color::hex(0xe9ebed),
                muted: Color::hex(0x9ba7b6),
                grid: Color::hex(0x243244),
                axis: Color::hex(0x5f6b7a),
            },
        }
    }
}
