// Marks the tables that are wider than the page, so that the style can say that they scroll.

const boxes = document.querySelectorAll(".scroll");
const mark = () => boxes.forEach((box) => box.classList.toggle("more", box.scrollWidth > box.clientWidth + 1));
const watch = new ResizeObserver(mark);
boxes.forEach((box) => watch.observe(box));
mark();
