//! Small sound inputs for every target.

use crate::mutate::pack;

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

#[derive(Default)]
struct Meta {
    count: u64,
    bytes: Vec<u8>,
}

fn key(meta: &mut Meta, name: &str, kind: u32, value: &[u8]) {
    meta.count += 1;
    put_text(&mut meta.bytes, name);
    meta.bytes.extend(kind.to_le_bytes());
    meta.bytes.extend(value);
}

fn text_value(text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    put_text(&mut value, text);
    value
}

fn list(kind: u32, count: usize, members: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(count as u64).to_le_bytes(), members].concat()
}

/// A file for each tokenizer algorithm, with tensors of several formats.
pub(crate) fn gguf() -> Vec<Vec<u8>> {
    ["llama", "gpt2", "t5", "bert"].map(gguf_with).to_vec()
}

fn gguf_with(tokenizer: &str) -> Vec<u8> {
    let pieces = ["<unk>", "<s>", "</s>", "H", "e", "l", "o", "▁", "Ġ", "He", "##l", "<0x0A>", "世", "[CLS]"];
    let mut meta = Meta::default();
    key(&mut meta, "general.architecture", 8, &text_value("llama"));
    key(&mut meta, "general.name", 8, &text_value("tiny"));
    for (name, value) in [
        ("block_count", 1u32),
        ("context_length", 64),
        ("embedding_length", 32),
        ("feed_forward_length", 32),
        ("attention.head_count", 2),
    ] {
        key(&mut meta, &format!("llama.{name}"), 4, &value.to_le_bytes());
    }
    key(&mut meta, "llama.attention.layer_norm_rms_epsilon", 6, &1e-5f32.to_le_bytes());
    key(&mut meta, "tokenizer.ggml.model", 8, &text_value(tokenizer));
    key(&mut meta, "tokenizer.ggml.pre", 8, &text_value("qwen2"));
    let texts: Vec<u8> = pieces.iter().flat_map(|piece| text_value(piece)).collect();
    key(&mut meta, "tokenizer.ggml.tokens", 9, &list(8, pieces.len(), &texts));
    let scores: Vec<u8> = (0..pieces.len()).flat_map(|i| (-(i as f32)).to_le_bytes()).collect();
    key(&mut meta, "tokenizer.ggml.scores", 9, &list(6, pieces.len(), &scores));
    let kinds: Vec<u8> =
        (0..pieces.len()).flat_map(|i| [2i32, 3, 3, 1].get(i).copied().unwrap_or(1).to_le_bytes()).collect();
    key(&mut meta, "tokenizer.ggml.token_type", 9, &list(5, pieces.len(), &kinds));
    key(&mut meta, "tokenizer.ggml.merges", 9, &list(8, 1, &text_value("H e")));
    for (name, value) in [("bos", 1u32), ("eos", 2), ("unknown", 0)] {
        key(&mut meta, &format!("tokenizer.ggml.{name}_token_id"), 4, &value.to_le_bytes());
    }
    key(&mut meta, "tokenizer.ggml.add_bos_token", 7, &[1]);
    let mut tensors = Vec::new();
    let mut data = Vec::new();
    for (name, kind, cols, rows, bytes) in [
        ("output_norm.weight", 0u32, 32u64, 1u64, 128usize),
        ("token_embd.weight", 2, 32, 14, 18 * 14),
        ("blk.0.ffn_up.weight", 12, 256, 2, 288),
    ] {
        put_text(&mut tensors, name);
        tensors.extend(2u32.to_le_bytes());
        tensors.extend(cols.to_le_bytes());
        tensors.extend(rows.to_le_bytes());
        tensors.extend(kind.to_le_bytes());
        tensors.extend((data.len() as u64).to_le_bytes());
        data.resize((data.len() + bytes).next_multiple_of(32), 1);
    }
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend(3u64.to_le_bytes());
    out.extend(meta.count.to_le_bytes());
    out.extend(meta.bytes);
    out.extend(tensors);
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend(data);
    out
}

pub(crate) fn safetensors() -> Vec<Vec<u8>> {
    let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},"c":{"dtype":"BF16","shape":[],"data_offsets":[20,22]}}"#;
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend([1; 22]);
    vec![out]
}

/// One layer of 32 numbers and seven pieces.
pub(crate) fn e5s1() -> Vec<Vec<u8>> {
    let pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "Hello", "世"];
    let mut out = b"E5S1".to_vec();
    for number in [1u32, 32, 1, 2, 32, pieces.len() as u32, 8, 1] {
        out.extend(number.to_le_bytes());
    }
    out.extend(1e-5f32.to_le_bytes());
    for number in [32u32, pieces.len() as u32, 0, 2, 1, 3] {
        out.extend(number.to_le_bytes());
    }
    out.extend((pieces.concat().len() as u64).to_le_bytes());
    let mut end = 0u32;
    for length in std::iter::once(0).chain(pieces.iter().map(|piece| piece.len() as u32)) {
        end += length;
        out.extend(end.to_le_bytes());
    }
    (0..pieces.len()).for_each(|i| out.extend((-(i as f32)).to_le_bytes()));
    out.extend(pieces.concat().as_bytes());
    out.extend([1u32.to_le_bytes(), 9u32.to_le_bytes()].concat());
    out.extend(0xff21u32.to_le_bytes());
    out.push(1);
    out.extend(0x41u32.to_le_bytes());
    let tensors = e5s1_tensors(pieces.len() as u32);
    out.extend((tensors.len() as u32).to_le_bytes());
    let table: usize = tensors.iter().map(|(name, _, _)| 2 + name.len() + 1 + 4 + 16).sum();
    let mut offset = out.len() + table;
    for (name, kind, count) in &tensors {
        let bytes = if *kind == 0 { count * 4 } else { count / 32 * 18 };
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(name.as_bytes());
        out.push(*kind);
        out.extend(count.to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        out.extend(u64::from(bytes).to_le_bytes());
        offset += bytes as usize;
    }
    out.resize(offset, 0);
    vec![out]
}

fn e5s1_tensors(rows: u32) -> Vec<(String, u8, u32)> {
    let mut tensors = vec![("emb.word".to_owned(), 1, rows * 32), ("emb.pos".to_owned(), 0, 256)];
    tensors.extend(["emb.type", "emb.ln.w", "emb.ln.b"].map(|name| (name.to_owned(), 0, 32)));
    for name in ["q", "k", "v", "ao", "fi", "fo"] {
        tensors.push((format!("l0.{name}.w"), 1, 1024));
        tensors.push((format!("l0.{name}.b"), 0, 32));
    }
    for name in ["aln", "oln"] {
        tensors.extend(["w", "b"].map(|part| (format!("l0.{name}.{part}"), 0, 32)));
    }
    tensors
}

fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn tokenizer_json() -> Vec<Vec<u8>> {
    strings(&[
        r###"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},{"id":1,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[UNK]":0,"[CLS]":1,"hello":2,"##l":3,",":4}}}"###,
        r#"{"version":"1.0","added_tokens":[{"id":3,"content":"<|im_end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}|[^\\s\\p{N}]+|\\s+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]},"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{"H":0,"e":1,"He":2},"merges":["H e"]}}"#,
        r#"{"version":"1.0","added_tokens":[{"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"post_processor":null,"decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"model":{"type":"Unigram","unk_id":1,"byte_fallback":false,"vocab":[["<s>",0.0],["<unk>",0.0],["▁",-1.5],["Hello",-2.0],["世",-3.0]]}}"#,
    ])
}

/// Configurations of the model `targets::folders` has.
pub(crate) fn hf_config() -> Vec<Vec<u8>> {
    let with = |more: &str| {
        format!(
            r#"{{"architectures":["LlamaForCausalLM"],"hidden_size":32,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":2,"head_dim":16,"max_position_embeddings":64,"rms_norm_eps":1e-6,"hidden_act":"silu","tie_word_embeddings":true,"bos_token_id":1,"eos_token_id":[2,3]{more}}}"#
        )
        .into_bytes()
    };
    vec![
        with(""),
        with(
            r#","rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":32}"#,
        ),
        with(
            r#","rope_parameters":{"full_attention":{"rope_type":"linear","factor":2.0,"rope_theta":10000.0}},"time_step_limit":[0.0,Infinity]"#,
        ),
        with(
            r#","rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":16},"_name_or_path":"a/b-1b","pad_token_id":null"#,
        ),
    ]
}

/// Tokenizers of 300 ids at most: byte-level BPE, and SentencePiece's.
pub(crate) fn hf_tokenizer() -> Vec<Vec<u8>> {
    let visible = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut hidden = 255;
    let mut stand_in = |byte: u32| {
        hidden += u32::from(!visible(byte));
        char::from_u32(if visible(byte) { byte } else { hidden }).unwrap_or_default().to_string()
    };
    let mut bytes: Vec<String> = (0..256).map(&mut stand_in).collect();
    bytes.extend(["he", "hel"].map(str::to_owned));
    let mut pieces: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    pieces.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    pieces.extend(["▁", "a", "b", "ab", "▁a", "▁ab"].map(str::to_owned));
    let vocab = |texts: &[String]| {
        let each: Vec<String> =
            texts.iter().enumerate().map(|(id, text)| format!("{}:{id}", serde_json::json!(text))).collect();
        each.join(",")
    };
    vec![
        format!(r#"{{"version":"1.0","added_tokens":[{{"id":299,"content":"<|end|>","special":true,"normalized":false,"lstrip":false,"rstrip":false,"single_word":false}}],"normalizer":{{"type":"NFC"}},"pre_tokenizer":{{"type":"Sequence","pretokenizers":[{{"type":"Digits","individual_digits":true}},{{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}}]}},"post_processor":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}},"decoder":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}},"model":{{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":"","end_of_word_suffix":"","fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{{{}}},"merges":["h e","he l"]}}}}"#, vocab(&bytes)).into_bytes(),
        format!(r#"{{"version":"1.0","added_tokens":[{{"id":1,"content":"<s>","special":true,"normalized":false,"lstrip":false,"rstrip":false,"single_word":false}}],"normalizer":{{"type":"Sequence","normalizers":[{{"type":"Prepend","prepend":"▁"}},{{"type":"Replace","pattern":{{"String":" "}},"content":"▁"}}]}},"pre_tokenizer":null,"post_processor":{{"type":"TemplateProcessing","single":[{{"SpecialToken":{{"id":"<s>","type_id":0}}}},{{"Sequence":{{"id":"A","type_id":0}}}}],"pair":[{{"Sequence":{{"id":"A","type_id":0}}}},{{"Sequence":{{"id":"B","type_id":1}}}}],"special_tokens":{{"<s>":{{"id":"<s>","ids":[1],"tokens":["<s>"]}}}}}},"decoder":null,"model":{{"type":"BPE","dropout":null,"unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"vocab":{{{}}},"merges":[["a","b"],["▁","a"],["▁","ab"],["▁a","b"]]}}}}"#, vocab(&pieces)).into_bytes(),
    ]
}

pub(crate) fn hf_tokenizer_config() -> Vec<Vec<u8>> {
    strings(&[
        r#"{"bos_token":"<|end|>","eos_token":{"__type":"AddedToken","content":"<|end|>"},"pad_token":null,"add_bos_token":true,"add_eos_token":false,"added_tokens_decoder":{"298":{"content":"<tool>","special":false},"299":{"content":"<|end|>","special":true}},"chat_template":"{% for m in messages %}{{ m.role + ': ' + m.content | trim }}\n{% endfor %}"}"#,
        r#"{"chat_template":[{"name":"default","template":"{{ bos_token }}{{ messages[0].content }}"},{"name":"tool_use","template":"x"}]}"#,
    ])
}

pub(crate) fn requests() -> Vec<Vec<u8>> {
    strings(&[
        r#"{"model":"kb/a","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"世界?"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"2"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"integer"}}}}}],"tool_choice":"auto","temperature":0.7,"top_p":0.9,"max_tokens":16,"stream":true,"stream_options":{"include_usage":true},"n":2,"seed":7,"logprobs":true,"top_logprobs":3,"stop":["\n","。"],"logit_bias":{"5":-100},"presence_penalty":0.5,"frequency_penalty":-0.5,"user":"u","response_format":{"type":"text"}}"#,
        r#"{"model":"m","prompt":["a","b"],"max_tokens":5,"logprobs":2,"echo":true,"best_of":1,"suffix":null,"stop":"x"}"#,
        r#"{"model":"m","prompt":[[1,2,3],[4]],"temperature":0}"#,
        r#"{"model":"e","input":["a","世"],"encoding_format":"base64","dimensions":4}"#,
        r#"{"model":"e","input":[1,2,3]}"#,
    ])
}

pub(crate) fn pdf() -> Vec<Vec<u8>> {
    let page =
        b"BT /F1 12 Tf 72 700 Td (Hello, world) Tj 0 -20 Td [(a) -300 (b)] TJ T* <48656C6C6F> Tj ET q 1 0 0 1 5 5 cm Q";
    let pages = [
        ("<< /Type /Catalog /Pages 2 0 R >>".to_owned(), None),
        ("<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(), None),
        (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
            None,
        ),
        (format!("<< /Length {} >>", page.len()), Some(&page[..])),
        ("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>".to_owned(), None),
        (
            "<< /Length 102 >>".to_owned(),
            Some(&b"/CIDInit begincmap 1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <41> <5A> <0041> endbfrange endcmap"[..]),
        ),
    ];
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, (dictionary, stream)) in pages.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n{dictionary}\n", index + 1).bytes());
        if let Some(stream) = stream {
            out.extend(b"stream\n".iter().chain(*stream).chain(b"\nendstream\n"));
        }
        out.extend(b"endobj\n");
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", pages.len() + 1).bytes());
    offsets.iter().for_each(|at| out.extend(format!("{at:010} 00000 n \n").bytes()));
    out.extend(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", pages.len() + 1).bytes());
    vec![out]
}

fn archive(members: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let members: Vec<_> = members.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    pack(&members).into_iter().collect()
}

const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn relations(list: &[(&str, &str, &str)]) -> String {
    let each: String = list
        .iter()
        .map(|(id, kind, to)| format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{to}\"/>"))
        .collect();
    format!("<?xml version=\"1.0\"?><Relationships xmlns=\"{PACKAGE}\">{each}</Relationships>")
}

fn content_types(main: &str, kind: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/{main}\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}.main+xml\"/></Types>"
    )
}

pub(crate) fn docx() -> Vec<Vec<u8>> {
    archive(&[
        ("[Content_Types].xml", &content_types("word/document.xml", "wordprocessingml.document")),
        ("_rels/.rels", &relations(&[("rId1", "officeDocument", "word/document.xml")])),
        (
            "word/_rels/document.xml.rels",
            &relations(&[("rId1", "styles", "styles.xml"), ("rId2", "footnotes", "footnotes.xml")]),
        ),
        (
            "word/document.xml",
            r#"<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Title</w:t></w:r></w:p><w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t xml:space="preserve">item </w:t><w:tab/><w:br/></w:r><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:footnoteReference w:id="2"/></w:p><w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:sectPr/></w:body></w:document>"#,
        ),
        (
            "word/styles.xml",
            r#"<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Heading1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>"#,
        ),
        (
            "word/footnotes.xml",
            r#"<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote w:id="2"><w:p><w:r><w:t>note</w:t></w:r></w:p></w:footnote></w:footnotes>"#,
        ),
    ])
}

pub(crate) fn pptx() -> Vec<Vec<u8>> {
    archive(&[
        ("[Content_Types].xml", &content_types("ppt/presentation.xml", "presentationml.presentation")),
        ("_rels/.rels", &relations(&[("rId1", "officeDocument", "ppt/presentation.xml")])),
        (
            "ppt/presentation.xml",
            r#"<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst></p:presentation>"#,
        ),
        ("ppt/_rels/presentation.xml.rels", &relations(&[("rId1", "slide", "slides/slide1.xml")])),
        (
            "ppt/slides/slide1.xml",
            r#"<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:cSld><p:spTree><p:sp><p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>Title</a:t></a:r></a:p></p:txBody></p:sp><p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>cell</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></a:graphicData></a:graphic></p:graphicFrame></p:spTree></p:cSld></p:sld>"#,
        ),
        ("ppt/slides/_rels/slide1.xml.rels", &relations(&[("rId1", "notesSlide", "../notesSlides/notesSlide1.xml")])),
        (
            "ppt/notesSlides/notesSlide1.xml",
            r#"<p:notes xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>notes</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:notes>"#,
        ),
    ])
}

pub(crate) fn xlsx() -> Vec<Vec<u8>> {
    spreadsheet(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:C2"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>1.5</v></c><c r="C1" t="b"><v>1</v></c></row><row r="2"><c r="A2" s="1"><v>45000</v></c><c r="B2" t="inlineStr"><is><t>text</t></is></c><c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row></sheetData><mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells></worksheet>"#,
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1"><si><t>shared</t></si></sst>"#,
    )
}

/// A workbook with one sheet.
fn spreadsheet(sheet: &str, strings: &str) -> Vec<Vec<u8>> {
    archive(&[
        ("[Content_Types].xml", &content_types("xl/workbook.xml", "spreadsheetml.sheet")),
        ("_rels/.rels", &relations(&[("rId1", "officeDocument", "xl/workbook.xml")])),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &relations(&[
                ("rId1", "worksheet", "worksheets/sheet1.xml"),
                ("rId2", "sharedStrings", "sharedStrings.xml"),
                ("rId3", "styles", "styles.xml"),
            ]),
        ),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/sharedStrings.xml", strings),
        (
            "xl/styles.xml",
            r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy-mm-dd"/></numFmts><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#,
        ),
    ])
}

pub(crate) fn epub() -> Vec<Vec<u8>> {
    archive(&[
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            r#"<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#,
        ),
        (
            "OEBPS/book.opf",
            r#"<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Book</dc:title></metadata><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>"#,
        ),
        (
            "OEBPS/a.xhtml",
            "<html><head><title>One</title></head><body><h1>One</h1><p>Text &amp; more</p></body></html>",
        ),
        ("OEBPS/nav.xhtml", "<html><body><nav><ol><li><a href=\"a.xhtml\">One</a></li></ol></nav></body></html>"),
    ])
}

pub(crate) fn html() -> Vec<Vec<u8>> {
    strings(&[
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>T</title><style>p{}</style></head><body><h1>One</h1><p>a <b>b</b><br>c &lt;</p><ul><li>x<ul><li>y</li></ul></li></ul><table><caption>cap</caption><tr><th colspan=2>h</th></tr><tr><td>1</td><td rowspan=\"2\">2</td></tr></table><pre>code\n  x</pre><h2>Two</h2><script>var a=\"<p>\"</script></body></html>",
        "<p>unclosed <i>runs <p>世界&nbsp;&#20013;<!-- c --><svg><text>s</text></svg>",
    ])
}

pub(crate) fn markdown() -> Vec<Vec<u8>> {
    strings(&[
        "---\ntitle: T\n---\n# One\n\nText *em* **strong** `code` [a](b \"c\") ![i](j)\n\n- x\n  - y\n1. z\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```rust\nfn main() {}\n```\n\n> quote\n> > deeper\n\nTwo\n===\n\n<div>raw</div>\n\n[^1]: note\n",
        "## 标题\n\n段落。[^1] ~~no~~ - [ ] task\n\n    indented\n\n***\nend\\\nline",
    ])
}

pub(crate) fn csv() -> Vec<Vec<u8>> {
    let mut all = strings(&[
        "name,age,city\n\"A, B\",12,\"x\"\"y\"\n\"two\nlines\",,世界\n",
        "a;b;c\r\n1;2;3\r\n4;5\r\n",
        "a\tb\n1\t2\n",
    ]);
    all.push(b"\xff\xfea\0,\0b\0\n\0".to_vec());
    all
}

pub(crate) fn json() -> Vec<Vec<u8>> {
    strings(&[
        r#"{"title":"T","items":[{"a":1,"b":[true,null,"x\n\u4e16"]},{"a":-2.5e3}],"deep":{"x":{"y":{"z":"end"}}}}"#,
        "{\"a\":1}\n{\"a\":2}\n",
        r#"[["a","b"],["c"]]"#,
    ])
}

pub(crate) fn text() -> Vec<Vec<u8>> {
    let mut all = strings(&[
        "Title\n\nA paragraph of text\nthat goes on.\n\n  * item\n\n第一章 开始\n\n正文。\u{c}Page two\r\n",
        "\u{feff}e\u{301} 👩‍👩‍👧 \u{202e}x\u{0}y\u{2028}z",
    ]);
    all.push(b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\xa1\xa3".to_vec());
    all.push(b"\xff\xfeH\0i\0".to_vec());
    all
}

/// Rows of the templates, and the other forms in which people have labelled lines.
pub(crate) fn labelled_lines() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = platform::templates().iter().map(|one| one.sample.as_bytes().to_vec()).collect();
    all.extend(strings(&[
        r#"[{"text":"Too dear.","label":"billing","tags":["shop","a; b"]},{"text":"It is late.","output":"delivery","tags":"x；y"}]"#,
        r#"{"messages":[{"role":"system","content":"Sort."},{"role":"user","content":[{"type":"text","text":"It is late."}]},{"role":"assistant","content":"delivery"}]}"#,
        r#"{"conversations":[{"from":"human","value":"账号登不上"},{"from":"gpt","value":"account"},{"from":"human","value":"It broke."},{"from":"gpt","value":"defect"}],"system":"Sort."}"#,
        r#"{"instruction":"It is late.","input":"","output":"delivery","history":[["a","b"]]}"#,
        r#"{"text":"Spring fair on 1 May 2026","event":"Spring fair","date":"2026-05-01","place":"Mill","seats":"12"}"#,
        r#"{"text":"Spring fair","label":"{\"event\":\"fair\",\"date\":null,\"place\":\"Mill\",\"seats\":1e2}"}"#,
    ]));
    all
}

/// Tables with a column for the label, with one for each field of a record, and with records as text.
pub(crate) fn labelled_table(between: &str) -> Vec<Vec<u8>> {
    let mut all = strings(&[
        "text,label,tags\n\"Too dear, \"\"really\"\"\",billing,a;b\n\"It is\nlate.\",delivery,\n坏了,defect,中 文\n",
        "\u{feff}评论,标签\r\n好用,好评\r\n坏了,差评\r\n,\r\n",
        "text,event,date,place,seats\nSpring fair,fair,2026-05-01,Mill,12\n",
        "text,output\nLovely colour,\"{\"\"sentiment\"\":\"\"positive\"\",\"\"aspects\"\":[]}\"\n",
    ]);
    all.iter_mut().for_each(|table| *table = String::from_utf8_lossy(table).replace(',', between).into_bytes());
    all.push(
        [b"text".as_slice(), between.as_bytes(), b"label\n\xc4\xe3\xba\xc3", between.as_bytes(), b"other\n"].concat(),
    );
    all
}

/// A sheet with texts, shared ones too, and a label.
pub(crate) fn labelled_workbook() -> Vec<Vec<u8>> {
    spreadsheet(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:C3"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>tags</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>Too dear</t></is></c><c r="B2" t="s"><v>2</v></c><c r="C2"><v>1.5</v></c></row><row r="3"><c r="A3" t="inlineStr"><is><t>坏了</t></is></c><c r="B3" t="inlineStr"><is><t>defect</t></is></c><c r="C3" t="b"><v>1</v></c></row></sheetData></worksheet>"#,
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="3" uniqueCount="3"><si><t>text</t></si><si><t>label</t></si><si><r><t>bill</t></r><r><t>ing</t></r></si></sst>"#,
    )
}

/// The templates, and what they have no use for.
pub(crate) fn task() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = platform::templates().iter().map(|one| one.task.as_bytes().to_vec()).collect();
    all.extend(strings(&[
        "description = \"d\"\ninstructions = '{{ text }}{% if n %} {{ n }}{% endif %}'\noutput = [\"a\", \"b\"]\nmetric = \"accuracy\"\ncandidates = [\"prompt@m\", \"few-shot:4@m\"]\nknowledge_base = \"kb\"\n[input]\ntext = \"t\"\n\"n?\" = \"a number\"\n[policy]\ndata = \"personal\"\nmarket = \"2c\"\nallow = [\"local\", \"cn\"]\nlabel = \"n\"\n[constraints]\nlatency_p95 = \"2s\"\ncost_per_1000 = 1.5\nmemory = \"2GB\"\norder = [\"cost\", \"latency\", \"memory\"]\n[costs]\nwrong = 1\nabstain = 0.5\nof = [{ expected = \"a\", answer = \"b\", cost = 2 }]\n",
        "instructions = \"{{ Review_Text }}\"\n[input]\n\"Review Text\" = \"t\"\n[output_schema]\ntype = \"object\"\n[output_schema.properties.x]\ntype = \"integer\"\nminimum = 0\n[output_schema.properties.y]\n\"$ref\" = \"#/$defs/y\"\n[output_schema.\"$defs\".y]\nenum = [\"a\", \"b\"]\n",
    ]));
    all
}

pub(crate) fn models_toml() -> Vec<Vec<u8>> {
    strings(&[
        "[[models]]\nname = \"far\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\nvendor = \"v\"\njurisdiction = \"cn\"\nregistered = true\ncontext = 4096\nretention_days = 0\nprice = { input = 2, cached = 0.5, output = 8, currency = \"CNY\" }\nspend_limit = 20\nconcurrency = 4\ntimeout_seconds = 30\n\n[[models]]\nname = \"home\"\nbase_url = \"https://a.example/v1\"\nmodel = \"m\"\njurisdiction = \"local\"\nopen_weights = true\nreasoning = true\nstructured = \"object\"\ncontext = 1\n",
    ])
}

/// Streams of providers, a body that was sent whole, and what they send instead.
pub(crate) fn replies() -> Vec<Vec<u8>> {
    strings(&[
        "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"好\"},\"logprobs\":{\"content\":[{\"token\":\"好\",\"logprob\":-0.1,\"bytes\":[229,165,189],\"top_logprobs\":[{\"token\":\"b\",\"logprob\":-2}]}]}}]}\n\n: keep-alive\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\",\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\"\"}}]}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":\"tool_calls\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
        "data: {\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"yes\"}]},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n",
    ])
}
