# SPDX-License-Identifier: MIT
#
# page.awk - a manual page from its source and the headers that it is about
#
#	awk -v include='DIR ...' -v typed=FILE -f page.awk PAGE.3.in >PAGE.3
#
# The contracts are in the headers and nowhere else; a page gets its prototypes, return values and
# promises from there, so that it cannot say something different. Lines of a source that begin with
# @ are replaced; all others are mdoc(7) and stay:
#
#	@headers FILE...	below one DIR, read first; the first one's name is in the synopsis
#	@name WHAT		the section NAME, with every function
#	@also NAME...		functions that NAME has as well
#	@synopsis		prototypes
#	@typed KEY [REGEX]	prototypes of what a SHMREG_DEFINE_...() generates, without those that
#				match; FILE has their text, each behind a line "@KEY"
#	@types STRUCT...	structures, as they are declared
#	@functions		what is said about each function
#	@contract		Callers, Progress, Ordering, ...
#	@bytes FILE		of a header of bytes: all but functions and checks, as it is
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

function add_group()
{
	n_groups++
	group_first[n_groups] = n_lines + 1
	group_last[n_groups] = n_lines
	group_functions[n_groups] = 0
	group_is_type[n_groups] = 0
}

# What a declaration is without our attributes.
function plain(code)
{
	gsub(/[ \t\n]+/, " ", code)
	gsub(/SHMREG_(API|CHECK|HOT|COLD|WRAPPER|FORCE_INLINE) */, "", code)
	gsub(/__attribute__ *\(\([a-z_]*\)\) */, "", code)
	gsub(/(static|inline|extern) /, "", code)
	gsub(/__extension__ /, "", code)
	sub(/^ +/, "", code)
	sub(/ +$/, "", code)
	return code
}

# Splits "type name(arguments)" into F_type, F_name, F_args; 0 if it is none.
function split_function(code,    head)
{
	if (!match(code, /\(/))
		return 0
	head = substr(code, 1, RSTART - 1)
	F_args = substr(code, RSTART + 1)
	sub(/\) *$/, "", F_args)
	if (!match(head, /[A-Za-z_][A-Za-z0-9_]*$/))
		return 0
	F_name = substr(head, RSTART)
	F_type = substr(head, 1, RSTART - 1)
	sub(/ +$/, "", F_type)
	return F_type != "" && F_name !~ /^SHMREG_/
}

function add_function(code)
{
	code = plain(code)
	if (!split_function(code) || F_name in known)
		return
	known[F_name] = 1
	if (n_groups == 0)
		return
	n_functions++
	function_code[n_functions] = code
	function_name[n_functions] = F_name
	function_group[n_functions] = n_groups
	group_functions[n_groups]++
}

function read_header(file, is_first,    line, in_comment, in_comment_top, in_define, in_struct, in_body, depth, code,
		     started, n, words, struct_name)
{
	in_comment = in_struct = in_body = in_define = in_comment_top = depth = started = 0
	code = ""
	while ((getline line <file) > 0) {
		if (in_body) {
			n = gsub(/\{/, "{", line)
			depth += n
			depth -= gsub(/\}/, "}", line)
			if (depth == 0)
				in_body = 0
			continue
		}
		if (in_comment) {
			if (line ~ /\*\//) {
				in_comment = in_comment_top = 0
				continue
			}
			if (in_comment_top)
				TOP[++n_top] = line
			else {
				L[++n_lines] = line
				group_last[n_groups] = n_lines
			}
			continue
		}
		if (line ~ /^\/\*/) {
			if (line ~ /SPDX/)
				continue
			if (line ~ /\*\//) {
				sub(/^\/\*/, " *", line)
				sub(/ *\*\/.*$/, "", line)
				add_group()
				L[++n_lines] = line
				group_last[n_groups] = n_lines
				continue
			}
			in_comment = 1
			if (!started) {
				started = 1
				in_comment_top = is_first
				if (!is_first)
					add_group()
			} else
				add_group()
			continue
		}
		if (in_define || line ~ /^#/) {
			in_define = line ~ /\\$/
			group_is_type[n_groups] = 1
			continue
		}
		if (in_struct) {
			structure[struct_name] = structure[struct_name] "\n" line
			if (line ~ /^\};/)
				in_struct = 0
			continue
		}
		if (line ~ /^(struct|enum|union) [a-z0-9_]+ \{/) {
			split(line, words, " ")
			struct_name = words[2]
			structure[struct_name] = line
			in_struct = 1
			group_is_type[n_groups] = 1
			continue
		}
		if (line ~ /^(SHMREG_(BEGIN|END)_DECLS|SHMREG_STATIC_ASSERT|SHMREG_ATOMIC_WIDTH_)/)
			continue
		if (line ~ /^struct [a-z0-9_]+;/)
			continue
		if (line == "") {
			code = ""
			continue
		}
		sub(/\/\*.*\*\//, "", line)
		code = code " " line
		if (line ~ /;[ \t]*$/) {
			sub(/;[ \t]*$/, "", code)
			add_function(code)
			code = ""
		} else if (line ~ /^\{/) {
			sub(/\{.*$/, "", code)
			add_function(code)
			code = ""
			in_body = depth = 1
			depth -= gsub(/\}/, "}", line)
			if (depth == 0)
				in_body = 0
		}
	}
	close(file)
}

function is_internal(g,    text)
{
	text = L[group_first[g]] L[group_first[g] + 1]
	return text ~ /Not for applications/
}

function prototype(code,    depth, i, c, arg)
{
	split_function(code)
	print ".Ft \"" F_type "\""
	print ".Fo " F_name
	depth = 0
	arg = ""
	for (i = 1; i <= length(F_args); i++) {
		c = substr(F_args, i, 1)
		if (c == "(")
			depth++
		else if (c == ")")
			depth--
		if (c == "," && depth == 0) {
			argument(arg)
			arg = ""
		} else
			arg = arg c
	}
	argument(arg)
	print ".Fc"
}

function argument(arg)
{
	sub(/^ +/, "", arg)
	sub(/ +$/, "", arg)
	print ".Fa \"" arg "\""
}

function names(what,    i, n, list, k)
{
	print ".Sh NAME"
	n = 0
	for (i = 1; i <= n_functions; i++)
		if (!is_internal(function_group[i]))
			list[++n] = function_name[i]
	for (i = 1; i <= n_also; i++)
		list[++n] = also[i]
	k = 0
	for (i = 1; i <= n; i++)
		if (list[i] == page)
			k = 1
	if (!k)
		print ".Nm " page (n ? " ," : "")
	for (i = 1; i <= n; i++)
		print ".Nm " list[i] (i < n ? " ," : "")
	print ".Nd " what
}

function synopsis(    i)
{
	print ".Sh SYNOPSIS"
	print ".In " first_header
	for (i = 1; i <= n_functions; i++)
		if (!is_internal(function_group[i]))
			prototype(function_code[i])
}

function typed_synopsis(key, skip,    line, found, n, parts, i, code)
{
	found = 0
	while ((getline line <typed) > 0) {
		if (line == "@" key) {
			found = 1
			continue
		}
		if (line ~ /^@/)
			found = 0
		if (!found)
			continue
		n = split(line, parts, "static inline __attribute__\\(\\(unused\\)\\) ")
		for (i = 2; i <= n; i++) {
			code = parts[i]
			sub(/\{.*$/, "", code)
			code = plain(code)
			gsub(/ +,/, ",", code)
			if (!split_function(code) || F_name ~ /_(open_how|params|)$/)
				continue
			if (skip != "" && F_name ~ skip)
				continue
			prototype(code)
		}
	}
	close(typed)
}

function types(line,    n, words, i, text, k, rows)
{
	n = split(line, words, " ")
	for (i = 2; i <= n; i++) {
		if (!(words[i] in structure)) {
			print "page.awk: " page ": struct " words[i] " is in none of its headers" >"/dev/stderr"
			exit failed = 1
		}
		print ".Bd -literal"
		k = split(structure[words[i]], rows, "\n")
		for (text = 1; text <= k; text++)
			literal(rows[text])
		print ".Ed"
	}
}

function functions(    some, g, i, n, line, title, first, any, titled)
{
	for (g = 1; g <= n_groups; g++) {
		if (is_internal(g))
			continue
		if (group_functions[g] == 0 && L[group_first[g]] !~ /All functions below/)
			continue
		n = 0
		for (i = group_first[g]; i <= group_last[g]; i++)
			B[++n] = L[i]
		if (some++)
			print ".Pp"
		if (group_functions[g] == 0) {
			emit(1, n, 3)
			continue
		}
		print ".Bl -tag -width Ds -compact"
		first = 1
		any = 0
		split("", titled)
		for (i = 1; i <= n; i++) {
			title = strip(B[i])
			if (title !~ /^[a-z0-9_]+\(\)( - .*)?$/)
				break
			line = title
			sub(/\(\).*$/, "", line)
			print ".It Fn " line
			titled[line] = 1
			any = 1
			if (sub(/^[a-z0-9_]+\(\) - /, "", title)) {
				say_text(title)
				# A title that goes on in the next line.
				while (i < n && strip(B[i + 1]) !~ /^[a-z0-9_]+\(\)( - .*)?$/ &&
				       column(B[i + 1]) >= 0 && B[i + 1] !~ /^ \* @/) {
					i++
					say_text(strip(B[i]))
				}
			}
			first = i + 1
		}
		for (i = 1; i <= n_functions; i++)
			if (function_group[i] == g && !(function_name[i] in titled)) {
				print ".It Fn " function_name[i]
				any = 1
			}
		while (first <= n && column(B[first]) < 0)
			first++
		if (first <= n) {
			if (first > 1)
				print ".Pp"
			emit(first, n, 3)
		}
		print ".El"
	}
}

function literal(line)
{
	gsub(/\\/, "\\e", line)
	gsub(/-/, "\\-", line)
	if (line ~ /^[.']/)
		line = "\\&" line
	print line
}

function bytes(file,    path, line, body, blank, begun, held, i, n_held, depth)
{
	path = find(file)
	print ".Bd -literal"
	begun = body = blank = n_held = 0
	while ((getline line <path) > 0) {
		if (line ~ /^\/\*/ && line !~ /SPDX/)
			begun = 1
		if (!begun || line ~ /^(#include|SHMREG_(BEGIN|END)_DECLS|#endif|SHMREG_STATIC_ASSERT)/)
			continue
		if (body) {
			if (line ~ /^\}/)
				body = 0
			continue
		}
		# What was held back belongs to what follows; a function goes with its comment.
		held[++n_held] = line
		if (line ~ /^\{/) {
			body = 1
			n_held = 0
			continue
		}
		if (line ~ /^[a-zA-Z].*[a-z0-9_]\(.*;$/) {
			n_held = 0
			continue
		}
		if (line != "")
			continue
		flush_held(held, n_held)
		n_held = 0
	}
	flush_held(held, n_held)
	close(path)
	print ".Ed"
}

function flush_held(held, n,    i, code)
{
	code = 0
	for (i = 1; i <= n; i++)
		if (held[i] ~ /^(SHMREG_API|static|inline)/)
			return
	if (n == 1 && held[1] == "" && was_blank)
		return
	for (i = 1; i <= n; i++)
		literal(held[i])
	if (n)
		was_blank = held[n] == ""
}

function find(file,    n, i, dirs, line)
{
	n = split(include, dirs, " ")
	for (i = 1; i <= n; i++)
		if ((getline line <(dirs[i] "/" file)) > 0) {
			close(dirs[i] "/" file)
			return dirs[i] "/" file
		}
	print "page.awk: " page ": " file " is in none of " include >"/dev/stderr"
	exit failed = 1
}

function contract(    i)
{
	for (i = 1; i <= n_top; i++)
		B[i] = TOP[i]
	# The first line is the header's name and what it is.
	emit(2, n_top, 3)
}

BEGIN {
	page = ARGV[1]
	sub(/^.*\//, "", page)
	sub(/\.[0-9]\.in$/, "", page)
}

/^@headers / {
	first_header = $2
	for (i = 2; i <= NF; i++)
		read_header(find($i), i == 2)
	if (n_functions + n_top == 0) {
		print "page.awk: nothing in " $0 " below " include >"/dev/stderr"
		exit failed = 1
	}
	next
}
/^@also / {
	for (i = 2; i <= NF; i++)
		also[++n_also] = $i
	next
}
/^@name / {
	sub(/^@name /, "")
	names($0)
	next
}
/^@synopsis$/ { synopsis(); next }
/^@typed / { typed_synopsis($2, $3); next }
/^@types / { types($0); next }
/^@functions$/ { functions(); next }
/^@contract$/ { contract(); next }
/^@bytes / { bytes($2); next }
/^@/ {
	print "page.awk: " page ": what is " $1 "?" >"/dev/stderr"
	exit failed = 1
}
{ print }
END { exit failed + 0 }
