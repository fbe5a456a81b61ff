// What is nicer with script. Every page works without it.

// copy: the button copies the text of the element that it names.
function setUpCopy(root) {
	if (!navigator.clipboard) return; // not over plain HTTP
	for (const button of root.querySelectorAll("[data-copy]")) {
		button.hidden = false;
		const label = button.querySelector("span");
		const text = label.textContent;
		button.addEventListener("click", async () => {
			const from = document.getElementById(button.dataset.copy);
			try {
				await navigator.clipboard.writeText(from.textContent);
			} catch {
				getSelection().selectAllChildren(from); // then a key press copies it
				return;
			}
			label.textContent = button.dataset.done;
			setTimeout(() => { label.textContent = text; }, 2000);
		});
	}
}

// tabs: sections that stand below each other become one with tabs.
function setUpTabs(root) {
	for (const tabs of root.querySelectorAll("[data-tabs]")) {
		const panels = [...tabs.querySelectorAll(":scope > [data-tab]")];
		const list = document.createElement("div");
		list.className = "tablist";
		list.setAttribute("role", "tablist");
		list.setAttribute("aria-label", tabs.getAttribute("aria-label"));
		tabs.removeAttribute("aria-label");
		const buttons = panels.map((panel, i) => {
			const button = document.createElement("button");
			button.type = "button";
			button.textContent = panel.dataset.tab;
			button.lang = "en";
			button.id = `tab-${panel.dataset.tab}`;
			panel.id = `panel-${panel.dataset.tab}`;
			button.setAttribute("role", "tab");
			button.setAttribute("aria-controls", panel.id);
			panel.setAttribute("role", "tabpanel");
			panel.setAttribute("aria-labelledby", button.id);
			button.addEventListener("click", () => select(i));
			return button;
		});
		const select = (chosen) => buttons.forEach((button, i) => {
			button.setAttribute("aria-selected", String(i === chosen));
			button.tabIndex = i === chosen ? 0 : -1;
			panels[i].hidden = i !== chosen;
		});
		list.addEventListener("keydown", (event) => {
			const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
			if (!step) return;
			const forward = getComputedStyle(list).direction === "rtl" ? -step : step;
			const next = (buttons.indexOf(document.activeElement) + forward + buttons.length) % buttons.length;
			select(next);
			buttons[next].focus();
		});
		list.append(...buttons);
		tabs.prepend(list);
		tabs.classList.add("ready");
		select(0);
	}
}

// inline: a form is sent without leaving the page, and the part that it names is taken from the answer.
function setUpInline(root) {
	for (const form of root.querySelectorAll("form[data-inline]")) {
		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			const id = form.dataset.inline;
			const button = form.querySelector("button");
			button.disabled = true;
			button.querySelector("span").textContent = button.dataset.busy;
			try {
				const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
				const page = new DOMParser().parseFromString(await answer.text(), "text/html");
				const part = page.getElementById(id);
				if (!part) throw new Error("the answer is another page");
				document.getElementById(id).replaceWith(document.adoptNode(part));
				setUp(part);
				(part.querySelector(".result") ?? part.querySelector("button")).focus();
			} catch {
				location.reload(); // signed out, or the service is away: the page itself says so
			}
		});
	}
}

// all: single choices have no effect while all are chosen.
function setUpAll(root) {
	for (const all of root.querySelectorAll("[data-all]")) {
		const choices = all.closest("fieldset").querySelector(".choices");
		const show = () => {
			choices.classList.toggle("off", all.checked);
			for (const box of choices.querySelectorAll("input")) box.disabled = all.checked;
		};
		all.addEventListener("change", show);
		show();
	}
}

// rows: another empty one on request.
function setUpRows(root) {
	for (const rows of root.querySelectorAll("[data-rows]")) {
		const button = document.createElement("button");
		button.type = "button";
		button.className = "button small";
		button.textContent = rows.dataset.rows;
		button.addEventListener("click", () => {
			const row = rows.querySelector(".pair").cloneNode(true);
			for (const input of row.querySelectorAll("input")) input.value = "";
			button.before(row);
			row.querySelector("input").focus();
		});
		rows.append(button);
	}
}

// time zones: those that the browser knows are offered.
function setUpZones(root) {
	for (const list of root.querySelectorAll("[data-timezones]")) {
		for (const zone of Intl.supportedValuesOf?.("timeZone") ?? []) list.append(new Option(zone, zone));
	}
}

// auto: a form that is one of several steps sends itself.
function setUpAuto(root) {
	for (const form of root.querySelectorAll("form[data-auto]")) form.requestSubmit();
}

// refresh: a part whose state is about to change is fetched again until it no longer asks for it.
function setUpRefresh(root) {
	for (const part of [root, ...root.querySelectorAll("[data-refresh]")]) {
		if (!part.dataset?.refresh) continue;
		setTimeout(async () => {
			try {
				const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
				const next = page.getElementById(part.id);
				if (!next || !part.isConnected) return;
				part.replaceWith(document.adoptNode(next));
				setUp(next);
			} catch { /* the service is away: the page stays as it is */ }
		}, part.dataset.refresh * 1000);
	}
}

function setUp(root) {
	for (const step of [setUpCopy, setUpTabs, setUpInline, setUpAll, setUpRows, setUpZones, setUpAuto, setUpRefresh]) step(root);
}

setUp(document);

// live: the page's parts are fetched again when the service says that something has changed, for as long as
// somebody can see them. A tab that nobody looks at holds no connection.
function setUpLive(sign) {
	const html = new Map(); // of each part, as it came
	for (const part of document.querySelectorAll("[data-live]")) html.set(part.id, part.innerHTML);
	let source, later, lost = false, busy = false, again = false;
	const show = (on) => {
		sign.classList.toggle("on", on);
		sign.textContent = on ? sign.dataset.follows : sign.dataset.still;
	};
	const put = (part, fresh) => {
		const at = part.contains(document.activeElement) ? document.activeElement : null;
		const selection = getSelection();
		if (!selection.isCollapsed && selection.containsNode(part, true)) return; // somebody reads or copies
		const open = [...part.querySelectorAll("details[open]")].map((details) => details.id);
		const scrolled = [...part.querySelectorAll(".scroll")].map((box) => box.scrollTop);
		html.set(part.id, fresh.innerHTML);
		part.className = fresh.className;
		part.replaceChildren(...document.adoptNode(fresh).childNodes);
		for (const id of open) document.getElementById(id)?.setAttribute("open", "");
		part.querySelectorAll(".scroll").forEach((box, i) => { box.scrollTop = scrolled[i] ?? 0; });
		if (!at) return;
		const same = at.localName === "summary" ? document.getElementById(at.parentElement.id)?.querySelector("summary")
			: [...part.querySelectorAll(at.localName)].find((other) => other.getAttribute("href") === at.getAttribute("href"));
		same?.focus({ preventScroll: true });
	};
	const refresh = async () => {
		again = busy;
		if (busy) return;
		busy = true;
		try {
			const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Live": "1" } });
			if (answer.redirected) return location.reload(); // signed out: the page says so
			if (!answer.ok) return;
			const page = new DOMParser().parseFromString(await answer.text(), "text/html");
			for (const part of document.querySelectorAll("[data-live]")) {
				const fresh = page.getElementById(part.id);
				if (fresh && fresh.innerHTML !== html.get(part.id)) put(part, fresh);
			}
		} catch {
			show(false); // the stream finds out when the service is back
		} finally {
			busy = false;
		}
		if (again) refresh();
	};
	const follow = () => {
		source?.close();
		source = null;
		if (document.hidden) return;
		source = new EventSource(sign.dataset.liveSign);
		source.addEventListener("open", () => {
			if (lost) refresh(); // who knows what happened meanwhile
			lost = false;
			show(true);
		});
		source.addEventListener("error", () => {
			lost = true;
			show(false);
			clearTimeout(later); // one that was refused, perhaps by a proxy, doesn't try again by itself
			later = setTimeout(() => { if (source?.readyState === EventSource.CLOSED) follow(); }, 30000);
		});
		source.addEventListener("changed", refresh);
		source.addEventListener("over", () => location.reload());
	};
	document.addEventListener("visibilitychange", () => {
		follow();
		if (source) refresh();
	});
	follow();
}

const sign = document.querySelector("[data-live-sign]");
if (sign) setUpLive(sign);

// On a narrow screen the navigation is a line that scrolls, and begins where one is.
const here = document.querySelector(".side nav [aria-current]");
if (here) {
	const nav = here.closest("nav"), line = nav.getBoundingClientRect(), item = here.getBoundingClientRect();
	nav.scrollLeft += (item.left + item.right - line.left - line.right) / 2;
}

// An open menu closes when one looks elsewhere.
document.addEventListener("click", (event) => {
	for (const menu of document.querySelectorAll("details.account[open]")) {
		if (!menu.contains(event.target)) menu.open = false;
	}
});
document.addEventListener("keydown", (event) => {
	if (event.key !== "Escape") return;
	for (const menu of document.querySelectorAll("details.account[open]")) {
		menu.open = false;
		menu.querySelector("summary").focus();
	}
});
