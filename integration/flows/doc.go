// Package flows has tests only: what other programs ask a server of the Anchore
// API for, request by request, in the order in which they do.
package flows
