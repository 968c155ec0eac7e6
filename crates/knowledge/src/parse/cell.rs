//! A cell of a workbook as people see it.

use calamine::{Data, ExcelDateTime};

use super::builder::squeeze;

/// What a cell's number format says beyond dates, which the reader knows itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Shown as hundredths, with so many decimals.
    percent: Option<usize>,
}

impl Style {
    pub(super) fn of(style: &calamine::Style) -> Self {
        let code = style.number_format.as_ref().map_or("", |format| format.format_code.as_str());
        Self::of_code(code)
    }

    fn of_code(code: &str) -> Self {
        let positive = code.split(';').next().unwrap_or_default();
        let decimals =
            || positive.split_once('.').map_or(0, |(_, rest)| rest.chars().take_while(|c| "0#?".contains(*c)).count());
        Self { percent: (positive.contains('%') && !positive.contains('"')).then(decimals) }
    }
}

/// Numbers as far as a program shows them, percentages and dates as such.
pub(super) fn shown(cell: &Data, style: Option<&Style>) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::Float(value) => number(*value, style),
        Data::Int(value) => number(*value as f64, style),
        Data::DateTime(date) if date.is_datetime() => moment(date),
        Data::DateTime(date) => clock(date.as_f64()),
        Data::DateTimeIso(text) => text.strip_suffix("T00:00:00").unwrap_or(text).replace('T', " "),
        Data::DurationIso(text) => duration(text).unwrap_or_else(|| text.clone()),
        other => squeeze(&other.to_string()),
    }
}

fn number(value: f64, style: Option<&Style>) -> String {
    match style.and_then(|style| style.percent) {
        Some(decimals) if value.is_finite() => {
            // A format shows no more decimals than it names; what it hides is kept up to two.
            let text = format!("{:.*}", decimals.max(2), value * 100.0);
            format!("{}%", trimmed(&text))
        }
        _ if value.is_finite() && value.abs() < 1e15 => {
            // Fifteen digits, as spreadsheets show: 0.1 + 0.2 is 0.3.
            let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
            rounded.to_string()
        }
        _ => format!("{value:e}"),
    }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn moment(date: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    match (date.as_f64() < 1.0, (hour, minute, second)) {
        (true, _) => clock(date.as_f64()),
        (_, (0, 0, 0)) => format!("{year:04}-{month:02}-{day:02}"),
        (_, (_, _, 0)) => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
        _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// A share of a day, or several days, as hours and minutes.
fn clock(days: f64) -> String {
    let seconds = (days * 86_400.0).round();
    if !(0.0..1e12).contains(&seconds) {
        return days.to_string();
    }
    let seconds = seconds as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { format!("{hours:02}:{minutes:02}") } else { format!("{hours:02}:{minutes:02}:{rest:02}") }
}

/// `PT09H30M00S`.
fn duration(text: &str) -> Option<String> {
    let (hours, rest) = text.strip_prefix("PT")?.split_once('H')?;
    let (minutes, seconds) = rest.split_once('M')?;
    let seconds: f64 = seconds.trim_end_matches('S').parse().ok()?;
    let (hours, minutes): (f64, f64) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(clock((hours * 3600.0 + minutes * 60.0 + seconds) / 86_400.0))
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn cells_are_shown_as_people_see_them() {
        let date = |value| Data::DateTime(ExcelDateTime::new(value, ExcelDateTimeType::DateTime, false));
        let span = |value| Data::DateTime(ExcelDateTime::new(value, ExcelDateTimeType::TimeDelta, false));
        for (cell, code, wanted) in [
            (Data::Float(1234.5), "General", "1234.5"),
            (Data::Float(1234.5 + f64::EPSILON * 1024.0), "General", "1234.5"),
            (Data::Float(0.1 + 0.2), "General", "0.3"),
            (Data::Float(3900.0), "#,##0.00", "3900"),
            (Data::Float(-0.5), "General", "-0.5"),
            (Data::Float(0.155), "0.0%", "15.5%"),
            (Data::Float(0.29), "0%", "29%"),
            (Data::Float(0.29), "0\"%\"", "0.29"),
            (Data::Float(1e300), "General", "1e300"),
            (Data::Int(7), "General", "7"),
            (date(46_254.0), "yyyy-mm-dd", "2026-08-20"),
            (date(46_254.395_833_333_3), "yyyy-mm-dd hh:mm", "2026-08-20 09:30"),
            (date(0.395_833_333_3), "hh:mm", "09:30"),
            (span(1.25), "[h]:mm", "30:00"),
            (Data::DateTimeIso("2026-08-20T00:00:00".to_owned()), "", "2026-08-20"),
            (Data::DurationIso("PT09H30M00S".to_owned()), "", "09:30"),
            (Data::String("  a\n b ".to_owned()), "", "a b"),
            (Data::Empty, "", ""),
        ] {
            assert_eq!(shown(&cell, Some(&Style::of_code(code))), wanted, "{cell:?} {code}");
        }
    }
}
