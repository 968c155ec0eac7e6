//! The picture of a measurement: bars in three groups, and the machine's limits as lines.

use platform::BenchReport;

use super::group;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 150.0;
const ROW: f64 = 24.0;
const COLOURS: [&str; 4] = ["#0b6b57", "#7aa89b", "#c58b2a", "#8a5a9e"];

/// An SVG of reports of one model, with different numbers of threads.
pub(super) fn svg(reports: &[BenchReport]) -> String {
    let mut body = String::new();
    let mut y = 56.0;
    let title = reports.first().map(|report| report.model.clone()).unwrap_or_default();
    body.push_str(&text(16.0, 28.0, "start", "title", &title));
    for (at, report) in reports.iter().enumerate() {
        let x = WIDTH - 16.0 - 110.0 * (reports.len() - 1 - at) as f64;
        body.push_str(&text(x, 28.0, "end", "label", &format!("■ {} threads", report.threads)).replacen(
            "<text",
            &format!("<text style=\"fill:{}\"", COLOURS[at % COLOURS.len()]),
            1,
        ));
    }
    for (of_group, name) in [
        (0, "reading a prompt, tokens/s"),
        (1, "writing, one request, tokens/s"),
        (2, "writing, several at once, tokens/s in total"),
    ] {
        let rows = |report: &BenchReport| -> Vec<(String, f64)> {
            let own = report.rows.iter().filter(|row| group(row.workload) == of_group);
            own.map(|row| (row.workload.name(), row.tokens_per_second)).collect()
        };
        let limit = reports.iter().filter_map(|report| limit(report, of_group)).fold(0.0, f64::max);
        let most = reports.iter().flat_map(rows).map(|(_, speed)| speed).fold(limit, f64::max).max(1e-9);
        let scale = (WIDTH - LEFT - 90.0) / most;
        body.push_str(&text(16.0, y, "start", "group", name));
        y += 12.0;
        let top = y;
        for (index, (label, _)) in reports.first().map(rows).unwrap_or_default().iter().enumerate() {
            body.push_str(&text(LEFT - 8.0, y + 16.0, "end", "label", label));
            let thick = (ROW - 6.0) / reports.len() as f64;
            for (at, report) in reports.iter().enumerate() {
                let Some((_, speed)) = rows(report).into_iter().nth(index) else { continue };
                let (top, width) = (y + 3.0 + thick * at as f64, speed * scale);
                let colour = COLOURS[at % COLOURS.len()];
                body.push_str(&format!(
                    "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{thick:.1}\" fill=\"{colour}\"/>"
                ));
                body.push_str(&text(
                    LEFT + width + 6.0,
                    top + thick / 2.0 + 4.0,
                    "start",
                    "label",
                    &format!("{speed:.0}"),
                ));
            }
            y += ROW;
        }
        if limit > 0.0 {
            let x = LEFT + limit * scale;
            body.push_str(&format!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{y}\" class=\"limit\"/>"));
            body.push_str(&text(x, top - 2.0, "end", "label", &format!("limit {limit:.0}")));
        }
        y += 32.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" role=\"img\">\
         <style>text{{font:13px system-ui,sans-serif;fill:#26302d}}.title{{font-size:17px;font-weight:600}}.group{{font-weight:600}}\
         .label{{font-size:12px}}.limit{{stroke:#b3261e;stroke-width:1.5;stroke-dasharray:4 3}}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{body}</svg>\n"
    )
}

/// The most there can be: weights read at the bandwidth, or multiplied at the integers' peak.
fn limit(report: &BenchReport, group: usize) -> Option<f64> {
    let footprint = &report.footprint;
    match group {
        0 => Some(report.integer_peak / (2.0 * (footprint.products - footprint.scores) as f64)),
        1 => Some(report.bandwidth / footprint.read as f64),
        _ => None,
    }
}

fn text(x: f64, y: f64, anchor: &str, class: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>")
}
