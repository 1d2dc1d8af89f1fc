// Reads our own PNG files (8 or 16 bits, grey or RGB, filters None and Up) into exact numbers.
// A browser's own decoder gives 8 bits, and may apply colour management.
const TYPES = { 0: 1, 2: 3 };

async function inflate(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// {width, height, channels, numbers}: numbers row by row, channels together.
export async function decode(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const bits = file[24];
  const channels = TYPES[file[25]];
  if (!channels || (bits !== 8 && bits !== 16)) throw new Error("not an image of this study");
  const parts = [];
  for (let at = 8; at < file.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (name === "IDAT") parts.push(file.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const raw = await inflate(new Blob(parts));
  const stride = (width * channels * bits) / 8;
  const rows = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) {
    const from = y * (stride + 1);
    const filter = raw[from];
    if (filter !== 0 && filter !== 2) throw new Error("not an image of this study");
    const to = y * stride;
    for (let x = 0; x < stride; x += 1) {
      const above = filter === 2 && y > 0 ? rows[to - stride + x] : 0;
      rows[to + x] = (raw[from + 1 + x] + above) & 255;
    }
  }
  if (bits === 8) return { width, height, channels, numbers: rows };
  const numbers = new Uint16Array(width * height * channels);
  for (let i = 0; i < numbers.length; i += 1) numbers[i] = (rows[2 * i] << 8) | rows[2 * i + 1];
  return { width, height, channels, numbers };
}
