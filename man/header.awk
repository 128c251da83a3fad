# SPDX-License-Identifier: MIT
#
# header.awk - what is in a header, for page.awk: comments, and the functions that each is about

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
