// The document in this browser's IndexedDB, so that a reload, a crash or a closed tab loses nothing.
const STORE = "stepwise-canvas";

const answered = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let connection = null;
function connected() {
  connection ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(STORE, 1);
    request.onupgradeneeded = () => ["documents", "pictures"].forEach((name) => request.result.createObjectStore(name));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return connection;
}

// Keep the document. Once connected nothing is waited for before it is written, so that a page
// that is closing can still do it.
let opened = null;
async function keepDocument(record) {
  opened ??= await connected();
  const change = opened.transaction("documents", "readwrite");
  change.objectStore("documents").put(record, "canvas");
  change.commit();
  return completed(change);
}

// Let go of the pictures that are not named.
async function forgetPictures(named) {
  const change = (await connected()).transaction("pictures", "readwrite"), pictures = change.objectStore("pictures");
  for (const name of await answered(pictures.getAllKeys())) if (!named.has(name)) pictures.delete(name);
  return completed(change);
}

const completed = (change) => new Promise((resolve, reject) => {
  change.oncomplete = resolve;
  change.onabort = change.onerror = () => reject(change.error);
});

const keptDocument = async () => answered((await connected()).transaction("documents").objectStore("documents").get("canvas"));
const keepPicture = async (name, blob) => answered((await connected()).transaction("pictures", "readwrite").objectStore("pictures").put(blob, name));
const keptPicture = async (name) => answered((await connected()).transaction("pictures").objectStore("pictures").get(name));
