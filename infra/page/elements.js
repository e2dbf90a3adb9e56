/** Elements made of text, never of markup: what the server says is shown as it is. */

/**
 * Make an element.
 *
 * @param {string} name
 * @param {Object<string, string | number | boolean | null>} attributes true: present; false or null: absent
 * @param {...(Node | string)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) setAttribute(made, attribute, value);
  made.append(...children);
  return made;
}

/** Say something else, if it is something else: a selection or a screen reader in it is not disturbed by the same. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Set or remove an attribute, if that changes anything. */
export function setAttribute(target, name, value) {
  if (value === null || value === false) target.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (target.getAttribute(name) !== text) target.setAttribute(name, text);
  }
}

/**
 * Show other children, if `signature` says that they are others than the last time.
 *
 * What is there of the same name and `data-key` is changed in place, so that focus,
 * selection and what is unfolded stay; where the focused one goes, the first that
 * takes the focus gets it.
 */
export function setChildren(target, signature, make) {
  if (target.dataset.shows === signature) return;
  target.dataset.shows = signature;
  const hadFocus = target.contains(document.activeElement);
  become(target, make());
  if (hadFocus && !target.contains(document.activeElement)) target.querySelector("a, button, summary")?.focus();
}

function become(target, wanted) {
  const before = [...target.childNodes];
  const kept = wanted.map((node) => {
    const found = before.findIndex((old) => old.nodeName === node.nodeName && keyOf(old) === keyOf(node));
    return found < 0 ? node : before.splice(found, 1)[0];
  });
  for (const old of before) old.remove(); // first: what stays then stands in order, and is not moved
  kept.forEach((node, at) => {
    if (node !== wanted[at]) change(node, wanted[at]);
    if (node !== target.childNodes[at]) target.insertBefore(node, target.childNodes[at] ?? null);
  });
}

function change(node, wanted) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const name of new Set([...node.getAttributeNames(), ...wanted.getAttributeNames()])) {
    if (name !== "open") setAttribute(node, name, wanted.getAttribute(name)); // it is the reader who unfolds
  }
  become(node, [...wanted.childNodes]);
}

function keyOf(node) {
  return node.dataset?.key;
}

/** The element of the page that has this id. */
export function byId(name) {
  const found = document.getElementById(name);
  if (!found) throw new Error(`The page has no #${name}.`);
  return found;
}
