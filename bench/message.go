package main

import (
	"strconv"
	"strings"
)

const (
	bodySize  = 1024      // of a POST with one message
	batchSize = 256 << 10 // of a POST with many, at most
)

// filler is the text of messages; WhatsApp's have up to 4096 characters.
var filler = strings.Repeat("the quick brown fox jumps over the lazy dog ", 100)[:4096]

const (
	textEnd = `"},"type":"text"}`
	bodyEnd = `]},"field":"messages"}]}]}`
)

// body builds a POST of the n-th message as Meta would send it: 1 KiB.
func (f *flight) body(buf []byte, n int64) []byte {
	buf = appendHead(buf[:0], f.number(n))
	buf = append(buf, `"contacts":[{"profile":{"name":"Ana Torres"},"wa_id":"`...)
	buf = f.appendPhone(buf, n)
	buf = append(buf, `"}],"messages":[`...)
	buf = f.appendMessage(buf, n)
	buf = append(buf, filler[:bodySize-len(buf)-len(textEnd)-len(bodyEnd)]...)
	return append(append(buf, textEnd...), bodyEnd...)
}

// batch builds a POST of as many messages as fit, from those that next gives, and with texts of a length.
func (f *flight) batch(buf []byte, text int, next func() (int64, bool)) (_ []byte, n int) {
	for buf = buf[:0]; len(buf) < batchSize-text-300; n++ {
		seq, ok := next()
		if !ok {
			break
		}
		if n == 0 {
			buf = append(appendHead(buf, f.number(seq)), `"messages":[`...)
		} else {
			buf = append(buf, ',')
		}
		buf = f.appendMessage(buf, seq)
		buf = append(append(buf, filler[:text]...), textEnd...)
	}
	return append(buf, bodyEnd...), n
}

func appendHead(buf []byte, num *number) []byte {
	buf = append(buf, `{"object":"whatsapp_business_account","entry":[{"id":"`...)
	buf = append(buf, num.waba...)
	buf = append(buf, `","changes":[{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"16505550101","phone_number_id":"`...)
	buf = append(buf, num.phone...)
	return append(buf, `"},`...)
}

// appendMessage leaves off where the text begins.
func (f *flight) appendMessage(buf []byte, n int64) []byte {
	buf = append(buf, `{"from":"`...)
	buf = f.appendPhone(buf, n)
	buf = append(buf, `","id":"wamid.`...)
	buf = append(buf, f.run...)
	buf = append(buf, '-')
	buf = strconv.AppendInt(buf, n, 10)
	buf = append(buf, `","timestamp":"`...)
	buf = strconv.AppendInt(buf, f.begun.Unix(), 10)
	return append(buf, `","text":{"body":"`...)
}

// appendPhone gives each conversation a phone of its own.
func (f *flight) appendPhone(buf []byte, n int64) []byte {
	return strconv.AppendInt(buf, 1650_0000000+n%int64(len(f.last)), 10)
}
