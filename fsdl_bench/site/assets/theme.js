// The chosen theme, set before the page is painted; without a choice it follows the system.
(function () {
  "use strict";
  try {
    const kept = localStorage.getItem("fsdl-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch { /* storage may be forbidden; the system's theme remains */ }
})();
