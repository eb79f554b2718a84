"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (number, alpha) => css("--c" + number) + (alpha || "");
  const pictures = () => {
    for (const image of document.querySelectorAll("img[data-image]")) {
      image.src = data.images[Number(image.dataset.image)];
    }
  };

  // One line of a chart as Chart.js wants it; a band is two.
  const datasets = (line) => {
    const base = {
      label: line.name, borderColor: colour(line.colour), backgroundColor: colour(line.colour),
      pointRadius: 0, pointHitRadius: 8, borderWidth: 2, tension: 0,
    };
    if (line.style === "bar") return [{ ...base, data: line.data, borderWidth: 0 }];
    const xy = line.data.map(([x, y]) => ({ x, y }));
    switch (line.style) {
      case "faint":
        return [{ ...base, data: xy, borderColor: colour(line.colour, "55"), borderWidth: 1 }];
      case "dashed":
        return [{ ...base, data: xy, borderDash: [6, 5], borderWidth: 1.5 }];
      case "points":
        return [{ ...base, data: xy, showLine: false, pointRadius: 3.5 }];
      case "band":
        return [
          { ...base, label: line.name, data: line.data.map(([x, low]) => ({ x, y: low })), borderWidth: 0,
            backgroundColor: colour(line.colour, "30"), fill: "+1" },
          { ...base, label: null, data: line.data.map(([x, , high]) => ({ x, y: high })), borderWidth: 0 },
        ];
      default:
        return [{ ...base, data: xy, pointRadius: xy.length < 40 ? 2.5 : 0 }];
    }
  };

  const drawn = [];
  const draw = () => {
    while (drawn.length > 0) drawn.pop().destroy();
    Chart.defaults.color = css("--soft");
    Chart.defaults.borderColor = css("--edge");
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const chart of data.charts) {
      const canvas = document.querySelector(`canvas[data-chart="${CSS.escape(chart.id)}"]`);
      const bars = chart.stacked;
      drawn.push(new Chart(canvas, {
        type: bars ? "bar" : "line",
        data: { labels: chart.labels, datasets: chart.lines.flatMap(datasets) },
        options: {
          animation: false, maintainAspectRatio: false, responsive: true, parsing: bars ? undefined : false,
          interaction: { mode: bars ? "index" : "nearest", intersect: false, axis: "x" },
          scales: {
            x: {
              type: bars ? "category" : "linear", stacked: bars,
              title: { display: true, text: chart.x }, ticks: { maxRotation: 0, autoSkipPadding: 14 },
            },
            y: {
              type: chart.log ? "logarithmic" : "linear", stacked: bars,
              title: { display: true, text: chart.y },
            },
          },
          plugins: {
            legend: { labels: { boxWidth: 14, boxHeight: 2, filter: (item) => Boolean(item.text) } },
            tooltip: { filter: (item) => Boolean(item.dataset.label) },
          },
        },
      }));
    }
  };

  // The images of a prompt at the step nearest to the asked one, and never later if there is one.
  const show = (card, step) => {
    const prompt = data.gallery[Number(card.dataset.prompt)];
    let at = 0;
    prompt.shots.forEach((shot, k) => { if (shot.step <= step) at = k; });
    const shot = prompt.shots[at];
    for (const role of ["live", "average"]) {
      const figure = card.querySelector(`figure[data-role="${role}"]`);
      if (!figure) continue;
      figure.style.visibility = shot[role] < 0 ? "hidden" : "visible";
      if (shot[role] >= 0) figure.querySelector("img").src = data.images[shot[role]];
    }
    card.querySelector("input").value = at;
    card.querySelector("output").textContent = "step " + shot.step;
  };
  const cards = [...document.querySelectorAll("[data-prompt]")];
  for (const card of cards) {
    const { shots } = data.gallery[Number(card.dataset.prompt)];
    card.querySelector("input").addEventListener("input", (event) => {
      show(card, shots[Number(event.target.value)].step);
    });
    show(card, shots[shots.length - 1].step);
  }
  const all = document.getElementById("all-prompts");
  if (all) {
    const steps = [...new Set(data.gallery.flatMap((prompt) => prompt.shots.map((shot) => shot.step)))]
      .sort((a, b) => a - b);
    const output = all.parentElement.querySelector("output");
    const move = () => {
      const step = steps[Number(all.value)];
      output.textContent = "step " + step;
      for (const card of cards) show(card, step);
    };
    all.max = steps.length - 1;
    all.value = steps.length - 1;
    all.addEventListener("input", move);
    move();
  }

  pictures();
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
