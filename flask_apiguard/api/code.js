'use strict';
// The code of a mail stands behind the # of its link, which no server sees: it goes into the field, and out of the URL.
(function () {
  var field = document.getElementById('code');
  if (field && location.hash.length > 1) {
    field.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, '', location.pathname);
  }
})();
