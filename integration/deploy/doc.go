// Package deploy has tests only: what is in the folder deploy/, looked at with the
// tools that it is for.
package deploy
