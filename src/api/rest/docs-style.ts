/** How the page of the API looks: in light and dark, on a phone and on paper, without a font from elsewhere. */
export const docsStyle = `
:root {
  color-scheme: light dark;
  --ground: #fff; --panel: #f4f6f8; --line: #d9dee4; --ink: #1b2229; --soft: #56616d; --link: #0a5bb5;
  --get: #0a6b3d; --post: #7a3e00; --put: #5b3aa8; --delete: #a3182c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161b; --panel: #1b2129; --line: #303944; --ink: #e3e8ee; --soft: #9aa7b4; --link: #7cb7ff;
    --get: #63d39b; --post: #f0a95e; --put: #b79cff; --delete: #ff8593;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
a { color: var(--link); }
h1, h2, h3, h4 { line-height: 1.25; }
h2 { margin: 3rem 0 .5rem; }
h3 { margin: 0; font-size: 1.1rem; }
h4 { margin: 1rem 0 .25rem; font-size: .85rem; color: var(--soft); }
p { margin: .5rem 0; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { margin: .5rem 0; padding: .75rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: .375rem; }
nav h4 { margin-bottom: 0; }
nav ul { margin: 0; padding: 0; list-style: none; columns: 18rem; }
nav li { break-inside: avoid; }
section { margin: 1rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; }
.method { font: 700 .8rem/1 ui-monospace, monospace; }
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); } .delete { color: var(--delete); }
.path { display: block; margin: .25rem 0; }
.soft { color: var(--soft); }
dl { margin: .25rem 0; display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .25rem 1rem; }
dl.codes { grid-template-columns: 3rem 1fr; }
dt, dd { margin: 0; }
@media (max-width: 40rem) {
  dl:not(.codes) { grid-template-columns: 1fr; gap: 0; }
  dl:not(.codes) dd { margin: 0 0 .5rem 1rem; }
  section { padding: .75rem; }
}
details { margin-top: .5rem; }
summary { cursor: pointer; color: var(--soft); }
`;
