package report

import _ "embed"

//go:embed assets/app.js
var appSource string
