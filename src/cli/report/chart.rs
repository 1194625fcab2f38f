//! Bars per day, as an SVG drawing. Colours are those of the page, which the style sheet sets: light or dark.

use plotters::prelude::{ChartBuilder, IntoDrawingArea as _, RGBColor, Rectangle, SVGBackend};
use plotters::style::Color as _;

use crate::cli::exit::{Exit, Failure};

/// In pixels; the page scales it.
const SIZE: (u32, u32) = (720, 200);
const FONT: (&str, i32) = ("sans-serif", 14);

/// One bar for each pair of a name and a value.
pub(super) fn bars(values: &[(String, usize)]) -> Result<String, Failure> {
    let mut svg = String::new();
    draw(&mut svg, values)
        .map_err(|error| Failure::new(Exit::Software, format_args!("cannot draw the chart: {error}")))?;
    Ok(svg)
}

fn draw(svg: &mut String, values: &[(String, usize)]) -> Result<(), Box<dyn std::error::Error>> {
    let most = values.iter().map(|(_, value)| *value).max().unwrap_or_default();
    let top = f64::from(u32::try_from(most.max(1))?) * 1.05;
    let end = f64::from(u32::try_from(values.len().max(1))?);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut builder = ChartBuilder::on(&area);
    builder.margin(8).x_label_area_size(30).y_label_area_size(50);
    let mut chart = builder.build_cartesian_2d(0.0..end, 0.0..top)?;
    let name = |at: &f64| {
        let here = values.iter().zip(0_u32..).find(|(_, number)| (f64::from(*number) - at).abs() < 0.01);
        here.map(|((name, _), _)| name.clone()).unwrap_or_default()
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().x_labels(values.len().min(8)).y_labels(4).x_label_formatter(&name).label_style(FONT);
    mesh.y_label_formatter(&|value| format!("{value:.0}")).draw()?;
    let bar = |((_, value), number): (&(String, usize), u32)| {
        let (left, height) = (f64::from(number), u32::try_from(*value).map_or(top, f64::from));
        Rectangle::new([(left + 0.1, 0.0), (left + 0.9, height)], RGBColor(47, 94, 160).filled())
    };
    chart.draw_series(values.iter().zip(0_u32..).map(bar))?;
    area.present()?;
    Ok(())
}
