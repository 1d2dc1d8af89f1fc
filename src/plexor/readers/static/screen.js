// Sixteen grey steps, and squares of 5 % in black and in white (after SMPTE RP 133).
const canvas = document.getElementById("steps");
const context = canvas.getContext("2d");
const grey = (value) => `rgb(${value}, ${value}, ${value})`;
for (let step = 0; step < 16; step += 1) {
  context.fillStyle = grey(step * 17);
  context.fillRect(step * 40, 0, 40, 80);
}
for (const [x, back, front] of [[0, 0, 13], [320, 255, 242]]) {
  context.fillStyle = grey(back);
  context.fillRect(x, 80, 320, 80);
  context.fillStyle = grey(front);
  context.fillRect(x + 140, 100, 40, 40);
}
const ratio = document.getElementById("ratio");
const good = Number.isInteger(window.devicePixelRatio);
ratio.textContent = good ? ratio.dataset.good : ratio.dataset.bad;
