//! Excel workbooks, as small as they can be, for tests that send one.

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

/// A workbook of one sheet with these texts, as XML writes them; where one is empty there is no cell.
pub(super) fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let mut sheet = String::new();
    for (row, cells) in rows.iter().enumerate() {
        sheet += &format!("<row r=\"{}\">", row + 1);
        for (column, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let place = format!("{}{}", char::from(b'A' + column as u8), row + 1);
            sheet += &format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
        }
        sheet += "</row>";
    }
    let related = |kind: &str, target: &str| {
        let to = format!("<Relationship Id=\"rId1\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>");
        format!("<Relationships xmlns=\"{PACKAGE}\">{to}</Relationships>")
    };
    let sheets = "<sheets><sheet name=\"Rows\" sheetId=\"1\" r:id=\"rId1\"/></sheets>";
    archive(&[
        ("_rels/.rels", related("officeDocument", "xl/workbook.xml")),
        ("xl/_rels/workbook.xml.rels", related("worksheet", "worksheets/sheet1.xml")),
        ("xl/workbook.xml", format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\">{sheets}</workbook>")),
        ("xl/worksheets/sheet1.xml", format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{sheet}</sheetData></worksheet>")),
    ])
}

/// A ZIP archive of texts that are not packed (PKWARE's APPNOTE, 4.3).
fn archive(entries: &[(&str, String)]) -> Vec<u8> {
    let words = |all: &[u16]| all.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let longs = |all: &[u32]| all.iter().flat_map(|long| long.to_le_bytes()).collect::<Vec<u8>>();
    let (mut all, mut directory) = (Vec::<u8>::new(), Vec::<u8>::new());
    for (name, text) in entries {
        let (place, size) = (all.len() as u32, text.len() as u32);
        // The same before an entry and in the directory: version, flags, packing, time, date; checksum and sizes; lengths of its name and of more.
        let head =
            [words(&[20, 0, 0, 0, 33]), longs(&[crc32(text.as_bytes()), size, size]), words(&[name.len() as u16, 0])]
                .concat();
        all.extend([&b"PK\x03\x04"[..], &head, name.as_bytes(), text.as_bytes()].concat());
        let rest = [words(&[0, 0, 0]), longs(&[0, place])].concat();
        directory.extend([&b"PK\x01\x02"[..], &words(&[20]), &head, &rest, name.as_bytes()].concat());
    }
    let (count, place, size) = (entries.len() as u16, all.len() as u32, directory.len() as u32);
    all.extend(directory);
    all.extend([&b"PK\x05\x06"[..], &words(&[0, 0, count, count]), &longs(&[size, place]), &words(&[0])].concat());
    all
}

/// The checksum of ISO 3309, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}
