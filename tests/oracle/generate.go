package main

import (
	"fmt"
	"strings"
)

// dice is xorshift64: the same numbers on every machine and with every Go version.
type dice uint64

func (d *dice) roll(sides int) int {
	*d ^= *d << 13
	*d ^= *d >> 7
	*d ^= *d << 17
	return int(uint64(*d) >> 1 % uint64(sides))
}

func (d *dice) pick(from []string) string { return from[d.roll(len(from))] }

// generatedScalars are words in every case, numbers with every sign and separator, and random
// texts over the characters that numbers are made of.
func generatedScalars() []string {
	var out []string
	for _, word := range []string{"y", "n", "t", "f", "on", "off", "yes", "no", "true", "false", "null", ".inf", ".nan"} {
		for mask := 0; mask < 1<<len(word); mask++ {
			var spelled strings.Builder
			for index, letter := range word {
				if mask>>index&1 == 1 {
					spelled.WriteString(strings.ToUpper(string(letter)))
				} else {
					spelled.WriteRune(letter)
				}
			}
			out = append(out, spelled.String())
		}
	}
	bodies := []string{
		"0", "00", "000", "1", "07", "08", "09", "0_7", "0_8", "0_", "1_", "1_0", "1__0", "_1",
		"0x", "0x0", "0x1F", "0X1f", "0xg", "0x_1", "0x1_0", "0xFFFFFFFFFFFFFFFF", "0x1p3", "0x1.8p1",
		"0b", "0b0", "0b101", "0B101", "0b2", "0b1_0", "0b_1", "0b-1", "0b+1", "0b1111111111111111111111111111111111111111111111111111111111111111",
		"0o", "0o17", "0O17", "0o8", "0o1_7", "0o-7", "017", "0644", "0755", "0777",
		"1.", "1.0", "1.5", ".5", ".", "..", "1..", "1.5.2", "0.1", "00.1", "01.5", "1_0.5", "1.5_0", ".5_0", "._5",
		"1e3", "1E3", "1e+3", "1e-3", "1e", "1e+", "1.5e3", ".5e1", ".e1", "1.e1", "1e03", "1e400", "1e-400", ".5e999", "1_0e1_0",
		"1e20", "1e21", "1e22", "123456789012345678901234567890", "1e15", "1e16", "1e17", "1e18", "1e19",
		"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
		"4.9e-324", "1.7976931348623157e308", "0.000001", "0.0000001", "123456.789", "1234567.5", "100000.0", "1000000.0",
		"12:30", "12:30:45", "1:2:3.4", "190:20:30", "2001-01-01", "2001-1-1", "2001-01-01T00:00:00Z", "2001-12-14t21:59:43.10-05:00", "2001-13-01",
		"inf", "Inf", "nan", "NaN", "infinity", ".inf", ".Inf", ".INF", ".nan", ".NaN", "1a", "1k", "100m", "1Gi", "0xabc.def", "1,000",
	}
	for _, sign := range []string{"", "+", "-", "+-", "--", "_", "."} {
		for _, body := range bodies {
			out = append(out, sign+body)
		}
	}
	d := dice(0x5eed_0001)
	digits := []string{"0", "0", "1", "7", "8", "9", "_", ".", "-", "+", "e", "E", "x", "X", "b", "o", "a", "f", ":"}
	for range 1500 {
		var text strings.Builder
		for range 1 + d.roll(7) {
			text.WriteString(d.pick(digits))
		}
		out = append(out, text.String())
	}
	return out
}

// generatedDocuments are random trees in random styles: block and flow, all quotings, anchors,
// aliases and merges.
func generatedDocuments() []string {
	var out []string
	d := dice(0x5eed_0002)
	for range 150 {
		w := writer{dice: &d}
		w.node(0, 4)
		out = append(out, w.out.String())
	}
	return out
}

type writer struct {
	*dice
	out     strings.Builder
	anchors int
	keys    int
}

var plain = []string{
	"web", "a b", "yes", "no", "on", "08", "0644", "1_000", "12:30", "2001-01-01", "~", "null", "1.5", "-1", "1e3",
	"http://host:80/p?q=1#f", "a#b", "a:b", "-x", "*x", "?x", "a, b", "[x", "nginx:1.25", "${VAR}", "100m", "é", "日本",
}

var keys = []string{"name", "on", "8080", "a.b/c", "1.10", "true", "x y", "'q'", "\"d\"", "data", "~x"}

func (w *writer) key() string {
	w.keys++
	return fmt.Sprintf("%s%d", strings.Trim(w.pick(keys), "'\""), w.keys)
}

func (w *writer) scalar(indent int) string {
	text := w.pick(plain)
	switch w.roll(8) {
	case 0:
		return "\"" + strings.ReplaceAll(text, "\"", "\\\"") + "\\n\\u00e9\""
	case 1:
		return "'" + text + "'"
	case 2:
		pad := strings.Repeat(" ", indent+2)
		return w.pick([]string{"|", "|-", "|+", ">", ">-", ">+"}) + "\n" + pad + text + "\n" + pad + "second\n\n" + pad + "  third"
	case 3:
		return w.pick([]string{"!!str ", "!x ", "! "}) + "\"" + text + "\""
	default:
		if strings.ContainsAny(text[:1], "*?[") {
			return "'" + text + "'"
		}
		return text
	}
}

func (w *writer) flow(depth int) string {
	var items []string
	for range w.roll(4) {
		item := w.pick([]string{"1", "a", "yes", "'q, q'", "\"d: d\"", "~", "0x10", "a b"})
		if depth > 0 && w.roll(3) == 0 {
			item = w.flow(depth - 1)
		}
		items = append(items, item)
	}
	if w.roll(2) == 0 {
		return "[" + strings.Join(items, ", ") + "]"
	}
	for index := range items {
		items[index] = w.key() + ": " + items[index]
	}
	return "{" + strings.Join(items, ", ") + "}"
}

// node writes a block map or list whose lines start at indent.
func (w *writer) node(indent, depth int) {
	pad := strings.Repeat(" ", indent)
	list := w.roll(3) == 0
	for range 1 + w.roll(4) {
		if w.roll(6) == 0 {
			w.out.WriteString(pad + "# " + w.pick(plain) + "\n")
		}
		w.out.WriteString(pad)
		if list {
			w.out.WriteString("-")
		} else if w.anchors > 0 && w.roll(8) == 0 {
			fmt.Fprintf(&w.out, "<<: {m%d: 1, n: 2}\n", w.roll(3))
			continue
		} else {
			w.out.WriteString(w.key() + ":")
		}
		switch choice := w.roll(6); {
		case choice < 2 && depth > 0:
			w.out.WriteString("\n")
			w.node(indent+2, depth-1)
		case choice == 2:
			w.out.WriteString(" " + w.flow(2) + "\n")
		case choice == 3 && w.anchors > 0:
			fmt.Fprintf(&w.out, " *a%d\n", 1+w.roll(w.anchors))
		case choice == 4:
			w.anchors++
			fmt.Fprintf(&w.out, " &a%d %s\n", w.anchors, w.scalar(indent))
		default:
			w.out.WriteString(" " + w.scalar(indent) + "\n")
		}
	}
}
