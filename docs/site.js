// The theme's search dialog has no accessible name; screen readers need one.
document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
