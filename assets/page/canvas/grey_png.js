// A sheet's coverage as an 8-bit grey PNG, which browsers do not write by themselves.
// Format: the PNG specification, https://www.w3.org/TR/png-3/ (colour type 0, no filter).
const CRC = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function chunk(name, content) {
  const bytes = new Uint8Array(content.length + 12), view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  bytes.set(content, 8);
  let crc = 0xffffffff;
  for (let at = 4; at < bytes.length - 4; at++) crc = CRC[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  view.setUint32(bytes.length - 4, ~crc);
  return bytes;
}

function header(width, height) {
  const content = new Uint8Array(13), view = new DataView(content.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  content[8] = 8;
  return chunk("IHDR", content);
}

// The rows of a sheet's alpha, each led by the byte that says "no filter".
function alphaRows(canvas) {
  const { width, height } = canvas, rows = new Uint8Array((width + 1) * height), context = canvas.getContext("2d");
  for (let top = 0; top < height; top += STRIP) {
    const many = Math.min(STRIP, height - top), { data } = context.getImageData(0, top, width, many);
    for (let row = 0; row < many; row++) {
      const start = (top + row) * (width + 1) + 1;
      for (let at = 0; at < width; at++) rows[start + at] = data[4 * (row * width + at) + 3];
    }
  }
  return rows;
}

async function alphaPng(canvas) {
  const packed = new Blob([alphaRows(canvas)]).stream().pipeThrough(new CompressionStream("deflate"));
  const content = new Uint8Array(await new Response(packed).arrayBuffer());
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return new Blob([signature, header(canvas.width, canvas.height), chunk("IDAT", content), chunk("IEND", new Uint8Array())], { type: "image/png" });
}
