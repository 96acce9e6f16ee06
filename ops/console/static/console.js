// What the pages do without being asked: nothing yet.
"use strict";
