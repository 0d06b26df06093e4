package client

// CheckRedirect is checkRedirect, for tests.
var CheckRedirect = checkRedirect
