"use strict";
// Draws the charts from the data in the page; without it the tables still say everything.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  // Okabe and Ito's colours, which colour-blind people can tell apart, lightened or darkened to nine.
  const colours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a500", "#7b61c4", "#8a94a3"];
  const drawn = [];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
  const long = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });

  function axis(extra) {
    return { ticks: { color: style("--soft") }, grid: { color: style("--line") }, ...extra };
  }

  function options(unit, stacked, everyLabel) {
    const value = axis({ stacked, beginAtZero: true });
    const turned = everyLabel ? { autoSkip: false, maxRotation: 60 } : { maxRotation: 0, autoSkipPadding: 12 };
    value.ticks.callback = (number) => short.format(number);
    return {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: { x: axis({ stacked, ticks: { color: style("--soft"), ...turned } }), y: value },
      plugins: {
        legend: { position: "bottom", labels: { color: style("--ink"), boxWidth: 12 } },
        tooltip: { callbacks: { label: (at) => `${at.dataset.label}: ${long.format(at.parsed.y)} ${unit}` } },
      },
    };
  }

  function clip(name) {
    return name.length > 32 ? `${name.slice(0, 31)}…` : name;
  }

  function draw() {
    while (drawn.length) drawn.pop().destroy();
    for (const [id, chart] of Object.entries(data)) {
      const canvas = document.getElementById(id);
      if (!canvas) continue;
      const isLine = id === "rates";
      const isStacked = !isLine && id !== "latency";
      const datasets = chart.series.map((one, place) => ({
        label: clip(one.name), data: one.values, backgroundColor: colours[place % colours.length],
        borderColor: colours[place % colours.length], borderWidth: isLine ? 2 : 0, pointRadius: isLine ? 2 : 0,
        maxBarThickness: 48,
      }));
      const labels = (chart.days || chart.names).map(clip);
      const unit = id === "latency" ? "s" : isLine ? "%" : chart.unit;
      drawn.push(new Chart(canvas, {
        type: isLine ? "line" : "bar", data: { labels, datasets }, options: options(unit, isStacked, id === "latency"),
      }));
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
})();
