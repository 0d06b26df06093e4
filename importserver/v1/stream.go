package v1

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// long says how an answer is translated while it comes, one element of its list after
// the other, however many there are.
type long struct {
	key  string               // of the list in version 2's object; where version 2 has the list alone, so has version 1
	bare bool                 // version 1 has the list alone
	same bool                 // the elements pass as they are
	each func(map[string]any) // changes an element that is an object
}

// translation is where a long answer of version 2 goes.
type translation struct {
	in    *io.PipeWriter
	ended chan error
}

// translate has what is written into w said in version 1's words.
func (l *long) translate(names map[string]string) func(http.ResponseWriter) io.Writer {
	return func(to http.ResponseWriter) io.Writer {
		from, in := io.Pipe()
		t := &translation{in: in, ended: make(chan error, 1)}
		go func() {
			out := bufio.NewWriterSize(to, 64<<10)
			err := l.copy(out, from, names)
			if err == nil {
				err = out.Flush()
			}
			from.CloseWithError(err)
			t.ended <- err
		}()
		return t
	}
}

func (t *translation) Write(p []byte) (int, error) { return t.in.Write(p) }

// Close waits until all is translated.
func (t *translation) Close() error {
	t.in.Close()
	return <-t.ended
}

// Abandon ends a translation whose answer broke off.
func (t *translation) Abandon() {
	t.in.CloseWithError(http.ErrAbortHandler)
	<-t.ended
}

// copy translates one answer. An error of it is the answer's end.
func (l *long) copy(w *bufio.Writer, r io.Reader, names map[string]string) error {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	begin, err := dec.Token()
	if err != nil {
		return err
	}
	if begin == json.Delim('[') {
		if err := l.elements(w, dec, names); err != nil {
			return err
		}
		return w.WriteByte('\n')
	}
	if begin != json.Delim('{') {
		return fmt.Errorf("translate the answer: found %v where a list belongs", begin)
	}
	listed, separator := false, "{"
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if key == l.key {
			listed = true
		}
		if !l.bare {
			w.WriteString(separator)
			separator = ","
			name := fmt.Sprint(key)
			if renamed, ok := names[name]; ok {
				name = renamed
			}
			if err := encode(w, name); err != nil {
				return err
			}
			w.WriteByte(':')
		}
		switch {
		case key == l.key:
			if err = delimiter(dec, '['); err == nil {
				err = l.elements(w, dec, names)
			}
		case l.bare:
			err = dec.Decode(new(json.RawMessage))
		default:
			err = one(w, dec, names)
		}
		if err != nil {
			return err
		}
	}
	if err := delimiter(dec, '}'); err != nil {
		return err
	}
	switch {
	case l.bare && !listed:
		w.WriteString("[]")
	case !l.bare && separator == "{":
		w.WriteString("{}")
	case !l.bare:
		w.WriteByte('}')
	}
	return w.WriteByte('\n')
}

// one translates a value that is not the list.
func one(w *bufio.Writer, dec *json.Decoder, names map[string]string) error {
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	rename(v, names)
	return encode(w, v)
}

// elements translates a list that has begun.
func (l *long) elements(w *bufio.Writer, dec *json.Decoder, names map[string]string) error {
	w.WriteByte('[')
	for n := 0; dec.More(); n++ {
		if n > 0 {
			w.WriteString(",\n")
		}
		if err := l.element(w, dec, names); err != nil {
			return err
		}
	}
	w.WriteByte(']')
	return delimiter(dec, ']')
}

func (l *long) element(w *bufio.Writer, dec *json.Decoder, names map[string]string) error {
	if l.same {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		_, err := w.Write(raw)
		return err
	}
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if m, ok := v.(map[string]any); ok && l.each != nil {
		l.each(m)
	}
	rename(v, names)
	return encode(w, v)
}

func encode(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func delimiter(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("translate the answer: found %v where %v belongs", t, want)
	}
	return nil
}
