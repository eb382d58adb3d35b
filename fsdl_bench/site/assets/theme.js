// Apply the chosen theme before the page is painted; without a choice, follow the system.
(function () {
  "use strict";
  try {
    const kept = localStorage.getItem("fsdl-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch { /* storage may be forbidden: keep the system's theme */ }
})();
