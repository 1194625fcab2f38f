# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_postrider_global_optspecs
    string join \n config= h/help V/version
end

function __fish_postrider_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_postrider_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_postrider_using_subcommand
    set -l cmd (__fish_postrider_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c postrider -n "__fish_postrider_needs_command" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_needs_command" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_needs_command" -s V -l version -d 'Print version'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "sendmail" -d 'Read a message from standard input, like sendmail(8)'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "run" -d 'Run the delivery service in the foreground'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "flush" -d 'Try queued mail now and report the result'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "queue" -d 'List, show and change queued messages'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "history" -d 'Show what happened to mail that has left the queue'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "status" -d 'Report whether mail flows, for monitoring; exit status 0: yes, 1: warning, 2: needs attention, 3: unknown'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "report" -d 'Report what became of the mail of a week: by day, account and sender, with causes of bounces'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "metrics" -d 'Print figures for Prometheus, of the queue and of what the runner has done'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "backup" -d 'Write configuration, secrets and mail to one file, to move to another machine'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "restore" -d 'Put back what backup has written; what history shows as sent is not sent again'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "alarm" -d 'Test the alarm channels'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "route" -d 'Explain how an address is rewritten and where its mail goes, without sending'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "lookup" -d 'Look up one key in a table'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "check" -d 'Check config, tables, secrets and spool for mistakes'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "password" -d 'Set, delete or test an account\'s password'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "login" -d 'Log an account in at its provider (OAuth 2.0), in a browser'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "client" -d 'Add, list and remove network clients: devices and programs that submit mail by SMTP'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "init" -d 'Set up an account and write a working config; run again, it adds or changes one'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "import" -d 'Convert the config of postfix, msmtp, nullmailer, ssmtp, dma, exim, opensmtpd or sendmail'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "test" -d 'Talk to an account\'s relay step by step; with --to, send a test message'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "demo" -d 'Show the path of a few messages, start to finish; needs no account and no setup'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "config" -d 'Show the configuration'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "complete" -d 'Print what a shell\'s completion offers'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand sendmail" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand run" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand run" -l once -d 'Make one pass over due messages, then exit'
complete -c postrider -n "__fish_postrider_using_subcommand run" -l until-empty -d 'Exit when the queue is empty'
complete -c postrider -n "__fish_postrider_using_subcommand run" -l container -d 'Be the program of a container: configured by the environment as well, log to standard error, end within 10 s'
complete -c postrider -n "__fish_postrider_using_subcommand run" -l detached -d 'Detach from the caller\'s session and directory (for background delivery)'
complete -c postrider -n "__fish_postrider_using_subcommand run" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l account -d 'Only mail of this account' -r
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l sender -d 'Only mail from this sender (<> for reports)' -r
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l older -d 'Only mail that has been queued for longer than this (30m, 4h, 2d)' -r
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l all -d 'All messages'
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l failed -d 'Only what is in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand flush" -s v -l verbose -d 'Show the conversation with the server, without passwords'
complete -c postrider -n "__fish_postrider_using_subcommand flush" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "list" -d 'List queued messages, oldest first, with subject, age and where they go'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "show" -d 'Show one message: envelope, attempts and header'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "hold" -d 'Do not send messages until they are released'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "release" -d 'Release held messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "delete" -d 'Delete messages without notifying anybody; the history lists them as deleted'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "retry" -d 'Make messages due now; those in failed/ return to the queue'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release delete retry help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l account -d 'Only mail of this account' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l sender -d 'Only mail from this sender (<> for reports)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l older -d 'Only mail that has been queued for longer than this (30m, 4h, 2d)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l all -d 'All messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l failed -d 'Only what is in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line (with the members of postqueue -j, and more)'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -l body -d 'Show the text of the message as well'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -l failed -d 'Only look in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l account -d 'Only mail of this account' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l sender -d 'Only mail from this sender (<> for reports)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l older -d 'Only mail that has been queued for longer than this (30m, 4h, 2d)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l all -d 'All messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l failed -d 'Only what is in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l json -d 'Print one JSON object per message'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l account -d 'Only mail of this account' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l sender -d 'Only mail from this sender (<> for reports)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l older -d 'Only mail that has been queued for longer than this (30m, 4h, 2d)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l all -d 'All messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l failed -d 'Only what is in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l json -d 'Print one JSON object per message'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l account -d 'Only mail of this account' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l sender -d 'Only mail from this sender (<> for reports)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l older -d 'Only mail that has been queued for longer than this (30m, 4h, 2d)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l all -d 'All messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l failed -d 'Only what is in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -l json -d 'Print one JSON object per message'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l account -d 'Only mail of this account' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l sender -d 'Only mail from this sender (<> for reports)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l older -d 'Only mail that has been queued for longer than this (30m, 4h, 2d)' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l all -d 'All messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l failed -d 'Only what is in failed/'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l json -d 'Print one JSON object per message'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l readmit -d 'Apply canonical, virtual and aliases again to recipients that still wait'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "list" -d 'List queued messages, oldest first, with subject, age and where they go'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one message: envelope, attempts and header'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "hold" -d 'Do not send messages until they are released'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "release" -d 'Release held messages'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete messages without notifying anybody; the history lists them as deleted'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Make messages due now; those in failed/ return to the queue'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand history" -l sender -d 'Only mail from this sender' -r
complete -c postrider -n "__fish_postrider_using_subcommand history" -l recipient -d 'Only mail to this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand history" -l since -d 'Only mail that left the queue since this time (2026-11-22, 2026-11-22T14:00:00Z) or age (2d, 4h)' -r
complete -c postrider -n "__fish_postrider_using_subcommand history" -l until -d 'Only mail that left the queue before this time' -r
complete -c postrider -n "__fish_postrider_using_subcommand history" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand history" -l failed -d 'Only mail that some recipient did not get'
complete -c postrider -n "__fish_postrider_using_subcommand history" -l json -d 'Print one JSON object per line'
complete -c postrider -n "__fish_postrider_using_subcommand history" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand status" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand status" -l json -d 'Print one JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand status" -l verbose -d 'Print the figures on a terminal, too'
complete -c postrider -n "__fish_postrider_using_subcommand status" -l alarm -d 'Raise the alarms of [alarm], as the runner does'
complete -c postrider -n "__fish_postrider_using_subcommand status" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand report" -l since -d 'Report on mail that left the queue since this time (2026-11-22) or age (30d); default: 7d' -r
complete -c postrider -n "__fish_postrider_using_subcommand report" -l html -d 'Write one HTML page with charts to this file, which only you can read' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand report" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand report" -l anonymous -d 'Replace addresses by short names, for showing the report to others'
complete -c postrider -n "__fish_postrider_using_subcommand report" -l json -d 'Print one JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand report" -l mail -d 'Send the report to the postmaster, or to yourself if you report on your own mail'
complete -c postrider -n "__fish_postrider_using_subcommand report" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand metrics" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand metrics" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand backup" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand backup" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand restore" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand restore" -l replace -d 'Restore even over a configuration, which is renamed, and mail, which is kept'
complete -c postrider -n "__fish_postrider_using_subcommand restore" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and not __fish_seen_subcommand_from test help" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and not __fish_seen_subcommand_from test help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and not __fish_seen_subcommand_from test help" -f -a "test" -d 'Send a test through each channel in [alarm] and report the result'
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and not __fish_seen_subcommand_from test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and __fish_seen_subcommand_from test" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and __fish_seen_subcommand_from help" -f -a "test" -d 'Send a test through each channel in [alarm] and report the result'
complete -c postrider -n "__fish_postrider_using_subcommand alarm; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand route" -l from -d 'Envelope sender; default: your login' -r
complete -c postrider -n "__fish_postrider_using_subcommand route" -l header -d 'Also show how the header of this message changes' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand route" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand route" -l json -d 'Print one JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand route" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand lookup" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand lookup" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand check" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand check" -l json -d 'Print one JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand check" -l ca -d 'Check nothing; print the certificate (PEM) of the private CA that listeners have their certificates from'
complete -c postrider -n "__fish_postrider_using_subcommand check" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand password; and not __fish_seen_subcommand_from set delete test help" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand password; and not __fish_seen_subcommand_from set delete test help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand password; and not __fish_seen_subcommand_from set delete test help" -f -a "set" -d 'Ask for the password (or read it from standard input) and store it'
complete -c postrider -n "__fish_postrider_using_subcommand password; and not __fish_seen_subcommand_from set delete test help" -f -a "delete" -d 'Remove the password from the file or keyring'
complete -c postrider -n "__fish_postrider_using_subcommand password; and not __fish_seen_subcommand_from set delete test help" -f -a "test" -d 'Fetch the password as delivery would, without showing it'
complete -c postrider -n "__fish_postrider_using_subcommand password; and not __fish_seen_subcommand_from set delete test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from set" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from delete" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from test" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from help" -f -a "set" -d 'Ask for the password (or read it from standard input) and store it'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Remove the password from the file or keyring'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from help" -f -a "test" -d 'Fetch the password as delivery would, without showing it'
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand login" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand login" -l status -d 'Show which accounts are logged in, and since when'
complete -c postrider -n "__fish_postrider_using_subcommand login" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -f -a "add" -d 'Add a client, and print what to enter in the device'
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -f -a "list" -d 'List the clients, with their last login and what was refused'
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -f -a "password" -d 'Give a client a new password'
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -f -a "delete" -d 'Remove a client'
complete -c postrider -n "__fish_postrider_using_subcommand client; and not __fish_seen_subcommand_from add list password delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l owner -d 'Login of the user who gets its bounces and sees its mail' -r
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l password-file -d 'Read the password from the first line of this file; default: ask on a terminal, otherwise generate one' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l network -d 'Address or network from which it connects; may be repeated' -r
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l sender -d 'Address that it may send from, or @domain; may be repeated; default: its name at `origin`' -r
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l from -d 'Address that replaces its envelope sender and From' -r
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l account -d 'Account that its mail goes through; default: the one that lists its sender, else the default account' -r
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -l no-password -d 'No login: identify the client by its address (--network)'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from list" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from password" -l password-file -d 'Read the password from the first line of this file; default: ask on a terminal, otherwise generate one' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from password" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from password" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from delete" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a client, and print what to enter in the device'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the clients, with their last login and what was refused'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "password" -d 'Give a client a new password'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Remove a client'
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand init" -l config -d 'Not for this command' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand init" -l address -d 'The same as the argument ADDRESS' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l relay -d 'The outgoing (SMTP) server' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l client-id -d 'The client of OAuth 2.0, as registered with the provider, in place of a password' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l tls-fingerprint -d 'SHA-256 of the only certificate to trust' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l username -d 'The user name on that server' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l password-file -d 'Read the password from the first line of this file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand init" -l users-address -d 'The address that users of this machine write from, and where mail to them goes; none for no such entries' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l root-mail -d 'Where mail to root goes, if not to the address of its users' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l mailbox -d 'What keeps mail between the users of this machine, as in the key mailbox; none sends it to their address' -r
complete -c postrider -n "__fish_postrider_using_subcommand init" -l output -d 'Write to this folder instead of the default one, without a systemd unit' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand init" -l yes -d 'Accept what is proposed instead of asking'
complete -c postrider -n "__fish_postrider_using_subcommand init" -l print -d 'Print the configuration instead of writing it'
complete -c postrider -n "__fish_postrider_using_subcommand init" -l central-database -d 'Also look in Thunderbird\'s central database of providers, which learns the domain'
complete -c postrider -n "__fish_postrider_using_subcommand init" -l offline -d 'Look nothing up, do not test the login, and send no mail'
complete -c postrider -n "__fish_postrider_using_subcommand init" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand import" -l config -d 'Not for this command' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand import" -l source -d 'The program\'s folder or configuration file; default: the usual location' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand import" -l output -d 'The folder to write config.toml and secrets/ into; default: where your config is' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand import" -l relay -d 'The relay for mail that the program delivers without one' -r
complete -c postrider -n "__fish_postrider_using_subcommand import" -l username -d 'The login at that relay' -r
complete -c postrider -n "__fish_postrider_using_subcommand import" -l in-place -d 'Leave tables in the other program\'s folder, instead of copying them'
complete -c postrider -n "__fish_postrider_using_subcommand import" -l send-only -d 'Import although the program also receives mail, or delivers without a relay'
complete -c postrider -n "__fish_postrider_using_subcommand import" -l trust-networks -d 'Also import clients that submit by SMTP without a password, identified by their address (Postfix\'s mynetworks); they belong to you'
complete -c postrider -n "__fish_postrider_using_subcommand import" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand test" -l to -d 'Also send a short test message to this address' -r
complete -c postrider -n "__fish_postrider_using_subcommand test" -l from -d 'Envelope sender of the test message; default: the account\'s own address, else that of root\'s mail' -r
complete -c postrider -n "__fish_postrider_using_subcommand test" -l server -d 'Show what any server offers, without an account or login; without PORT, 465 and 587 are tried' -r
complete -c postrider -n "__fish_postrider_using_subcommand test" -l listener -d 'Test this listener of the machine, or all of them: certificate, EHLO, and an open-relay check' -r
complete -c postrider -n "__fish_postrider_using_subcommand test" -l client -d 'With --listener, log in as this client' -r
complete -c postrider -n "__fish_postrider_using_subcommand test" -l password-file -d 'With --client, read its password from the first line of this file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand test" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand test" -s v -l verbose -d 'Show the whole dialogue'
complete -c postrider -n "__fish_postrider_using_subcommand test" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand demo" -l config -d 'Not for this command' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand demo" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from path show help" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from path show help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from path show help" -f -a "path" -d 'Print the path of the configuration file, or its errors'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from path show help" -f -a "show" -d 'Print the keys that are set; with --defaults, all keys'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from path show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -l defaults -d 'Also print keys that are not set, with their defaults'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print the path of the configuration file, or its errors'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print the keys that are set; with --defaults, all keys'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand complete" -l config -d 'Use this configuration file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand complete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "sendmail" -d 'Read a message from standard input, like sendmail(8)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "run" -d 'Run the delivery service in the foreground'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "flush" -d 'Try queued mail now and report the result'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "queue" -d 'List, show and change queued messages'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "history" -d 'Show what happened to mail that has left the queue'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "status" -d 'Report whether mail flows, for monitoring; exit status 0: yes, 1: warning, 2: needs attention, 3: unknown'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "report" -d 'Report what became of the mail of a week: by day, account and sender, with causes of bounces'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "metrics" -d 'Print figures for Prometheus, of the queue and of what the runner has done'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "backup" -d 'Write configuration, secrets and mail to one file, to move to another machine'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "restore" -d 'Put back what backup has written; what history shows as sent is not sent again'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "alarm" -d 'Test the alarm channels'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "route" -d 'Explain how an address is rewritten and where its mail goes, without sending'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "lookup" -d 'Look up one key in a table'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "check" -d 'Check config, tables, secrets and spool for mistakes'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "password" -d 'Set, delete or test an account\'s password'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "login" -d 'Log an account in at its provider (OAuth 2.0), in a browser'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "client" -d 'Add, list and remove network clients: devices and programs that submit mail by SMTP'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "init" -d 'Set up an account and write a working config; run again, it adds or changes one'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "import" -d 'Convert the config of postfix, msmtp, nullmailer, ssmtp, dma, exim, opensmtpd or sendmail'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "test" -d 'Talk to an account\'s relay step by step; with --to, send a test message'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "demo" -d 'Show the path of a few messages, start to finish; needs no account and no setup'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "config" -d 'Show the configuration'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "complete" -d 'Print what a shell\'s completion offers'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from sendmail run flush queue history status report metrics backup restore alarm route lookup check password login client init import test demo config complete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "list" -d 'List queued messages, oldest first, with subject, age and where they go'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "show" -d 'Show one message: envelope, attempts and header'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "hold" -d 'Do not send messages until they are released'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "release" -d 'Release held messages'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "delete" -d 'Delete messages without notifying anybody; the history lists them as deleted'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "retry" -d 'Make messages due now; those in failed/ return to the queue'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from alarm" -f -a "test" -d 'Send a test through each channel in [alarm] and report the result'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from password" -f -a "set" -d 'Ask for the password (or read it from standard input) and store it'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from password" -f -a "delete" -d 'Remove the password from the file or keyring'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from password" -f -a "test" -d 'Fetch the password as delivery would, without showing it'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from client" -f -a "add" -d 'Add a client, and print what to enter in the device'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from client" -f -a "list" -d 'List the clients, with their last login and what was refused'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from client" -f -a "password" -d 'Give a client a new password'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from client" -f -a "delete" -d 'Remove a client'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Print the path of the configuration file, or its errors'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print the keys that are set; with --defaults, all keys'
# Ids, accounts and what else only the program knows.
complete -c postrider -n "__fish_postrider_using_subcommand flush" -f -a "(postrider complete ids 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list show hold release delete retry" -f -a "(postrider complete ids 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand history" -f -a "(postrider complete history 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand test" -f -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from set delete test" -f -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l account -x -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list hold release delete retry" -l account -x -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand client; and __fish_seen_subcommand_from password delete" -f -a "(postrider complete clients 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand test" -l client -x -a "(postrider complete clients 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand import" -f -a "(postrider complete programs)"
