//! `POST /v1/embeddings`: the request.

use domain::Error;
use serde_json::Value;

use super::completion::{Input, texts_or_tokens};
use crate::fields::{Field, Fields, wrong_value};

/// Most texts of one request, as OpenAI has it.
const MAX_INPUTS: usize = 2048;

/// How a vector is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As JSON numbers.
    #[default]
    Float,
    /// As base64 of little-endian 32-bit floats.
    Base64,
}

/// Embeddings, asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingRequest {
    /// The model's name.
    pub model: String,
    /// What to embed, in order.
    pub inputs: Vec<Input>,
    /// How vectors are written.
    pub encoding: Encoding,
    /// Cut vectors to this width and make them unit length again.
    pub dimensions: Option<usize>,
}

/// Every field of the specification.
pub const TABLE: [Field; 5] = [
    Field::read("model"),
    Field::read("input"),
    Field::read("encoding_format"),
    Field::read("dimensions"),
    Field::ignored("user"),
];

impl EmbeddingRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter.
    pub fn read(body: &Value) -> Result<Self, Error> {
        let fields = Fields::of_body(body)?;
        fields.check(&TABLE)?;
        let model = fields.required_string("model")?.to_owned();
        let inputs = texts_or_tokens("input", fields.get("input").ok_or_else(|| fields.missing("input"))?)?;
        if inputs.len() > MAX_INPUTS {
            let why =
                format!("{} texts, at most {MAX_INPUTS} are embedded at once; send several requests", inputs.len());
            return Err(fields.wrong_value("input", &why));
        }
        if let Some(i) = inputs.iter().position(|input| *input == Input::Text(String::new())) {
            let path = if inputs.len() == 1 { "input".to_owned() } else { format!("input[{i}]") };
            return Err(wrong_value(&path, "an empty text has no embedding"));
        }
        let encoding = match fields.string("encoding_format")? {
            None | Some("float") => Encoding::Float,
            Some("base64") => Encoding::Base64,
            Some(_) => return Err(fields.wrong_value("encoding_format", "it is neither 'float' nor 'base64'")),
        };
        let dimensions = fields.integer("dimensions", 1..=65_536)?.map(|n| n as usize);
        Ok(Self { model, inputs, encoding, dimensions })
    }

    /// Makes one vector as wide as asked for.
    ///
    /// # Errors
    /// More dimensions than the vector has.
    pub fn fit(&self, mut vector: Vec<f32>) -> Result<Vec<f32>, Error> {
        let Some(wanted) = self.dimensions else { return Ok(vector) };
        if wanted > vector.len() {
            let why = format!("{wanted}, but vectors of '{}' have {} dimensions", self.model, vector.len());
            return Err(wrong_value("dimensions", &why));
        }
        if wanted < vector.len() {
            vector.truncate(wanted);
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            if length > 0.0 {
                vector.iter_mut().for_each(|x| *x /= length);
            }
        }
        Ok(vector)
    }
}
