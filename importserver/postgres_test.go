package importserver_test

import (
	"bufio"
	"bytes"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// rowsVariable has all tests keep their rows where it says: on PostgreSQL.
const rowsVariable = "TIDEPOLE_TEST_ROWS"

// notOnPostgres are the tests that are not run once more with the rows on PostgreSQL,
// and why. Every other one is, whoever adds it.
var notOnPostgres = map[string]string{
	"TestPostgres": "it is what runs them",

	"TestPasswordsAreKeptAsHashes":           "it reads SQLite's file",
	"TestReadinessBearsLongWrites":           "only with SQLite one transaction waits for another's turn",
	"TestKilledServerTakesItsWorkUpAgain":    "whoever has the rows to itself only need not wait for the dead one's lease",
	"TestKeyOfAnotherStoreIsRefused":         "it moves the rows with their folder",
	"TestMovedInstallationAnswersTheSame":    transfers,
	"TestRestoredInstallationAnswersTheSame": transfers,
	"TestMoveRefuses":                        transfers,
	"TestMoveTellsOfDamage":                  transfers,
	"TestBackupTellsOfDamage":                transfers,
	"TestDamagedBackupIsRefused":             transfers,
	"TestCopyHasBlobsOfItsOwn":               transfers,
	"TestMovedRowsAreLeft":                   transfers,
	"TestMoveToTheSameDatabase":              transfers,
	"TestWorkOutlastsBlobsThatAreAway":       "a database imported into a shared store is put among the blobs, whose folder it makes anew",
	"TestPlacesWithOtherThings":              transfers,

	"TestEventsAreBounded":                    turnsClock,
	"TestOperationsExpire":                    turnsClock,
	"TestKeysAndTokensDoNotOutliveThemselves": turnsClock,
	"TestOpenImportsAreBounded":               turnsClock,
	"TestARefusedLoginRests":                  turnsClock,
}

// turnsClock is the reason of what only comes about after long. What becomes of the rows
// then, the tests of the store look at on both.
const turnsClock = "it turns the process's clock, and whoever shares a store goes by the database's"

// transfers is the reason of backups and moves.
const transfers = "it names folders as installations, whose rows are SQLite's; where PostgreSQL makes a difference, it has them there itself"

var verdict = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (Test\w+) \(`)

// TestPostgres has the tests of the whole server run once more, in a process of its own,
// with the rows on PostgreSQL. One alone is run so:
//
//	TIDEPOLE_TEST_ROWS=postgres TIDEPOLE_TEST_POSTGRES=URL go test -run NAME ./importserver
func TestPostgres(t *testing.T) {
	storetest.Schema(t, os.Getenv(storetest.PostgresVariable)) // skips where there is none
	left := slices.Sorted(maps.Keys(notOnPostgres))
	args := []string{"-test.v", "-test.skip=^(" + strings.Join(left, "|") + ")$"}
	if end, ok := t.Deadline(); ok { // nothing else ends the process with this one
		args = append(args, "-test.timeout="+time.Until(end).String())
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), rowsVariable+"=postgres")
	out, err := cmd.CombinedOutput()
	ran := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if found := verdict.FindStringSubmatch(lines.Text()); found != nil {
			ran++
			t.Run(strings.TrimPrefix(found[2], "Test"), func(t *testing.T) {
				switch found[1] {
				case "FAIL":
					t.Fail()
				case "SKIP":
					t.Skip("it says why, alone")
				}
			})
		}
	}
	if err != nil || ran == 0 {
		t.Errorf("%d tests ran on PostgreSQL: %v\n%s", ran, err, telling(out))
	}
}

// well are the lines about tests that pass.
var well = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME) |--- PASS: )|level=INFO`)

// telling is what tests wrote, without what went well.
func telling(out []byte) []byte {
	return bytes.Join(slices.DeleteFunc(bytes.Split(out, []byte("\n")), well.Match), []byte("\n"))
}

// stores are the schemas of data directories, which tests may open again.
var stores sync.Map

// storeOf is where the rows of a data directory are: the URL of a schema of its own
// where they are to be on PostgreSQL, else "".
func storeOf(t *testing.T, dir string) string {
	t.Helper()
	if os.Getenv(rowsVariable) == "" {
		return ""
	}
	if url, ok := stores.Load(dir); ok {
		return url.(string)
	}
	url := storetest.Schema(t, os.Getenv(storetest.PostgresVariable))
	stores.Store(dir, url)
	return url
}
