# SPDX-License-Identifier: MIT
#
# openmetrics.awk - is this OpenMetrics 1.0 text?
#
# Knows the specification, and nothing of shmregctl. Says each line that is wrong, and exits with 1.
# Of types it knows gauge, counter and info. Labels come without brackets that are escaped.

function wrong(what) {
	printf "line %d: %s: %s\n", NR, what, $0
	n_wrong++
}

function ends_with(text, end) {
	return length(text) >= length(end) && substr(text, length(text) - length(end) + 1) == end
}

# To what is left of @text behind one label's value and its quote; "" if it does not end.
function behind_value(text,   c) {
	while (text != "") {
		c = substr(text, 1, 1)
		if (c == "\"")
			return substr(text, 2)
		if (c == "\\") {
			c = substr(text, 2, 1)
			if (c != "\\" && c != "\"" && c != "n")
				return ""
			text = substr(text, 3)
		} else {
			text = substr(text, 2)
		}
	}
	return ""
}

# What is left of @text, which begins behind "{".
function behind_labels(text,   seen, name) {
	split("", seen)
	for (;;) {
		if (!match(text, /^[a-zA-Z_][a-zA-Z0-9_]*="/)) {
			wrong("no label")
			return ""
		}
		name = substr(text, 1, RLENGTH - 2)
		if (name in seen || name ~ /^__/)
			wrong("label " name)
		seen[name] = 1
		text = behind_value(substr(text, RLENGTH + 1))
		if (substr(text, 1, 1) == "}")
			return substr(text, 2)
		if (substr(text, 1, 1) != ",") {
			wrong("labels do not end")
			return ""
		}
		text = substr(text, 2)
	}
}

function fits(type, suffix, value) {
	if (type == "gauge")
		return suffix == ""
	if (type == "counter")
		return suffix == "_total" || suffix == "_created"
	return type == "info" && suffix == "_info" && value == 1
}

ended { wrong("behind # EOF") }
$0 == "# EOF" { ended = 1; next }

/^#/ {
	if ($1 != "#" || ($2 != "TYPE" && $2 != "UNIT" && $2 != "HELP") || NF < 4) {
		wrong("no description")
		next
	}
	if ($3 !~ /^[a-zA-Z_:][a-zA-Z0-9_:]*$/)
		wrong("family's name")
	if ($3 != family) {
		if ($3 in types)
			wrong("family is interleaved with another, or there twice")
		family = $3
		types[family] = ""
		n_described = n_samples = 0
		unit = ""
	}
	if (n_samples)
		wrong("described behind its samples")
	if ((family, $2) in described)
		wrong("described twice")
	described[family, $2] = 1
	if ($2 == "TYPE") {
		types[family] = $4
		if ($4 != "gauge" && $4 != "counter" && $4 != "info")
			wrong("type")
		if ($4 == "counter" && ends_with(family, "_total"))
			wrong("a counter's family ends with _total")
	} else if ($2 == "UNIT" && !ends_with(family, "_" $4)) {
		wrong("unit is not in the name")
	}
	next
}

{
	if (!match($0, /^[a-zA-Z_:][a-zA-Z0-9_:]*/)) {
		wrong("no sample")
		next
	}
	name = substr($0, 1, RLENGTH)
	rest = substr($0, RLENGTH + 1)
	if (substr(rest, 1, 1) == "{")
		rest = behind_labels(substr(rest, 2))
	series = substr($0, 1, length($0) - length(rest))
	if (series in all)
		wrong("sample is there twice")
	all[series] = 1
	n_samples++
	if (rest !~ /^ [-+0-9.eInfNa]+$/) {
		wrong("value")
		next
	}
	value = substr(rest, 2)
	if (value !~ /^[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/ && value != "+Inf" && value != "-Inf" &&
	    value != "NaN")
		wrong("number")
	suffix = substr(name, length(family) + 1)
	if (substr(name, 1, length(family)) != family)
		wrong("sample of no family, or of another than " family)
	else if (!fits(types[family], suffix, value))
		wrong("name of a sample of a " types[family])
	if (types[family] == "counter" && (value ~ /^-/ || value == "NaN"))
		wrong("counter")
}

END {
	if (!ended) {
		print "there is no # EOF"
		n_wrong++
	}
	exit n_wrong > 0
}
