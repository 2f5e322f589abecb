//! The curves as an SVG that reads well on light and on dark pages.

use std::fmt::Write as _;

/// Is one order's curve: mean and half-width of its band after 0, 1, 2 … images.
pub struct Curve {
    /// Its name in the legend.
    pub name: &'static str,
    /// Mean and half-width at each place.
    pub points: Vec<(f64, f64)>,
}

/// Is one pair of axes.
pub struct Panel {
    /// What the y axis shows.
    pub title: &'static str,
    /// Top of the y axis.
    pub top: f64,
    /// The curves.
    pub curves: Vec<Curve>,
}

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const UPPER: f64 = 40.0;
/// From the beginning of a line in the legend to its label.
const SAMPLE: f64 = 42.0;
/// About what a letter of a label takes, in wide fonts.
const LETTER: f64 = 8.0;
/// Colours that tell apart for colour-blind people too (Okabe and Ito 2008), and the dashes that do so without colour.
const STYLES: [(&str, &str); 5] = [
    ("#0072b2", ""),
    ("#d55e00", "6 3"),
    ("#009e73", "2 3"),
    ("#cc79a7", "8 3 2 3"),
    ("#8a8a8a", "1 4"),
];

/// Draws the panels beside each other, with one legend below.
pub fn svg(caption: &str, panels: &[Panel]) -> String {
    let total = panels.len() as f64 * (WIDTH + LEFT + 20.0);
    let bottom = UPPER + HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total} {}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>{caption}</title>\n\
         <style>\n\
         text {{ fill: #24292f }} .rule {{ stroke: #d0d7de }} .axis {{ stroke: #57606a }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .rule {{ stroke: #30363d }} .axis {{ stroke: #8b949e }} }}\n\
         </style>\n",
        bottom + 100.0
    );
    for (at, panel) in panels.iter().enumerate() {
        draw(&mut svg, panel, at as f64 * (WIDTH + LEFT + 20.0) + LEFT);
    }
    let curves = panels.first().map_or(&[][..], |panel| &panel.curves);
    // Labels share what they leave free of the width evenly.
    let wide = |curve: &Curve| SAMPLE + LETTER * curve.name.len() as f64;
    let needed: f64 = curves.iter().map(wide).sum();
    let gap = ((total - LEFT - needed) / curves.len().max(1) as f64).max(0.0);
    let (mut x, y) = (LEFT, bottom + 72.0);
    for (at, curve) in curves.iter().enumerate() {
        line(&mut svg, at, &format!("M{x:.1} {:.1}h34", y - 4.0));
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            x + SAMPLE,
            curve.name
        );
        x += wide(curve) + gap;
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, left: f64) {
    let bottom = UPPER + HEIGHT;
    let last = panel
        .curves
        .iter()
        .map(|it| it.points.len())
        .max()
        .unwrap_or(2)
        .max(2)
        - 1;
    let x = |at: usize| left + WIDTH * at as f64 / last as f64;
    let y = |value: f64| bottom - HEIGHT * (value / panel.top).clamp(0.0, 1.0);
    let _ = writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{:.1}\" font-weight=\"600\">{}</text>",
        UPPER - 16.0,
        panel.title
    );
    for step in 0..=4 {
        let value = panel.top * f64::from(step) / 4.0;
        let _ = writeln!(
            svg,
            "<path class=\"rule\" d=\"M{left:.1} {:.1}h{WIDTH}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.2}</text>",
            y(value),
            left - 8.0,
            y(value) + 4.0
        );
    }
    for at in (0..=last).step_by(4) {
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{:.1} {bottom:.1}v5\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{at}</text>",
            x(at),
            x(at),
            bottom + 20.0
        );
    }
    let _ = writeln!(
        svg,
        "<path class=\"axis\" fill=\"none\" d=\"M{left:.1} {UPPER}V{bottom}h{WIDTH}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">images shown</text>",
        left + WIDTH / 2.0,
        bottom + 42.0
    );
    for (number, curve) in panel.curves.iter().enumerate() {
        let (colour, _) = STYLES[number % STYLES.len()];
        let point = |at: usize, value: f64| format!("{:.1} {:.1}", x(at), y(value));
        let upper = curve
            .points
            .iter()
            .enumerate()
            .map(|(at, (mean, half))| point(at, mean + half));
        let lower = curve
            .points
            .iter()
            .enumerate()
            .rev()
            .map(|(at, (mean, half))| point(at, mean - half));
        let band = upper.chain(lower).collect::<Vec<_>>().join("L");
        let _ = writeln!(
            svg,
            "<path d=\"M{band}Z\" fill=\"{colour}\" fill-opacity=\"0.22\"/>"
        );
        let middle = curve
            .points
            .iter()
            .enumerate()
            .map(|(at, (mean, _))| point(at, *mean));
        line(svg, number, &format!("M{}", middle.collect::<Vec<_>>().join("L")));
    }
}

fn line(svg: &mut String, number: usize, path: &str) {
    let (colour, dashes) = STYLES[number % STYLES.len()];
    let _ = writeln!(
        svg,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.2\" stroke-dasharray=\"{dashes}\" stroke-linejoin=\"round\"/>"
    );
}
