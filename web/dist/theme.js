// SPDX-License-Identifier: Apache-2.0

// Runs before the first paint, so that a chosen theme does not flash the other one first.
(function () {
  try {
    var theme = localStorage.getItem('aeolus.theme');
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
  } catch (error) {
    // Storage is forbidden here: the system's theme it is.
  }
})();
