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

// Keep the document, and of the pictures those it still names and those in `alsoNamed`.
async function keepDocument(record, alsoNamed) {
  const named = new Set([...record.operations, ...record.undone].map((each) => each.picture).concat(...alsoNamed));
  const change = (await connected()).transaction(["documents", "pictures"], "readwrite"), pictures = change.objectStore("pictures");
  change.objectStore("documents").put(record, "canvas");
  for (const name of await answered(pictures.getAllKeys())) if (!named.has(name)) pictures.delete(name);
  await new Promise((resolve, reject) => {
    change.oncomplete = resolve;
    change.onabort = change.onerror = () => reject(change.error);
  });
}

const keptDocument = async () => answered((await connected()).transaction("documents").objectStore("documents").get("canvas"));
const keepPicture = async (name, blob) => answered((await connected()).transaction("pictures", "readwrite").objectStore("pictures").put(blob, name));
const keptPicture = async (name) => answered((await connected()).transaction("pictures").objectStore("pictures").get(name));
