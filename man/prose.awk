# SPDX-License-Identifier: MIT
#
# prose.awk - the text of a header's comment as mdoc(7), for page.awk
#
# In a header's comments a line is what its column makes it: text with a tab inside is a tag and what
# belongs to it, deeper lines without are code, the rest is paragraphs.

# The column of what is right of the prefix " *", counted from 0.
function column(line,    i, c, col)
{
	col = 0
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (c == "\t")
			col += 8 - col % 8
		else if (c == " " || (i == 2 && c == "*"))
			col++
		else
			return col
	}
	return -1
}

function strip(line)
{
	sub(/^[ \t]*\*?[ \t]*/, "", line)
	sub(/[ \t]+$/, "", line)
	return line
}

function width_of(text, col,    i)
{
	for (i = 1; i <= length(text); i++)
		col += substr(text, i, 1) == "\t" ? 8 - col % 8 : 1
	return col
}

# One line of text.
function escaped(text,    out, before, word)
{
	gsub(/\\/, "\\e", text)
	out = ""
	while (match(text, /-E[A-Z0-9][A-Z0-9]+|@[a-z_][a-z0-9_]*|[a-z_][a-z0-9_]*\(\)|SHMREG_[A-Z0-9_]+|\*[a-z]+\*|<shmreg\/[a-z\/-]*\.h>/)) {
		before = substr(text, 1, RSTART - 1)
		word = substr(text, RSTART, RLENGTH)
		text = substr(text, RSTART + RLENGTH)
		if (word ~ /^-/)
			word = "\\fB\\-" substr(word, 2) "\\fR"
		else if (word ~ /^@/)
			word = "\\fI" substr(word, 2) "\\fR"
		else if (word ~ /\(\)$/)
			word = "\\fB" substr(word, 1, length(word) - 2) "\\fR()"
		else if (word ~ /^\*/)
			word = "\\fI" substr(word, 2, length(word) - 2) "\\fR"
		else if (word ~ /^</)
			word = "\\fI" word "\\fR"
		else
			word = "\\fB" word "\\fR"
		out = out before word
	}
	out = out text
	if (out ~ /^[.']/)
		out = "\\&" out
	return out
}

# A sentence a line, as mdoc has it.
function say_text(text,    at)
{
	gsub(/\t+/, " ", text)
	while (match(text, /[^. ][.?!] +[A-Z0-9]/)) {
		at = RSTART + 1
		print escaped(substr(text, 1, at))
		text = substr(text, at + 1)
		sub(/^ +/, "", text)
	}
	if (text != "")
		print escaped(text)
}

# Lines of B from first to last, whose own column is base.
function emit(first, last, base,    i, j, k, col, line, tag, text, at, in_list, list_col, gap,
	      deeper, said)
{
	in_list = gap = said = 0
	for (i = first; i <= last; i++) {
		line = B[i]
		col = column(line)
		if (col < 0) {
			gap = 1
			continue
		}
		text = strip(line)
		tag = ""
		if (col >= base && match(text, /\t+/)) {
			tag = substr(text, 1, RSTART - 1)
			at = width_of(substr(text, 1, RSTART + RLENGTH - 1), col)
			text = substr(text, RSTART + RLENGTH)
			k = i
		} else if (in_list && col == list_col && text ~ /^-E/) {
			tag = text
			at = col + 8
			text = ""
			k = i
		} else if (col > base) {
			# A tag of its own line or lines, and what belongs to it further right.
			for (k = i; k < last && column(B[k + 1]) == col && B[k + 1] !~ /[^\t ]\t/; k++)
				;
			deeper = k < last ? column(B[k + 1]) : -1
			if (deeper >= col + 6 && text !~ /[;{}]$/) {
				tag = text
				for (j = i + 1; j <= k; j++)
					tag = tag " " strip(B[j])
				at = deeper
				text = ""
			}
		}
		if (tag != "") {
			for (j = k; j < last; j++) {
				deeper = column(B[j + 1])
				if (deeper >= 0 && (deeper <= col || (column(B[j]) < 0 && deeper < at)))
					break
			}
			while (j > k && column(B[j]) < 0)
				j--
			if (in_list && list_col != col) {
				print ".El"
				in_list = 0
			}
			if (!in_list) {
				print ".Bl -tag -width Ds -compact"
				in_list = 1
				list_col = col
			}
			said = 1
			print ".It " item(tag)
			say_text(text)
			if (j > k)
				emit(k + 1, j, at)
			i = j
			gap = 0
			continue
		}
		if (in_list) {
			print ".El"
			in_list = 0
			gap = 1
		}
		if (col > base) {
			said = 1
			print ".Bd -literal -offset indent"
			for (; i <= last && column(B[i]) > base; i++) {
				text = strip(B[i])
				for (k = column(B[i]) - base - 5; k > 0; k--)
					text = " " text
				literal(text)
			}
			i--
			print ".Ed"
			gap = 0
			continue
		}
		if (gap && said)
			print ".Pp"
		gap = 0
		said = 1
		say_text(text)
	}
	if (in_list)
		print ".El"
}

# A tag: words of three letters or less would be taken for macros.
function item(tag)
{
	sub(/:$/, "", tag)
	tag = escaped(tag)
	gsub(/"/, "\\(dq", tag)
	return "Sy \"" tag "\""
}
