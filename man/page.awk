# SPDX-License-Identifier: MIT
#
# page.awk - a manual page from its source and the headers that it is about
#
#	awk -v include='DIR ...' -v typed=FILE -f header.awk -f prose.awk -f page.awk PAGE.3.in >PAGE.3
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
