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

/** Replace children, if `signature` says that they are others than the last time. */
export function setChildren(target, signature, make) {
  if (target.dataset.shows === signature) return;
  target.dataset.shows = signature;
  target.replaceChildren(...make());
}

/** The element of the page that has this id. */
export function byId(name) {
  const found = document.getElementById(name);
  if (!found) throw new Error(`The page has no #${name}.`);
  return found;
}
