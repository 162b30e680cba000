// The theme's search is a dialog without a name, and a screen reader says the name.
document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
