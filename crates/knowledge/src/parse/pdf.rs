//! PDF: glyphs with their places, by an interpreter of page content; `layout` makes text of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt, interpret_page,
};
use hayro_syntax::object::{Dict, Name};
use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use unicode_normalization::UnicodeNormalization;

use super::builder::Builder;
use super::layout::{self, Place};
use super::{Limits, Outcome, Refusal, pdf_streams};

/// Glyphs of one page: a page of a newspaper has some twenty thousand.
const GLYPHS: usize = 1_000_000;

pub(super) fn read(bytes: &[u8], limits: &Limits, out: &mut Builder) -> Outcome {
    pdf_streams::check(bytes)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(refusal)?;
    if let Some(title) = &pdf.metadata().title {
        out.title(&text_string(title));
    }
    let started = Instant::now();
    let end = started + Duration::from_secs(limits.seconds);
    let cache = InterpreterCache::new();
    let mut pages = Vec::new();
    let (mut left, count) = (limits.chars, pdf.pages().len());
    for (index, page) in pdf.pages().iter().enumerate() {
        if index == limits.pages || left == 0 || Instant::now() >= end {
            out.warn(format!(
                "only the first {index} of {count} pages were read: it is too long; split it into smaller files"
            ));
            break;
        }
        // One page may not use up the time of all.
        let until = end.min(Instant::now() + Duration::from_secs(limits.seconds.div_ceil(12)));
        let places = match glyphs(page, &pdf, &cache, until) {
            Read::Whole(places) => places,
            Read::Part(places, why) => {
                out.warn(format!("page {} could not be read to its end: {why}", index + 1));
                places
            }
        };
        left = left.saturating_sub(places.len());
        pages.push(places);
    }
    let empty: Vec<String> = pages
        .iter()
        .enumerate()
        .filter(|(_, page)| page.is_empty())
        .map(|(index, _)| (index + 1).to_string())
        .collect();
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
        LoadPdfError::Decryption(error) => Refusal::new(
            format!("it is encrypted in a way that cannot be read ({error:?})"),
            "save it without encryption",
        ),
        LoadPdfError::Invalid => Refusal::damaged("PDF", "its structure cannot be followed"),
    }
}

/// A text string of the file: UTF-16 or UTF-8 with a mark, else one byte a character.
fn text_string(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, skip)) => encoding.decode_without_bom_handling(&bytes[skip..]).0.into_owned(),
        // Against the specification, but many programs write it.
        None if std::str::from_utf8(bytes).is_ok() => String::from_utf8_lossy(bytes).into_owned(),
        None => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// What came of a page.
enum Read {
    Whole(Vec<Place>),
    Part(Vec<Place>, &'static str),
}

/// Thrown through the interpreter, which cannot be stopped otherwise, when a page is too much.
struct Stop(&'static str);

/// A page that breaks the interpreter costs only itself.
fn glyphs<'a>(page: &Page<'a>, pdf: &'a Pdf, cache: &InterpreterCache<'a>, until: Instant) -> Read {
    let (width, height) = page.render_dimensions();
    let transform = page.initial_transform(true).to_kurbo();
    let settings = InterpreterSettings::default();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(transform, bounds, cache, pdf.xref(), settings);
    let mut collector = Collector { places: Vec::new(), coded: coded_font(page), until, calls: 0 };
    let outcome = catch_unwind(AssertUnwindSafe(|| interpret_page(page, &mut context, &mut collector)));
    match outcome {
        Ok(()) => Read::Whole(collector.places),
        Err(thrown) => {
            let why = thrown.downcast_ref::<Stop>().map_or("its content broke the reader", |stop| stop.0);
            Read::Part(collector.places, why)
        }
    }
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
        [
            ("GB", encoding_rs::GB18030),
            ("B5", encoding_rs::BIG5),
            ("ETen", encoding_rs::BIG5),
            ("RKSJ", encoding_rs::SHIFT_JIS),
            ("KSC", encoding_rs::EUC_KR),
        ]
        .into_iter()
        .find(|(name, _)| encoding.contains(name))
        .map(|(_, encoding)| Coded::Bytes(encoding))
    })
}

/// Radicals and ligatures, by which some programs name the characters they are drawn like, as those characters.
fn plain(text: String) -> String {
    if text.chars().any(|c| matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{fb00}'..='\u{fb06}' | '\u{f900}'..='\u{faff}')) {
        return text.chars().map(radical).nfkc().collect();
    }
    text
}

/// Radicals that have no compatibility form though they are drawn like a character.
fn radical(c: char) -> char {
    const FORMS: [(char, char); 24] = [
        ('⺟', '母'),
        ('⺠', '民'),
        ('⻁', '虎'),
        ('⻄', '西'),
        ('⻅', '见'),
        ('⻆', '角'),
        ('⻉', '贝'),
        ('⻋', '车'),
        ('⻓', '长'),
        ('⻔', '门'),
        ('⻘', '青'),
        ('⻙', '韦'),
        ('⻚', '页'),
        ('⻛', '风'),
        ('⻜', '飞'),
        ('⻝', '食'),
        ('⻢', '马'),
        ('⻣', '骨'),
        ('⻤', '鬼'),
        ('⻥', '鱼'),
        ('⻦', '鸟'),
        ('⻩', '黄'),
        ('⻬', '齐'),
        ('⻰', '龙'),
    ];
    FORMS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to)
}

struct Collector {
    places: Vec<Place>,
    coded: Option<Coded>,
    until: Instant,
    calls: u32,
}

impl Collector {
    /// Called by everything that is drawn: forms that draw forms can go on for ever.
    fn check(&mut self) {
        self.calls = self.calls.wrapping_add(1);
        if self.places.len() > GLYPHS {
            resume_unwind(Box::new(Stop("it has too many letters")));
        }
        if self.calls.is_multiple_of(256) && Instant::now() >= self.until {
            resume_unwind(Box::new(Stop("it takes too long")));
        }
    }

    fn text(&self, glyph: &Glyph<'_>) -> Option<String> {
        let known = match glyph.as_unicode() {
            Some(BfString::Char(c)) => Some(c.to_string()),
            Some(BfString::String(text)) => Some(text),
            None => None,
        };
        if let Some(known) = known.filter(|text| !text.is_empty() && !text.contains('\u{FFFD}')) {
            return Some(plain(known));
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
            self.check();
            let Some(text) = self.text(glyph) else { continue };
            let full = props.transform * glyph.transform();
            let origin = full * Point::ZERO;
            let to = |x: f64, y: f64| (full * Point::new(x, y)) - origin;
            let up = to(0.0, 1000.0);
            let advance = match &**glyph {
                Glyph::Outline(outline) => outline.advance_width().unwrap_or(500.0),
                Glyph::Type3(drawn) => drawn.advance_width().unwrap_or(500.0),
            };
            let along: Vec2 = to(f64::from(advance), 0.0);
            let (size, width) = (up.hypot(), along.hypot());
            let sane = |x: f64| x.is_finite() && x.abs() < 1e6;
            if ![origin.x, origin.y, size, width].into_iter().all(sane) {
                continue;
            }
            // Turned so that every glyph is read from left to right, whichever way the page is held.
            let (turn, x, y) = match (along.x.abs() >= along.y.abs(), along.x + along.y >= 0.0) {
                (true, true) => (0, origin.x, origin.y),
                (false, true) => (1, origin.y, -origin.x),
                (true, false) => (2, -origin.x, -origin.y),
                (false, false) => (3, -origin.y, origin.x),
            };
            self.places.push(Place { x: x as f32, y: y as f32, width: width as f32, size: size as f32, turn, text });
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {
        self.check();
    }

    fn push_clip_path(&mut self, _: &ClipPath) {
        self.check();
    }

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {
        self.check();
    }

    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {
        self.check();
    }

    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
