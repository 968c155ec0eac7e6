import { crc32 } from 'node:zlib';

const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const SHEETS = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';

/** An Excel workbook of one sheet with these texts, as XML writes them; where one is empty there is no cell. */
export function workbook(rows: string[][]): Buffer {
  const cell = (text: string, place: string) => (text === '' ? '' : `<c r="${place}" t="inlineStr"><is><t>${text}</t></is></c>`);
  const row = (texts: string[], at: number) => `<row r="${at}">${texts.map((text, column) => cell(text, `${String.fromCharCode(65 + column)}${at}`)).join('')}</row>`;
  const related = (kind: string, target: string) => `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${OFFICE}/${kind}" Target="${target}"/></Relationships>`;
  const type = (part: string, kind: string) => `<Override PartName="/xl/${part}" ContentType="${SHEETS}.${kind}+xml"/>`;
  const rels = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>';
  return archive([
    ['[Content_Types].xml', `<Types xmlns="${PACKAGE}/content-types">${rels}${type('workbook.xml', 'sheet.main')}${type('worksheets/sheet1.xml', 'worksheet')}</Types>`],
    ['_rels/.rels', related('officeDocument', 'xl/workbook.xml')],
    ['xl/_rels/workbook.xml.rels', related('worksheet', 'worksheets/sheet1.xml')],
    ['xl/workbook.xml', `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="Rows" sheetId="1" r:id="rId1"/></sheets></workbook>`],
    ['xl/worksheets/sheet1.xml', `<worksheet xmlns="${MAIN}"><sheetData>${rows.map((texts, at) => row(texts, at + 1)).join('')}</sheetData></worksheet>`],
  ]);
}

/** A ZIP archive of texts that are not packed (PKWARE's APPNOTE, 4.3). */
function archive(entries: [string, string][]): Buffer {
  const words = (...all: number[]) => Buffer.from(Uint16Array.from(all).buffer);
  const longs = (...all: number[]) => Buffer.from(Uint32Array.from(all).buffer);
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let place = 0;
  for (const [name, text] of entries) {
    const [label, bytes] = [Buffer.from(name), Buffer.from(text)];
    // The same before an entry and in the directory: version, flags, packing, time, date; checksum and sizes; lengths of its name and of more.
    const head = Buffer.concat([words(20, 0, 0, 0, 33), longs(crc32(bytes), bytes.length, bytes.length), words(label.length, 0)]);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), head, label, bytes]);
    files.push(file);
    directory.push(Buffer.from('PK\x01\x02'), words(20), head, words(0, 0, 0), longs(0, place), label);
    place += file.length;
  }
  const list = Buffer.concat(directory);
  return Buffer.concat([...files, list, Buffer.from('PK\x05\x06'), words(0, 0, entries.length, entries.length), longs(list.length, place), words(0)]);
}
