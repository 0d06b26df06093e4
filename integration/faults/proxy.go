package main

import (
	"net"
	"sync"
	"time"
)

// proxy passes connections on, and spoils them on demand.
type proxy struct {
	listener net.Listener

	lock    sync.Mutex
	targets map[string]string // addresses by name; any of them is taken
	refuse  bool              // new connections are closed at once
	delay   time.Duration     // before each piece is passed on
	open    map[*link]bool
}

// link is a connection and that which it is passed on by.
type link struct{ in, out net.Conn }

func openProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, targets: map[string]string{}, open: map[*link]bool{}}
	if target != "" {
		p.targets[""] = target
	}
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(in)
	}
}

func (p *proxy) serve(in net.Conn) {
	p.lock.Lock()
	target, refuse := "", p.refuse
	for _, target = range p.targets { // in any order
		break
	}
	p.lock.Unlock()
	if refuse {
		in.Close()
		return
	}
	out, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		in.Close()
		return
	}
	l := &link{in, out}
	p.lock.Lock()
	p.open[l] = true
	p.lock.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pass(out, in) })
	both.Go(func() { p.pass(in, out) })
	both.Wait()
	l.cut()
	p.lock.Lock()
	delete(p.open, l)
	p.lock.Unlock()
}

// pass hands on what comes, and then that nothing more comes.
func (p *proxy) pass(to, from net.Conn) {
	defer to.(*net.TCPConn).CloseWrite()
	piece := make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			time.Sleep(p.slowness())
			if _, err := to.Write(piece[:n]); err != nil {
				from.(*net.TCPConn).CloseRead()
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) slowness() time.Duration {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.delay
}

// cut breaks a connection off as a dead machine would: with a reset, not an end.
func (l *link) cut() {
	for _, c := range []net.Conn{l.in, l.out} {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// each does something to all connections there are.
func (p *proxy) each(do func(*link)) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for l := range p.open {
		do(l)
	}
}

func (p *proxy) cutAll() { p.each((*link).cut) }

// halfClose ends one direction only: the other side is heard no more, and not told.
func (p *proxy) halfClose(answers bool) {
	p.each(func(l *link) {
		c := l.out
		if answers {
			c = l.in
		}
		c.(*net.TCPConn).CloseWrite()
	})
}

func (p *proxy) set(change func(*proxy)) {
	p.lock.Lock()
	defer p.lock.Unlock()
	change(p)
}

func (p *proxy) close() {
	p.listener.Close()
	p.cutAll()
}
