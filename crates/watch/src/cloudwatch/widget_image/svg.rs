//! Writes the few SVG elements that charts need; all text is escaped here and nowhere else.

use super::color::Color;
use super::text::{FAMILY, Weight};
use std::fmt::{self, Write};

/// A rectangle in pixels, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width, never negative.
    pub width: f64,
    /// Height, never negative.
    pub height: f64,
}

impl Rect {
    /// A rectangle; negative sizes become nothing.
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self { x, y, width: width.max(0.0), height: height.max(0.0) }
    }

    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Lower edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The rectangle without a margin at each side.
    pub fn inset(&self, left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self::new(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)
    }
}

/// Where text stands to its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// Ends there.
    End,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    /// Size, pixels.
    pub size: f64,
    /// Weight.
    pub weight: Weight,
    /// Colour.
    pub fill: Color,
    /// Place to its x.
    pub anchor: Anchor,
}

impl TextStyle {
    /// Regular text that begins at its x.
    pub fn new(size: f64, fill: Color) -> Self {
        Self { size, weight: Weight::Regular, fill, anchor: Anchor::Start }
    }

    /// The same in bold.
    pub fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    /// The same with another anchor.
    pub fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// Colour.
    pub color: Color,
    /// Width, pixels.
    pub width: f64,
    /// Dashed.
    pub dashed: bool,
}

impl Stroke {
    /// A solid line.
    pub fn solid(color: Color, width: f64) -> Self {
        Self { color, width, dashed: false }
    }

    /// A dashed line.
    pub fn dashed(color: Color, width: f64) -> Self {
        Self { color, width, dashed: true }
    }
}

/// An SVG document in the making.
#[derive(Debug)]
pub struct Svg {
    out: String,
    clips: usize,
}

/// A coordinate: two decimals, and never beyond what a rasteriser's 32-bit numbers hold.
pub struct Px(pub f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.0.is_finite() { self.0.clamp(-100_000.0, 100_000.0) } else { 0.0 };
        let hundredths = (value * 100.0).round();
        if hundredths % 100.0 == 0.0 { write!(f, "{:.0}", hundredths / 100.0) } else { write!(f, "{value:.2}") }
    }
}

impl Svg {
    /// A document with a ground.
    pub fn new(width: u32, height: u32, background: Color) -> Self {
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\">\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{background}\"/>"
        );
        Self { out, clips: 0 }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    /// Writing to a string cannot fail, so neither can this.
    fn put(&mut self, arguments: fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(arguments);
    }

    /// A filled rectangle; `opacity` from 0 to 1.
    pub fn rect(&mut self, rect: Rect, fill: Color, opacity: f64) {
        self.rounded(rect, 0.0, fill, opacity);
    }

    /// A filled rectangle with round corners.
    pub fn rounded(&mut self, rect: Rect, radius: f64, fill: Color, opacity: f64) {
        let (x, y, width, height) = (Px(rect.x), Px(rect.y), Px(rect.width), Px(rect.height));
        self.put(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\""));
        if radius > 0.0 {
            self.put(format_args!(" rx=\"{}\"", Px(radius)));
        }
        self.opacity("fill-opacity", opacity);
        self.out.push_str("/>");
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        let (x1, y1, x2, y2) = (Px(from.0), Px(from.1), Px(to.0), Px(to.1));
        self.put(format_args!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\""));
        self.stroke(stroke);
        self.out.push_str("/>");
    }

    /// A dot.
    pub fn circle(&mut self, center: (f64, f64), radius: f64, fill: Color) {
        let (x, y, r) = (Px(center.0), Px(center.1), Px(radius));
        self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{fill}\"/>"));
    }

    /// A line along path data.
    pub fn stroke_path(&mut self, data: &str, stroke: Stroke) {
        self.put(format_args!("<path d=\"{data}\" fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\""));
        self.stroke(stroke);
        self.out.push_str("/>");
    }

    /// What path data enclose.
    pub fn fill_path(&mut self, data: &str, fill: Color, opacity: f64) {
        self.put(format_args!("<path d=\"{data}\" fill=\"{fill}\""));
        self.opacity("fill-opacity", opacity);
        self.out.push_str("/>");
    }

    /// A line of text whose baseline is at y.
    pub fn text(&mut self, at: (f64, f64), style: TextStyle, text: &str) {
        if text.is_empty() {
            return;
        }
        let (x, y, size) = (Px(at.0), Px(at.1), Px(style.size));
        self.put(format_args!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{}\"", style.fill));
        if style.weight == Weight::Bold {
            self.out.push_str(" font-weight=\"bold\"");
        }
        match style.anchor {
            Anchor::Start => {}
            Anchor::Middle => self.out.push_str(" text-anchor=\"middle\""),
            Anchor::End => self.out.push_str(" text-anchor=\"end\""),
        }
        self.out.push('>');
        escape(text, &mut self.out);
        self.out.push_str("</text>");
    }

    /// A line of text in an outline of the ground's colour, which keeps it readable on top of lines and shading.
    pub fn outlined_text(&mut self, at: (f64, f64), style: TextStyle, ground: Color, text: &str) {
        self.put(format_args!(
            "<g stroke=\"{ground}\" stroke-width=\"3\" stroke-opacity=\"0.75\" stroke-linejoin=\"round\" \
             paint-order=\"stroke\">"
        ));
        self.text(at, style, text);
        self.out.push_str("</g>");
    }

    /// What is drawn from here on is cut off at the rectangle, until `end_group`.
    pub fn begin_clip(&mut self, rect: Rect) {
        let id = self.clips;
        self.clips += 1;
        let (x, y, width, height) = (Px(rect.x), Px(rect.y), Px(rect.width), Px(rect.height));
        self.put(format_args!(
            "<clipPath id=\"c{id}\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/></clipPath>\
             <g clip-path=\"url(#c{id})\">"
        ));
    }

    /// What is drawn from here on has hard edges, which are drawn many times faster, until `end_group`.
    pub fn begin_crisp(&mut self) {
        self.out.push_str("<g shape-rendering=\"crispEdges\">");
    }

    /// The end of `begin_clip` or `begin_crisp`.
    pub fn end_group(&mut self) {
        self.out.push_str("</g>");
    }

    fn stroke(&mut self, stroke: Stroke) {
        self.put(format_args!(" stroke=\"{}\" stroke-width=\"{}\"", stroke.color, Px(stroke.width)));
        if stroke.dashed {
            self.out.push_str(" stroke-dasharray=\"5 4\"");
        }
    }

    fn opacity(&mut self, name: &str, value: f64) {
        if value < 1.0 {
            self.put(format_args!(" {name}=\"{}\"", Px(value)));
        }
    }
}

/// Escapes text for XML; what XML cannot hold (control characters, noncharacters) becomes a space.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}
