// Pictures that operations name, decoded: upright, in sRGB, at the size they were opened at.
class Picture {
  constructor(bitmap, small) {
    this.bitmap = bitmap;
    this.small = small;
  }

  // The bitmap to draw from at a scale: the small one where the large would only be thrown away.
  at(scale) {
    return scale > (1.5 * this.small.width) / this.bitmap.width ? this.bitmap : this.small;
  }

  // The picture as a mask in an ink: its alpha if it has any transparency, else its luminance.
  coverage(ink) {
    if (this.covered && this.covered.ink === ink) return this.covered.sheet;
    const { width, height } = this.bitmap, [sheet, context] = sheetOf(width, height, { willReadFrequently: true });
    context.drawImage(this.bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, width, height), { data } = pixels;
    let clear = false;
    for (let at = 3; at < data.length && !clear; at += 4) clear = data[at] < 255;
    for (let at = 0; at < data.length; at += 4) if (!clear) data[at + 3] = luminance(data, at);
    context.putImageData(pixels, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = ink;
    context.fillRect(0, 0, width, height);
    this.covered = { ink, sheet };
    return sheet;
  }
}

// Rec. 601 luma, as Pillow's "L".
const luminance = (data, at) => Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]);

const decoded = new Map();
const pictureOf = (name) => decoded.get(name);

async function decode(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new Error("This is no picture that this browser can read.");
  }
}

// Decode, scale down what is too large, and remember under a name.
async function remember(name, blob) {
  const whole = await decode(blob), size = openedSize(whole.width, whole.height);
  if (size.width < LEAST_SIDE || size.height < LEAST_SIDE) throw new Error(`This picture is too small: at least ${LEAST_SIDE} px a side.`);
  const resized = (width, height) => createImageBitmap(whole, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const bitmap = size.width === whole.width && size.height === whole.height ? whole : await resized(size.width, size.height);
  const scale = shownScale(size), small = scale < 1 ? await resized(Math.round(size.width * scale), Math.round(size.height * scale)) : bitmap;
  decoded.set(name, new Picture(bitmap, small));
  return { ...size, scaled: bitmap !== whole };
}

// Decode what the operations need and let go of what they don't.
async function prepare(operations) {
  const needed = picturesOf(operations).map((each) => each.picture);
  for (const name of needed.filter((each) => !decoded.has(each))) {
    const blob = fresh.get(name) || await keptPicture(name);
    if (!blob) throw new Error("A picture of the canvas is no longer in this browser.");
    await remember(name, blob);
  }
  for (const name of decoded.keys()) if (!needed.includes(name) && decoded.size > 3) decoded.delete(name);
}

const isPrepared = (operations) => picturesOf(operations).every((each) => decoded.has(each.picture));

// Blobs of this visit, by name: undo finds them even where the browser keeps nothing.
const fresh = new Map();

async function blobOf(source) {
  if (source instanceof Blob) return source;
  if (source instanceof ImageBitmap) {
    const [sheet, context] = sheetOf(source.width, source.height);
    context.drawImage(source, 0, 0);
    return pngOf(sheet);
  }
  const answer = await fetch(source);
  if (!answer.ok) throw new Error("The picture could not be fetched.");
  return answer.blob();
}

const pngOf = (sheet) => new Promise((resolve, reject) => {
  sheet.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large for this browser."))), "image/png");
});
