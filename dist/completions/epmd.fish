# SPDX-License-Identifier: Apache-2.0
# Completion of epmd(1) in fish. The options are those that `epmd -help` prints.

# The names that are registered with the epmd of -port.
function __fish_epmd_names
    set -l words (commandline -opc)
    set -l port
    if set -l at (contains -i -- -port $words)
        set port -port $words[(math $at + 1)]
    end
    epmd $port -names 2>/dev/null | string replace -rf '^name (.*) at port \d+$' '$1'
end

# The words, each behind what is there of a list separated by commas.
function __fish_epmd_list
    printf '%s\n' (string replace -r '[^,]*$' '' -- (commandline -ct))$argv
end

complete -c epmd -f
epmd -help 2>/dev/null | while read -l line
    set -l parts (string match -r '^-(\w+)(?:, -(\w+))?( \S+)? +(.*)$' -- $line)
    or continue
    for name in (string match -v '' -- $parts[2 3])
        complete -c epmd -o $name (test -n "$parts[4]"; and echo -- -x) -d "$parts[5]"
    end
end

for option in allow_lookup allow_names allow_register
    complete -c epmd -o $option -x -a '(__fish_epmd_list any local none)'
end
complete -c epmd -o no_sandbox -x -a '(__fish_epmd_list core dumpable privileges seccomp all)'
complete -c epmd -o port -x -a '4369 $ERL_EPMD_PORT'
complete -c epmd -o user -x -a '(__fish_complete_users)'
complete -c epmd -o host -x -a '(__fish_print_hostnames)'
complete -c epmd -o log -x -a 'stderr syslog journal'
complete -c epmd -o log_level -x -a 'error warning info debug'
complete -c epmd -o stop -x -a '(__fish_epmd_names)'
complete -c epmd -o check -x -a '(__fish_epmd_names)'
