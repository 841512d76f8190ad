// What hovering tells appears at once beside the token. Without scripts the browser's own tooltip, from `title`, does.
(() => {
  if (window.typetallyHover) return;
  window.typetallyHover = true;
  const box = document.createElement("div");
  box.className = "typetally-hover";
  box.setAttribute("role", "tooltip");
  let token = null;

  const hide = () => {
    if (!token) return;
    token.title = box.textContent;
    token = null;
    box.remove();
  };

  const show = (next, pointer) => {
    token = next;
    box.textContent = token.title;
    token.removeAttribute("title");
    box.style.colorScheme = getComputedStyle(token).colorScheme;
    document.body.append(box);
    // A token that wraps has a rectangle on each line.
    const rectangles = [...token.getClientRects()];
    const at = rectangles.find(one => pointer >= one.top && pointer <= one.bottom) ?? rectangles[0];
    const above = at.bottom + box.offsetHeight + 8 > innerHeight && at.top > box.offsetHeight + 8;
    box.style.left = `${Math.max(4, Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 4))}px`;
    box.style.top = `${above ? at.top - box.offsetHeight - 4 : at.bottom + 4}px`;
  };

  document.addEventListener("mouseover", event => {
    const next = event.target.closest?.(".typetally .answer .token");
    if (next === token) return;
    hide();
    if (next?.title) show(next, event.clientY);
  });
  document.addEventListener("scroll", hide, { capture: true, passive: true });
})();
