#compdef epmd
# SPDX-License-Identifier: Apache-2.0
# Completion of epmd(1) in zsh. The options are those that `epmd -help` prints.

# The names that are registered with the epmd of -port.
_epmd_names() {
  local -a port names
  local at=${words[(I)-port]}
  (( at > 0 && at < CURRENT - 1 )) && port=(-port $words[at+1])
  names=(${(f)"$($words[1] $port -names 2>/dev/null | sed -n 's/^name \(.*\) at port [0-9]*$/\1/p')"})
  _wanted names expl 'registered name' compadd -a names
}

_epmd() {
  local option=${words[CURRENT-1]/#--/-} help line name expl
  local -a options match mbegin mend
  case $option in
    -allow_register) _sequence compadd - any local none ;;
    -allow_*) _sequence compadd - any local private none ;;
    -no_sandbox) _sequence compadd - core dumpable privileges seccomp all ;;
    -port) compadd 4369 $ERL_EPMD_PORT ;;
    -pid_file) _files ;;
    -user) _users ;;
    -host) _hosts ;;
    -hosts)
      compset -P '*,'
      if compset -P '@'; then _files; else _hosts; fi
      ;;
    -log) compadd stderr syslog journal ;;
    -log_level) compadd error warning info debug ;;
    -stop|-check) _epmd_names ;;
    *)
      help="$($words[1] -help 2>/dev/null)"
      [[ $help == *$'\n'"  $option "[^\ ]* ]] && return 1 # it takes a value
      for line in ${(M)${(f)help}:#  -*}; do
        [[ $line =~ '^  (-[a-z_]+)(, -[a-z_]+)?( [^ ]+)? +(.*)$' ]] || continue
        options+=("$match[1]:$match[4]")
        [[ -n $match[2] ]] && options+=("${match[2]#, }:$match[4]")
      done
      [[ $PREFIX == --* ]] && options=(-${^options})
      _describe -o option options
      ;;
  esac
}

_epmd "$@"
