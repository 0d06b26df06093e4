package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// passwdPath is the file that the gate looks at, if it was retrieved.
const passwdPath = "/etc/passwd"

var passwdGate = Gate{
	Name:        "passwd_file",
	Description: "The entries of /etc/passwd, which the analysis must have retrieved.",
	Triggers: []Trigger{
		{
			Name:        "content_not_available",
			Description: "Fires if /etc/passwd was not retrieved.",
			build: ask(func(_ values, s *scene, out *outcome) {
				if _, ok := s.Evidence.retrieved[passwdPath]; !ok {
					out.firef("Cannot locate /etc/passwd in image stored files archive: check analyzer settings.")
				}
			}),
		},
		denyEntries("usernames", "user", Parameter{Name: "user_names", Kind: List, Description: "The user names.", Example: "daemon,ftp"}, 0),
		denyEntries("userids", "uid", Parameter{Name: "user_ids", Kind: Integers, Description: "The user ids.", Example: "0,1"}, 2),
		denyEntries("groupids", "gid", Parameter{Name: "group_ids", Kind: Integers, Description: "The group ids.", Example: "999,20"}, 3),
		denyEntries("shells", "shell", Parameter{Name: "shells", Kind: List, Description: "The login shells.", Example: "/bin/bash,/bin/zsh"}, 6),
		denyEntries("full_entry", "pentry", Parameter{Name: "entry", Description: "The whole entry.", Example: "ftp:x:14:50:FTP User:/var/ftp:/sbin/nologin"}, -1),
	},
}

// denyEntries is the trigger that denies entries by one of their fields, or as
// a whole where field is -1.
func denyEntries(name, label string, p Parameter, field int) Trigger {
	p.Required = true
	return Trigger{
		Name:        "denylist_" + name,
		Aliases:     []string{"blacklist_" + name},
		Description: fmt.Sprintf("Fires for each entry with one of the given %s.", strings.ReplaceAll(name, "full_entry", "entries")),
		Parameters:  []Parameter{p},
		build: func(v values) (check, error) {
			denied := v.list(p.Name)
			for _, n := range v.integers(p.Name) {
				denied = append(denied, strconv.Itoa(n))
			}
			if p.Kind == Text {
				denied = []string{strings.TrimSpace(v.text(p.Name))}
			}
			return func(s *scene, out *outcome) {
				for _, entry := range s.passwdEntries(out) {
					if value, ok := entryField(entry, field); ok && slices.Contains(denied, value) {
						out.firef("Denylisted %s '%s' found in image's /etc/passwd: pentry=%s", label, masked(value, entry), masked(entry, entry))
					}
				}
			}, nil
		},
	}
}

// passwdEntries are the lines of /etc/passwd. None is no lack where the image
// is known not to have the file.
func (s *scene) passwdEntries(out *outcome) []string {
	data, ok := s.retrieved(passwdPath, out)
	if !ok {
		return nil
	}
	var entries []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			entries = append(entries, line)
		}
	}
	return entries
}

// masked is the text with the entry's password hidden, should it have one.
func masked(text, entry string) string {
	fields := strings.SplitN(entry, ":", 3)
	if len(fields) < 3 || len(fields[1]) < 2 || text != entry {
		return text
	}
	return fields[0] + ":********:" + fields[2]
}

func entryField(entry string, field int) (string, bool) {
	if field < 0 {
		return entry, true
	}
	fields := strings.Split(entry, ":")
	if field >= len(fields) {
		return "", false
	}
	return fields[field], true
}
