//! From SVG to PNG.

use super::text::{BOLD, FAMILY, REGULAR};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, LazyLock};

/// A picture could not be made. Charts cannot cause it: it is a fault of this program.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The SVG is not one.
    #[error("the chart's SVG cannot be read: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// The size is nothing or too large.
    #[error("no picture of {0} by {1} pixels")]
    Size(u32, u32),
    /// The PNG encoder gave up.
    #[error("the picture cannot be encoded: {0}")]
    Png(String),
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for bytes in [REGULAR, BOLD] {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
    }
    Arc::new(fonts)
});

/// Draws SVG text of the given size into a PNG. Reads no files and no fonts but our own.
pub fn png(svg: &str, width: u32, height: u32) -> Result<Vec<u8>, RenderError> {
    let options = Options { font_family: FAMILY.to_owned(), fontdb: FONTS.clone(), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let mut pixels = Pixmap::new(width, height).ok_or(RenderError::Size(width, height))?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| RenderError::Png(error.to_string()))
}
