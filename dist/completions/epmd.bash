# SPDX-License-Identifier: Apache-2.0
# Completion of epmd(1) in bash. The options are those that `epmd -help` prints.
# shellcheck shell=bash

# _epmd_names COMMAND: the names that are registered with the epmd of -port.
_epmd_names() {
    local i port=()
    for ((i = 1; i < COMP_CWORD - 1; i++)); do
        [[ ${COMP_WORDS[i]} == -port ]] && port=(-port "${COMP_WORDS[i + 1]}")
    done
    "$1" "${port[@]}" -names 2>/dev/null | sed -n 's/^name \(.*\) at port [0-9]*$/\1/p'
}

_epmd() {
    local command=$1 cur=$2 option=${3/#--/-} help lead='' word words=()
    case $option in
    -allow_register) words=(any local none) ;;
    -allow_*) words=(any local private none) ;;
    -no_sandbox) words=(core dumpable privileges seccomp all) ;;
    -port) words=(4369 ${ERL_EPMD_PORT:+"$ERL_EPMD_PORT"}) ;;
    -pid_file) mapfile -t words < <(compgen -f -- "$cur") ;;
    -user) mapfile -t words < <(compgen -u) ;;
    -host) mapfile -t words < <(compgen -A hostname) ;;
    -hosts)
        if [[ ${cur##*,} == @* ]]; then
            mapfile -t words < <(compgen -P @ -f -- "${cur##*,@}")
        else
            mapfile -t words < <(compgen -A hostname)
        fi
        ;;
    -log) words=(stderr syslog journal) ;;
    -log_level) words=(error warning info debug) ;;
    -stop | -check) mapfile -t words < <(_epmd_names "$command") ;;
    *)
        help=$("$command" -help 2>/dev/null)
        [[ $help == *$'\n'"  $option "[!\ ]* ]] && return # it takes a value
        mapfile -t words < <(awk '/^  -/ { sub(",", "", $1); print $1; if ($2 ~ /^-/) print $2 }' \
            <<<"$help")
        [[ $cur == --* ]] && words=("${words[@]/#/-}")
        ;;
    esac
    case $option in -allow_* | -no_sandbox | -hosts) lead=${cur%"${cur##*,}"} ;; esac
    # Not by compgen -W, which would execute a name such as $(command).
    for word in "${words[@]}"; do
        [[ $lead$word == "$cur"* ]] || continue
        [[ $word != *[!a-zA-Z0-9_.-]* ]] || printf -v word %q "$word"
        COMPREPLY+=("$lead$word")
    done
}

complete -F _epmd epmd
