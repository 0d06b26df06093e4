package store

import (
	"bytes"
	"io/fs"
	"regexp"
	"time"
)

// translated are migrations as PostgreSQL takes them. SQLite's INTEGER has 64 bits,
// as BIGINT has there; and its texts are compared byte by byte, which there is said
// of each column.
type translated struct{ fs.FS }

var (
	integerType = regexp.MustCompile(`\bINTEGER\b`)
	textType    = regexp.MustCompile(`\bTEXT\b`)
)

// Open gives a file in PostgreSQL's words.
func (t translated) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	defer f.Close()
	text, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return nil, err
	}
	text = integerType.ReplaceAll(text, []byte("BIGINT"))
	text = textType.ReplaceAll(text, []byte(`TEXT COLLATE "C"`))
	return &translatedFile{bytes.NewReader(text), fileSize{info, int64(len(text))}}, nil
}

type translatedFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *translatedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *translatedFile) Close() error               { return nil }

type fileSize struct {
	fs.FileInfo
	size int64
}

func (f fileSize) Size() int64        { return f.size }
func (f fileSize) ModTime() time.Time { return time.Time{} }
