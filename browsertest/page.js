// What the tests ask of a page. A person finds things by their words, and so does this.
const visible = (el) => el.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && el.getClientRects().length > 0;
const plain = (text) => (text ?? "").replace(/[\u2066-\u2069\u200e\u200f]/g, "").replace(/\s+/g, " ").trim();
const words = () => plain(document.body.innerText);
const nameOf = (el) => plain(el.labels?.length ? el.labels[0].innerText : el.getAttribute("aria-label") ?? el.innerText);
const controls = "a[href], button, summary, input:not([type=hidden]), select, textarea, [role=tab]";

// find returns the one thing with this name that can be used; "SCOPE >> NAME" looks within an element.
function find(name) {
	let root = document;
	const at = name.indexOf(" >> ");
	if (at > 0) {
		root = document.querySelector(name.slice(0, at));
		if (!root) return null;
		name = name.slice(at + 4);
	}
	const all = [...root.querySelectorAll(controls)].filter(visible);
	return all.find((el) => nameOf(el) === name) ?? all.find((el) => nameOf(el).startsWith(name)) ?? null;
}

// spot returns where one would click it: a point at which nothing covers it.
function spot(name) {
	const el = find(name);
	if (!el || el.disabled) return null;
	el.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
	const box = el.getClientRects()[0];
	const x = box.x + box.width / 2, y = box.y + box.height / 2;
	const hit = document.elementFromPoint(x, y);
	return hit && (el.contains(hit) || [...(el.labels ?? [])].some((label) => label.contains(hit))) ? { x, y } : null;
}

const describe = (el) => el.outerHTML.slice(0, 160);

// beyond lists what makes the page wider than the window, or is cut off without a way to see the rest.
function beyond() {
	const found = [];
	const page = document.scrollingElement;
	const scrolls = (el) => /auto|scroll/.test(getComputedStyle(el).overflowX);
	if (page.scrollWidth > page.clientWidth) {
		found.push(`the page is ${page.scrollWidth} wide in ${page.clientWidth}`);
		for (const el of document.body.querySelectorAll("*")) {
			const box = el.getBoundingClientRect();
			if ((box.right > page.clientWidth + 1 || box.left < -1) && visible(el) && !el.closest(".unseen, .skip")) {
				let up = el.parentElement;
				while (up && !scrolls(up)) up = up.parentElement;
				if (!up) found.push(`${Math.round(box.left)} to ${Math.round(box.right)}: ${describe(el)}`);
			}
		}
	}
	for (const el of document.body.querySelectorAll("*")) {
		const style = getComputedStyle(el);
		if (/hidden|clip/.test(style.overflowX) && el.scrollWidth > el.clientWidth + 1 && visible(el)
			&& !el.closest(".unseen, svg") && style.position !== "absolute" && style.textOverflow !== "ellipsis" && !/clip/.test(style.clipPath) && el.localName !== "input" && el.localName !== "select") {
			found.push(`${el.scrollWidth} cut off at ${el.clientWidth}: ${describe(el)}`);
		}
	}
	return found.slice(0, 8);
}

// mingled lists texts with a direction of their own that nothing keeps apart from the words around them. What is
// written from left to right is at home where all is; what turns text around is nowhere.
function mingled(pattern, turns = false) {
	const found = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		if (!pattern.test(node.data) || node.parentElement.closest("option, textarea, script, title")) continue;
		let el = node.parentElement, apart = false;
		for (; el && !apart; el = el.parentElement) {
			const style = getComputedStyle(el);
			apart = /isolate|plaintext/.test(style.unicodeBidi) && /inline/.test(style.display) || !turns && style.direction === "ltr";
			if (/block|flex|grid|table-cell|list-item/.test(style.display) && !/inline/.test(style.display)) {
				apart ||= plain(el.textContent) === plain(node.data);
				break;
			}
		}
		if (!apart) found.push(node.data.slice(0, 80) + " in " + describe(node.parentElement));
	}
	return found.slice(0, 5);
}
