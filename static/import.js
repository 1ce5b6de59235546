// In place of es-module-shims, which Panel has on its pages for browsers that know no import maps: no module of ours
// names another, so the browser's own import is all that is needed. It keeps what it has compiled for the next page,
// where the other fetches each module as text and reads through all of it again.
window.importShim = (url) => import(new URL(url, document.baseURI).href)
window.importShim.addImportMap = () => {}
