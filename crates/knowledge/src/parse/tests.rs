#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Cursor, Write};
use std::time::Instant;

use zip::write::SimpleFileOptions;

use super::*;

fn read(name: &str, bytes: &[u8]) -> Parsed {
    parse(name, bytes, &Limits::default()).unwrap()
}

/// Kind, section and text of each block, in one line.
fn lines(parsed: &Parsed) -> Vec<String> {
    let one =
        |block: &Block| format!("{:?} {} | {}", block.kind, block.section.join(" > "), block.text.replace('\n', "⏎"));
    parsed.blocks.iter().map(one).collect()
}

fn archive(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn relations(all: &[(&str, &str)]) -> String {
    let one = |(at, (kind, target)): (usize, &(&str, &str))| {
        let base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        format!("<Relationship Id=\"rId{}\" Type=\"{base}/{kind}\" Target=\"{target}\"/>", at + 1)
    };
    let inner: String = all.iter().enumerate().map(one).collect();
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{inner}</Relationships>"
    )
}

fn xlsx(sheet: &str, strings: &str) -> Vec<u8> {
    let space = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let book = format!(
        "<workbook {space} xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let styles = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><cellXfs count=\"3\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"9\"/></cellXfs></styleSheet>";
    archive(&[
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", &relations(&[("officeDocument", "xl/workbook.xml")])),
        ("xl/workbook.xml", &book),
        (
            "xl/_rels/workbook.xml.rels",
            &relations(&[
                ("worksheet", "worksheets/sheet1.xml"),
                ("sharedStrings", "sharedStrings.xml"),
                ("styles", "styles.xml"),
            ]),
        ),
        ("xl/worksheets/sheet1.xml", &format!("<worksheet {space}>{sheet}</worksheet>")),
        ("xl/sharedStrings.xml", &format!("<sst {space}>{strings}</sst>")),
        ("xl/styles.xml", styles),
    ])
}

fn pdf(objects: &[String]) -> Vec<u8> {
    let mut out = "%PDF-1.7\n".to_owned();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(out.len());
        out += &format!("{} 0 obj\n{object}\nendobj\n", at + 1);
    }
    let table: String = places.iter().map(|place| format!("{place:010} 00000 n \n")).collect();
    let (count, start) = (objects.len() + 1, out.len());
    out += &format!(
        "xref\n0 {count}\n0000000000 65535 f \n{table}trailer<</Size {count}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF"
    );
    out.into_bytes()
}

fn stream(dictionary: &str, content: &str) -> String {
    format!("<<{dictionary}/Length {}>>stream\n{content}\nendstream", content.len())
}

fn pdf_page(resources: &str, content: &str, more: &[String]) -> Vec<u8> {
    let font =
        if resources.contains("/Font") { "" } else { "/Font<</T<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>" };
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<{font}{resources}>>>>"),
        stream("", content),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

#[test]
fn text_in_any_encoding_is_read() {
    use encoding_rs::{BIG5, EUC_JP, GB18030, SHIFT_JIS, WINDOWS_1251};
    let simple = "本办法适用于公司全体员工。员工每年享有十五天带薪年假，未休完的年假可以结转五天。";
    let traditional = "本辦法適用於公司全體員工。員工每年享有十五天帶薪年假，未休完的年假可以結轉五天。";
    let japanese = "この規程は全従業員に適用されます。年次有給休暇は年十五日です。";
    let russian = "Привет, мир. Это обычный текст на русском языке.";
    let latin = "Hello world, plain text.\nSecond line.\n";
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let lined = format!("{simple}\n{simple}\n");
    for (text, bytes) in [
        (simple, simple.as_bytes().to_vec()),
        (simple, GB18030.encode(simple).0.into_owned()),
        (traditional, BIG5.encode(traditional).0.into_owned()),
        (japanese, SHIFT_JIS.encode(japanese).0.into_owned()),
        (japanese, EUC_JP.encode(japanese).0.into_owned()),
        (russian, WINDOWS_1251.encode(russian).0.into_owned()),
        (&lined, wide(&lined, u16::to_le_bytes)),
        (&lined, wide(&lined, u16::to_be_bytes)),
        (latin, wide(latin, u16::to_be_bytes)),
        (simple, [&[0xff, 0xfe][..], &wide(simple, u16::to_le_bytes)].concat()),
        (simple, [&[0xfe, 0xff][..], &wide(simple, u16::to_be_bytes)].concat()),
        (simple, [&[0xef, 0xbb, 0xbf][..], simple.as_bytes()].concat()),
    ] {
        let parsed = read("a.txt", &bytes);
        assert_eq!((parsed.text.as_str(), parsed.warnings.len()), (text.trim(), 0), "{bytes:x?}");
    }
}

#[test]
fn a_web_page_is_its_content() {
    let page = "<html><head><title>T</title></head><body>\
        <div><a href=a>Download</a> <a href=b>Home</a></div><nav>n</nav>\
        <h1>One <a href=#one>¶</a></h1><div class=toc><a href=#x>1.1 X</a></div>\
        <p>The first paragraph of this page says something about a <b>thing</b> that matters.</p>\
        <div class=sidebar><p>A box of text that is read: it explains a word used in the paragraph above it.</p></div>\
        <aside class=sidebar><ul><li><a href=x>Other page</a></li></ul></aside>\
        <table><tr><th>Part</th><th>Room</th></tr><tr><td rowspan=2>A</td><td>1</td></tr><tr><td>2</td></tr>\
        <tr><td colspan=2>none</td></tr></table>\
        <ul><li>x<ul><li>y</li></ul></li></ul><footer>Imprint</footer></body></html>";
    assert_eq!(
        lines(&read("a.html", page.as_bytes())),
        [
            "Heading { level: 1 } One | One",
            "Paragraph One | The first paragraph of this page says something about a thing that matters.",
            "Paragraph One | A box of text that is read: it explains a word used in the paragraph above it.",
            "Table One | Part: A | Room: 1⏎Part: A | Room: 2⏎none",
            "ListItem One | x",
            "ListItem One | y",
        ]
    );
}

/// Each of these took more than a minute.
#[test]
fn hostile_nesting_is_read_at_once() {
    let started = Instant::now();
    for piece in [
        "<div>",
        "<div><p>",
        "<a href=x><div>",
        "<table><tr><td>",
        "<font><p>",
        "<b id=1>",
        "<ul><li>",
        "<p><font size=1></p>",
    ] {
        let page = format!("{}text", piece.repeat(50_000));
        assert!(read("a.html", page.as_bytes()).text.contains("text"), "{piece}");
    }
    for (name, text) in
        [("a.json", "[".repeat(100_000)), ("a.md", "> ".repeat(50_000) + "text"), ("b.md", "[".repeat(50_000))]
    {
        read(name, text.as_bytes());
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn sheets_are_rows_that_stand_alone() {
    let book = xlsx(
        "<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c><c r=\"C1\" t=\"s\"><v>2</v></c></row>\
         <row r=\"2\"><c r=\"A2\" t=\"s\"><v>3</v></c><c r=\"B2\"><v>1234.5000000000001</v></c><c r=\"C2\" s=\"1\"><v>46254</v></c></row>\
         <row r=\"3\"><c r=\"B3\" s=\"2\"><v>0.15</v></c><c r=\"C3\" t=\"b\"><v>1</v></c></row></sheetData>\
         <mergeCells count=\"1\"><mergeCell ref=\"A2:A3\"/></mergeCells>",
        "<si><t>类别</t></si><si><t>价格</t></si><si><t>日期</t></si><si><t>传感器</t></si>",
    );
    let parsed = read("a.xlsx", &book);
    assert_eq!(
        lines(&parsed),
        ["Table One | 类别: 传感器 | 价格: 1234.5 | 日期: 2026-08-20⏎类别: 传感器 | 价格: 15% | 日期: true"]
    );
}

#[test]
fn open_document_sheets_are_read() {
    let content = "<o:body><table:table table:name=\"表\"><table:table-row><table:table-cell><text:p>类别</text:p></table:table-cell>\
        <table:table-cell><text:p>价格</text:p></table:table-cell></table:table-row>\
        <table:table-row><table:table-cell table:number-rows-spanned=\"2\"><text:p>甲</text:p></table:table-cell>\
        <table:table-cell office:value=\"0.5\"><text:p>50%</text:p></table:table-cell></table:table-row>\
        <table:table-row><table:covered-table-cell/><table:table-cell><text:p>7</text:p></table:table-cell></table:table-row>\
        <table:table-row table:number-rows-repeated=\"1048573\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>\
        </table:table></o:body>";
    let parsed = read("a.ods", &archive(&[("content.xml", content)]));
    assert_eq!(lines(&parsed), ["Table 表 | 类别: 甲 | 价格: 50%⏎类别: 甲 | 价格: 7"]);
    let old = [&[0xd0, 0xcf, 0x11, 0xe0][..], &[0; 600]].concat();
    let error = parse("a.xls", &old, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("old binary Office format; save it as"), "{error}");
}

/// A dense grid for the first would take half a terabyte, the text of the second six gigabytes.
#[test]
fn sheets_cost_what_is_in_them() {
    let corner = xlsx(
        "<sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row></sheetData>",
        "",
    );
    assert_eq!(read("a.xlsx", &corner).text, "1\n2");
    let cells: String =
        (1..=2000).map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\" t=\"s\"><v>0</v></c></row>")).collect();
    let shared = xlsx(&format!("<sheetData>{cells}</sheetData>"), &format!("<si><t>{}</t></si>", "x".repeat(30_000)));
    let limits = Limits { chars: 1_000_000, ..Limits::default() };
    let parsed = parse("a.xlsx", &shared, &limits).unwrap();
    assert!(
        parsed.text.len() <= 1_000_000 && parsed.warnings[0].contains("only the first 33"),
        "{:?}",
        parsed.warnings
    );
}

/// For those who want values and not text.
#[test]
fn a_first_sheet_is_its_filled_cells() {
    let book = xlsx(
        "<sheetData><row r=\"2\"><c r=\"B2\" t=\"s\"><v>0</v></c><c r=\"C2\"/></row>\
         <row r=\"4\"><c r=\"B4\" s=\"2\"><v>0.15</v></c><c r=\"C4\" s=\"1\"><v>46254</v></c><c r=\"D4\" t=\"b\"><v>0</v></c></row>\
         <row r=\"1048576\"><c r=\"XFD1048576\" t=\"e\"><v>#DIV/0!</v></c></row></sheetData>",
        "<si><r><t>评</t></r><r><t>论</t></r></si>",
    );
    let text = |text: &str| Cell::Text(text.to_owned());
    let rows = first_sheet("rows", &book, &Limits::default()).unwrap();
    let rows: Vec<_> = rows.into_iter().map(|row| (row.number, row.cells)).collect();
    assert_eq!(
        rows,
        [
            (1, vec![(1, text("评论"))]),
            (3, vec![(1, Cell::Number(0.15)), (2, text("2026-08-20")), (3, Cell::Truth(false))]),
            (1_048_575, vec![(16_383, text("#DIV/0!"))]),
        ]
    );
    let many = xlsx("<sheetData/>", "").len();
    let counted = archive(&[
        ("xl/workbook.xml", "<workbook/>"),
        ("xl/sharedStrings.xml", "<sst uniqueCount=\"4294967295\"><si/></sst>"),
    ]);
    for (bytes, why) in [
        (counted, "4294967295 strings and is too short"),
        (archive(&[("content.xml", "<a/>")]), "no Excel workbook"),
        (archive(&[("xl/workbook.bin", "")]), "binary format"),
        (xlsx("<sheetData/>", "")[..many / 2].to_vec(), "not a sound workbook"),
        (b"text".to_vec(), "not a sound workbook"),
    ] {
        let error = first_sheet("rows", &bytes, &Limits::default()).unwrap_err();
        assert!(error.reason.contains(why), "{error}");
    }
}

#[test]
fn word_tables_fill_what_is_merged() {
    let cell = |properties: &str, text: &str| {
        format!("<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>")
    };
    let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
    let table = [
        row(&[cell("", "部门"), cell("", "岗位"), cell("", "人数")]),
        row(&[cell("<w:vMerge w:val=\"restart\"/>", "研发"), cell("", "工程师"), cell("", "12")]),
        row(&[cell("<w:vMerge/>", ""), cell("", "测试"), cell("", "3")]),
        row(&[cell("<w:gridSpan w:val=\"2\"/>", "合计"), cell("", "15")]),
    ]
    .concat();
    // The end of the table is missing, as in a file that was cut off.
    let body = format!("<w:document><w:body><w:p><w:r><w:t>一</w:t></w:r></w:p><w:tbl>{table}");
    let parsed = read("a.docx", &archive(&[("word/document.xml", &body)]));
    assert_eq!(
        lines(&parsed),
        ["Paragraph  | 一", "Table  | 部门 | 岗位 | 人数⏎研发 | 工程师 | 12⏎研发 | 测试 | 3⏎合计 |  | 15"]
    );
}

#[test]
fn bombs_are_refused_by_name() {
    let limits = Limits { unpacked_bytes: 4 << 20, entries: 10, ..Limits::default() };
    let big = format!("<w:p>{}</w:p>", " ".repeat(8 << 20));
    let many: Vec<String> = (0..20).map(|at| format!("word/{at}.xml")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
    for (bytes, wanted) in [
        (archive(&[("word/document.xml", &big)]), "unpacks to more than"),
        (archive(&many), "20 files inside; the limit is 10"),
    ] {
        let error = parse("a.docx", &bytes, &limits).map(|parsed| parsed.text).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("a.docx"), "{error}");
    }
    let deep = archive(&[("word/document.xml", &"<w:p>".repeat(10_000))]);
    assert!(read("a.docx", &deep).warnings[0].contains("more than 256 deep"));
    let error = parse("a.txt", &[b'a'; 100], &Limits { file_bytes: 10, ..limits }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read `a.txt`: it has 100 bytes and the limit is 10; split it into smaller files"
    );
}

#[test]
fn pdf_pages_turned_any_way_are_read() {
    let content = "BT /T 10 Tf 0 1 -1 0 100 100 Tm (Turned once here) Tj 0 -14 Td (and a second line.) Tj ET \
                   BT /T 10 Tf -1 0 0 -1 500 500 Tm (Upside down) Tj ET";
    let parsed = read("a.pdf", &pdf_page("", content, &[]));
    assert_eq!(lines(&parsed), ["Paragraph  | Turned once here and a second line.", "Paragraph  | Upside down"]);
    assert_eq!(parsed.blocks[0].page, Some(1));
}

#[test]
fn pdf_tables_keep_their_rows() {
    let at = |x: u32, y: u32, text: &str| format!("BT /T 10 Tf {x} {y} Td ({text}) Tj ET ");
    // The second row's last cell takes two lines, its first cell stands in the middle.
    let content = [
        at(50, 760, "A paragraph stands above the table and is longer than its columns are wide."),
        at(50, 700, "Display"),
        at(200, 700, "Meaning"),
        at(50, 670, "E02"),
        at(200, 670, "Memory full"),
        at(50, 634, "E07"),
        at(200, 640, "Calibration overdue, book"),
        at(200, 628, "a new calibration"),
        at(50, 560, "Another paragraph stands below the table, as long as the one above it is."),
    ];
    assert_eq!(
        lines(&read("a.pdf", &pdf_page("", &content.concat(), &[]))),
        [
            "Paragraph  | A paragraph stands above the table and is longer than its columns are wide.",
            "Table  | Display | Meaning⏎E02 | Memory full⏎E07 | Calibration overdue, book a new calibration",
            "Paragraph  | Another paragraph stands below the table, as long as the one above it is.",
        ]
    );
}

#[test]
fn pdf_lines_far_apart_are_one_paragraph() {
    let line = |y: u32, text: &str| format!("BT /T 10 Tf 50 {y} Td ({text}) Tj ET ");
    let lines_apart: String =
        (0..8).map(|at| line(700 - 22 * at, "the lines of this text stand twice as far apart as usual and")).collect();
    let parsed = read("a.pdf", &pdf_page("", &(lines_apart + &line(480, "Another paragraph begins here.")), &[]));
    assert_eq!(parsed.blocks.len(), 2, "{:?}", lines(&parsed));
}

/// Fonts made of drawings: their letters have widths too, and some name a character by the radical it is drawn like.
#[test]
fn pdf_drawn_letters_keep_together() {
    let font = "/Font<</D<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[0.001 0 0 0.001 0 0]/CharProcs<</m 5 0 R>>\
        /Encoding<</Differences[65/m/m/m]>>/FirstChar 65/LastChar 67/Widths[900 900 900]/ToUnicode 6 0 R>>>>";
    let map = "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange \
        3 beginbfchar <41> <0051> <42> <2F54> <43> <2ED3> endbfchar endcmap end";
    let content = "BT /D 10 Tf 10 700 Td (A) Tj 9 0 Td (A) Tj 9 0 Td (B) Tj 9 0 Td (C) Tj ET";
    let bytes = pdf_page(font, content, &[stream("", "900 0 0 0 800 800 d1 0 0 800 800 re f"), stream("", map)]);
    assert_eq!(read("a.pdf", &bytes).text, "QQ水长");
}

/// Forty forms that each draw the next one twice would go on for a week.
#[test]
fn pdf_pages_that_never_end_are_given_up() {
    let forms: Vec<String> = (0..40)
        .map(|at| {
            let next = if at < 39 { format!("/XObject<</F {} 0 R>>", at + 6) } else { String::new() };
            stream(&format!("/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<<{next}>>"), "/F Do /F Do")
        })
        .collect();
    let bytes = pdf_page("/XObject<</F 5 0 R>>", "BT /T 10 Tf 10 10 Td (Before) Tj ET /F Do", &forms);
    let started = Instant::now();
    let parsed = parse("a.pdf", &bytes, &Limits { seconds: 2, ..Limits::default() }).unwrap();
    assert_eq!(parsed.text, "Before");
    assert!(parsed.warnings[0].contains("page 1 could not be read to its end: it takes too long"));
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn damaged_pdfs_are_read_or_refused() {
    let whole = pdf_page("", "BT /T 10 Tf 10 10 Td (Some words on a page) Tj ET", &[]);
    for cut in (0..whole.len()).step_by(7) {
        match parse("a.pdf", &whole[..cut], &Limits::default()) {
            Ok(parsed) => assert!(parsed.text.is_empty() || "Some words on a page".contains(&parsed.text)),
            Err(error) => assert!(error.to_string().contains("open it in its own program"), "{error}"),
        }
    }
    // Without its table of objects a file can still be followed.
    let table = whole.windows(4).position(|window| window == b"xref").unwrap();
    assert_eq!(read("a.pdf", &whole[..table]).text, "Some words on a page");
}

#[test]
fn a_large_text_is_kept_as_far_as_the_limit_goes() {
    let text = "一行文字。line of text\n".repeat(100_000);
    let parsed = parse("a.txt", text.as_bytes(), &Limits { chars: 10_000, ..Limits::default() }).unwrap();
    assert!(parsed.text.chars().count() <= 10_000 && parsed.text.len() > 10_000);
    assert_eq!(
        parsed.warnings,
        ["only the first 10000 characters were kept; split it into smaller files to have all of it"]
    );
}

/// The encoding is guessed from the first megabyte, which here ends in the middle of a character.
#[test]
fn long_texts_in_two_byte_encodings_are_read() {
    let text = format!("a{}", "本办法适用于公司全体员工每年享有十五天带薪年假".repeat(30_000));
    let traditional = format!("a{}", "本辦法適用於公司全體員工每年享有十五天帶薪年假".repeat(30_000));
    for (text, encoding) in [(text, encoding_rs::GB18030), (traditional, encoding_rs::BIG5)] {
        let bytes = encoding.encode(&text).0;
        assert!(bytes.len() > 1 << 20);
        assert!(read("a.txt", &bytes).text == text, "{}", encoding.name());
    }
}

#[test]
fn self_closed_tags_hide_nothing() {
    let page = "<?xml version=\"1.0\"?><html><head><title/><script src=\"x\"/></head><body><a id=\"p1\"/>\
                <p>One.</p><a name=\"top\"/><p>Two.</p></body></html>";
    let book = archive(&[
        ("META-INF/container.xml", "<container><rootfiles><rootfile full-path=\"c.opf\"/></rootfiles></container>"),
        (
            "c.opf",
            "<package><manifest><item id=\"a\" href=\"a.xhtml\"/></manifest><spine><itemref idref=\"a\"/></spine></package>",
        ),
        ("a.xhtml", &page.replace("<?xml version=\"1.0\"?>", "")),
    ]);
    let open = "<html><body><a name=top><div class=sidebar><p>One.</p><p>Two.</p></div></body></html>";
    for (name, bytes) in [("a.html", page.as_bytes()), ("a.epub", &book), ("b.html", open.as_bytes())] {
        assert_eq!(lines(&read(name, bytes)), ["Paragraph  | One.", "Paragraph  | Two."], "{name}");
    }
}

#[test]
fn lines_and_blocks_divide_words() {
    for (name, text, wanted) in [
        (
            "a.html",
            "<table><tr><td>Mon<td>9:00<br>17:00<tr><td>Tue<td><p>a</p><p>b</p>c</table>",
            "Mon | 9:00 17:00⏎Tue | a b c",
        ),
        ("a.html", "<h1>One<br/>two</h1>", "One two"),
        ("a.html", "<pre>a<br>b<div>c</div><div>d</div>e\n  f</pre>", "a⏎b⏎c⏎d⏎e⏎  f"),
        ("a.html", "<table><tr><td>x<td><ul><li>a<li>b</ul><tr><td>y<td>z</table>", "x | a b⏎y | z"),
        ("a.md", "|a|b|\n|-|-|\n|Mon|9:00<br>17:00|\n", "a: Mon | b: 9:00 17:00"),
        ("a.md", "# One<br/>two\n", "One two"),
        ("a.md", "One <b>t</b>wo<br>three\n", "One two three"),
    ] {
        let found: Vec<String> =
            read(name, text.as_bytes()).blocks.iter().map(|block| block.text.replace('\n', "⏎")).collect();
        assert_eq!(found, [wanted], "{text}");
    }
}

#[test]
fn tables_name_their_cells() {
    let cell = |text: &str| format!("<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>");
    let row = |properties: &str, cells: [&str; 2]| format!("<w:tr>{properties}{}</w:tr>", cells.map(cell).concat());
    let docx = |properties: &str| {
        let rows = [row(properties, ["城市", "限额"]), row("", ["上海", "680"]), row("", ["其他", "480"])].concat();
        archive(&[("word/document.xml", &format!("<w:document><w:tbl>{rows}</w:tbl></w:document>"))])
    };
    let pptx = |first: &str, cells: [&str; 2]| {
        let row = |cells: [&str; 2]| {
            let cell = |text| format!("<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>");
            format!("<a:tr>{}</a:tr>", cells.map(cell).concat())
        };
        let rows = [row(cells), row(["上海", "680"]), row(["其他", "480"])].concat();
        archive(&[(
            "ppt/slides/slide1.xml",
            &format!("<p:sld><a:tbl><a:tblPr firstRow=\"{first}\"/>{rows}</a:tbl></p:sld>"),
        )])
    };
    let named = "城市: 上海 | 限额: 680⏎城市: 其他 | 限额: 480";
    let plain = "城市 | 限额⏎上海 | 680⏎其他 | 480";
    let html = |head: &str| format!("<table>{head}<tr><td>上海<td>680<tr><td>其他<td>480</table>").into_bytes();
    for (name, bytes, wanted) in [
        ("a.html", html("<tr><th>城市<th>限额"), named),
        ("a.html", html("<thead><tr><td>城市<td>限额</thead>"), named),
        ("a.html", html("<tr><td>城市<td>限额"), plain),
        ("a.html", html("<tr><th>城市<td>限额"), plain),
        ("a.md", "|城市|限额|\n|-|-|\n|上海|680|\n|其他|480|".as_bytes().to_vec(), named),
        ("a.docx", docx("<w:trPr><w:tblHeader/></w:trPr>"), named),
        ("a.docx", docx("<w:trPr><w:tblHeader w:val=\"0\"/></w:trPr>"), plain),
        ("a.docx", docx(""), plain),
        ("a.pptx", pptx("1", ["城市", "限额"]), named),
        ("a.pptx", pptx("0", ["城市", "限额"]), plain),
        ("a.pptx", pptx("1", ["北京", "500"]), "北京 | 500⏎上海 | 680⏎其他 | 480"),
    ] {
        assert_eq!(lines(&read(name, &bytes)), [format!("Table  | {wanted}")], "{name}");
    }
}

/// Each of these took gigabytes.
#[test]
fn what_is_repeated_stays_small() {
    let long = "x".repeat(30_000);
    let cells: String =
        (2..=30_000).map(|row| format!("<row r=\"{row}\"><c r=\"B{row}\"><v>1</v></c></row>")).collect();
    let sheet = xlsx(
        &format!(
            "<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>{cells}</sheetData>\
             <mergeCells count=\"1\"><mergeCell ref=\"A1:A30000\"/></mergeCells>"
        ),
        &format!("<si><t>{long}</t></si>"),
    );
    let merged = "<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr></w:tc></w:tr>".repeat(10_000);
    let text = format!("<w:tr><w:tc><w:p><w:t>{long}</w:t></w:p></w:tc></w:tr>{merged}");
    let spans = format!("<w:tr>{}</w:tr>", "<w:tc><w:tcPr><w:gridSpan w:val=\"64\"/></w:tcPr></w:tc>".repeat(100_000));
    let docx =
        |rows: &str| archive(&[("word/document.xml", &format!("<w:document><w:tbl>{rows}</w:tbl></w:document>"))]);
    let html =
        |cell: &str| format!("<table><tr><td>a<td>b</tr>{}</table>", format!("<tr>{}", cell.repeat(100)).repeat(1000));
    let path = (0..20)
        .fold(format!("[{}]", "1,".repeat(100_000) + "1"), |inner, _| format!("{{\"{}\":{inner}}}", "k".repeat(5000)));
    let limits = Limits { chars: 4_000_000, ..Limits::default() };
    for (name, bytes, most) in [
        ("a.xlsx", sheet, 3 << 20),
        ("a.docx", docx(&text), 3 << 20),
        ("a.docx", docx(&spans), 3 << 20),
        ("a.html", html("<td colspan=200></td>").into_bytes(), 3 << 20),
        ("a.html", html("<td rowspan=200></td>").into_bytes(), 3 << 20),
        ("a.json", path.into_bytes(), 5 << 20),
    ] {
        let started = Instant::now();
        let parsed = parse(name, &bytes, &limits).unwrap();
        assert!(parsed.text.len() < most && started.elapsed().as_secs() < 10, "{name} {}", parsed.text.len());
        assert_eq!(name == "a.json", parsed.warnings.iter().any(|warning| warning.contains("read in part")), "{name}");
    }
}

#[test]
fn many_titles_and_single_letters_take_no_longer() {
    let started = Instant::now();
    read("a.csv", format!("a,b\n{}", "x\n".repeat(300_000)).as_bytes());
    let titles = format!("{}a,b\n1,2\n", "x\n".repeat(300_000));
    assert!(read("b.csv", titles.as_bytes()).text.ends_with("a: 1 | b: 2"));
    let letters: String =
        (0..60_000).map(|at| format!("1 0 0 1 {}.{} {} Tm (i) Tj ", at * 9, at % 10, 9 + at % 700)).collect();
    let parsed = read("a.pdf", &pdf_page("", &format!("BT /T 5 Tf {letters} ET"), &[]));
    assert!(parsed.text.len() >= 60_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn rows_at_the_edge_of_pages_are_no_running_heads() {
    let at = |x: u32, y: u32, text: &str| format!("BT /T 10 Tf {x} {y} Td ({text}) Tj ET ");
    let pages: Vec<String> = (1..=8)
        .map(|page| {
            let row = |y: u32, name: &str| {
                at(50, y, name) + &at(200, y, &format!("{page}01")) + &at(350, y, &format!("{page}02"))
            };
            let body: String = (0..6).map(|line| row(700 - 20 * line, "Sum")).collect();
            at(50, 780, "Annual report")
                + &at(300, 20, &format!("- {page} -"))
                + &body
                + &row(760, "1")
                + &row(40, "Total")
        })
        .collect();
    let kids: Vec<String> = (0..8).map(|page| format!("{} 0 R", 3 + 2 * page)).collect();
    let mut objects =
        vec!["<</Type/Catalog/Pages 2 0 R>>".to_owned(), format!("<</Type/Pages/Kids[{}]/Count 8>>", kids.join(" "))];
    for (page, content) in pages.iter().enumerate() {
        let font = "<</Font<</T<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>";
        let contents = 4 + 2 * page;
        objects
            .push(format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {contents} 0 R/Resources{font}>>"));
        objects.push(stream("", content));
    }
    let heads = read("a.pdf", &pdf(&objects)).text;
    assert!(!heads.contains("Annual") && !heads.contains("- 3 -"), "{heads}");
    // Without them the rows are what stands at the edge.
    for object in objects.iter_mut().skip(3).step_by(2) {
        let kept =
            object.split_once("stream\n").unwrap().1.replace("Annual report", "").replace("- ", "").replace(" -", "");
        let kept: String = kept
            .replace("\nendstream", "")
            .split("BT")
            .filter(|text| !text.contains("300 20") && !text.contains("50 780"))
            .collect::<Vec<_>>()
            .join("BT");
        *object = stream("", &kept);
    }
    let rows = read("a.pdf", &pdf(&objects)).text;
    assert!(
        (1..=8)
            .all(|page| rows.contains(&format!("Total | {page}01 | {page}02"))
                && rows.contains(&format!("1 | {page}01"))),
        "{rows}"
    );
}

#[test]
fn captions_asides_and_articles_are_kept() {
    let long = "A paragraph that says something of some length about what the page is about. ".repeat(4);
    for (page, wanted) in [
        (
            "<table><caption>Table 1<br>Fees</caption><tr><th>a<th>b<tr><td>1<td>2</table>".to_owned(),
            vec!["Table 1 Fees", "a: 1 | b: 2"],
        ),
        ("<table><caption>Alone</caption><tr><td>x</table>".to_owned(), vec!["Alone", "x"]),
        (
            format!("<p>{long}</p><aside>Mind the step.</aside><aside><a href=x>Other</a></aside>"),
            vec![long.trim(), "Mind the step."],
        ),
        (format!("<p>{long}</p><aside class=sidebar>About us</aside>"), vec![long.trim()]),
        (format!("<article>{long}</article><article>Second.</article>"), vec![long.trim(), "Second."]),
        (format!("<article>{long}</article><div>Else.</div>"), vec![long.trim()]),
    ] {
        let page = format!("<html><body>{page}</body></html>");
        let found: Vec<String> =
            read("a.html", page.as_bytes()).blocks.iter().map(|block| block.text.clone()).collect();
        assert_eq!(found, wanted, "{page}");
    }
}

#[test]
fn word_text_that_was_moved_away_is_left_out() {
    let run = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
    let body = format!(
        "<w:document><w:p>{}<w:moveFromRangeStart/><w:moveFrom>{}</w:moveFrom><w:moveFromRangeEnd/><w:del>{}</w:del></w:p>\
         <w:p><w:moveTo>{}</w:moveTo></w:p></w:document>",
        run("One."),
        run("Two."),
        run("Three."),
        run("Two.")
    );
    assert_eq!(
        lines(&read("a.docx", &archive(&[("word/document.xml", &body)]))),
        ["Paragraph  | One.", "Paragraph  | Two."]
    );
}
