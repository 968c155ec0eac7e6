//! PDF: glyphs with their places, by an interpreter of page content; `layout` makes text of them.

use std::time::Instant;

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache, InterpreterSettings, SoftMask, TransformExt, interpret_page,
};
use hayro_syntax::object::{Dict, Name};
use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use super::builder::Builder;
use super::layout::{self, Place};
use super::{Limits, Outcome, Refusal};

pub(super) fn read(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    let pdf = Pdf::new(bytes.to_vec()).map_err(refusal)?;
    if let Some(title) = &pdf.metadata().title {
        out.title(&text_string(title));
    }
    let started = Instant::now();
    let cache = InterpreterCache::new();
    let mut pages = Vec::new();
    for (index, page) in pdf.pages().iter().enumerate() {
        if index == limits.pages || started.elapsed().as_secs() >= limits.seconds {
            out.warn(format!("only the first {index} pages were read: it takes too long or has too many"));
            break;
        }
        pages.push(glyphs(page, &pdf, &cache));
    }
    let empty: Vec<String> = pages.iter().enumerate().filter(|(_, page)| page.is_empty()).map(|(index, _)| (index + 1).to_string()).collect();
    if !empty.is_empty() && empty.len() < pages.len() {
        let shown = empty[..empty.len().min(12)].join(", ");
        let more = if empty.len() > 12 { format!(" and {} more", empty.len() - 12) } else { String::new() };
        out.warn(format!("no text on pages {shown}{more}; if they are scans, run them through text recognition (OCR)"));
    }
    layout::write(&pages, out);
    Ok(())
}

fn refusal(error: LoadPdfError) -> Refusal {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            Refusal::new("it is encrypted with a password", "remove the password and try again")
        }
        LoadPdfError::Decryption(error) => Refusal::new(format!("it is encrypted in a way that cannot be read ({error:?})"), "save it without encryption"),
        LoadPdfError::Invalid => Refusal::damaged("PDF", "its structure cannot be followed"),
    }
}

/// A text string of the file: UTF-16 or UTF-8 with a mark, else one byte a character.
fn text_string(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, skip)) => encoding.decode_without_bom_handling(&bytes[skip..]).0.into_owned(),
        None => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn glyphs<'a>(page: &Page<'a>, pdf: &'a Pdf, cache: &InterpreterCache<'a>) -> Vec<Place> {
    let (width, height) = page.render_dimensions();
    let transform = page.initial_transform(true).to_kurbo();
    let settings = InterpreterSettings::default();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(transform, bounds, cache, pdf.xref(), settings);
    let mut collector = Collector { places: Vec::new(), coded: coded_font(page) };
    interpret_page(page, &mut context, &mut collector);
    collector.places
}

/// What a character code means in fonts that carry no table of their own.
#[derive(Clone, Copy)]
enum Coded {
    /// The code is UTF-16.
    Unicode,
    /// The code is bytes of this encoding.
    Bytes(&'static encoding_rs::Encoding),
}

/// The page's Chinese, Japanese or Korean font with a well-known encoding and no table to Unicode, if it has one.
fn coded_font(page: &Page<'_>) -> Option<Coded> {
    let fonts = page.raw().get::<Dict<'_>>(b"Resources".as_slice())?.get::<Dict<'_>>(b"Font".as_slice())?;
    fonts.keys().find_map(|key| {
        let font = fonts.get::<Dict<'_>>(key)?;
        if font.contains_key(b"ToUnicode".as_slice()) {
            return None;
        }
        let encoding = font.get::<Name<'_>>(b"Encoding".as_slice())?;
        let encoding = encoding.as_str();
        if encoding.contains("UCS2") || encoding.contains("UTF16") {
            return Some(Coded::Unicode);
        }
        [("GB", encoding_rs::GB18030), ("B5", encoding_rs::BIG5), ("ETen", encoding_rs::BIG5), ("RKSJ", encoding_rs::SHIFT_JIS), ("KSC", encoding_rs::EUC_KR)]
            .into_iter()
            .find(|(name, _)| encoding.contains(name))
            .map(|(_, encoding)| Coded::Bytes(encoding))
    })
}

struct Collector {
    places: Vec<Place>,
    coded: Option<Coded>,
}

impl Collector {
    fn text(&self, glyph: &Glyph<'_>) -> Option<String> {
        let known = match glyph.as_unicode() {
            Some(BfString::Char(c)) => Some(c.to_string()),
            Some(BfString::String(text)) => Some(text),
            None => None,
        };
        if let Some(known) = known.filter(|text| !text.is_empty() && !text.contains('\u{FFFD}')) {
            return Some(known);
        }
        let code = glyph.char_code();
        match self.coded? {
            Coded::Unicode => char::from_u32(code).map(String::from),
            Coded::Bytes(encoding) => {
                let bytes = code.to_be_bytes();
                let start = bytes.iter().position(|&byte| byte != 0)?;
                Some(encoding.decode_without_bom_handling(&bytes[start..]).0.into_owned())
            }
        }
    }
}

impl Device<'_> for Collector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        for glyph in run.glyphs() {
            let Some(text) = self.text(glyph) else { continue };
            let full = props.transform * glyph.transform();
            let origin = full * Point::ZERO;
            let to = |x: f64, y: f64| (full * Point::new(x, y)) - origin;
            let up = to(0.0, 1000.0);
            let advance = match &**glyph {
                Glyph::Outline(outline) => outline.advance_width().unwrap_or(500.0),
                Glyph::Type3(_) => 500.0,
            };
            let along: Vec2 = to(f64::from(advance), 0.0);
            let (size, width) = (up.hypot(), along.hypot());
            let sane = |x: f64| x.is_finite() && x.abs() < 1e6;
            if ![origin.x, origin.y, size, width].into_iter().all(sane) {
                continue;
            }
            let upright = along.x >= along.y.abs();
            self.places.push(Place { x: origin.x as f32, y: origin.y as f32, width: width as f32, size: size as f32, upright, text });
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {}
}
