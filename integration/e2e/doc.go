// Package e2e has tests only: the built program as its users run it, against real
// engines and registries.
package e2e
