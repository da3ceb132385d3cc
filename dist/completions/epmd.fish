# SPDX-License-Identifier: Apache-2.0
# Completion of epmd(1) in fish. The options are those that `epmd -help` prints.

# The names that are registered with the epmd of -port. Peers choose them, and fish shows what
# it offers: one that could command the terminal has to be typed.
function __fish_epmd_names
    set -l words (commandline -opc)
    set -l port
    if set -l at (contains -i -- -port $words)
        set port -port $words[(math $at + 1)]
    end
    epmd $port -names 2>/dev/null | string replace -rf '^name ([^\x00-\x1f\x7f-\x9f]*) at port \d+$' '$1'
end

# The words, each behind what is there of a list separated by commas.
function __fish_epmd_list
    printf '%s\n' (string replace -r '[^,]*$' '' -- (commandline -ct))$argv
end

# What stands behind an option, as complete -a takes it.
function __fish_epmd_values
    switch $argv[1]
        case allow_register
            echo '(__fish_epmd_list any local none)'
        case 'allow_*'
            echo '(__fish_epmd_list any local private none)'
        case no_sandbox
            echo '(__fish_epmd_list core dumpable privileges seccomp all)'
        case port
            echo '4369 $ERL_EPMD_PORT'
        case pid_file
            echo '(__fish_complete_path (commandline -ct))'
        case user
            echo '(__fish_complete_users)'
        case hosts
            echo '(__fish_epmd_list (__fish_print_hostnames))'
        case host
            echo '(__fish_print_hostnames)'
        case log
            echo 'stderr syslog journal'
        case log_level
            echo 'error warning info debug'
        case stop check
            echo '(__fish_epmd_names)'
    end
end

complete -c epmd -f
for line in (epmd -help 2>/dev/null | string match -r '^  -.*')
    set -l parts (string match -r '^  -(\w+)((?:, -\w+)?)((?: \S+)?) +(.*)$' -- $line)
    for name in $parts[2] (string match -r '\w+' -- $parts[3])
        if test -n "$parts[4]"
            complete -c epmd -o $name -d $parts[5] -x -a "$(__fish_epmd_values $name)"
        else
            complete -c epmd -o $name -d $parts[5]
        end
    end
end
