# The fenced blocks of a page, for tests that are shell scripts. Sourced.
#   block PAGE LANGUAGE [NUMBER]    the text of the first block of that language, or of the one with that number
block() {
    awk -v language="$2" -v wanted="${3:-1}" '
        /^```/ { if (on) exit; on = !inside && $0 == "```" language && ++seen == wanted; inside = !inside; next }
        on' "$1"
}
